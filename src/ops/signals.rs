//! Ctrl-C and its kin as something to wait for.

use tokio::sync::oneshot;
use tokio::task::block_in_place;

use crate::error::{Error, Signal};
use crate::git::Stop;
use crate::sys;

/// The signals that end a command.
pub(super) struct Signals {
    system: sys::Signals,
    /// What was heard last that is to end the command.
    heard: Option<Signal>,
    /// Tells once of a change.
    change: Option<oneshot::Receiver<()>>,
}

impl Signals {
    /// From here on these signals no longer end the process by themselves.
    pub(super) fn listen() -> Result<Self, Error> {
        let failed = |source| Error::System { action: "listen for signals", source };
        Ok(Self { system: sys::Signals::listen().map_err(failed)?, heard: None, change: None })
    }

    /// From here on a change ends what is done, too: whoever has the other side tells of it, or drops it.
    pub(super) fn heed_change(&mut self) -> oneshot::Sender<()> {
        let (tell, change) = oneshot::channel();
        self.change = Some(change);
        tell
    }

    /// Waits for `work`, unless a signal comes first.
    pub(super) async fn or<T, E: Into<Error>>(&mut self, work: impl Future<Output = Result<T, E>>) -> Result<T, Error> {
        tokio::select! {
            done = work => done.map_err(Into::into),
            signal = self.next() => Err(Error::Interrupted(signal)),
        }
    }

    /// Does what blocks and asks git; a signal stops it.
    pub(super) async fn or_stop<T>(mut self, work: impl FnOnce(&Stop) -> T) -> Result<(Self, T), Error> {
        let stop = Stop::default();
        let stops = stop.clone();
        let (tell_done, done) = oneshot::channel();
        let listening = tokio::spawn(async move {
            tokio::select! {
                signal = self.next() => {
                    stops.stop();
                    Err(Error::Interrupted(signal))
                }
                _ = done => Ok(self),
            }
        });
        let result = block_in_place(|| work(&stop));
        let _ = tell_done.send(());
        let signals = listening.await.map_err(|_| Error::Interrupted(Signal::Interrupt))??;
        Ok((signals, result))
    }

    /// What was heard last that is to end the command, whoever waited for it.
    pub(super) fn heard(&self) -> Option<Signal> {
        self.heard
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Signal {
        let change = async {
            let told = match &mut self.change {
                Some(change) => change.await.is_ok(),
                None => false,
            };
            if !told {
                std::future::pending::<()>().await;
            }
        };
        let signal = tokio::select! {
            signal = self.system.next() => match signal {
                sys::Signal::Interrupt => Signal::Interrupt,
                sys::Signal::Terminate => Signal::Terminate,
                sys::Signal::Hangup => Signal::Hangup,
            },
            () = change => Signal::Change,
        };
        match signal {
            Signal::Change => self.change = None,
            Signal::Interrupt | Signal::Terminate | Signal::Hangup => self.heard = Some(signal),
        }
        signal
    }
}

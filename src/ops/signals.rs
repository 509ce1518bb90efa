//! Ctrl-C and its kin as something to wait for.

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::block_in_place;

use crate::error::{Error, Signal};
use crate::git::Stop;

/// The signals that end a command.
pub(super) struct Signals {
    interrupt: Stream,
    terminate: Stream,
    /// `None` under `nohup`: the build is to outlive the terminal.
    hangup: Option<Stream>,
    /// Tells once of a change.
    change: Option<oneshot::Receiver<()>>,
}

impl Signals {
    /// From here on these signals no longer end the process by themselves.
    pub(super) fn listen() -> Result<Self, Error> {
        let listen =
            |kind| signal(kind).map_err(|source| Error::Output { what: "a signal handler".to_owned(), source });
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: if hangup_is_ignored() { None } else { Some(listen(SignalKind::hangup())?) },
            change: None,
        })
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

    /// The next one.
    pub(super) async fn next(&mut self) -> Signal {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
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
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = hangup => Signal::Hangup,
            () = change => Signal::Change,
        };
        if signal == Signal::Change {
            self.change = None;
        }
        signal
    }
}

/// Whether whoever started us had hang-ups ignored. Linux tells in `/proc/self/status`: `SigIgn`, a hexadecimal mask,
/// whose lowest bit is signal 1.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

//! One upload: packs on a thread of its own while the engine sends, and ends with proof or a named failure.
//!
//! A bounded channel between the two: a slow receiver slows the packer, memory stays flat.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::client::Cluster;
use super::receiver::{self, Framing, Nonce, RECEIVER, Reply};
use super::stream::{self, Ended, Exec, Outcome};
use crate::context::Compression;
use crate::error::{ClusterError, Error};
use crate::event::{Event, Listener};

/// Bytes in one frame: a few programs are started in the pod for each, so not too few.
const FRAME: usize = 4 * 1024 * 1024;
/// Headers and frames that wait for the socket.
const QUEUED: usize = 4;
/// Bound on the start of the receiver's script.
const READY: Duration = Duration::from_secs(60);
/// Time for the receiver's reason to arrive after it said that it gave up.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often progress is told.
const PROGRESS: Duration = Duration::from_millis(100);

/// Writes an archive: called once, on a thread where it may block.
pub trait Packer: Send + 'static {
    /// Writes the archive to `out`, compressed so, and returns how many entries it has. `packed` is told the bytes of
    /// content after each step.
    ///
    /// # Errors
    /// A file that cannot be packed, or that `out` failed.
    fn pack(self, out: &mut dyn Write, compression: Compression, packed: &mut dyn FnMut(u64)) -> Result<u64, Error>;
}

/// Bytes so far.
#[derive(Debug, Default)]
struct Counters {
    packed: AtomicU64,
    sent: AtomicU64,
}

/// Sends what `packer` writes to the receiver in `pod`. When this returns without an error, the receiver had proof that
/// all of it arrived.
///
/// # Errors
/// What the packer says; the receiver's refusal; a connection that ended before the proof.
pub async fn upload(
    cluster: &Cluster,
    pod: &str,
    nonce: &Nonce,
    compression: Compression,
    packer: impl Packer,
    listener: &dyn Listener,
) -> Result<(), Error> {
    let counters = Arc::new(Counters::default());
    let (stdin, stdin_receiver) = mpsc::channel(QUEUED);
    let (stdout, mut replies) = mpsc::unbounded_channel();
    let command = receiver::receive_command(nonce, compression);
    let exec = Exec { pod, container: RECEIVER, command };

    let engine = stream::run(cluster, exec, stdin_receiver, stdout, &counters.sent);
    tokio::pin!(engine);
    let mut lines = Lines::default();
    // Until it is ready the process in the pod may not exist: what is sent before that may be lost.
    tokio::select! {
        ended = &mut engine => return Err(broken(ended?, &counters).into()),
        ready = timeout(READY, lines.wait_for(&mut replies, nonce, Reply::Ready)) => if ready.is_err() {
            let why = format!("the receiver did not say that it is ready within {} s", READY.as_secs());
            return Err(ClusterError::UploadBroken { sent: 0, why }.into());
        },
    }

    let started = tokio::time::Instant::now();
    let mut packing = tokio::task::spawn_blocking({
        let (counters, nonce) = (Arc::clone(&counters), nonce.clone());
        move || pack(packer, compression, &nonce, stdin, &counters)
    });
    let mut packed = false;
    let mut progress = tokio::time::interval(PROGRESS);
    let ended = loop {
        tokio::select! {
            ended = &mut engine => break ended,
            Some(chunk) = replies.recv() => {
                lines.push(&chunk);
                if let Some(code) = lines.failed(nonce) {
                    // Its last words are on their way; its exit code may be stuck behind our input.
                    break match timeout(LAST_WORDS, &mut engine).await {
                        Ok(ended) => ended,
                        Err(_) => Ok(Ended { outcome: Outcome::Exited(code), stderr: String::new() }),
                    };
                }
            }
            result = &mut packing, if !packed => {
                joined(result)?;
                packed = true;
            }
            _ = progress.tick() => listener.event(Event::UploadProgress {
                packed: counters.packed.load(Ordering::Relaxed),
                sent: counters.sent.load(Ordering::Relaxed),
            }),
        }
    };
    while let Ok(chunk) = replies.try_recv() {
        lines.push(&chunk);
    }
    let ended = ended?;
    // The container may end so soon after the release that the status of this exec is lost with it.
    if !lines.has(nonce, Reply::Whole) {
        return Err(broken(ended, &counters).into());
    }
    listener.event(Event::Uploaded {
        packed: counters.packed.load(Ordering::Relaxed),
        sent: counters.sent.load(Ordering::Relaxed),
        elapsed: started.elapsed(),
    });
    Ok(())
}

/// Packs into frames and ends with the end marker. Without the marker nothing is released, so a failure needs no word.
fn pack(
    packer: impl Packer,
    compression: Compression,
    nonce: &Nonce,
    stdin: mpsc::Sender<Bytes>,
    counters: &Counters,
) -> Result<(), Error> {
    let mut frames = Frames { stdin, frame: BytesMut::new(), framing: Framing::default() };
    let mut packed = |bytes| {
        counters.packed.fetch_add(bytes, Ordering::Relaxed);
    };
    let entries = packer.pack(&mut frames, compression, &mut packed)?;
    let failed = |source| Error::Output { what: "the upload".to_owned(), source };
    frames.flush().map_err(failed)?;
    let marker = frames.framing.end_marker(nonce, entries);
    frames.stdin.blocking_send(Bytes::from(marker)).map_err(|_| failed(gone()))
}

/// Cuts what is written into frames and queues them.
struct Frames {
    stdin: mpsc::Sender<Bytes>,
    frame: BytesMut,
    framing: Framing,
}

impl Write for Frames {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.frame.capacity() == 0 {
            self.frame.reserve(FRAME);
        }
        let taken = bytes.len().min(FRAME - self.frame.len());
        self.frame.extend_from_slice(&bytes[..taken]);
        if self.frame.len() == FRAME {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        let frame = std::mem::take(&mut self.frame).freeze();
        let header = Bytes::from(self.framing.header(&frame));
        self.stdin.blocking_send(header).and_then(|()| self.stdin.blocking_send(frame)).map_err(|_| gone())
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the connection is gone")
}

/// The receiver's standard output so far.
#[derive(Default)]
struct Lines {
    text: Vec<u8>,
}

impl Lines {
    /// A receiver says a few words; whatever says more is none.
    const LIMIT: usize = 64 * 1024;

    fn push(&mut self, chunk: &[u8]) {
        let room = Self::LIMIT.saturating_sub(self.text.len());
        self.text.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }

    fn replies(&self, nonce: &Nonce) -> impl Iterator<Item = Reply> {
        self.text.split(|byte| *byte == b'\n').filter_map(|line| Reply::parse(line, nonce))
    }

    fn has(&self, nonce: &Nonce, reply: Reply) -> bool {
        self.replies(nonce).any(|told| told == reply)
    }

    fn failed(&self, nonce: &Nonce) -> Option<i32> {
        self.replies(nonce).find_map(|told| match told {
            Reply::Failed(code) => Some(code),
            Reply::Ready | Reply::Whole => None,
        })
    }

    /// Returns once the reply is there; never if the other side ends first, which the engine tells.
    async fn wait_for(&mut self, replies: &mut mpsc::UnboundedReceiver<Bytes>, nonce: &Nonce, reply: Reply) {
        while !self.has(nonce, reply) {
            match replies.recv().await {
                Some(chunk) => self.push(&chunk),
                None => std::future::pending().await,
            }
        }
    }
}

/// Why there is no proof. A packer whose output failed says less than the other side does.
fn broken(ended: Ended, counters: &Counters) -> ClusterError {
    let sent = counters.sent.load(Ordering::Relaxed);
    match ended.outcome {
        Outcome::Exited(code) => ClusterError::Receiver { code, said: ended.stderr },
        Outcome::Failed(why) | Outcome::Lost(why) if ended.stderr.is_empty() => {
            ClusterError::UploadBroken { sent, why }
        }
        Outcome::Failed(why) | Outcome::Lost(why) => {
            ClusterError::UploadBroken { sent, why: format!("{why}; the receiver said: {}", ended.stderr) }
        }
    }
}

fn joined(result: Result<Result<(), Error>, tokio::task::JoinError>) -> Result<(), Error> {
    match result {
        Ok(Err(Error::Output { .. })) => Ok(()), // the connection is gone: the engine knows why
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

//! One attempt to upload: packs on a thread of its own while the engine sends, and ends with proof or a named failure.
//!
//! A bounded channel between the two: a slow receiver slows the packer, memory stays flat.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::client::Cluster;
use super::receiver::{self, Attempt, Framing, Nonce, RECEIVER, Reply};
use super::stream::{self, Ended, Heard, Input, Outcome, Target};
use crate::context::Compression;
use crate::context::pack::{Coding, Incompressible, Packing, Sink};
use crate::error::{CUT_OFF, ClusterError, Error};
use crate::event::{Event, Listener};
use crate::executor::ContextPlace;

/// Bytes in one frame, at most: a few programs are started in the pod for each, so not too few.
const FRAME: usize = 4 * 1024 * 1024;
/// Bytes in one frame, at least, if there are so many. On a slow link frames are small, so that the receiver sees that
/// the upload goes on.
const SMALL_FRAME: usize = 512 * 1024;
/// A frame that took so long is followed by smaller ones.
const SLOW: Duration = Duration::from_secs(2);
/// Headers and frames that wait for the socket.
const QUEUED: usize = 4;
/// Bound on the start of the receiver's script.
const READY: Duration = Duration::from_secs(60);
/// Time for the receiver's reason to arrive after it said that it gave up.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often progress is told.
const PROGRESS: Duration = Duration::from_millis(100);

/// Writes an archive, on a thread where it may block: once for each attempt, the same each time.
pub trait Packer: Send + Sync + 'static {
    /// Writes the archive for an executor that looks there for the context to `out`, and returns how many entries it has.
    /// `packed` is told the bytes of content after each step.
    ///
    /// # Errors
    /// A file that cannot be packed, or that `out` failed.
    fn pack(
        &self,
        place: &ContextPlace,
        out: &mut dyn Sink,
        packing: Packing,
        packed: &mut dyn FnMut(u64),
    ) -> Result<u64, Error>;
}

/// What every attempt has in common.
#[derive(Clone)]
pub struct Upload {
    /// Where the pod is.
    pub cluster: Cluster,
    /// The pod's name.
    pub pod: String,
    /// How the archive travels.
    pub compression: Compression,
    /// Writes the archive.
    pub packer: Arc<dyn Packer>,
    /// Is told of the progress.
    pub listener: Arc<dyn Listener>,
}

/// How an archive is put on the wire.
#[derive(Debug, Clone)]
pub enum Wire {
    /// In frames, with the end marker, for the receiver's script.
    Framed(Attempt),
    /// As one gzip file, for the executor itself.
    Archive(Nonce),
}

/// Bytes so far.
#[derive(Debug, Default)]
struct Counters {
    packed: AtomicU64,
    sent: Arc<AtomicU64>,
}

/// What went over the wire.
#[derive(Debug)]
pub struct Delivered {
    packed: u64,
    sent: u64,
    elapsed: Duration,
}

impl Delivered {
    /// As an event.
    pub fn event(&self, proven: bool) -> Event {
        Event::Uploaded { packed: self.packed, sent: self.sent, elapsed: self.elapsed, proven }
    }
}

impl Upload {
    /// Sends the archive to the receiver's script, run by an exec. When this returns without an error, the receiver had
    /// proof that all of it arrived.
    ///
    /// # Errors
    /// What the packer says; the receiver's refusal; a connection that ended before the proof.
    pub async fn exec(&self, attempt: &Attempt) -> Result<Delivered, Error> {
        let counters = Arc::new(Counters::default());
        let target = Target::Exec(receiver::receive_command(attempt));
        let stream = stream::connect(&self.cluster, &self.pod, RECEIVER, &target).await?;
        let (chunks, input, _) = channel();
        let (stdout, mut replies) = mpsc::unbounded_channel();
        let heard = Arc::new(Heard::default());
        let engine = stream::run(stream, input, stdout, Arc::clone(&counters.sent), Arc::clone(&heard));
        tokio::pin!(engine);
        let mut lines = Lines::default();
        // Until it is ready the process in the pod may not exist: what is sent before that may be lost.
        tokio::select! {
            biased;
            ready = timeout(READY, lines.wait_for_ready(&mut replies, attempt)) => if ready.is_err() {
                let why = format!("the receiver did not say that it is ready within {} s", READY.as_secs());
                return Err(ClusterError::UploadBroken { sent: None, why }.into());
            },
            ended = &mut engine => {
                lines.take(&mut replies);
                if !lines.has(attempt, Reply::Whole) {
                    return Err(broken(ended, &counters).into());
                }
            }
        }
        let started = Instant::now();
        if lines.has(attempt, Reply::Whole) {
            // An attempt that had been given up was whole after all.
            return Ok(counters.delivered(started));
        }
        let mut packing = self.start_packing(Wire::Framed(attempt.clone()), chunks, &counters);
        let mut packed = false;
        let mut progress = tokio::time::interval(PROGRESS);
        let ended = loop {
            tokio::select! {
                ended = &mut engine => break ended,
                Some(chunk) = replies.recv() => {
                    lines.push(&chunk);
                    if let Some(code) = lines.failed(attempt) {
                        // Its last words are on their way; its exit code may be stuck behind our input.
                        break match timeout(LAST_WORDS, &mut engine).await {
                            Ok(ended) => ended,
                            Err(_) => Ended { outcome: Outcome::Exited(code), stderr: heard.stderr() },
                        };
                    }
                }
                result = &mut packing, if !packed => {
                    joined(result)?;
                    packed = true;
                }
                _ = progress.tick() => self.tell_progress(&counters),
            }
        };
        lines.take(&mut replies);
        // The container may end so soon after the release that the status of this exec is lost with it.
        if !lines.has(attempt, Reply::Whole) {
            return Err(broken(ended, &counters).into());
        }
        Ok(counters.delivered(started))
    }

    /// Sends the archive to what runs in `container`. When this returns without an error, all of it was handed to the
    /// connection, which the returned task keeps open; whether it arrived shows in the pod.
    ///
    /// # Errors
    /// What the packer says; a connection that ended before it took everything.
    pub async fn attach(&self, container: &str, wire: Wire) -> Result<(Delivered, JoinSet<Ended>), Error> {
        let counters = Arc::new(Counters::default());
        let stream = stream::connect(&self.cluster, &self.pod, container, &Target::Attach).await?;
        let started = Instant::now();
        let (chunks, input, handed_over) = channel();
        let handed_over = told(handed_over);
        tokio::pin!(handed_over);
        let (stdout, _) = mpsc::unbounded_channel();
        let mut engine = JoinSet::new();
        engine.spawn(stream::run(stream, input, stdout, Arc::clone(&counters.sent), Arc::default()));
        let mut packing = self.start_packing(wire, chunks, &counters);
        let mut packed = false;
        let mut progress = tokio::time::interval(PROGRESS);
        loop {
            tokio::select! {
                biased;
                () = &mut handed_over, if packed => break,
                Some(ended) = engine.join_next() => match ended {
                    Ok(ended) => return Err(broken(ended, &counters).into()),
                    Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                },
                result = &mut packing, if !packed => {
                    joined(result)?;
                    packed = true;
                }
                _ = progress.tick() => self.tell_progress(&counters),
            }
        }
        Ok((counters.delivered(started), engine))
    }

    fn start_packing(
        &self,
        wire: Wire,
        chunks: mpsc::Sender<Bytes>,
        counters: &Arc<Counters>,
    ) -> JoinHandle<Result<(), Error>> {
        let (packer, compression, counters) = (Arc::clone(&self.packer), self.compression, Arc::clone(counters));
        tokio::task::spawn_blocking(move || pack(&*packer, compression, &wire, chunks, &counters))
    }

    fn tell_progress(&self, counters: &Counters) {
        self.listener.event(Event::UploadProgress {
            packed: counters.packed.load(Ordering::Relaxed),
            sent: counters.sent.load(Ordering::Relaxed),
        });
    }
}

impl Counters {
    fn delivered(&self, started: Instant) -> Delivered {
        Delivered {
            packed: self.packed.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            elapsed: started.elapsed(),
        }
    }
}

fn channel() -> (mpsc::Sender<Bytes>, Input, oneshot::Receiver<()>) {
    let (sender, chunks) = mpsc::channel(QUEUED);
    let (handed_over, all) = oneshot::channel();
    (sender, Input { chunks, handed_over }, all)
}

/// Ends when it is told so, and never if nobody is left to tell: then the engine says why.
async fn told(handed_over: oneshot::Receiver<()>) {
    if handed_over.await.is_err() {
        std::future::pending().await
    }
}

/// Packs for the wire. In frames the end marker comes last: without it nothing is released, so a failure needs no word.
/// As one file, what is missing at its end is what keeps the executor from building: see [`ContextPlace::Stdin`].
fn pack(
    packer: &dyn Packer,
    compression: Compression,
    wire: &Wire,
    chunks: mpsc::Sender<Bytes>,
    counters: &Counters,
) -> Result<(), Error> {
    let mut packed = |bytes| {
        counters.packed.fetch_add(bytes, Ordering::Relaxed);
    };
    let failed = |source| Error::Output { what: "the upload".to_owned(), source };
    match wire {
        Wire::Archive(nonce) => {
            // The executor reads nothing but gzip.
            let compression = if compression == Compression::None { Compression::Gzip(0) } else { compression };
            let place = ContextPlace::stdin(nonce.as_str());
            packer.pack(&place, &mut Pieces(chunks), Packing::new(compression), &mut packed).map(drop)
        }
        Wire::Framed(attempt) => {
            let mut frames = Frames::new(chunks);
            let packing = Packing { incompressible: Incompressible::Plain, ..Packing::new(compression) };
            let entries = packer.pack(&ContextPlace::Volume, &mut frames, packing, &mut packed)?;
            frames.flush().map_err(failed)?;
            let marker = frames.framing.end_marker(attempt, entries);
            frames.chunks.blocking_send(Bytes::from(marker)).map_err(|_| failed(gone()))
        }
    }
}

/// Queues blocks as they come.
struct Pieces(mpsc::Sender<Bytes>);

impl Sink for Pieces {
    fn block(&mut self, _: Coding, bytes: &[u8]) -> io::Result<()> {
        self.0.blocking_send(Bytes::copy_from_slice(bytes)).map_err(|_| gone())
    }
}

/// Puts blocks of one coding into frames and queues them.
struct Frames {
    chunks: mpsc::Sender<Bytes>,
    frame: BytesMut,
    coding: Coding,
    framing: Framing,
    /// Bytes that the next frame may have.
    limit: usize,
    queued: Instant,
}

impl Frames {
    fn new(chunks: mpsc::Sender<Bytes>) -> Self {
        let (frame, framing) = (BytesMut::new(), Framing::default());
        Self { chunks, frame, coding: Coding::Plain, framing, limit: SMALL_FRAME, queued: Instant::now() }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        let frame = std::mem::take(&mut self.frame).freeze();
        let header = Bytes::from(self.framing.header(self.coding, &frame));
        self.chunks.blocking_send(header).and_then(|()| self.chunks.blocking_send(frame)).map_err(|_| gone())?;
        let limit = if self.queued.elapsed() < SLOW { self.limit * 2 } else { self.limit / 2 };
        self.limit = limit.clamp(SMALL_FRAME, FRAME);
        self.queued = Instant::now();
        Ok(())
    }
}

/// A block is never divided: each frame is decoded on its own.
impl Sink for Frames {
    fn block(&mut self, coding: Coding, bytes: &[u8]) -> io::Result<()> {
        if self.coding != coding || self.frame.len() + bytes.len() > self.limit {
            self.flush()?;
        }
        self.coding = coding;
        if self.frame.is_empty() {
            self.frame.reserve(self.limit.max(bytes.len()));
        }
        self.frame.extend_from_slice(bytes);
        Ok(())
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

    fn take(&mut self, replies: &mut mpsc::UnboundedReceiver<Bytes>) {
        while let Ok(chunk) = replies.try_recv() {
            self.push(&chunk);
        }
    }

    fn replies(&self, attempt: &Attempt) -> impl Iterator<Item = Reply> {
        self.text.split(|byte| *byte == b'\n').filter_map(|line| Reply::parse(line, attempt))
    }

    fn has(&self, attempt: &Attempt, reply: Reply) -> bool {
        self.replies(attempt).any(|told| told == reply)
    }

    fn failed(&self, attempt: &Attempt) -> Option<i32> {
        self.replies(attempt).find_map(|told| match told {
            Reply::Failed(code) => Some(code),
            Reply::Ready | Reply::Whole => None,
        })
    }

    /// Returns once it may be sent to, or is done already; never if the other side ends first, which the engine tells.
    async fn wait_for_ready(&mut self, replies: &mut mpsc::UnboundedReceiver<Bytes>, attempt: &Attempt) {
        while !self.has(attempt, Reply::Ready) && !self.has(attempt, Reply::Whole) {
            match replies.recv().await {
                Some(chunk) => self.push(&chunk),
                None => std::future::pending().await,
            }
        }
    }
}

/// Why there is no proof. A packer whose output failed says less than the other side does.
fn broken(ended: Ended, counters: &Counters) -> ClusterError {
    let sent = Some(counters.sent.load(Ordering::Relaxed));
    match ended.outcome {
        // A signal from somebody else: the kernel, the runtime.
        Outcome::Exited(code @ 129..) => {
            ClusterError::UploadBroken { sent, why: format!("the receiver was ended by signal {}", code - 128) }
        }
        Outcome::Exited(CUT_OFF) => ClusterError::UploadBroken { sent, why: ended.stderr },
        Outcome::Exited(0) => {
            let why = "the server says success, but not that all of it arrived".to_owned();
            ClusterError::UploadBroken { sent, why }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The engine drops its end a while before it ends: it waits for the other side's last words.
    #[tokio::test]
    async fn a_connection_that_breaks_before_it_took_everything_never_says_that_it_did() {
        let (_, input, handed_over) = channel();
        drop(input);
        let handed_over = told(handed_over);
        tokio::pin!(handed_over);
        for _ in 0..2 {
            assert!(timeout(Duration::from_millis(10), &mut handed_over).await.is_err());
        }
    }
}

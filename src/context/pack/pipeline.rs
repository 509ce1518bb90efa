//! The threads: one finds, one cuts, several fill and compress, the caller's writes in order.
//!
//! All queues are short: a slow reader of the archive stops everything before it, and memory stays flat. Every block has
//! its place in the order before anybody works on it, so an error comes out at its place too, after what was whole.

use std::io;
use std::iter::Flatten;
use std::sync::Mutex;
use std::sync::mpsc::{IntoIter, Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, Scope};
use std::time::Instant;

use super::blocks::Block;
use super::buffer::Buffer;
use super::fill::Layout;
use super::gzip::Gzip;
use super::level::Level;
use super::{Coding, Incompressible, Packing, Sink};
use crate::error::{ContextError, Error};

/// Items that are handed over at once: waking a thread costs more than one of them.
const BATCH: usize = 64;

/// Runs an iterator on a thread of its own, a few batches ahead.
///
/// # Errors
/// There is no such thread to be had.
pub(super) fn ahead<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    mut items: impl Iterator<Item = T> + Send + 'scope,
) -> Result<Flatten<IntoIter<Vec<T>>>, Error> {
    let (sender, receiver) = sync_channel(4);
    let hand_over = move || {
        loop {
            let batch: Vec<T> = items.by_ref().take(BATCH).collect();
            // Without a listener nobody wants the rest.
            if batch.is_empty() || sender.send(batch).is_err() {
                return;
            }
        }
    };
    Builder::new().name("find".to_owned()).spawn_scoped(scope, hand_over).map_err(no_thread)?;
    Ok(receiver.into_iter().flatten())
}

fn no_thread(source: io::Error) -> Error {
    Error::System { action: "start threads", source }
}

/// A block that waits for a worker.
struct Job {
    block: Block,
    done: SyncSender<Result<Done, ContextError>>,
}

/// A block that waits for its turn.
struct Done {
    coding: Coding,
    bytes: Buffer,
    content: u64,
    entries: u64,
}

/// Writes all `blocks` to `out` and returns the number of entries.
///
/// # Errors
/// The first in the archive's order: of `blocks`, of filling one, of `out`.
pub(super) fn run(
    blocks: impl Iterator<Item = Result<Block, ContextError>> + Send,
    layout: &Layout<'_>,
    level: &Level,
    packing: Packing,
    out: &mut (impl Sink + ?Sized),
    packed: &mut dyn FnMut(u64),
) -> Result<u64, Error> {
    let threads = packing.threads.get();
    let ahead = threads + 2;
    let (order, in_order) = sync_channel(ahead);
    let (jobs, waiting) = sync_channel(ahead);
    let (used, unused) = channel();
    let (waiting, unused) = (Mutex::new(waiting), Mutex::new(unused));
    std::thread::scope(|scope| {
        let started = (|| {
            Builder::new().name("cut".to_owned()).spawn_scoped(scope, || cut(blocks, order, jobs))?;
            for _ in 0..threads {
                Builder::new()
                    .name("pack".to_owned())
                    .spawn_scoped(scope, || work(&waiting, &unused, layout, level, packing.incompressible))?;
            }
            io::Result::Ok(())
        })();
        started.map_err(no_thread)?;
        write(in_order, &used, level, out, packed)
    })
}

/// Gives each block its place in the order, then to whoever is free.
fn cut(
    blocks: impl Iterator<Item = Result<Block, ContextError>>,
    order: SyncSender<Receiver<Result<Done, ContextError>>>,
    jobs: SyncSender<Job>,
) {
    for block in blocks {
        let (done, result) = sync_channel(1);
        // First its place, then the work, both queues equally long: the oldest place always belongs to a block that some
        // worker has or gets. Nobody listens any more if the writer has failed.
        if order.send(result).is_err() {
            return;
        }
        let given = match block {
            Ok(block) => jobs.send(Job { block, done }).is_ok(),
            Err(error) => done.send(Err(error)).is_ok(),
        };
        if !given {
            return;
        }
    }
}

/// Fills and compresses blocks until there are no more.
fn work(
    waiting: &Mutex<Receiver<Job>>,
    unused: &Mutex<Receiver<Buffer>>,
    layout: &Layout<'_>,
    level: &Level,
    incompressible: Incompressible,
) {
    let mut gzip = Gzip::new(incompressible);
    let mut plain = Buffer::default();
    while let Some(Job { block, done }) = take(waiting) {
        let mut bytes = unused.lock().ok().and_then(|unused| unused.try_recv().ok()).unwrap_or_default();
        let entries = block.entries;
        plain.clear();
        bytes.clear();
        let level = level.get();
        let result = layout.fill(&block, if level.is_some() { &mut plain } else { &mut bytes }).map(|content| {
            let coding = match level {
                Some(level) => gzip.encode(level, &mut plain, &mut bytes),
                None => Coding::Plain,
            };
            Done { coding, bytes, content, entries }
        });
        // Without a listener the writer has failed, and the queue of jobs ends soon.
        let _ = done.send(result);
    }
}

fn take<T>(queue: &Mutex<Receiver<T>>) -> Option<T> {
    queue.lock().ok()?.recv().ok()
}

/// Writes blocks in their order.
fn write(
    in_order: Receiver<Receiver<Result<Done, ContextError>>>,
    used: &Sender<Buffer>,
    level: &Level,
    out: &mut (impl Sink + ?Sized),
    packed: &mut dyn FnMut(u64),
) -> Result<u64, Error> {
    let mut entries = 0;
    let mut pace = level.pace();
    for result in in_order {
        let asked = Instant::now();
        // A worker that is gone panicked, and the panic goes on when the threads are joined.
        let Ok(done) = result.recv() else { break };
        let done = done?;
        let got = Instant::now();
        out.block(done.coding, done.bytes.as_slice())
            .map_err(|source| Error::Output { what: "the archive".to_owned(), source })?;
        pace.tell(got - asked, got.elapsed());
        entries += done.entries;
        packed(done.content);
        // Workers that are gone need no buffers.
        let _ = used.send(done.bytes);
    }
    Ok(entries)
}

//! The least that any packer has to do: walk the directories that the ignore file leaves open, stat each kept file, and
//! read each of them once. `floor THREADS EXAMINED KEPT PRUNED FILES BYTES`, in the root of the workload.
//!
//! - KEPT names the kept files, PRUNED the directories that need not be entered, both relative and each name ended by
//!   NUL, names of one directory together. So no pattern is matched here: that is the packer's work.
//! - Every directory that is not pruned is listed to its end, because what is in it has to be found.
//! - EXAMINED is `kept` or `all`. A directory's listing tells files from directories, so what is ignored needs no stat,
//!   and with `kept` gets none; with `all` it does, as with walkers that examine whatever they meet.
//! - A kept file is opened, examined through its descriptor (one path lookup less than to stat and then to open) and
//!   read up to its size into a buffer that each thread uses again. Nothing is written, sorted or compressed.
//! - Threads share one stack of directories and handfuls of files, so that one large directory keeps all of them busy.
//!
//! FILES and BYTES are what has to be found: a floor that missed some would be none, so it fails.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

/// Bytes asked for by one read.
const BUFFER: usize = 256 * 1024;
/// Files that one thread takes at once, at most.
const HANDFUL: usize = 32;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> io::Result<()> {
    let [threads, examined, kept, pruned, files, bytes] = arguments else {
        return Err(io::Error::other("usage: floor THREADS kept|all KEPT PRUNED FILES BYTES"));
    };
    let threads: usize = threads.parse().map_err(io::Error::other)?;
    let wanted =
        Sum { files: files.parse().map_err(io::Error::other)?, bytes: bytes.parse().map_err(io::Error::other)? };
    let (kept, pruned) = (fs::read(kept)?, fs::read(pruned)?);
    let context = Context::new(examined == "all", &kept, &pruned);
    let stack = Stack::new(threads);
    let found = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(&context, &stack))).collect();
        workers.into_iter().try_fold(Sum::default(), |sum, worker| {
            let more = worker.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))?;
            Ok::<_, io::Error>(Sum { files: sum.files + more.files, bytes: sum.bytes + more.bytes })
        })
    })?;
    match found == wanted {
        true => Ok(()),
        false => Err(io::Error::other(format!("wanted {wanted:?}, found {found:?}"))),
    }
}

#[derive(Debug, Default, PartialEq)]
struct Sum {
    files: u64,
    bytes: u64,
}

/// What is kept and pruned, by directory.
struct Context<'a> {
    /// Whether entries that are not kept are examined too.
    all: bool,
    names: Vec<&'a OsStr>,
    kept: HashMap<&'a [u8], Range<usize>>,
    pruned: HashSet<&'a [u8]>,
}

impl<'a> Context<'a> {
    fn new(all: bool, kept: &'a [u8], pruned: &'a [u8]) -> Self {
        let mut context = Context { all, names: vec![], kept: HashMap::new(), pruned: lines(pruned).collect() };
        let (mut current, mut began): (&[u8], usize) = (b"", 0);
        for path in lines(kept) {
            let slash = path.iter().rposition(|byte| *byte == b'/');
            let (directory, name) = slash.map_or((&b""[..], path), |at| (&path[..at], &path[at + 1..]));
            if directory != current {
                context.kept.insert(current, began..context.names.len());
                (current, began) = (directory, context.names.len());
            }
            context.names.push(OsStr::from_bytes(name));
        }
        context.kept.insert(current, began..context.names.len());
        context
    }
}

fn lines(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == 0).filter(|line| !line.is_empty())
}

/// Something to do: a directory to list, or some of its files to read.
enum Task {
    List(PathBuf),
    Read(PathBuf, Range<usize>),
}

/// What is to be done, and how many threads may still add to it.
struct Stack {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    tasks: Vec<Task>,
    busy: usize,
}

impl Stack {
    fn new(threads: usize) -> Self {
        let state = State { tasks: vec![Task::List(PathBuf::new())], busy: threads };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The next task; `None` when there is none and no thread is left that could add one.
    fn next(&self) -> Option<Task> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.busy -= 1;
        loop {
            if let Some(task) = state.tasks.pop() {
                state.busy += 1;
                return Some(task);
            }
            if state.busy == 0 {
                self.changed.notify_all();
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn add(&self, tasks: Vec<Task>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).tasks.extend(tasks);
        self.changed.notify_all();
    }

    /// Takes everything off, so that the other threads end too.
    fn clear(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.tasks.clear();
        state.busy -= 1;
        self.changed.notify_all();
    }
}

fn work(context: &Context, stack: &Stack) -> io::Result<Sum> {
    let mut buffer = vec![0; BUFFER];
    let mut sum = Sum::default();
    while let Some(task) = stack.next() {
        let done = match task {
            Task::List(directory) => list(context, stack, &directory),
            Task::Read(directory, names) => read(&directory, &context.names[names], &mut buffer, &mut sum),
        };
        if let Err(error) = done {
            stack.clear();
            return Err(error);
        }
    }
    Ok(sum)
}

fn list(context: &Context, stack: &Stack, directory: &Path) -> io::Result<()> {
    let mut tasks = Vec::new();
    let listed = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    for entry in fs::read_dir(listed).map_err(|error| named(listed, error))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let path = directory.join(entry.file_name());
            if !context.pruned.contains(path.as_os_str().as_bytes()) {
                tasks.push(Task::List(path));
            }
        }
        if context.all {
            entry.metadata().map_err(|error| named(&entry.path(), error))?;
        }
    }
    if let Some(names) = context.kept.get(directory.as_os_str().as_bytes()) {
        let step = names.len().div_ceil(2).clamp(1, HANDFUL);
        let handfuls = names.clone().step_by(step).map(|from| from..names.end.min(from + step));
        tasks.extend(handfuls.map(|handful| Task::Read(directory.to_owned(), handful)));
    }
    stack.add(tasks);
    Ok(())
}

fn read(directory: &Path, names: &[&OsStr], buffer: &mut [u8], sum: &mut Sum) -> io::Result<()> {
    for name in names {
        let path = directory.join(name);
        sum.bytes += read_file(&path, buffer).map_err(|error| named(&path, error))?;
        sum.files += 1;
    }
    Ok(())
}

fn read_file(path: &Path, buffer: &mut [u8]) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut done = 0;
    while done < size {
        match file.read(buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => done += count as u64,
        }
    }
    Ok(done)
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

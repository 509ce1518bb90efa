//! Runs the user's `git`: never through a shell, never for longer than it is given, and so that nothing that a
//! repository's own configuration names is started.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel, sync_channel};
use std::time::{Duration, Instant};

use super::address::{Address, without_logins};
use super::object::ObjectId;
use crate::context::dockerignore::IgnoreError;
use crate::sys;

/// How often it is looked whether a program has ended that closed its output.
const LOOK: Duration = Duration::from_millis(2);
/// How often it is looked whether it is still wanted.
const HEED: Duration = Duration::from_millis(50);
/// Bound on the rest of its complaint once it has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Bytes of a complaint that are read.
const COMPLAINT: u64 = 16 * 1024;
/// Lines of a complaint that are told.
const TOLD: usize = 3;
/// More than this is kept of no output: paths of a million files fit.
const KEPT: usize = 512 << 20;

/// What a process of git's makes of a repository that it is not in (`git rev-parse --local-env-vars`): of a hook that
/// runs this tool, for one.
const LOCAL_VARIABLES: [&str; 14] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
];

/// Why git gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no program of that name.
    #[error("there is no `git` here")]
    NoProgram,
    /// It cannot be run.
    #[error("cannot run `git {command}`")]
    Run {
        /// Its command.
        command: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It failed.
    #[error("`git {command}` failed")]
    Failed {
        /// Its command.
        command: String,
        /// What it said, without logins; not sanitised.
        complaint: String,
    },
    /// It took too long.
    #[error("`git {command}` did not answer within {} s", .limit.as_secs())]
    TooLong {
        /// Its command.
        command: String,
        /// The time that it had.
        limit: Duration,
    },
    /// Nobody wants its answer any more.
    #[error("`git {command}` was stopped")]
    Stopped {
        /// Its command.
        command: String,
    },
    /// Its answer is none that is known.
    #[error("`git {command}` gave an answer that cannot be read")]
    Unreadable {
        /// Its command.
        command: String,
    },
    /// The address names nothing that is in its repository.
    #[error("`{address}` names no branch, tag or commit that is there")]
    NotThere {
        /// What was asked for.
        address: Box<Address>,
        /// Branches and tags that are there, a few.
        known: Vec<String>,
    },
    /// The ignore file of a commit cannot be used, so that the executor would end there.
    #[error("the ignore file of commit `{commit}` cannot be used: {why}")]
    IgnoreFile {
        /// The commit.
        commit: ObjectId,
        /// Why not.
        why: IgnoreError,
    },
}

impl GitError {
    /// The evidence, a line each.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::Run { source, .. } => vec![source.to_string()],
            Self::Failed { complaint, .. } => complaint.lines().map(str::to_owned).collect(),
            Self::NoProgram
            | Self::TooLong { .. }
            | Self::Stopped { .. }
            | Self::Unreadable { .. }
            | Self::NotThere { .. }
            | Self::IgnoreFile { .. } => vec![],
        }
    }
}

/// Ends what git is at, from another thread.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From here on nothing of git's goes on.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it is to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A command of git's, to be run in a directory.
pub(super) struct Git<'a> {
    pub(super) directory: &'a Path,
    pub(super) arguments: Vec<OsString>,
    pub(super) input: Vec<u8>,
    pub(super) limit: Duration,
    pub(super) network: Network<'a>,
    pub(super) stop: &'a Stop,
}

/// Whether git may speak to other machines.
#[derive(Debug, Clone, Copy)]
pub(super) enum Network<'a> {
    /// Not even for objects that a partial clone left behind.
    None,
    /// As the user's configuration has it. No repository is looked for above this directory, so that none has a say.
    Below(&'a Path),
}

/// How a command ended.
pub(super) struct Ended {
    pub(super) succeeded: bool,
    complaint: String,
}

/// A process of git's, to be waited for. It and what it starts are ended when this is dropped.
pub(super) struct Process(pub(super) Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Not waited for yet, so the number is still its own.
        if matches!(self.0.try_wait(), Ok(None)) {
            sys::end_group(&mut self.0);
            let _ = self.0.wait();
        }
    }
}

impl Git<'_> {
    /// The command, as errors name it.
    pub(super) fn name(&self) -> String {
        self.arguments.first().map(|command| command.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Starts it, with pipes at all three ends.
    pub(super) fn start(&self) -> Result<Process, GitError> {
        let mut command = Command::new("git");
        for name in LOCAL_VARIABLES {
            command.env_remove(name);
        }
        for setting in ["core.fsmonitor=false", "core.hooksPath=/dev/null", "safe.bareRepository=explicit"] {
            command.args(["-c", setting]);
        }
        command
            .args(["--no-pager", "--no-replace-objects", "--literal-pathspecs"])
            .args(&self.arguments)
            .current_dir(self.directory)
            .env("LC_ALL", "C")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            // A program that gives no login, where a window would ask for one.
            .envs([("GIT_ASKPASS", "true"), ("SSH_ASKPASS", "true")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        sys::own_group(&mut command);
        match self.network {
            Network::None => command.env("GIT_NO_LAZY_FETCH", "1").env("GIT_ALLOW_PROTOCOL", "none"),
            Network::Below(directory) => command.env("GIT_CEILING_DIRECTORIES", directory),
        };
        command.spawn().map(Process).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound if self.directory.is_dir() => GitError::NoProgram,
            _ => GitError::Run { command: self.name(), source },
        })
    }

    /// Runs it to its end and hands each piece of what it prints to `take`.
    pub(super) fn run(mut self, take: &mut dyn FnMut(&[u8])) -> Result<Ended, GitError> {
        let started = Instant::now();
        let mut process = self.start()?;
        feed(process.0.stdin.take(), std::mem::take(&mut self.input));
        let complaint = complaint(process.0.stderr.take());
        let pieces = pieces(process.0.stdout.take());
        loop {
            match pieces.recv_timeout(HEED) {
                Ok(piece) => take(&piece),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.is_still_wanted(started)?;
        }
        let status = loop {
            match process.0.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) => std::thread::sleep(LOOK),
                Err(source) => return Err(GitError::Run { command: self.name(), source }),
            }
            self.is_still_wanted(started)?;
        };
        let complaint = complaint.recv_timeout(LAST_WORDS).unwrap_or_default();
        Ok(Ended { succeeded: status.success(), complaint: told(&complaint) })
    }

    fn is_still_wanted(&self, started: Instant) -> Result<(), GitError> {
        if self.stop.is_stopped() {
            return Err(GitError::Stopped { command: self.name() });
        }
        if started.elapsed() > self.limit {
            return Err(GitError::TooLong { command: self.name(), limit: self.limit });
        }
        Ok(())
    }

    /// Runs it to its end and gives all that it printed, or how it failed.
    pub(super) fn output(self) -> Result<Result<Vec<u8>, Ended>, GitError> {
        let (name, mut output) = (self.name(), Vec::new());
        let ended = self.run(&mut |piece| {
            if output.len() <= KEPT {
                output.extend_from_slice(piece);
            }
        })?;
        match ended.succeeded {
            true if output.len() > KEPT => Err(GitError::Unreadable { command: name }),
            true => Ok(Ok(output)),
            false => Ok(Err(ended)),
        }
    }
}

impl Ended {
    /// As the error of a command that was to succeed.
    pub(super) fn error(self, command: &str) -> GitError {
        GitError::Failed { command: command.to_owned(), complaint: self.complaint }
    }

    /// Whether it complained in these words.
    pub(super) fn said(&self, words: &str) -> bool {
        self.complaint.contains(words)
    }
}

/// Writes beside the reading: neither side waits for the other.
fn feed(pipe: Option<impl Write + Send + 'static>, input: Vec<u8>) {
    if let Some(mut pipe) = pipe {
        // One that does not listen fails by itself.
        std::thread::spawn(move || drop(pipe.write_all(&input)));
    }
}

fn pieces(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = sync_channel(16);
    std::thread::spawn(move || {
        let Some(mut pipe) = pipe else { return };
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match pipe.read(&mut buffer) {
                Ok(count) if count > 0 && sender.send(buffer[..count].to_vec()).is_ok() => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What was read until it broke is what there is.
                _ => return,
            }
        }
    });
    receiver
}

fn complaint(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let Some(mut pipe) = pipe else { return };
        let mut text = Vec::new();
        let _ = pipe.by_ref().take(COMPLAINT).read_to_end(&mut text);
        let _ = sender.send(text);
        let _ = io::copy(&mut pipe, &mut io::sink());
    });
    receiver
}

/// The lines of a complaint that say what is wrong.
fn told(complaint: &[u8]) -> String {
    let text = without_logins(&String::from_utf8_lossy(complaint));
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(TOLD).collect();
    lines.join("\n")
}

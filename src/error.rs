//! Every way to fail, and the exit code each has.
//!
//! A variant carries what its message needs. [`Error::exit_code`] matches without a wildcard: a new variant does not
//! compile until someone decides its code. The text has three parts, shown by [`crate::report`]: the message (one
//! phrase that names the thing), notes (the evidence) and a help (one action). What is a finding has a [`Code`] too.

mod build;
mod cluster;
mod context;
mod usage;

use std::io;
use std::path::{Path, PathBuf};

use crate::code::Code;

pub use build::BuildError;
pub use cluster::{CUT_OFF, ClusterError};
pub use context::ContextError;
pub use usage::{A_FILE, UsageError};

/// What a command ends with when it does not do its job.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line or what it names is wrong.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// The build context cannot be sent as it is.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The cluster, or the way to it, failed.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The executor ran and failed.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The build cannot succeed, as findings that were told say.
    #[error("nothing was built: it cannot succeed")]
    Checked,
    /// `--timeout` is over.
    #[error("not done within {}", human_duration(*.timeout))]
    Deadline {
        /// The time that was given.
        timeout: std::time::Duration,
        /// What went wrong while it was waited for, if anything is known.
        trouble: Option<String>,
    },
    /// A signal asked us to stop.
    #[error("{}", .0.name())]
    Interrupted(Signal),
    /// The system refuses what the tool cannot work without.
    #[error("cannot {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A build context cannot be watched.
    #[error("cannot watch `{}`", .root.display())]
    Watch {
        /// Which.
        root: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Results cannot be written.
    #[error("cannot write {what}")]
    Output {
        /// Where to.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Signals that end a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// `kill`, a CI system's cancel.
    Terminate,
    /// The terminal is gone.
    Hangup,
    /// What is built has changed, and is built anew; this never ends a command.
    Change,
}

impl Signal {
    /// What happened, in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupted",
            Self::Terminate => "terminated",
            Self::Hangup => "hung up",
            Self::Change => "given up for a change",
        }
    }
}

impl Error {
    /// What becomes of a failure to write a file.
    pub fn not_written(path: &Path) -> impl Fn(io::Error) -> Self {
        let what = format!("`{}`", path.display());
        move |source| Self::Output { what: what.clone(), source }
    }

    /// The exit code that scripts rely on.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Context(_) | Self::Build(_) | Self::Checked => 1,
            Self::Cluster(_) => 3,
            Self::Output { .. } | Self::System { .. } | Self::Watch { .. } => 1,
            Self::Deadline { .. } => 124,
            Self::Interrupted(Signal::Hangup) => 129,
            Self::Interrupted(Signal::Interrupt | Signal::Change) => 130,
            Self::Interrupted(Signal::Terminate) => 143,
        }
    }

    /// What it is as a finding. Of what was typed only a missing Dockerfile is one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Usage(UsageError::NoDockerfile { .. }) => Some(Code::DockerfileNotFound),
            Self::Usage(_)
            | Self::Checked
            | Self::Interrupted(_)
            | Self::System { .. }
            | Self::Output { .. }
            | Self::Watch { .. } => None,
            Self::Context(error) => Some(error.code()),
            Self::Cluster(error) => Some(error.code()),
            Self::Build(error) => Some(error.code()),
            Self::Deadline { .. } => Some(Code::Deadline),
        }
    }

    /// The evidence, a line each.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::Usage(error) => error.notes(),
            Self::Context(error) => error.notes(),
            Self::Cluster(error) => error.notes(),
            Self::Build(error) => error.notes(),
            Self::Deadline { trouble, .. } => trouble.iter().cloned().collect(),
            Self::Checked | Self::Interrupted(_) => vec![],
            Self::Output { source, .. } | Self::System { source, .. } | Self::Watch { source, .. } => {
                vec![source.to_string()]
            }
        }
    }

    /// Message and notes in one line, where it is a detail of something else.
    pub fn one_line(&self) -> String {
        std::iter::once(self.to_string()).chain(self.notes()).collect::<Vec<_>>().join(": ")
    }

    /// One action, if one is sure to help.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Usage(error) => error.help(),
            Self::Cluster(error) => error.help(),
            Self::Build(error) => error.help(),
            Self::Deadline { trouble: None, .. } => Some("give it longer with `--timeout`".to_owned()),
            Self::Deadline { trouble: Some(_), .. } => None,
            Self::Context(error) => error.help(),
            Self::Checked => Some("change what is named above; `--no-check` builds all the same".to_owned()),
            Self::Interrupted(_) | Self::Output { .. } | Self::System { .. } | Self::Watch { .. } => None,
        }
    }
}

fn human_duration(duration: std::time::Duration) -> String {
    jiff::SignedDuration::try_from(duration)
        .map_or_else(|_| format!("{}s", duration.as_secs()), |duration| format!("{duration:#}"))
}

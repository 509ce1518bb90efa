//! How an executor fails.

use crate::code::Code;
use crate::executor::Failure;

/// Exit code 1: the executor ran and failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The executor ended with a code of its own.
    #[error("build failed: executor ended with {code}")]
    Failed {
        /// Its exit code; that of a failing `RUN` is passed on.
        code: i32,
        /// The executor's own last words, if it had any.
        said: Option<String>,
        /// Which instruction it was at, and where that is, as far as is known.
        at: Option<String>,
    },
    /// The executor ended well and left no digest.
    #[error("executor ended with success but left no digest")]
    NoDigest {
        /// The termination message it left instead.
        found: String,
    },
    /// The executor ended well and said in its log that files are missing from the image.
    #[error("image is incomplete: the executor left files out of it")]
    Incomplete {
        /// Its words.
        said: String,
    },
    /// The kernel ended the executor.
    #[error("build failed: executor was out of memory")]
    OutOfMemory {
        /// The container's limit, if it has one.
        limit: Option<String>,
    },
}

impl BuildError {
    pub(super) fn code(&self) -> Code {
        match self {
            Self::Failed { said, .. } => Failure::read(said.as_deref().unwrap_or_default()).code,
            Self::NoDigest { .. } => Code::NoDigest,
            Self::Incomplete { .. } => Code::ImageIncomplete,
            Self::OutOfMemory { .. } => Code::ExecutorOomKilled,
        }
    }

    pub(super) fn notes(&self) -> Vec<String> {
        match self {
            Self::Failed { said, at, .. } => at.iter().chain(said).cloned().collect(),
            Self::NoDigest { found } => vec![format!("termination message: `{found}`")],
            Self::Incomplete { said } => {
                vec![said.clone(), "it was pushed all the same, unless `--no-push` was given".to_owned()]
            }
            Self::OutOfMemory { limit: Some(limit) } => vec![format!("its memory limit is {limit}")],
            Self::OutOfMemory { limit: None } => {
                vec!["the container has no limit of its own: the node ran out".to_owned()]
            }
        }
    }

    pub(super) fn help(&self) -> Option<String> {
        match self {
            Self::Failed { said, .. } => Failure::read(said.as_deref()?).help(),
            Self::NoDigest { .. } => None,
            Self::Incomplete { .. } => Some("remove the symlink named above, or name it in the ignore file".to_owned()),
            Self::OutOfMemory { .. } => Some("give it more with `--memory 4Gi`".to_owned()),
        }
    }
}

//! What keeps a build context from being packed.

use std::io;
use std::path::PathBuf;

use crate::code::Code;
use crate::context::tarball::TarballError;

/// Exit code 1: the context cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// A file or directory cannot be read.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// `read`, `list`, `examine`.
        action: &'static str,
        /// Relative to the context, or as typed.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file lost bytes between being listed and being packed.
    #[error("`{}` shrank while it was packed", .path.display())]
    Shrank {
        /// Relative to the context.
        path: PathBuf,
        /// Bytes at listing.
        expected: u64,
        /// Bytes read.
        read: u64,
    },
    /// The archive on standard input is none that can be built.
    #[error("the build context on standard input cannot be used")]
    Stdin {
        /// What is wrong with it.
        why: TarballError,
    },
    /// The archive on standard input has to be decompressed first.
    #[error("the build context on standard input is compressed with {compression}")]
    StdinCompressed {
        /// The program that does it.
        compression: &'static str,
    },
    /// The ignore file holds a pattern that Docker refuses too.
    #[error("`{}` cannot be used", .path.display())]
    IgnoreFile {
        /// The ignore file.
        path: PathBuf,
        /// Line and pattern.
        why: String,
    },
}

impl ContextError {
    pub(super) fn code(&self) -> Code {
        match self {
            Self::Io { .. } => Code::ContextUnreadable,
            Self::Shrank { .. } => Code::ContextChanged,
            Self::Stdin { .. } | Self::StdinCompressed { .. } => Code::ContextArchive,
            Self::IgnoreFile { .. } => Code::IgnoreFile,
        }
    }

    pub(super) fn notes(&self) -> Vec<String> {
        match self {
            Self::Io { source, .. } => vec![source.to_string()],
            Self::Shrank { expected, read, .. } => {
                vec![format!("{expected} bytes when listed, {read} when read"), "nothing was built".to_owned()]
            }
            Self::IgnoreFile { why, .. } => vec![why.clone()],
            Self::Stdin { why: TarballError::Read(source) } => vec![source.to_string()],
            Self::Stdin { why } => vec![why.to_string()],
            Self::StdinCompressed { .. } => vec![],
        }
    }

    pub(super) fn help(&self) -> Option<String> {
        match self {
            Self::StdinCompressed { compression } => {
                Some(format!("decompress it on the way: `{compression} -dc FILE | kaniko-local …`"))
            }
            Self::Io { .. } | Self::Shrank { .. } | Self::IgnoreFile { .. } | Self::Stdin { .. } => None,
        }
    }
}

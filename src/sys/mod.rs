//! All that differs between operating systems: the rest of the crate knows of none.
//!
//! | | Unix | Windows |
//! | --- | --- | --- |
//! | [`OsStrExt`], [`walked`], [`told`], [`path`], [`text`], [`directory`], [`name`], [`slashed`]: paths are bytes, with `/` | as they are | UTF-8; a name that is none, or that Windows would take for another, is refused |
//! | [`real`]: where a path leads | as the system says | without `\\?\`, which git does not understand |
//! | [`Root`], [`Status`], [`FileKind`]: files below a directory | from the open directory | by path |
//! | [`FileExt`], [`FileTypeExt`] | std's | `seek_read`; there are no sockets and FIFOs |
//! | [`KEEPS_MODES`] | yes | no: 0755, or 0555 for what is read-only, as Docker's client sends it |
//! | [`Signals`], [`Signal`] | SIGINT, SIGTERM, SIGHUP | Ctrl-C, Ctrl-Break, the console's end, the system's |
//! | [`own_group`], [`end_group`]: a program with what it starts | a group of processes | the program alone is ended |
//! | [`stdout`], [`readable_by_all`], [`host_name`], [`HOME`], [`USER`] | | |
//!
//! What a system alone decides is in `unix.rs` and `windows.rs`; what can be decided without one is in `names.rs`, and is
//! tested everywhere.

#[cfg(any(windows, test))]
mod names;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use self::unix::*;
#[cfg(windows)]
pub use self::windows::*;

/// What is at a path, a symlink not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// What it is.
    pub kind: FileKind,
    /// Bytes of a regular file.
    pub size: u64,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Modification time in seconds since the epoch; tar knows none before.
    pub mtime: u64,
}

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A socket, FIFO or device.
    Special,
}

/// What ends a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// `kill`, a CI system's cancel.
    Terminate,
    /// The terminal is gone.
    Hangup,
}

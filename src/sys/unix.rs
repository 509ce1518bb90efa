//! Unix: names are bytes, and files are reached from an open directory.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, statat};
use rustix::process::{Pid, kill_process_group};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

pub use std::os::unix::ffi::OsStrExt;
pub use std::os::unix::fs::{FileExt, FileTypeExt};

use super::{FileKind, Signal, Status};

/// Whether files have permission bits.
pub const KEEPS_MODES: bool = true;
/// The variable with the user's own directory.
pub const HOME: &str = "HOME";
/// Variables with the user's name.
pub const USER: [&str; 2] = ["USER", "LOGNAME"];

/// The path that [`OsStrExt::as_bytes`] gave these bytes of, whole or cut at slashes.
pub fn walked(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// A path from elsewhere, to be shown.
pub fn told(bytes: &[u8]) -> Cow<'_, Path> {
    walked(bytes).into()
}

/// A path from elsewhere.
///
/// # Errors
/// What it has that this system cannot have in a path.
pub fn path(bytes: &[u8]) -> Result<&Path, &'static str> {
    Ok(walked(bytes))
}

/// Text from elsewhere, for an argument; none if the system has no way to say it.
pub fn text(bytes: &[u8]) -> Option<&OsStr> {
    Some(OsStr::from_bytes(bytes))
}

/// The bytes of a directory's own path.
///
/// # Errors
/// It has none.
pub fn directory(path: &Path) -> io::Result<&[u8]> {
    Ok(path.as_os_str().as_bytes())
}

/// The bytes of a name in a directory.
///
/// # Errors
/// It has none, or is not found by them.
pub fn name(name: &OsStr) -> io::Result<&[u8]> {
    Ok(name.as_bytes())
}

/// The path with `/` between its names.
pub fn slashed(path: PathBuf) -> PathBuf {
    path
}

/// Where the path leads, symlinks followed.
///
/// # Errors
/// It leads nowhere.
pub fn real(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

/// An open directory.
#[derive(Debug)]
pub struct Root(OwnedFd);

impl Root {
    /// Opens `directory`; a symlink to one will do.
    ///
    /// # Errors
    /// It is no directory, or may not be read.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(directory, flags, Mode::empty())?))
    }

    /// Opens the regular file at `path`. What is there may have been replaced since it was seen: a link would lead out of
    /// the context, and a FIFO would wait for a writer.
    ///
    /// # Errors
    /// It cannot be opened, or is no regular file any more.
    pub fn open_file(&self, path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&self.0, path, flags, Mode::empty())?;
        match FileType::from_raw_mode(fstat(&file)?.st_mode) {
            FileType::RegularFile => Ok(file.into()),
            _ => Err(io::Error::other("it is no regular file any more")),
        }
    }

    /// What is at `path`, links not followed.
    ///
    /// # Errors
    /// It cannot be examined, or is there no more.
    pub fn status(&self, path: &Path) -> io::Result<Status> {
        let stat = statat(&self.0, path, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(Status {
            kind: match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => FileKind::File,
                FileType::Directory => FileKind::Directory,
                FileType::Symlink => FileKind::Symlink,
                _ => FileKind::Special,
            },
            // A regular file's size is never negative.
            size: stat.st_size.cast_unsigned(),
            mode: permissions(&stat),
            mtime: u64::try_from(stat.st_mtime).unwrap_or(0),
        })
    }

    /// The target of the symlink at `path`, verbatim.
    ///
    /// # Errors
    /// It cannot be read, or is no symlink any more.
    pub fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        let target = readlinkat(&self.0, path, Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()).into())
    }
}

#[cfg_attr(target_os = "linux", expect(clippy::useless_conversion, reason = "16 bits on macOS"))]
fn permissions(stat: &Stat) -> u32 {
    u32::from(stat.st_mode) & 0o7777
}

/// The signals that end a command.
pub struct Signals {
    interrupt: Stream,
    terminate: Stream,
    /// `None` under `nohup`: the build is to outlive the terminal.
    hangup: Option<Stream>,
}

impl Signals {
    /// From here on these signals no longer end the process by themselves.
    ///
    /// # Errors
    /// The system does not allow it.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: if hangup_is_ignored() { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Signal {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = hangup => Signal::Hangup,
        }
    }
}

/// Whether whoever started us had hang-ups ignored. Linux tells in `/proc/self/status`: `SigIgn`, a hexadecimal mask,
/// whose lowest bit is signal 1.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Has a program start in a group of its own.
pub fn own_group(command: &mut Command) -> &mut Command {
    command.process_group(0)
}

/// Ends a program that has a group of its own and was not waited for yet, and what it started.
pub fn end_group(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let _ = group.map(|group| kill_process_group(group, rustix::process::Signal::KILL));
}

/// Standard output without a buffer.
///
/// # Errors
/// There is none.
pub fn stdout() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// Has a temporary file end with the permissions of every other.
pub fn readable_by_all<'a, 'b, 'c>(builder: &'a mut tempfile::Builder<'b, 'c>) -> &'a mut tempfile::Builder<'b, 'c> {
    builder.permissions(Permissions::from_mode(0o666))
}

/// The machine's name.
pub fn host_name(_environment: impl Fn(&str) -> Option<OsString>) -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

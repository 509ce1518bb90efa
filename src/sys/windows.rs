//! Windows: names are UTF-16, of which those that are Unicode are taken, as UTF-8; files are reached by path.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::{FileExt as _, MetadataExt, OpenOptionsExt};
use std::os::windows::io::AsHandle;
use std::os::windows::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::UNIX_EPOCH;

use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown,
};

use super::{FileKind, Signal, Status, names};

/// Whether files have permission bits.
pub const KEEPS_MODES: bool = false;
/// The variable with the user's own directory.
pub const HOME: &str = "USERPROFILE";
/// Variables with the user's name.
pub const USER: [&str; 1] = ["USERNAME"];

/// `FILE_FLAG_OPEN_REPARSE_POINT`: a link is opened itself.
const OPEN_LINK: u32 = 0x0020_0000;
/// `FILE_ATTRIBUTE_REPARSE_POINT`.
const IS_REPARSE_POINT: u32 = 0x0400;
/// `CREATE_NEW_PROCESS_GROUP`.
const NEW_GROUP: u32 = 0x0200;

const NOT_UNICODE: &str = "a name that is not Unicode";
const NOT_PLAIN: &str = "a name that Windows would take for another";

/// The bytes of names.
pub trait OsStrExt {
    /// UTF-8. What is not Unicode has bytes that are found nowhere else, and are shown as such.
    fn as_bytes(&self) -> &[u8];
}

impl OsStrExt for OsStr {
    fn as_bytes(&self) -> &[u8] {
        self.as_encoded_bytes()
    }
}

/// The path that [`OsStrExt::as_bytes`] gave these bytes of, whole or cut at slashes.
pub fn walked(bytes: &[u8]) -> &Path {
    // No walk and no archive lets anything else in.
    Path::new(str::from_utf8(bytes).unwrap_or_default())
}

/// A path from elsewhere, to be shown.
pub fn told(bytes: &[u8]) -> Cow<'_, Path> {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(text) => Path::new(text).into(),
        Cow::Owned(text) => PathBuf::from(text).into(),
    }
}

/// A path from elsewhere.
///
/// # Errors
/// What it has that this system cannot have in a path.
pub fn path(bytes: &[u8]) -> Result<&Path, &'static str> {
    let text = str::from_utf8(bytes).map_err(|_| NOT_UNICODE)?;
    if names::is_plain(text) { Ok(Path::new(text)) } else { Err(NOT_PLAIN) }
}

/// Text from elsewhere, for an argument; none if the system has no way to say it.
pub fn text(bytes: &[u8]) -> Option<&OsStr> {
    Some(OsStr::new(str::from_utf8(bytes).ok()?))
}

/// The bytes of a directory's own path.
///
/// # Errors
/// It has none.
pub fn directory(path: &Path) -> io::Result<&[u8]> {
    Ok(path.to_str().ok_or_else(|| refused(path.as_os_str(), NOT_UNICODE))?.as_bytes())
}

/// The bytes of a name in a directory.
///
/// # Errors
/// It has none, or is not found by them.
pub fn name(name: &OsStr) -> io::Result<&[u8]> {
    path(name.as_encoded_bytes()).map_err(|what| refused(name, what))?;
    Ok(name.as_encoded_bytes())
}

fn refused(name: &OsStr, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidFilename, format!("`{}` is {what}", name.display()))
}

/// The path with `/` between its names.
pub fn slashed(path: PathBuf) -> PathBuf {
    path.to_str().map(names::slashed).map_or(path.clone(), PathBuf::from)
}

/// Where the path leads, symlinks followed.
///
/// # Errors
/// It leads nowhere.
pub fn real(path: &Path) -> io::Result<PathBuf> {
    let real = path.canonicalize()?;
    Ok(real.to_str().map(names::without_prefix).map_or(real.clone(), PathBuf::from))
}

/// A directory, by its path: one that is moved is found no more.
#[derive(Debug)]
pub struct Root(PathBuf);

#[expect(clippy::disallowed_methods, reason = "edge: files below a directory, for those who may read them")]
impl Root {
    /// Remembers `directory`; a symlink to one will do.
    ///
    /// # Errors
    /// It is no directory.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let directory = std::path::absolute(directory)?;
        match fs::metadata(&directory)?.is_dir() {
            true => Ok(Self(directory)),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Opens the regular file at `path`. What is there may have been replaced since it was seen: a link would lead out of
    /// the context.
    ///
    /// # Errors
    /// It cannot be opened, or is no regular file any more.
    pub fn open_file(&self, path: &Path) -> io::Result<File> {
        let path = self.0.join(path);
        let file = OpenOptions::new().read(true).custom_flags(OPEN_LINK).open(&path)?;
        let found = file.metadata()?;
        match found.is_file() {
            // Not a link, but kept elsewhere: by OneDrive, or by deduplication.
            true if found.file_attributes() & IS_REPARSE_POINT != 0 => File::open(path),
            true => Ok(file),
            false => Err(io::Error::other("it is no regular file any more")),
        }
    }

    /// What is at `path`, links not followed.
    ///
    /// # Errors
    /// It cannot be examined, or is there no more.
    pub fn status(&self, path: &Path) -> io::Result<Status> {
        let found = fs::symlink_metadata(self.0.join(path))?;
        Ok(Status {
            kind: kind(&found),
            size: found.len(),
            mode: names::mode(found.permissions().readonly()),
            mtime: found.modified()?.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        })
    }

    /// The target of the symlink at `path`, with `/`.
    ///
    /// # Errors
    /// It cannot be read, is no symlink any more, or is not Unicode.
    pub fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        let target = fs::read_link(self.0.join(path))?;
        directory(&target)?;
        Ok(slashed(target))
    }
}

fn kind(found: &Metadata) -> FileKind {
    if found.is_symlink() {
        FileKind::Symlink
    } else if found.is_dir() {
        FileKind::Directory
    } else {
        FileKind::File
    }
}

/// Reads at a place in a file, whoever reads elsewhere.
pub trait FileExt {
    /// As many bytes as there are at once.
    ///
    /// # Errors
    /// The system's.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;

    /// All of the bytes.
    ///
    /// # Errors
    /// The system's; the file ends before.
    fn read_exact_at(&self, mut buffer: &mut [u8], mut at: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read_at(buffer, at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => (buffer, at) = (&mut buffer[count..], at + count as u64),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl FileExt for File {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.seek_read(buffer, at)
    }
}

/// What no file is here.
pub trait FileTypeExt {
    /// A FIFO.
    fn is_fifo(&self) -> bool {
        false
    }

    /// A socket.
    fn is_socket(&self) -> bool {
        false
    }
}

impl FileTypeExt for FileType {}

/// What ends a command.
pub struct Signals {
    interrupt: CtrlC,
    terminate: CtrlBreak,
    close: CtrlClose,
    shutdown: CtrlShutdown,
}

impl Signals {
    /// From here on these no longer end the process by themselves.
    ///
    /// # Errors
    /// The system does not allow it.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: ctrl_c()?, terminate: ctrl_break()?, close: ctrl_close()?, shutdown: ctrl_shutdown()? })
    }

    /// The next one. After the console's end and the system's, Windows waits some seconds and no more.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.close.recv() => Signal::Hangup,
            _ = self.shutdown.recv() => Signal::Terminate,
        }
    }
}

/// Has a program not hear the console's Ctrl-C.
pub fn own_group(command: &mut Command) -> &mut Command {
    command.creation_flags(NEW_GROUP)
}

/// Ends a program that was not waited for yet. What it started goes on until it finds its pipes closed.
pub fn end_group(child: &mut Child) {
    let _ = child.kill();
}

/// Standard output without a buffer.
///
/// # Errors
/// There is none.
pub fn stdout() -> io::Result<File> {
    Ok(File::from(io::stdout().as_handle().try_clone_to_owned()?))
}

/// Has a temporary file end with the permissions of every other, which it has here from its directory.
pub fn readable_by_all<'a, 'b, 'c>(builder: &'a mut tempfile::Builder<'b, 'c>) -> &'a mut tempfile::Builder<'b, 'c> {
    builder
}

/// The machine's name.
pub fn host_name(environment: impl Fn(&str) -> Option<OsString>) -> String {
    environment("COMPUTERNAME").unwrap_or_default().to_string_lossy().into_owned()
}

//! The files that an executor sees, and how a path leads to one of them.
//!
//! The executor asks the kernel; here the same question is put to whoever knows what is in the pod ([`PodFiles`]), with the
//! kernel's rules for symlinks, `..` and trailing slashes, and its answers in Go's words (`syscall.Errno`). What the
//! executor itself has written lies over it ([`Pod`]).

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use crate::gopath;
use crate::members;
use crate::rootfs::{DIRECTORY_MODE, Owner, SETGID, below, remove_below};
use crate::sys;

pub use crate::rootfs::Follow;

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symlink, and what it says.
    Symlink(Vec<u8>),
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
    /// A device.
    Device,
}

/// Knows what is in a pod before the executor starts. Paths are absolute and clean, and nothing above them is a symlink.
pub trait PodFiles {
    /// What is at `path`; none if nothing is.
    fn kind(&self, path: &[u8]) -> Option<Kind>;
    /// The names in a directory, sorted by their bytes.
    fn names(&self, directory: &[u8]) -> Vec<Vec<u8>>;
    /// What is in a regular file; none if it cannot be read.
    fn content(&self, file: &[u8]) -> Option<Vec<u8>>;
    /// The first bytes of a regular file, [`START`] of them if there are so many; none if it cannot be read.
    fn start(&self, file: &[u8]) -> Option<Vec<u8>> {
        let mut content = self.content(file)?;
        content.truncate(START);
        Some(content)
    }
    /// What a regular file is to `ADD`.
    fn found(&self, _file: &[u8]) -> members::Found {
        members::Found::Unknown
    }
    /// The mode and the owner of what is at `path`. As this tool sends things they are root's.
    fn attributes(&self, path: &[u8]) -> Attributes {
        match self.kind(path) {
            Some(Kind::Directory) | None => Attributes::DIRECTORY,
            Some(_) => Attributes { mode: 0o644, ..Attributes::DIRECTORY },
        }
    }
}

/// Bytes that tell an archive from other files: a block of a tar archive.
pub const START: usize = 512;

/// The mode and the owner of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Whose it is.
    pub owner: Owner,
}

impl Attributes {
    /// Those of a directory that is made on the way.
    pub const DIRECTORY: Self = Self { mode: DIRECTORY_MODE, owner: Owner::ROOT };
    /// Those of a symlink, which nobody looks at.
    pub const SYMLINK: Self = Self { mode: 0o777, owner: Owner::ROOT };
}

/// A part of this machine's disk that is in a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where it is here.
    pub local: PathBuf,
    /// Where it is in the pod: absolute and clean.
    pub pod: Vec<u8>,
}

/// Where a path from the root of the pod is on this disk: the innermost mount decides.
pub fn local(mounts: &[Mount], path: &[u8]) -> Option<PathBuf> {
    let covering = mounts.iter().filter_map(|mount| Some((mount, gopath::below(path, &mount.pod)?)));
    let (mount, rest) = covering.max_by_key(|(mount, _)| mount.pod.len())?;
    // Without the dot: behind it a symlink would be followed.
    Some(if rest == b"." { mount.local.clone() } else { mount.local.join(sys::path(rest).ok()?) })
}

/// Why the kernel does not come to the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Errno {
    /// ENOENT.
    #[error("no such file or directory")]
    NoEntry,
    /// ENOTDIR.
    #[error("not a directory")]
    NotADirectory,
    /// EISDIR.
    #[error("is a directory")]
    IsADirectory,
    /// ELOOP.
    #[error("too many levels of symbolic links")]
    Loop,
    /// ENAMETOOLONG.
    #[error("file name too long")]
    NameTooLong,
    /// ENXIO: a socket cannot be opened.
    #[error("no such device or address")]
    NoDevice,
}

/// Symlinks that are followed in one path: Linux `include/linux/namei.h` `MAXSYMLINKS`.
const LINKS: usize = 40;
/// Bytes of one component, and of a whole path with its end: Linux `include/uapi/linux/limits.h`.
const NAME_MAX: usize = 255;
const PATH_MAX: usize = 4096;

/// A place where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The path of the thing itself: absolute, clean, without symlinks above it.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
}

/// What the executor did to a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// What was there is gone, with all below it.
    Gone,
    /// A directory, empty: what had been below a thing that is gone does not show.
    NewDirectory,
    /// A file with what was in this one before.
    File(Origin),
    /// A symlink, and what it says.
    Symlink(Vec<u8>),
}

/// Where the content of a file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The file at this path, as it was before the executor started.
    File(Vec<u8>),
    /// The n-th member of the archive at this path.
    Member(Vec<u8>, usize),
    /// Nobody knows.
    Unknown,
}

/// A pod's files, with what the executor has done to them.
pub struct Pod<'a> {
    files: &'a dyn PodFiles,
    written: BTreeMap<Vec<u8>, Written>,
    /// Of what was written, or changed.
    attributes: BTreeMap<Vec<u8>, Attributes>,
    /// Directories that were found at their own paths: most paths that are asked for next are in one of them.
    known: RefCell<HashMap<Vec<u8>, Lies>>,
}

/// Where a directory lies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lies {
    /// Among what was there before.
    Below,
    /// In what was written: nothing that was there before shows.
    Above,
}

impl<'a> Pod<'a> {
    /// A pod in which nothing has happened yet.
    pub fn new(files: &'a dyn PodFiles) -> Self {
        Self { files, written: BTreeMap::new(), attributes: BTreeMap::new(), known: RefCell::default() }
    }

    /// What is at a path in a directory that lies there.
    fn kind(&self, path: &[u8], directory: Lies) -> Option<Kind> {
        match self.written.get(path) {
            Some(Written::Gone) => None,
            Some(Written::NewDirectory) => Some(Kind::Directory),
            Some(Written::File(_)) => Some(Kind::File),
            Some(Written::Symlink(target)) => Some(Kind::Symlink(target.clone())),
            None if directory == Lies::Above => None,
            None => self.files.kind(path),
        }
    }

    /// Where a directory lies that is known to be one.
    fn lies(&self, directory: &[u8]) -> Lies {
        match self.written.contains_key(directory) || self.is_hidden(directory) {
            true => Lies::Above,
            false => Lies::Below,
        }
    }

    /// What is at a path whose directory is known: the short way.
    fn find_in_known(&self, path: &[u8], follow: Follow) -> Option<Result<Found, Errno>> {
        let name = gopath::file_name(path);
        let is_plain = !name.is_empty() && name != b"." && name != b".." && name.len() <= NAME_MAX;
        let above = path.get(..path.len() - name.len())?;
        let lies = *self.known.borrow().get(above).filter(|_| is_plain && path.len() < PATH_MAX)?;
        match self.kind(path, lies) {
            None => Some(Err(Errno::NoEntry)),
            Some(Kind::Symlink(_)) if follow == Follow::All => None,
            Some(kind) => Some(Ok(Found { path: path.to_vec(), kind })),
        }
    }

    /// Whether something that was written lies over everything that was at `path`.
    fn is_hidden(&self, path: &[u8]) -> bool {
        gopath::above(path).any(|above| self.written.contains_key(above))
    }

    /// Follows `path`, relative to `directory`, as the kernel does.
    ///
    /// # Errors
    /// Where it stops.
    pub fn find(&self, path: &[u8], directory: &[u8], follow: Follow) -> Result<Found, Errno> {
        if let Some(found) = self.find_in_known(path, follow) {
            return found;
        }
        if path.is_empty() {
            return Err(Errno::NoEntry);
        }
        if path.len() >= PATH_MAX {
            return Err(Errno::NameTooLong);
        }
        let mut here = if gopath::is_absolute(path) { b"/".to_vec() } else { self.directory(directory)? };
        let mut kind = Kind::Directory;
        // Components that are still to come, the next one last.
        let mut ahead: Vec<Vec<u8>> = components(path);
        // A slash at the end asks for a directory.
        let follow = if path.ends_with(b"/") { Follow::All } else { follow };
        let mut links = 0;
        while let Some(component) = ahead.pop() {
            if kind != Kind::Directory {
                return Err(Errno::NotADirectory);
            }
            match &component[..] {
                b"." => continue,
                b".." => {
                    here = gopath::parent(&here);
                    continue;
                }
                name if name.len() > NAME_MAX => return Err(Errno::NameTooLong),
                _ => {}
            }
            let lies = self.know(&here);
            let next = gopath::join(&[&here, &component]);
            kind = self.kind(&next, lies).ok_or(Errno::NoEntry)?;
            match &kind {
                Kind::Symlink(target) if follow == Follow::All || !ahead.is_empty() => {
                    links += 1;
                    if links > LINKS {
                        return Err(Errno::Loop);
                    }
                    if gopath::is_absolute(target) {
                        here = b"/".to_vec();
                    }
                    if target.ends_with(b"/") {
                        ahead.push(b".".to_vec());
                    }
                    ahead.extend(components(target));
                    kind = Kind::Directory;
                }
                _ => here = next,
            }
        }
        if path.ends_with(b"/") && kind != Kind::Directory {
            return Err(Errno::NotADirectory);
        }
        Ok(Found { path: here, kind })
    }

    /// Remembers a directory, with the slash that is before what is in it.
    fn know(&self, directory: &[u8]) -> Lies {
        *self.known.borrow_mut().entry(gopath::with_slash(directory)).or_insert_with(|| self.lies(directory))
    }

    fn directory(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        if path == b"/" { Ok(b"/".to_vec()) } else { Ok(self.find(path, b"/", Follow::All)?.path) }
    }

    /// Whether Go's `os.IsNotExist` would say that nothing is there. Everything else counts as there for the executor
    /// (kaniko v1.24.0 `pkg/util/fs_util.go` `FilepathExists`).
    pub fn exists(&self, path: &[u8], directory: &[u8]) -> bool {
        self.find(path, directory, Follow::NotTheLast) != Err(Errno::NoEntry)
    }

    /// The names in a directory that was found, sorted by their bytes.
    pub fn names(&self, directory: &[u8]) -> Vec<Vec<u8>> {
        let mut names = if self.lies(directory) == Lies::Above { vec![] } else { self.files.names(directory) };
        let below = below(&self.written, directory);
        if below.clone().next().is_none() {
            return names;
        }
        names.retain(|name| self.written.get(&gopath::join(&[directory, name])) != Some(&Written::Gone));
        names.extend(below.filter(|(_, written)| **written != Written::Gone).filter_map(|(path, _)| {
            let rest = gopath::below(path, directory)?;
            (!rest.contains(&b'/')).then(|| rest.to_vec())
        }));
        names.sort();
        names.dedup();
        names
    }

    /// What is in a regular file that was found.
    pub fn content(&self, file: &[u8]) -> Option<Vec<u8>> {
        match self.origin(file) {
            Origin::File(file) => self.files.content(&file),
            Origin::Member(..) | Origin::Unknown => None,
        }
    }

    /// The first bytes of a regular file that was found.
    pub fn start(&self, file: &[u8]) -> Option<Vec<u8>> {
        match self.origin(file) {
            Origin::File(file) => self.files.start(&file),
            Origin::Member(..) | Origin::Unknown => None,
        }
    }

    /// What a regular file that was found is to `ADD`.
    pub fn held(&self, file: &[u8]) -> members::Found {
        match self.origin(file) {
            Origin::File(file) => self.files.found(&file),
            Origin::Member(..) | Origin::Unknown => members::Found::Unknown,
        }
    }

    /// Where the content of a file that was found came from: itself, unless it is a copy.
    pub fn origin(&self, file: &[u8]) -> Origin {
        match self.written.get(file) {
            Some(Written::File(origin)) => origin.clone(),
            Some(_) => Origin::Unknown,
            None => Origin::File(file.to_owned()),
        }
    }

    /// Whether what was found at its own path is of the executor's making.
    pub fn has_made(&self, path: &[u8]) -> bool {
        self.written.contains_key(path)
    }

    /// The mode and the owner of what was found.
    pub fn attributes(&self, path: &[u8]) -> Attributes {
        self.attributes.get(path).copied().unwrap_or_else(|| self.files.attributes(path))
    }

    /// Changes the mode and the owner of what was found.
    pub fn change(&mut self, path: Vec<u8>, attributes: Attributes) {
        self.attributes.insert(path, attributes);
    }

    /// What is new in a setgid directory has its group, and the bit too, if it is a directory.
    fn inherited(&self, path: &[u8], new: Attributes) -> Attributes {
        let above = self.attributes(&gopath::parent(path));
        match above.mode & SETGID {
            0 => new,
            bit => Attributes { mode: new.mode | bit, owner: Owner { group: above.owner.group, ..new.owner } },
        }
    }

    /// A directory appears where nothing is.
    pub fn make_directory(&mut self, path: Vec<u8>, attributes: Attributes) {
        let attributes = self.inherited(&path, attributes);
        self.known.get_mut().remove(&[&path[..], b"/"].concat());
        self.attributes.insert(path.clone(), attributes);
        self.written.insert(path, Written::NewDirectory);
    }

    /// A copy of the file at `source` appears.
    pub fn write_file(&mut self, path: Vec<u8>, source: &[u8], attributes: Attributes) {
        let origin = self.origin(source);
        self.attributes.insert(path.clone(), attributes);
        self.written.insert(path, Written::File(origin));
    }

    /// A file appears with what is elsewhere.
    pub fn write_original(&mut self, path: Vec<u8>, origin: Origin, attributes: Attributes) {
        self.attributes.insert(path.clone(), attributes);
        self.written.insert(path, Written::File(origin));
    }

    /// A symlink appears.
    pub fn write_symlink(&mut self, path: Vec<u8>, target: Vec<u8>) {
        let attributes = self.inherited(&path, Attributes::SYMLINK);
        self.attributes.insert(path.clone(), attributes);
        self.written.insert(path, Written::Symlink(target));
        self.known.take();
    }

    /// A thing goes, with all that is below it.
    pub fn remove(&mut self, path: Vec<u8>) {
        remove_below(&mut self.written, &path);
        remove_below(&mut self.attributes, &path);
        self.attributes.remove(&path);
        self.written.insert(path, Written::Gone);
        self.known.take();
    }

    /// What was done to which path, those above before those below.
    pub fn written(self) -> Vec<(Vec<u8>, Written)> {
        self.written.into_iter().collect()
    }

    /// The modes and owners that were given.
    pub fn changed(&self) -> &BTreeMap<Vec<u8>, Attributes> {
        &self.attributes
    }
}

/// The components of a path, the first one last. `.` is one: it asks for a directory before it.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).rev().map(<[u8]>::to_vec).collect()
}

/// Files that are told one by one: for tests.
#[cfg(test)]
pub(crate) mod told {
    use super::*;
    use crate::context::unpack;

    /// Directories above a thing are there too.
    #[derive(Debug, Default)]
    pub(crate) struct Told(BTreeMap<Vec<u8>, (Kind, Vec<u8>)>);

    impl Told {
        /// Each as `/path` for an empty file (a Dockerfile builds from scratch), `/path=content`, `/path/` for a
        /// directory, `/path -> target`, `/path (socket)`, `/path (fifo)`.
        pub(crate) fn of(things: &[&str]) -> Self {
            let mut told = Self::default();
            told.0.insert(b"/".to_vec(), (Kind::Directory, vec![]));
            for thing in things {
                let (path, kind, content) = if let Some((path, target)) = thing.split_once(" -> ") {
                    (path, Kind::Symlink(target.into()), "")
                } else if let Some(path) = thing.strip_suffix(" (socket)") {
                    (path, Kind::Socket, "")
                } else if let Some(path) = thing.strip_suffix(" (fifo)") {
                    (path, Kind::Fifo, "")
                } else if let Some(path) = thing.strip_suffix('/') {
                    (path, Kind::Directory, "")
                } else {
                    let is_dockerfile = thing.to_ascii_lowercase().contains("dockerfile") && !thing.ends_with("ignore");
                    let default = if is_dockerfile { "FROM scratch\n" } else { "" };
                    let (path, content) = thing.split_once('=').unwrap_or((thing, default));
                    (path, Kind::File, content)
                };
                let mut above = gopath::parent(path.as_bytes());
                while above != b"/" {
                    told.0.entry(above.clone()).or_insert((Kind::Directory, vec![]));
                    above = gopath::parent(&above);
                }
                told.0.insert(path.into(), (kind, content.into()));
            }
            told
        }

        /// One more file, of any bytes.
        pub(crate) fn hold(&mut self, path: &str, content: Vec<u8>) {
            self.0.insert(path.into(), (Kind::File, content));
        }
    }

    impl PodFiles for Told {
        fn kind(&self, path: &[u8]) -> Option<Kind> {
            self.0.get(path).map(|(kind, _)| kind.clone())
        }

        fn names(&self, directory: &[u8]) -> Vec<Vec<u8>> {
            let below = self.0.keys().filter_map(|path| gopath::below(path, directory));
            below.filter(|rest| *rest != b"." && !rest.contains(&b'/')).map(<[u8]>::to_vec).collect()
        }

        fn content(&self, file: &[u8]) -> Option<Vec<u8>> {
            self.0.get(file).filter(|(kind, _)| *kind == Kind::File).map(|(_, content)| content.clone())
        }

        fn found(&self, file: &[u8]) -> members::Found {
            let Some(content) = self.content(file) else { return members::Found::Unknown };
            let mut file = tempfile::tempfile().unwrap();
            std::io::Write::write_all(&mut file, &content).unwrap();
            unpack::found(&file, &members::Budget::default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::told::Told;
    use super::*;

    fn find(files: &[&str], path: &str, follow: Follow) -> Result<String, Errno> {
        let told = Told::of(files);
        let found = Pod::new(&told).find(path.as_bytes(), b"/w", follow)?;
        Ok(String::from_utf8(found.path).unwrap())
    }

    #[test]
    fn a_path_is_followed_as_the_kernel_does() {
        let files = [
            "/w/a/f",
            "/w/link -> a",
            "/w/abs -> /w/a/f",
            "/w/up -> ../x/",
            "/x/y",
            "/w/self -> self",
            "/w/gone -> no",
        ];
        for (path, expected) in [
            ("a/f", Ok("/w/a/f")),
            ("/w/a/../a/./f", Ok("/w/a/f")),
            ("link/f", Ok("/w/a/f")),
            ("link/../link/f", Ok("/w/a/f")),
            ("up/y", Ok("/x/y")),
            ("up/../w/a", Ok("/w/a")),
            ("abs", Ok("/w/a/f")),
            ("a/", Ok("/w/a")),
            ("link/", Ok("/w/a")),
            ("a/f/", Err(Errno::NotADirectory)),
            ("a/f/x", Err(Errno::NotADirectory)),
            ("a/f/..", Err(Errno::NotADirectory)),
            ("no/..", Err(Errno::NoEntry)),
            ("gone", Err(Errno::NoEntry)),
            ("self", Err(Errno::Loop)),
            ("", Err(Errno::NoEntry)),
            ("/", Ok("/")),
            ("../..", Ok("/")),
        ] {
            assert_eq!(find(&files, path, Follow::All), expected.map(str::to_owned), "{path}");
        }
        assert_eq!(find(&files, &"x".repeat(256), Follow::All), Err(Errno::NameTooLong));
        assert_eq!(find(&files, &"a/".repeat(2048), Follow::All), Err(Errno::NameTooLong));
    }

    #[test]
    fn the_last_link_is_left_alone_unless_a_slash_follows() {
        let files = ["/w/a/f", "/w/link -> a", "/w/gone -> no"];
        for (path, expected) in
            [("link", Ok("/w/link")), ("gone", Ok("/w/gone")), ("link/", Ok("/w/a")), ("gone/", Err(Errno::NoEntry))]
        {
            assert_eq!(find(&files, path, Follow::NotTheLast), expected.map(str::to_owned), "{path}");
        }
    }

    #[test]
    fn what_is_written_lies_over_what_was_there() {
        let told = Told::of(&["/w/a/f=old", "/w/b"]);
        let mut pod = Pod::new(&told);
        pod.remove(b"/w/a".to_vec());
        assert_eq!(pod.find(b"/w/a/f", b"/", Follow::All), Err(Errno::NoEntry));
        pod.make_directory(b"/w/a".to_vec(), Attributes::DIRECTORY);
        assert_eq!(pod.names(b"/w/a"), Vec::<Vec<u8>>::new());
        pod.write_file(b"/w/a/g".to_vec(), b"/w/b", Attributes::DIRECTORY);
        pod.write_symlink(b"/w/l".to_vec(), b"a".to_vec());
        assert_eq!(pod.names(b"/w"), [b"a".to_vec(), b"b".to_vec(), b"l".to_vec()]);
        assert_eq!(pod.find(b"/w/l/g", b"/", Follow::All).unwrap().path, b"/w/a/g");
        assert_eq!(pod.origin(b"/w/a/g"), Origin::File(b"/w/b".to_vec()));
    }

    #[test]
    fn what_is_made_in_a_setgid_directory_has_its_group_and_a_directory_the_bit() {
        let told = Told::of(&["/w/"]);
        let mut pod = Pod::new(&told);
        pod.change(b"/w".to_vec(), Attributes { mode: 0o2755, owner: Owner::new(4, 5) });
        pod.make_directory(b"/w/d".to_vec(), Attributes::DIRECTORY);
        pod.write_symlink(b"/w/l".to_vec(), b"x".to_vec());
        pod.make_directory(b"/o".to_vec(), Attributes::DIRECTORY);
        assert_eq!(pod.attributes(b"/w/d"), Attributes { mode: 0o2755, owner: Owner::new(0, 5) });
        assert_eq!(pod.attributes(b"/w/l").owner, Owner::new(0, 5));
        assert_eq!(pod.attributes(b"/o"), Attributes::DIRECTORY);
    }
}

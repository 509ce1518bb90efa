//! What an image holds: its root file system and its settings, as data. Pure.
//!
//! Two builders are compared by what they make of one Dockerfile, so this is the language of both models.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::gopath;

/// A root file system. Paths are absolute and clean; `/` itself is a directory, whatever else there is, and so is
/// everything above a path that is here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RootFs {
    nodes: BTreeMap<Vec<u8>, Node>,
}

/// A thing in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky; those of a symlink say nothing.
    pub mode: u32,
    /// Whose it is.
    pub owner: Owner,
    /// Which instruction made it, or changed it last, by its place in the Dockerfile in bytes.
    pub by: usize,
}

/// What a thing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File(Content),
    /// A symlink, and what it says.
    Symlink(Vec<u8>),
}

/// What is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// What is in this file of the build context, by its path below it.
    Context(Vec<u8>),
    /// What is in the n-th member of an archive of the build context.
    Member(Vec<u8>, usize),
    /// This text.
    Text(String),
    /// What is in this file of the executor's pod, outside of the build context.
    Pod(Vec<u8>),
    /// Nobody knows.
    Unknown,
}

/// Who owns a thing. Numbers that nobody knows come from an image's user database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owner {
    /// Its user.
    pub user: Id,
    /// Its group.
    pub group: Id,
}

/// The number of a user or a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Id {
    /// This one.
    Known(u32),
    /// What the image's user database says.
    Unknown,
}

impl Default for Id {
    fn default() -> Self {
        Self::Known(0)
    }
}

/// The bit that what is made in a directory inherits its group by, and a directory the bit too (Linux `inode_init_owner`).
pub const SETGID: u32 = 0o2000;

/// The mode of a directory that is made on the way.
pub const DIRECTORY_MODE: u32 = 0o755;

impl Owner {
    /// 0:0.
    pub const ROOT: Self = Self { user: Id::Known(0), group: Id::Known(0) };

    /// Of these numbers.
    pub fn new(user: u32, group: u32) -> Self {
        Self { user: Id::Known(user), group: Id::Known(group) }
    }
}

impl Node {
    /// A directory as it is made on the way to something.
    pub fn directory(by: usize) -> Self {
        Self { kind: Kind::Directory, mode: DIRECTORY_MODE, owner: Owner::default(), by }
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }
}

/// Symlinks that are followed in one path (containerd's continuity `fs.RootPath`).
const LINKS: usize = 255;

/// Whether the last component of a path is followed if it is a symlink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// As `stat` and `open` do.
    All,
    /// As `lstat` does.
    NotTheLast,
}

/// A path with more symlinks in it than anyone follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many links")]
pub struct TooManyLinks;

impl RootFs {
    /// What is at a path; `/` is nothing.
    pub fn get(&self, path: &[u8]) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, path: &[u8]) -> Option<&mut Node> {
        self.nodes.get_mut(path)
    }

    /// The bits of a directory that is made at a path, with the one it inherits from what it is in.
    pub fn inherited(&self, path: &[u8], mode: u32) -> u32 {
        mode | self.get(&gopath::parent(path)).map_or(0, |above| above.mode & SETGID)
    }

    /// Whether a directory is at a path.
    pub fn is_directory(&self, path: &[u8]) -> bool {
        path == b"/" || self.get(path).is_some_and(Node::is_directory)
    }

    /// Puts a thing at a path. What is in its way goes; a directory in the place of a directory keeps what it holds.
    pub fn put(&mut self, path: Vec<u8>, node: Node) {
        if path == b"/" {
            return;
        }
        if !node.is_directory() && self.is_directory(&path) {
            self.remove(&path);
        }
        self.nodes.insert(path, node);
    }

    /// Removes a thing with all below it.
    pub fn remove(&mut self, path: &[u8]) {
        remove_below(&mut self.nodes, path);
        self.nodes.remove(path);
    }

    /// Everything below a directory, in byte order: a directory comes before what it holds.
    pub fn below(&self, directory: &[u8]) -> impl Iterator<Item = (&[u8], &Node)> {
        below(&self.nodes, directory).map(|(path, node)| (&path[..], node))
    }

    /// Everything.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Node)> {
        self.nodes.iter().map(|(path, node)| (&path[..], node))
    }

    /// Where a path leads if every symlink in it is followed, the last one too, and none leads out of the root: what is not
    /// there is no symlink (containerd's continuity `fs.RootPath`).
    ///
    /// # Errors
    /// Symlinks that lead in circles.
    pub fn resolve(&self, path: &[u8]) -> Result<Vec<u8>, TooManyLinks> {
        let mut links = 0;
        let mut here = b"/".to_vec();
        let mut ahead = gopath::components(&gopath::join(&[b"/", path]));
        while let Some(name) = ahead.pop() {
            let next = gopath::join(&[&here, &name]);
            match self.get(&next).map(|node| &node.kind) {
                Some(Kind::Symlink(target)) => {
                    links += 1;
                    if links > LINKS {
                        return Err(TooManyLinks);
                    }
                    // `..` in what a symlink says takes a name away, whatever that leads to.
                    ahead.extend(gopath::components(&gopath::join(&[b"/", &gopath::absolute(target, &here)])));
                    here = b"/".to_vec();
                }
                _ => here = next,
            }
        }
        Ok(here)
    }
}

/// What of a table by clean paths is below a directory, in byte order.
pub(crate) fn below<'t, T>(
    table: &'t BTreeMap<Vec<u8>, T>,
    directory: &[u8],
) -> impl Iterator<Item = (&'t Vec<u8>, &'t T)> + Clone + use<'t, T> {
    let prefix = gopath::with_slash(directory);
    let behind = (Bound::Excluded(prefix.clone()), Bound::Unbounded);
    table.range(behind).take_while(move |(path, _)| path.starts_with(&prefix))
}

/// Removes it.
pub(crate) fn remove_below<T>(table: &mut BTreeMap<Vec<u8>, T>, directory: &[u8]) {
    let paths: Vec<Vec<u8>> = below(table, directory).map(|(path, _)| path.clone()).collect();
    for path in paths {
        table.remove(&path);
    }
}

/// What an image is run with, as far as builders differ in it.
pub type Settings = BTreeMap<(Setting, String), Set>;

/// A value, and which instruction set it, by its place in the Dockerfile in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// The value; empty where being there is all.
    pub value: String,
    /// The instruction.
    pub by: usize,
}

/// What is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// An environment variable, by its name.
    Environment,
    /// A label, by its name.
    Label,
    /// A port, as in `80/tcp`.
    Port,
    /// A volume, by its path.
    Volume,
    /// The user; it has no name.
    User,
    /// The working directory; it has no name.
    WorkingDirectory,
    /// A time of the health check, by the name of its flag.
    HealthCheck,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(things: &[(&str, Kind)]) -> RootFs {
        let mut rootfs = RootFs::default();
        for (path, kind) in things {
            let node = Node { kind: kind.clone(), ..Node::directory(0) };
            rootfs.put(path.as_bytes().to_vec(), node);
        }
        rootfs
    }

    #[test]
    fn a_path_is_followed_within_the_root() {
        let link = |target: &str| Kind::Symlink(target.into());
        let rootfs = of(&[
            ("/a", Kind::Directory),
            ("/l", link("a")),
            ("/a/up", link("../../../b")),
            ("/abs", link("/a/x")),
            ("/self", link("self")),
            ("/by", link("l/../y")),
            ("/chain", link("l/up")),
        ]);
        for (path, expected) in [
            ("/l/x", "/a/x"),
            ("l", "/a"),
            ("/a/up/c", "/b/c"),
            ("/abs", "/a/x"),
            ("/chain", "/b"),
            ("/by", "/y"),
            ("/../../gone/./x/", "/gone/x"),
            ("/", "/"),
        ] {
            assert_eq!(rootfs.resolve(path.as_bytes()).unwrap(), expected.as_bytes(), "{path}");
        }
        assert_eq!(rootfs.resolve(b"/self/x"), Err(TooManyLinks));
    }

    #[test]
    fn a_file_in_the_place_of_a_directory_takes_all_of_it() {
        let file = || Kind::File(Content::Unknown);
        let mut rootfs = of(&[("/a", Kind::Directory), ("/a/b", file()), ("/a-b", file())]);
        rootfs.put(b"/a".to_vec(), Node { kind: file(), ..Node::directory(1) });
        let paths: Vec<&[u8]> = rootfs.iter().map(|(path, _)| path).collect();
        assert_eq!(paths, [&b"/a"[..], b"/a-b"]);
    }

    #[test]
    fn a_directory_in_the_place_of_a_directory_keeps_what_it_holds() {
        let mut rootfs = of(&[("/a", Kind::Directory), ("/a/b", Kind::File(Content::Unknown))]);
        rootfs.put(b"/a".to_vec(), Node { mode: 0o700, ..Node::directory(1) });
        assert_eq!(rootfs.get(b"/a").unwrap().mode, 0o700);
        assert!(rootfs.get(b"/a/b").is_some());
    }
}

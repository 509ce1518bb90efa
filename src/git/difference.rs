//! How a directory that is sent differs from a commit that is cloned: what `COPY` would take from each. Pure.
//!
//! The contents are compared by the names that git gives them, so that the answer is certain; which kind of difference
//! it is comes after. Of a clone it is known that go-git (v5, in kaniko v1.24.0) writes each file as it was committed: it
//! converts no line ends, runs no filters, leaves a submodule as an empty directory unless it is told to fetch it
//! (`--git recurse-submodules=true`), gives files mode 0644 or 0755 and directories 0755. Its ignore file is the one
//! that was committed, by the executor's rules. Times are not compared: those of a clone are new.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;

use super::object::ObjectId;
use super::outputs::{Blob, Mode, Tree};
use crate::context::dockerignore::{Dialect, Rules};
use crate::context::listing::{Entry, Kind as Sent, Listing};
use crate::error::ContextError;
use crate::rootfs::DIRECTORY_MODE;
use crate::sys::{self, OsStrExt};
use crate::words;

/// Paths of each kind that the summary names.
const TOLD: usize = 5;
/// What a pointer of git-lfs begins with (git-lfs `docs/spec.md`).
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
/// A longer file is none (the same).
const LFS_LIMIT: usize = 1024;
/// The directory that a clone has and a commit does not.
const GIT: &[u8] = b".git";

/// What the executor has of a commit.
#[derive(Debug)]
pub struct Committed {
    /// The files, from the context's root.
    pub tree: Tree,
    /// The ignore file of the clone.
    pub ignore: Rules,
    /// Whether the root of the context is that of the clone, where its `.git` is.
    pub git_directory: bool,
    /// Whether submodules are fetched, too.
    pub submodules: bool,
}

/// What git knows of the directory that is sent. Paths are from its root.
#[derive(Debug, Default)]
pub struct Here {
    /// The commit that is checked out.
    pub head: Tree,
    /// What is in the index.
    pub index: HashSet<Vec<u8>>,
    /// What git ignores; directories end in a slash and stand for all that they hold.
    pub ignored: HashSet<Vec<u8>>,
}

/// The contents of both sides.
pub trait Look {
    /// The name of the content of a file or symlink that is sent.
    ///
    /// # Errors
    /// It cannot be read, as it could not when it is sent.
    fn id(&self, entry: &Entry) -> Result<ObjectId, ContextError>;
    /// The content of a file that is sent, unless it is large.
    fn sent(&self, entry: &Entry) -> Option<Vec<u8>>;
    /// The content of a file that is committed, unless it is large or not here.
    fn committed(&self, id: ObjectId) -> Option<Vec<u8>>;
    /// Whether the directory that is sent has something at this path, sent or not.
    fn is_there(&self, path: &Path) -> bool;
    /// Those of these paths whose content git changes when it checks them out.
    fn filtered(&self, paths: &[&Path]) -> HashSet<Vec<u8>>;
}

/// A kind of difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Changed and not committed, or added and not committed.
    Modified,
    /// Sent and not known to git.
    Untracked,
    /// Sent and ignored by git.
    Ignored,
    /// Committed and not here.
    Absent,
    /// Committed, here, and kept back by the ignore file; the clone's does not.
    KeptBackHere,
    /// Sent, committed, and kept back by the clone's ignore file.
    KeptBackThere,
    /// As it is in the commit that is checked out here, which is not the one that is cloned.
    OtherCommit,
    /// Executable on one side.
    Executable,
    /// Other permission bits.
    Permissions,
    /// A file, a symlink or a directory, and something else in the commit.
    Type,
    /// A submodule that is sent and not cloned.
    SubmoduleNotThere,
    /// A submodule that is cloned and not sent.
    SubmoduleNotHere,
    /// The clone has a pointer in the place of the content.
    LfsPointer,
    /// The same but for line ends.
    LineEnds,
    /// Changed by a filter of git's on its way here, and perhaps by somebody, too.
    Filtered,
    /// The `.git` of this directory is sent.
    GitDirectoryHere,
    /// The `.git` of the clone is in the context.
    GitDirectoryThere,
}

impl Kind {
    /// All kinds, in the order in which they are told.
    pub const ALL: [Self; 17] = [
        Self::Modified,
        Self::Untracked,
        Self::Ignored,
        Self::Absent,
        Self::KeptBackHere,
        Self::KeptBackThere,
        Self::OtherCommit,
        Self::Executable,
        Self::Permissions,
        Self::Type,
        Self::SubmoduleNotThere,
        Self::SubmoduleNotHere,
        Self::LfsPointer,
        Self::LineEnds,
        Self::Filtered,
        Self::GitDirectoryHere,
        Self::GitDirectoryThere,
    ];

    /// The word for it in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Modified => "modified",
            Self::Untracked => "untracked",
            Self::Ignored => "ignored",
            Self::Absent => "absent",
            Self::KeptBackHere => "kept_back_here",
            Self::KeptBackThere => "kept_back_there",
            Self::OtherCommit => "other_commit",
            Self::Executable => "executable",
            Self::Permissions => "permissions",
            Self::Type => "type",
            Self::SubmoduleNotThere => "submodule_not_there",
            Self::SubmoduleNotHere => "submodule_not_here",
            Self::LfsPointer => "lfs_pointer",
            Self::LineEnds => "line_ends",
            Self::Filtered => "filtered",
            Self::GitDirectoryHere => "git_directory_here",
            Self::GitDirectoryThere => "git_directory_there",
        }
    }

    /// What it is, in a phrase.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Modified => "changed here, not committed",
            Self::Untracked => "sent, not known to git",
            Self::Ignored => "sent, ignored by git",
            Self::Absent => "committed, not here",
            Self::KeptBackHere => "committed, kept back by the ignore file here",
            Self::KeptBackThere => "sent, kept back by the ignore file of the commit",
            Self::OtherCommit => "other in that commit than in the one checked out here",
            Self::Executable => "executable on one side",
            Self::Permissions => "other permissions than a clone gives",
            Self::Type => "file, directory or symlink on one side, another of them on the other",
            Self::SubmoduleNotThere => "submodule, sent and not cloned",
            Self::SubmoduleNotHere => "submodule, cloned and not sent",
            Self::LfsPointer => "a pointer of git-lfs in the clone",
            Self::LineEnds => "other line ends",
            Self::Filtered => "changed by a filter of git's",
            Self::GitDirectoryHere => "sent along",
            Self::GitDirectoryThere => "in the clone's context",
        }
    }
}

/// How a directory that is sent differs from a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContentDifference {
    paths: BTreeMap<Kind, BTreeSet<PathBuf>>,
}

impl ContentDifference {
    /// Whether both have the same files, directories and symlinks, with the same content, and executable or not.
    /// [Other permissions](Kind::Permissions) are differences to the image, and few care.
    pub fn is_same(&self) -> bool {
        self.paths.keys().all(|kind| *kind == Kind::Permissions)
    }

    /// What differs in this way, in byte order.
    pub fn of(&self, kind: Kind) -> impl ExactSizeIterator<Item = &Path> {
        static NONE: BTreeSet<PathBuf> = BTreeSet::new();
        self.paths.get(&kind).unwrap_or(&NONE).iter().map(PathBuf::as_path)
    }

    fn add(&mut self, kind: Kind, path: &[u8]) {
        self.paths.entry(kind).or_default().insert(sys::told(path).into_owned());
    }
}

impl fmt::Display for ContentDifference {
    /// A line for each kind with its first paths indented below it; nothing if nothing differs. Names are
    /// without controls, as a name may forge a line.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, paths) in &self.paths {
            let count = words::plural(paths.len() as u64, "path");
            writeln!(out, "{}: {count}", kind.phrase())?;
            paths
                .iter()
                .take(TOLD)
                .try_for_each(|path| writeln!(out, "  {}", path.display().to_string().escape_debug()))?;
            if let Some(more) = paths.len().checked_sub(TOLD).filter(|more| *more > 0) {
                writeln!(out, "  … and {more} more")?;
            }
        }
        Ok(())
    }
}

impl Serialize for ContentDifference {
    /// Whether it is the same, and the paths of each kind as text: bytes that are no UTF-8 become U+FFFD.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(2))?;
        map.serialize_entry("same", &self.is_same())?;
        let kinds = self.paths.iter().map(|(kind, paths)| {
            let paths: Vec<_> = paths.iter().map(|path| path.to_string_lossy()).collect();
            (kind.word().to_owned(), json!(paths))
        });
        map.serialize_entry("paths", &kinds.collect::<serde_json::Map<_, _>>())?;
        map.end()
    }
}

/// Compares what is sent, as the ignore file left it, with a commit.
///
/// # Errors
/// A file that cannot be read.
pub fn difference(
    sent: &Listing,
    here: &Here,
    there: &Committed,
    look: &dyn Look,
) -> Result<ContentDifference, ContextError> {
    let mut comparison = Comparison {
        sent: sent.entries.iter().map(|entry| (bytes_of(entry), entry)).collect(),
        here,
        there,
        look,
        found: ContentDifference::default(),
        changed: vec![],
    };
    for (index, entry) in sent.entries.iter().enumerate() {
        match &entry.kind {
            Sent::Directory => {
                let next = sent.entries.get(index + 1);
                let is_empty = next.is_none_or(|next| !next.path.starts_with(&entry.path));
                comparison.directory(entry, is_empty);
            }
            Sent::File { .. } | Sent::Symlink { .. } => comparison.entry(entry)?,
        }
    }
    let mut above = None;
    for (path, blob) in &there.tree {
        if above.is_some_and(|above| is_below(path, above)) {
            continue;
        }
        above = comparison.not_sent(path, *blob);
    }
    let is_excluded = there.ignore.judge(Dialect::Kaniko, b".git/HEAD").excluded();
    if there.git_directory && !is_excluded {
        comparison.found.add(Kind::GitDirectoryThere, GIT);
    }
    Ok(comparison.end())
}

struct Comparison<'a> {
    sent: HashMap<&'a [u8], &'a Entry>,
    here: &'a Here,
    there: &'a Committed,
    look: &'a dyn Look,
    found: ContentDifference,
    /// Files with another content than in the commit, which is that of the commit that is checked out.
    changed: Vec<&'a Path>,
}

impl<'a> Comparison<'a> {
    fn directory(&mut self, entry: &Entry, is_empty: bool) {
        let path = bytes_of(entry);
        if is_within(path, GIT) {
            return self.found.add(Kind::GitDirectoryHere, GIT);
        }
        let tree = &self.there.tree;
        let is_submodule = self.submodule_at_or_above(path).is_some();
        let is_there = is_submodule || has_below(tree, path);
        if is_empty && !is_there && !tree.contains_key(path) {
            let mut path = path.to_vec();
            path.push(b'/');
            self.extra(&path);
        } else if is_there && !is_submodule && entry.mode != DIRECTORY_MODE {
            self.found.add(Kind::Permissions, path);
        }
    }

    fn entry(&mut self, entry: &'a Entry) -> Result<(), ContextError> {
        let path = bytes_of(entry);
        if is_within(path, GIT) {
            self.found.add(Kind::GitDirectoryHere, GIT);
        } else if let Some(submodule) = self.submodule_at_or_above(path) {
            match (submodule == path, self.there.submodules) {
                (true, _) => self.found.add(Kind::Type, path),
                (false, false) => self.found.add(Kind::SubmoduleNotThere, submodule),
                // What is in it is a matter of its own repository.
                (false, true) => {}
            }
        } else if let Some(blob) = self.there.tree.get(path) {
            match self.is_kept_back_there(path) {
                true => self.found.add(Kind::KeptBackThere, path),
                false => self.both(entry, *blob)?,
            }
        } else if has_below(&self.there.tree, path) {
            self.found.add(Kind::Type, path);
        } else {
            self.extra(path);
        }
        Ok(())
    }

    /// Something that is sent and not in the commit.
    fn extra(&mut self, path: &[u8]) {
        let kind = if self.here.head.contains_key(path) {
            Kind::OtherCommit
        } else if self.here.index.contains(path) {
            Kind::Modified
        } else if self.here.ignores(path) {
            Kind::Ignored
        } else {
            Kind::Untracked
        };
        self.found.add(kind, path);
    }

    /// Something that is on both sides.
    fn both(&mut self, entry: &'a Entry, blob: Blob) -> Result<(), ContextError> {
        let path = bytes_of(entry);
        let mode = match (&entry.kind, blob.mode) {
            (Sent::Symlink { .. }, Mode::Symlink) => entry.mode,
            (Sent::File { .. }, Mode::File) => 0o644,
            (Sent::File { .. }, Mode::Executable) => 0o755,
            _ => {
                self.found.add(Kind::Type, path);
                return Ok(());
            }
        };
        if (entry.mode ^ mode) & 0o100 != 0 {
            self.found.add(Kind::Executable, path);
        } else if entry.mode != mode {
            self.found.add(Kind::Permissions, path);
        }
        let id = self.look.id(entry)?;
        if id != blob.id {
            self.content(entry, id, blob);
        }
        Ok(())
    }

    /// Why the content is another one.
    fn content(&mut self, entry: &'a Entry, id: ObjectId, blob: Blob) {
        let path = bytes_of(entry);
        let head = self.here.head.get(path).map(|blob| blob.id);
        let committed = self.look.committed(blob.id);
        let sent = || self.look.sent(entry);
        if committed.as_deref().is_some_and(is_lfs_pointer) {
            self.found.add(Kind::LfsPointer, path);
        } else if head == Some(id) {
            self.found.add(Kind::OtherCommit, path);
        } else if committed.is_some_and(|committed| sent().is_some_and(|sent| same_lines(&sent, &committed))) {
            self.found.add(Kind::LineEnds, path);
        } else if head == Some(blob.id) {
            self.changed.push(&entry.path);
        } else {
            self.found.add(Kind::Modified, path);
        }
    }

    /// Something that is committed and perhaps not sent. Gives the path below which all is told with it.
    fn not_sent(&mut self, path: &'a [u8], blob: Blob) -> Option<&'a [u8]> {
        let entry = self.sent.get(path);
        if blob.mode == Mode::Submodule {
            let is_missing = self.there.submodules && !self.has_sent_below(path);
            if is_missing && !self.is_kept_back_there(path) {
                self.found.add(Kind::SubmoduleNotHere, path);
            }
            return None;
        }
        let above =
            prefixes(path).find(|above| self.sent.get(above).is_some_and(|entry| entry.kind != Sent::Directory));
        if above.is_some() {
            return above;
        }
        match entry.map(|entry| &entry.kind) {
            Some(Sent::Directory) => self.found.add(Kind::Type, path),
            Some(_) => {}
            None if self.is_kept_back_there(path) => {}
            None if sys::path(path).is_ok_and(|path| self.look.is_there(path)) => {
                self.found.add(Kind::KeptBackHere, path)
            }
            None if self.here.head.contains_key(path) => self.found.add(Kind::Absent, path),
            None => self.found.add(Kind::OtherCommit, path),
        }
        None
    }

    fn has_sent_below(&self, path: &[u8]) -> bool {
        self.sent.keys().any(|sent| is_below(sent, path))
    }

    fn is_kept_back_there(&self, path: &[u8]) -> bool {
        self.there.ignore.judge(Dialect::Kaniko, path).excluded()
    }

    fn submodule_at_or_above(&self, path: &'a [u8]) -> Option<&'a [u8]> {
        let is_submodule = |path: &&[u8]| self.there.tree.get(*path).is_some_and(|blob| blob.mode == Mode::Submodule);
        prefixes(path).chain([path]).find(is_submodule)
    }

    /// Asks about all filters at once.
    fn end(mut self) -> ContentDifference {
        let filtered = self.look.filtered(&self.changed);
        for path in std::mem::take(&mut self.changed) {
            let path = path.as_os_str().as_bytes();
            let kind = if filtered.contains(path) { Kind::Filtered } else { Kind::Modified };
            self.found.add(kind, path);
        }
        self.found
    }
}

impl Here {
    fn ignores(&self, path: &[u8]) -> bool {
        let is_ignored_above = |above: &[u8]| self.ignored.contains(&[above, b"/"].concat());
        // All of the context, if that is in a directory that is ignored.
        self.ignored.contains(&b"./"[..]) || self.ignored.contains(path) || prefixes(path).any(is_ignored_above)
    }
}

fn bytes_of(entry: &Entry) -> &[u8] {
    entry.path.as_os_str().as_bytes()
}

/// The directories above a path, the topmost first.
fn prefixes(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(end, _)| &path[..end])
}

fn is_below(path: &[u8], above: &[u8]) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with(b"/"))
}

fn is_within(path: &[u8], above: &[u8]) -> bool {
    path == above || is_below(path, above)
}

/// Whether a tree has something in this directory.
fn has_below(tree: &Tree, directory: &[u8]) -> bool {
    let start = [directory, b"/"].concat();
    let mut after = tree.range::<[u8], _>((Bound::Included(&start[..]), Bound::Unbounded));
    after.next().is_some_and(|(path, _)| path.starts_with(&start))
}

fn is_lfs_pointer(content: &[u8]) -> bool {
    content.len() < LFS_LIMIT && content.starts_with(LFS)
}

/// Whether two texts are the same but for what ends their lines.
fn same_lines(left: &[u8], right: &[u8]) -> bool {
    let lines = |text: &[u8]| -> Vec<u8> {
        let next = text.iter().skip(1).map(Some).chain([None]);
        let kept = text.iter().zip(next).filter(|(byte, next)| !(**byte == b'\r' && *next == Some(&b'\n')));
        kept.map(|(byte, _)| *byte).collect()
    };
    lines(left) == lines(right)
}

#[cfg(test)]
mod tests;

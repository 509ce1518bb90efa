//! Walks a build context and finds what is sent.
//!
//! The order is that of both Docker walkers: a directory, then what it holds, names in byte order. An excluded directory
//! is entered only if a pattern could bring back something below it; if something comes back, the directories above it
//! are sent too, with their own modes (BuildKit's rule, fsutil `filterFS.Walk`).
//!
//! A walk only lists directories and asks the ignore file; [`Found::examine`] asks the system about what is sent, which
//! takes as long again and can be done beside it. A walk holds the names of one directory a level and nothing else, packed
//! into one piece of memory for each: a tree of a million files can be walked, sent and forgotten entry by entry.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::dockerignore::{IgnoreError, Matcher, PathState};
use super::listing::{Content, Entry, Kind, LeftOut, Listing, Totals};
use super::locate::BuildContext;
use crate::error::ContextError;
use crate::sys::{self, FileKind, Root};

/// What stands for a directory alone.
const DIRECTORY: Totals = Totals { files: 0, directories: 1, symlinks: 0, bytes: 0 };

/// What is done with what is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excluded {
    /// It is passed over.
    Prune,
    /// It is told and passed over.
    Name,
    /// It is walked and told.
    Count,
}

/// Something that a walk came by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<T = Entry> {
    /// It is sent.
    Sent(T),
    /// It is not, by the ignore file; not told to those who [prune](Excluded::Prune).
    Excluded {
        /// Relative to the context's root.
        path: PathBuf,
        /// It and, if it is a directory that was pruned, everything below it; nothing for those who do not
        /// [count](Excluded::Count).
        totals: Totals,
    },
    /// A socket, FIFO or device, which cannot be sent.
    Special(PathBuf),
}

/// The compiled ignore file of a build context.
#[derive(Debug)]
pub struct Filter {
    matcher: Matcher,
    /// The ignore file, if there is one.
    file: Option<PathBuf>,
}

impl Filter {
    /// Compiles what `context` says; without an ignore file everything is sent.
    ///
    /// # Errors
    /// An ignore file that Docker would refuse.
    pub fn of(context: &BuildContext) -> Result<Self, ContextError> {
        let file = context.ignore_file.as_ref();
        let content = file.map_or(&[][..], |file| &file.content);
        let path = file.map(|file| file.path.clone());
        match Matcher::from_file(content) {
            Ok(matcher) => Ok(Self { matcher, file: path }),
            Err(error) => Err(ignore_error(path.as_deref(), &error)),
        }
    }
}

/// Lists what of `context` is sent.
///
/// # Errors
/// An ignore file that Docker would refuse; a file or directory that is sent and cannot be examined or listed.
pub fn scan(context: &BuildContext, excluded: Excluded) -> Result<Listing, ContextError> {
    Ok(collect(context, excluded)?.0)
}

/// Lists what of `context` is sent, and what is not: in archive order, a directory of which nothing is sent as one.
///
/// # Errors
/// Those of [`scan`].
pub fn scan_both(context: &BuildContext) -> Result<(Listing, Vec<LeftOut>), ContextError> {
    collect(context, Excluded::Count)
}

/// The same in the time of [`scan`]: of what is not sent, no more than the names. A directory that was walked for
/// nothing is not among them, but what it holds is.
///
/// # Errors
/// Those of [`scan`].
pub fn scan_naming(context: &BuildContext) -> Result<(Listing, Vec<PathBuf>), ContextError> {
    let (listing, left_out) = collect(context, Excluded::Name)?;
    Ok((listing, left_out.into_iter().map(|left_out| left_out.path).collect()))
}

fn collect(context: &BuildContext, excluded: Excluded) -> Result<(Listing, Vec<LeftOut>), ContextError> {
    let filter = Filter::of(context)?;
    let (mut listing, mut left_out) = (Listing::default(), Vec::new());
    let root = open(&context.root)?;
    for seen in Scan::new(&context.root, &filter, excluded)? {
        match seen?.examine(&root)? {
            Found::Sent(entry) => listing.entries.push(entry),
            Found::Excluded { path, totals } => {
                listing.excluded.add_all(&totals);
                leave_out(&mut left_out, path, totals);
            }
            Found::Special(path) => listing.special.push(path),
        }
    }
    Ok((listing, left_out))
}

/// An excluded directory that was walked for nothing is told after what it holds, which it replaces here.
fn leave_out(left_out: &mut Vec<LeftOut>, path: PathBuf, mut totals: Totals) {
    while let Some(last) = left_out.pop_if(|last| totals.directories > 0 && last.path.starts_with(&path)) {
        totals.add_all(&last.totals);
    }
    left_out.push(LeftOut { path, totals });
}

/// Opens a build context's directory.
///
/// # Errors
/// It cannot be opened.
pub fn open(root: &Path) -> Result<Root, ContextError> {
    Root::open(root).map_err(|source| io_error("open", root, source))
}

impl Found<PathBuf> {
    /// Looks closer at what is sent. The walk can go on meanwhile.
    ///
    /// # Errors
    /// It cannot be examined, or is there no more.
    pub fn examine(self, root: &Root) -> Result<Found, ContextError> {
        match self {
            Self::Sent(path) => entry(path, root),
            Self::Excluded { path, totals } => Ok(Found::Excluded { path, totals }),
            Self::Special(path) => Ok(Found::Special(path)),
        }
    }
}

fn entry(path: PathBuf, root: &Root) -> Result<Found, ContextError> {
    let status = root.status(&path).map_err(|source| io_error("examine", &path, source))?;
    let kind = match status.kind {
        FileKind::Directory => Kind::Directory,
        FileKind::File => Kind::File { size: status.size, content: Content::Disk },
        FileKind::Symlink => {
            Kind::Symlink { target: root.read_link(&path).map_err(|source| io_error("read", &path, source))? }
        }
        FileKind::Special => return Ok(Found::Special(path)),
    };
    Ok(Found::Sent(Entry { path, kind, mode: status.mode, mtime: status.mtime }))
}

/// A walk under way. It ends after its first error.
#[derive(Debug)]
pub struct Scan<'a> {
    filter: &'a Filter,
    excluded: Excluded,
    /// The directories that are being walked, the root first.
    above: Vec<Above<'a>>,
    /// The path of what is being looked at, from the root's own path on.
    path: Vec<u8>,
    /// Bytes of `path` that are the root's and the slash after it.
    root: usize,
    /// Found, and not yet given out.
    ready: VecDeque<Found<PathBuf>>,
}

/// A directory that is being walked.
#[derive(Debug)]
struct Above<'a> {
    state: PathState<'a>,
    /// The directory itself, while it is excluded and nothing below it has been sent.
    unsent: Option<PathBuf>,
    /// What it holds and is still to come.
    names: Names,
    /// Bytes of its path.
    path: usize,
}

impl<'a> Scan<'a> {
    /// Begins a walk of the directory `root`.
    ///
    /// # Errors
    /// It cannot be listed.
    pub fn new(root: &Path, filter: &'a Filter, excluded: Excluded) -> Result<Self, ContextError> {
        let mut path = sys::directory(root).map_err(|source| io_error("list", root, source))?.to_vec();
        if path.last().is_some_and(|last| *last != b'/') {
            path.push(b'/');
        }
        let names = Names::read(root).map_err(|source| io_error("list", root, source))?;
        let state = filter.matcher.root();
        let above = vec![Above { state, unsent: None, names, path: path.len() }];
        Ok(Self { filter, excluded, above, root: path.len(), path, ready: VecDeque::new() })
    }

    /// Looks at the next name; `None` at the end of the walk.
    fn step(&mut self) -> Option<Result<(), ContextError>> {
        let above = self.above.last_mut()?;
        self.path.truncate(above.path);
        let Some((name, kind)) = above.names.next() else {
            self.leave();
            return Some(Ok(()));
        };
        if above.path > self.root {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name);
        Some(self.look(kind))
    }

    /// Decides about what is at the path.
    fn look(&mut self, kind: fs::FileType) -> Result<(), ContextError> {
        let Some(above) = self.above.last() else { return Ok(()) };
        let state = above
            .state
            .child(&self.path[self.root..])
            .map_err(|error| ignore_error(self.filter.file.as_deref(), &error))?;
        let excluded = state.verdict().excluded;
        if excluded && !kind.is_dir() {
            self.pass_over(|path| count(path, kind));
            return Ok(());
        }
        if kind.is_dir() && state.may_skip_directory(&self.path[self.root..]) {
            self.pass_over(|path| Some(count_tree(path)));
            return Ok(());
        }
        let path = self.relative().to_owned();
        if !kind.is_dir() {
            match kind.is_file() || kind.is_symlink() {
                true => self.send(path),
                // Not sent, so it brings no directory with it.
                false => self.ready.push_back(Found::Special(path)),
            }
            return Ok(());
        }
        // Listed before it is sent: an error names the directory itself.
        let names = match Names::read(self.full()) {
            Ok(names) => names,
            Err(_) if excluded => {
                self.pass_over(|_| Some(DIRECTORY));
                return Ok(());
            }
            Err(source) => return Err(io_error("list", &path, source)),
        };
        let unsent = if excluded {
            Some(path)
        } else {
            self.send(path);
            None
        };
        self.above.push(Above { state, unsent, names, path: self.path.len() });
        Ok(())
    }

    /// Sends an entry, after the excluded directories above it.
    fn send(&mut self, path: PathBuf) {
        let directories = self.above.iter_mut().filter_map(|above| above.unsent.take());
        self.ready.extend(directories.map(Found::Sent));
        self.ready.push_back(Found::Sent(path));
    }

    /// Tells of what is not sent, if anybody wants to know.
    fn pass_over(&mut self, count: impl FnOnce(&Path) -> Option<Totals>) {
        let totals = match self.excluded {
            Excluded::Prune => None,
            Excluded::Name => Some(Totals::default()),
            Excluded::Count => count(self.full()),
        };
        if let Some(totals) = totals {
            self.ready.push_back(Found::Excluded { path: self.relative().to_owned(), totals });
        }
    }

    /// Goes up to the directory above.
    fn leave(&mut self) {
        let unsent = self.above.pop().and_then(|above| above.unsent);
        if unsent.is_some() && self.excluded == Excluded::Count {
            self.pass_over(|_| Some(DIRECTORY));
        }
    }

    /// The path for the system.
    fn full(&self) -> &Path {
        sys::walked(&self.path)
    }

    /// The path for the user.
    fn relative(&self) -> &Path {
        sys::walked(&self.path[self.root..])
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<Found<PathBuf>, ContextError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.ready.pop_front() {
                return Some(Ok(found));
            }
            if let Err(error) = self.step()? {
                self.above.clear();
                return Some(Err(error));
            }
        }
    }
}

/// The names in one directory, in byte order. All in one allocation: a directory may hold a million.
#[derive(Debug)]
struct Names {
    bytes: Vec<u8>,
    /// From the last name to the first.
    rest: Vec<Name>,
}

#[derive(Debug, Clone, Copy)]
struct Name {
    start: usize,
    length: u16,
    kind: fs::FileType,
}

impl Names {
    fn read(directory: &Path) -> io::Result<Self> {
        let (mut bytes, mut rest) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = sys::name(&name)?;
            let length = u16::try_from(name.len()).map_err(io::Error::other)?;
            rest.push(Name { start: bytes.len(), length, kind: entry.file_type()? });
            bytes.extend_from_slice(name);
        }
        rest.sort_unstable_by(|left, right| text(&bytes, right).cmp(text(&bytes, left)));
        Ok(Self { bytes, rest })
    }

    fn next(&mut self) -> Option<(&[u8], fs::FileType)> {
        let name = self.rest.pop()?;
        Some((text(&self.bytes, &name), name.kind))
    }
}

fn text<'a>(bytes: &'a [u8], name: &Name) -> &'a [u8] {
    &bytes[name.start..name.start + usize::from(name.length)]
}

/// What stands for an excluded directory and all below it. What cannot be listed is not sent either, so it is not worth
/// an error.
fn count_tree(directory: &Path) -> Totals {
    let mut totals = DIRECTORY;
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let below = if kind.is_dir() { Some(count_tree(&entry.path())) } else { count(&entry.path(), kind) };
        below.iter().for_each(|below| totals.add_all(below));
    }
    totals
}

/// What stands for one excluded thing that is no directory; none if it cannot be examined.
fn count(path: &Path, kind: fs::FileType) -> Option<Totals> {
    let mut totals = Totals::default();
    if kind.is_symlink() {
        totals.symlinks = 1;
    } else if kind.is_file() {
        totals.files = 1;
        totals.bytes = fs::symlink_metadata(path).ok()?.len();
    }
    Some(totals)
}

/// Names the ignore file whose patterns cannot be used.
pub fn ignore_error(file: Option<&Path>, error: &IgnoreError) -> ContextError {
    let path = file.unwrap_or(Path::new(".dockerignore")).to_owned();
    ContextError::IgnoreFile { path, why: error.to_string() }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> ContextError {
    ContextError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::context::locate;

    fn tree(ignore_file: &str, paths: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for path in paths {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "12345").unwrap();
        }
        if !ignore_file.is_empty() {
            fs::write(root.path().join(".dockerignore"), ignore_file).unwrap();
        }
        root
    }

    fn list(root: &Path, excluded: Excluded) -> Listing {
        scan(&locate::build_context(root, None).unwrap(), excluded).unwrap()
    }

    fn paths(listing: &Listing) -> Vec<&str> {
        listing.entries.iter().map(|entry| entry.path.to_str().unwrap()).collect()
    }

    #[test]
    fn entries_come_in_byte_order_of_their_names_a_directory_before_its_entries() {
        let root = tree("", &["b", "a/z", "a/b/c", "a-b", "B"]);
        assert_eq!(paths(&list(root.path(), Excluded::Prune)), ["B", "a", "a/b", "a/b/c", "a/z", "a-b", "b"]);
    }

    #[test]
    fn a_kept_file_brings_the_excluded_directories_above_it() {
        let root = tree("a\n!a/b/keep\n", &["a/b/keep", "a/b/drop", "a/c/drop"]);
        let listing = list(root.path(), Excluded::Prune);
        assert_eq!(paths(&listing), [".dockerignore", "a", "a/b", "a/b/keep"]);
    }

    #[test]
    fn counting_what_is_excluded_does_not_change_what_is_sent() {
        let root = tree("a\n!a/b/keep\nnode_modules\n", &["a/b/keep", "a/b/drop", "a/c/drop", "node_modules/x/y"]);
        let (pruned, counted) = (list(root.path(), Excluded::Prune), list(root.path(), Excluded::Count));
        assert_eq!(pruned.entries, counted.entries);
        assert_eq!(counted.excluded.files, 3);
        assert_eq!(counted.excluded.bytes, 15);
    }

    #[test]
    fn a_directory_of_which_nothing_is_sent_is_left_out_as_one() {
        let ignore_file = "a\n!a/b/keep\n!a/c/gone\n*.log\n";
        let root = tree(ignore_file, &["a/b/keep", "a/b/drop", "a/c/d/x", "a/c/y", "a/z", "b.log", "c"]);
        let (listing, left_out) = scan_both(&locate::build_context(root.path(), None).unwrap()).unwrap();
        assert_eq!(listing.entries, list(root.path(), Excluded::Prune).entries);
        let told: Vec<_> = left_out.iter().map(|left| (left.path.to_str().unwrap(), left.totals.files)).collect();
        assert_eq!(told, [("a/b/drop", 1), ("a/c", 2), ("a/z", 1), ("b.log", 1)]);
        assert_eq!(left_out[1].word(), "directory");
        assert_eq!(listing.excluded.files, 5);
    }

    #[test]
    fn what_is_not_sent_can_be_named_without_a_look_at_it() {
        let root =
            tree("a\n!a/b/keep\n*.log\nd\n", &["a/b/keep", "a/b/drop", "a/c/drop", "d/x/y", "d/z", "e.log", "f"]);
        let (listing, names) = scan_naming(&locate::build_context(root.path(), None).unwrap()).unwrap();
        assert_eq!(listing.entries, list(root.path(), Excluded::Prune).entries);
        assert_eq!(listing.excluded, Totals::default());
        assert_eq!(names, ["a/b/drop", "a/c", "d", "e.log"].map(Path::new));
    }

    #[test]
    fn modes_and_link_targets_are_taken_as_they_are() {
        let root = tree("", &["run"]);
        fs::set_permissions(root.path().join("run"), fs::Permissions::from_mode(0o4751)).unwrap();
        symlink("./no//where/../x", root.path().join("link")).unwrap();
        let listing = list(root.path(), Excluded::Prune);
        assert_eq!(listing.entries[0].kind, Kind::Symlink { target: "./no//where/../x".into() });
        assert_eq!(listing.entries[1].mode, 0o4751);
    }

    #[test]
    fn a_socket_is_named_and_left_out() {
        let root = tree("", &["file"]);
        let _socket = std::os::unix::net::UnixListener::bind(root.path().join("socket")).unwrap();
        let listing = list(root.path(), Excluded::Prune);
        assert_eq!(paths(&listing), ["file"]);
        assert_eq!(listing.special, [Path::new("socket")]);
    }

    #[test]
    fn a_symlink_to_a_directory_is_a_fine_root_and_never_followed_below_it() {
        let root = tree("", &["real/x"]);
        symlink("real", root.path().join("root")).unwrap();
        symlink(".", root.path().join("real/loop")).unwrap();
        assert_eq!(paths(&list(&root.path().join("root"), Excluded::Prune)), ["loop", "x"]);
    }

    #[test]
    fn a_refused_pattern_names_file_line_and_pattern() {
        let root = tree("ok\n[a\n", &["x"]);
        let error = scan(&locate::build_context(root.path(), None).unwrap(), Excluded::Prune).unwrap_err();
        let ContextError::IgnoreFile { path, why } = error else { panic!("{error:?}") };
        assert_eq!(path, root.path().join(".dockerignore"));
        assert_eq!(why, "line 2: malformed pattern `[a`");
    }
}

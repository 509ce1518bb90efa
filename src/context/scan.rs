//! Walks a build context and lists what is sent.
//!
//! The order is that of both Docker walkers: a directory, then what it holds, names in byte order. An excluded directory
//! is entered only if a pattern could bring back something below it; if something comes back, the directories above it
//! are sent too, with their own modes (BuildKit's rule, fsutil `filterFS.Walk`).

use std::fs::{FileType, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use walkdir::{DirEntry, WalkDir};

use super::dockerignore::{IgnoreError, Matcher, PathState};
use super::listing::{Entry, Kind, Listing, Totals};
use super::locate::{BuildContext, TextFile};
use crate::error::ContextError;

/// What is done with directories that hold nothing to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excluded {
    /// They are passed over.
    Prune,
    /// They are walked for [`Listing::excluded`].
    Count,
}

/// Lists what of `context` is sent.
///
/// # Errors
/// An ignore file that Docker would refuse; a file or directory that is sent and cannot be examined or listed.
pub fn scan(context: &BuildContext, excluded: Excluded) -> Result<Listing, ContextError> {
    let matcher = match &context.ignore_file {
        Some(file) => Matcher::from_file(&file.content).map_err(|error| ignore_error(file, &error))?,
        None => Matcher::new(&[]).map_err(|error| unreachable_ignore_error(&error))?,
    };
    let mut scan = Scan {
        context,
        excluded,
        above: vec![Above { state: matcher.root(), unsent: None }],
        listing: Listing::default(),
    };
    let mut walk = WalkDir::new(&context.root).min_depth(1).sort_by_file_name().into_iter();
    while let Some(found) = walk.next() {
        match found {
            Ok(entry) => {
                if scan.entry(&entry)? == Descend::No {
                    walk.skip_current_dir();
                }
            }
            Err(error) => scan.unlisted(error)?,
        }
    }
    Ok(scan.listing)
}

#[derive(PartialEq, Eq)]
enum Descend {
    Yes,
    No,
}

struct Scan<'a> {
    context: &'a BuildContext,
    excluded: Excluded,
    /// The directories above the current entry, the root first.
    above: Vec<Above<'a>>,
    listing: Listing,
}

struct Above<'a> {
    state: PathState<'a>,
    /// The directory itself, while it is excluded and nothing below it has been sent.
    unsent: Option<Entry>,
}

impl Scan<'_> {
    fn entry(&mut self, found: &DirEntry) -> Result<Descend, ContextError> {
        let relative = found.path().strip_prefix(&self.context.root).unwrap_or(found.path());
        self.above.truncate(found.depth());
        let Some(parent) = self.above.last() else { return Ok(Descend::No) };
        let state =
            parent.state.child(relative.as_os_str().as_bytes()).map_err(|error| match &self.context.ignore_file {
                Some(file) => ignore_error(file, &error),
                None => unreachable_ignore_error(&error),
            })?;
        let is_directory = found.file_type().is_dir();
        if state.verdict().excluded && !is_directory {
            self.count_excluded(found);
            return Ok(Descend::Yes);
        }
        if is_directory && state.may_skip_directory(relative.as_os_str().as_bytes()) {
            if self.excluded == Excluded::Count {
                count_tree(found.path(), &mut self.listing.excluded);
            }
            return Ok(Descend::No);
        }
        let metadata = found.metadata().map_err(|error| io_error("examine", relative, error.into()))?;
        let Some(kind) = kind(found.path(), relative, found.file_type(), &metadata)? else {
            self.listing.special.push(relative.to_owned());
            return Ok(Descend::Yes);
        };
        let entry = Entry {
            path: relative.to_owned(),
            kind,
            mode: metadata.mode() & 0o7777,
            mtime: u64::try_from(metadata.mtime()).unwrap_or(0),
        };
        let unsent = if state.verdict().excluded {
            Some(entry)
        } else {
            self.send(entry);
            None
        };
        if is_directory {
            self.above.push(Above { state, unsent });
        }
        Ok(Descend::Yes)
    }

    /// Sends an entry, after the excluded directories above it.
    fn send(&mut self, entry: Entry) {
        let directories = self.above.iter_mut().filter_map(|above| above.unsent.take());
        self.listing.entries.extend(directories);
        self.listing.entries.push(entry);
    }

    fn count_excluded(&mut self, found: &DirEntry) {
        if self.excluded == Excluded::Count {
            count(found, &mut self.listing.excluded);
        }
    }

    /// A directory that cannot be listed is an error, unless it is excluded.
    fn unlisted(&self, error: walkdir::Error) -> Result<(), ContextError> {
        let excluded = self.above.get(error.depth()).is_some_and(|above| above.unsent.is_some());
        let path = error.path().unwrap_or(Path::new(""));
        let relative = path.strip_prefix(&self.context.root).unwrap_or(path).to_owned();
        if excluded && !relative.as_os_str().is_empty() {
            return Ok(());
        }
        Err(io_error("list", &relative, error.into()))
    }
}

/// What is sent for it; `None` for sockets, FIFOs and devices.
fn kind(path: &Path, relative: &Path, kind: FileType, metadata: &Metadata) -> Result<Option<Kind>, ContextError> {
    Ok(if kind.is_dir() {
        Some(Kind::Directory)
    } else if kind.is_file() {
        Some(Kind::File { size: metadata.len() })
    } else if kind.is_symlink() {
        let target = std::fs::read_link(path).map_err(|source| io_error("read", relative, source))?;
        Some(Kind::Symlink { target })
    } else {
        None
    })
}

fn count_tree(directory: &Path, totals: &mut Totals) {
    WalkDir::new(directory).into_iter().flatten().for_each(|found| count(&found, totals));
}

/// What cannot be examined is not sent either, so it is not worth an error.
fn count(found: &DirEntry, totals: &mut Totals) {
    let kind = found.file_type();
    if kind.is_dir() {
        totals.add(&Kind::Directory);
    } else if kind.is_symlink() {
        totals.symlinks += 1;
    } else if kind.is_file()
        && let Ok(metadata) = found.metadata()
    {
        totals.add(&Kind::File { size: metadata.len() });
    }
}

fn ignore_error(file: &TextFile, error: &IgnoreError) -> ContextError {
    ContextError::IgnoreFile { path: file.path.clone(), why: error.to_string() }
}

/// Without an ignore file there is no pattern that could be wrong; said as an error rather than a panic.
fn unreachable_ignore_error(error: &IgnoreError) -> ContextError {
    ContextError::IgnoreFile { path: ".dockerignore".into(), why: error.to_string() }
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

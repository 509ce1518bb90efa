//! Looks up single paths in a build context: where a path as typed lies, what is there, and what the patterns say.

use std::fs::FileType;
use std::io;
use std::path::{Component, Path, PathBuf};

use walkdir::WalkDir;

use super::dockerignore::{Dialect, IgnoreError, Judgement, Rules};
use crate::error::{ContextError, Error, UsageError};
use crate::sys::{self, FileTypeExt, OsStrExt};

/// What there is to say about one path.
#[derive(Debug)]
pub struct Answer<'r> {
    /// As typed.
    pub given: PathBuf,
    /// Relative to the build context, empty for the context itself.
    pub path: PathBuf,
    /// What is there.
    pub found: Found,
    /// What the dialect that was asked makes of it. For Docker always a verdict.
    pub judgement: Judgement<'r>,
    /// Of an excluded directory: the first thing below it that is not excluded, for which the directory is sent too.
    pub kept_below: Option<PathBuf>,
    /// What the other dialect makes of it.
    pub other: Judgement<'r>,
    /// Of a directory that the other dialect excludes: what that keeps below it.
    pub other_keeps: Option<PathBuf>,
}

/// What is at a path. No link is followed, as no walk does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// What cannot be sent.
    Special(Special),
    /// Nothing that a build can see: this directory above it is a symbolic link.
    BelowSymlink(PathBuf),
    /// It cannot be told.
    Unknown {
        /// Why.
        why: String,
    },
}

/// What is neither file, directory nor symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// A socket.
    Socket,
    /// A FIFO.
    Fifo,
    /// A device.
    Device,
}

impl Answer<'_> {
    /// Whether it is there and not kept back: `context ls` would show it.
    pub fn sent(&self) -> bool {
        match self.found {
            Found::File | Found::Symlink => !self.judgement.excluded(),
            Found::Directory => !self.judgement.excluded() || self.kept_below.is_some(),
            Found::Nothing | Found::Special(_) | Found::BelowSymlink(_) | Found::Unknown { .. } => false,
        }
    }
}

/// Where `typed` lies, relative to the build context at `root`: it is relative to the current directory if that leads
/// into the context, else to the context.
///
/// # Errors
/// A path outside of the context.
pub fn within(root: &Path, typed: &Path) -> Result<PathBuf, Error> {
    let io_error = |source| ContextError::Io { action: "find", path: root.to_owned(), source };
    let real_root = sys::real(root).map_err(io_error)?;
    let absolute = clean(&std::path::absolute(typed).map_err(io_error)?);
    // The topmost directory that is the root: links below it are part of the context and not followed.
    let mut above: Vec<&Path> = absolute.ancestors().collect();
    above.reverse();
    let inside = above.into_iter().find(|above| sys::real(above).is_ok_and(|real| real == real_root));
    if let Some(relative) = inside.and_then(|root| absolute.strip_prefix(root).ok()) {
        return Ok(sys::slashed(relative.to_owned()));
    }
    let relative = sys::slashed(clean(typed));
    if relative.is_absolute() || relative.starts_with("..") {
        return Err(UsageError::OutsideContext { path: typed.to_owned(), root: real_root }.into());
    }
    Ok(relative)
}

/// `path` without `.` and with `..` resolved by its text alone, as Docker does with the paths of a Dockerfile.
fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for component in path.components() {
        match (component, cleaned.components().next_back()) {
            (Component::CurDir, _) | (Component::ParentDir, Some(Component::RootDir)) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => drop(cleaned.pop()),
            _ => cleaned.push(component),
        }
    }
    cleaned
}

/// Answers for one path, `given` as typed, which lies at `path` in the build context at `root`.
///
/// # Errors
/// Docker is asked and refuses a pattern.
pub fn answer<'r>(
    root: &Path,
    rules: &'r Rules,
    dialect: Dialect,
    given: &Path,
    path: PathBuf,
) -> Result<Answer<'r>, IgnoreError> {
    let judgement = judge(rules, dialect, &path)?;
    let other = rules.judge(dialect.other(), path.as_os_str().as_bytes());
    let found = look(root, &path);
    let keeps = |judgement: &Judgement<'_>, dialect| match found == Found::Directory && looked_into(judgement) {
        true => first_kept(root, &path, rules, dialect),
        false => Ok(None),
    };
    let kept_below = keeps(&judgement, dialect)?;
    let other_keeps = keeps(&other, dialect.other()).unwrap_or_default();
    Ok(Answer { given: given.to_owned(), path, found, judgement, kept_below, other, other_keeps })
}

/// Docker's refusal is an error: it does not build.
fn judge<'r>(rules: &'r Rules, dialect: Dialect, path: &Path) -> Result<Judgement<'r>, IgnoreError> {
    match (rules.judge(dialect, path.as_os_str().as_bytes()), dialect) {
        (Judgement::Refused(error), Dialect::Docker) => Err(error),
        (judgement, _) => Ok(judgement),
    }
}

/// Whether an excluded directory is looked into for what it may hold.
fn looked_into(judgement: &Judgement<'_>) -> bool {
    judgement.explanation().is_some_and(|explanation| explanation.excluded() && explanation.pruned.is_none())
}

fn look(root: &Path, path: &Path) -> Found {
    let mut above: Vec<&Path> = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()).collect();
    above.reverse();
    for directory in above {
        if root.join(directory).symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Found::BelowSymlink(directory.to_owned());
        }
    }
    // The build context itself may be a link to a directory.
    let found = if path.as_os_str().is_empty() { Ok(None) } else { root.join(path).symlink_metadata().map(Some) };
    match found {
        Ok(None) => Found::Directory,
        Ok(Some(found)) => kind(found.file_type()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Found::Nothing,
        Err(error) => Found::Unknown { why: error.to_string() },
    }
}

fn kind(found: FileType) -> Found {
    if found.is_dir() {
        Found::Directory
    } else if found.is_file() {
        Found::File
    } else if found.is_symlink() {
        Found::Symlink
    } else if found.is_socket() {
        Found::Special(Special::Socket)
    } else if found.is_fifo() {
        Found::Special(Special::Fifo)
    } else {
        Found::Special(Special::Device)
    }
}

/// The first entry below an excluded `directory` that is sent, in archive order.
fn first_kept(root: &Path, directory: &Path, rules: &Rules, dialect: Dialect) -> Result<Option<PathBuf>, IgnoreError> {
    let mut walk = WalkDir::new(root.join(directory)).min_depth(1).sort_by_file_name().into_iter();
    while let Some(found) = walk.next() {
        // What cannot be listed here is excluded: nobody asks for it.
        let Ok(found) = found else { continue };
        let path = sys::slashed(found.path().strip_prefix(root).unwrap_or(found.path()).to_owned());
        let judgement = judge(rules, dialect, &path)?;
        let is_special = matches!(kind(found.file_type()), Found::Special(_));
        if !judgement.excluded() && !is_special {
            return Ok(Some(path));
        }
        if found.file_type().is_dir() && !looked_into(&judgement) {
            walk.skip_current_dir();
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::context::locate::{BuildContext, TextFile};
    use crate::context::scan::{Excluded, scan};

    fn tree<'p>(paths: impl IntoIterator<Item = &'p str>) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for path in paths {
            let path = root.path().join(path);
            // A file may be in the way of a directory of the same name.
            if fs::create_dir_all(path.parent().unwrap()).is_ok() && !path.is_dir() {
                fs::write(path, "").unwrap();
            }
        }
        root
    }

    fn ask<'r>(root: &Path, rules: &'r Rules, dialect: Dialect, path: &str) -> Answer<'r> {
        answer(root, rules, dialect, Path::new(path), path.into()).unwrap()
    }

    #[test]
    fn a_path_counts_from_the_current_directory_if_that_leads_into_the_context_and_else_from_the_context() {
        let root = tree(["dir/x"]);
        // Tests run somewhere outside of it.
        let outside = |typed: &str| within(root.path(), Path::new(typed)).is_err_and(|error| error.exit_code() == 2);
        let inside = |typed: &str| within(root.path(), Path::new(typed)).unwrap();
        assert_eq!(inside("dir/./x/"), Path::new("dir/x"));
        assert_eq!(inside("not/../there"), Path::new("there"));
        assert_eq!(inside("."), Path::new(""));
        let absolute = |path: &str| root.path().join(path).into_os_string().into_string().unwrap();
        assert_eq!(inside(&absolute("dir/../new")), Path::new("new"));
        assert_eq!(inside(&absolute("")), Path::new(""));
        assert!(outside("..") && outside("a/../../b") && outside("/") && outside(&absolute("../x")));
        // From here.
        assert_eq!(within(Path::new("src"), Path::new("src/lib.rs")).unwrap(), Path::new("lib.rs"));
        assert_eq!(within(Path::new("src"), Path::new("lib.rs")).unwrap(), Path::new("lib.rs"));
        assert_eq!(within(Path::new("."), Path::new("src/lib.rs")).unwrap(), Path::new("src/lib.rs"));
    }

    #[test]
    fn links_lead_to_the_context_but_are_not_followed_in_it() {
        let (root, elsewhere) = (tree(["real/x"]), tree([]));
        symlink(root.path(), elsewhere.path().join("context")).unwrap();
        symlink(".", root.path().join("loop")).unwrap();
        let through = elsewhere.path().join("context/real/x");
        assert_eq!(within(root.path(), &through).unwrap(), Path::new("real/x"));
        assert_eq!(within(&elsewhere.path().join("context"), &through).unwrap(), Path::new("real/x"));
        assert_eq!(within(root.path(), &root.path().join("loop/real/x")).unwrap(), Path::new("loop/real/x"));
        let rules = Rules::from_file(b"").unwrap();
        let found = |path: &str| ask(root.path(), &rules, Dialect::Docker, path).found;
        assert_eq!(found("loop"), Found::Symlink);
        assert_eq!(found("loop/real/x"), Found::BelowSymlink("loop".into()));
    }

    #[test]
    fn what_is_there() {
        let root = tree(["dir/x"]);
        let _socket = std::os::unix::net::UnixListener::bind(root.path().join("socket")).unwrap();
        let rules = Rules::from_file(b"").unwrap();
        for (path, found, sent) in [
            ("", Found::Directory, true),
            ("dir", Found::Directory, true),
            ("dir/x", Found::File, true),
            ("dir/y", Found::Nothing, false),
            ("dir/x/y", Found::Nothing, false),
            ("socket", Found::Special(Special::Socket), false),
        ] {
            let answer = ask(root.path(), &rules, Dialect::Docker, path);
            assert_eq!((&answer.found, answer.sent()), (&found, sent), "{path}");
        }
        let long = "n".repeat(300);
        assert!(matches!(ask(root.path(), &rules, Dialect::Docker, &long).found, Found::Unknown { .. }));
    }

    #[test]
    fn an_excluded_directory_is_sent_for_what_is_kept_below_it() {
        let root = tree(["a/drop", "a/keep/x", "b/drop", "node_modules/c/d"]);
        let _socket = std::os::unix::net::UnixListener::bind(root.path().join("b/keep")).unwrap();
        let rules = Rules::from_file(b"*\n!**/keep\n**/node_modules\n").unwrap();
        let kept = |dialect, path: &str| ask(root.path(), &rules, dialect, path).kept_below;
        assert_eq!(kept(Dialect::Docker, "a"), Some("a/keep".into()));
        assert_eq!(kept(Dialect::Docker, "b"), None, "a socket is not sent");
        let rules = Rules::from_file(b"**/node_modules").unwrap();
        let kept = |dialect| ask(root.path(), &rules, dialect, "node_modules").kept_below;
        assert_eq!(kept(Dialect::Docker), None);
        assert_eq!(kept(Dialect::Kaniko), Some("node_modules/c".into()));
    }

    const PATTERNS: &[&str] = &[
        "*", "**", "a", "b", "c", "a/b", "*/a", "**/a", "**/b/c", "a/*", "a/**", "b/*/a", "**/*b", "[ab]", "a/b/c",
        "**/ab",
    ];

    fn ignore_file() -> impl Strategy<Value = String> {
        let pattern =
            (prop_oneof![Just(""), Just("!")], select(PATTERNS)).prop_map(|(sign, text)| format!("{sign}{text}"));
        vec(pattern, 1..7).prop_map(|lines| lines.join("\n"))
    }

    fn paths() -> impl Strategy<Value = Vec<String>> {
        vec(vec(select(&["a", "b", "c", "ab"][..]), 1..5).prop_map(|components| components.join("/")), 1..15)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_answer_for_each_path_is_what_context_ls_shows(file in ignore_file(), paths in paths()) {
            let root = tree(paths.iter().map(String::as_str));
            let rules = Rules::from_file(file.as_bytes()).unwrap();
            let ignore_file = Some(TextFile { path: ".dockerignore".into(), content: file.into_bytes() });
            let listing = scan(&BuildContext { root: root.path().to_owned(), ignore_file }, Excluded::Prune).unwrap();
            for found in WalkDir::new(root.path()).min_depth(1).into_iter().map(Result::unwrap) {
                let path = found.path().strip_prefix(root.path()).unwrap();
                let answer = ask(root.path(), &rules, Dialect::Docker, path.to_str().unwrap());
                let listed = listing.entries.iter().any(|entry| entry.path == path);
                prop_assert_eq!(answer.sent(), listed, "{:?}", answer);
                if !found.file_type().is_dir() {
                    prop_assert_eq!(answer.judgement.excluded(), !listed, "{:?}", answer);
                }
            }
        }
    }
}

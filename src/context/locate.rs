//! Finds the Dockerfile and the ignore file that belong to a build context, and reads them.
//!
//! A `-f` path is relative to the current directory, as in Docker, and if nothing is there, to the context, as in
//! Kaniko. Which ignore file counts is BuildKit's rule (`frontend/dockerui/config.go`): the one beside the Dockerfile
//! that bears its name, else the context's `.dockerignore`; never both.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::error::{A_FILE, ContextError, Error, UsageError};
use crate::sys::slashed;

/// How deep and how far the search for files that look like a Dockerfile goes when there is none where it should be.
const SEARCH_DEPTH: usize = 3;
const SEARCH_ENTRIES: usize = 20_000;

/// A build context with the files that govern it.
#[derive(Debug)]
pub struct BuildContext {
    /// The directory, as typed.
    pub root: PathBuf,
    /// The ignore file, if there is one.
    pub ignore_file: Option<TextFile>,
}

/// A small file, read.
#[derive(Debug)]
pub struct TextFile {
    /// Where it was found.
    pub path: PathBuf,
    /// Its content.
    pub content: Vec<u8>,
}

/// Finds and reads the Dockerfile for `root`: `file` as typed, or the default.
///
/// # Errors
/// Usage errors that list what was tried and what looks like a Dockerfile; I/O errors.
pub fn dockerfile(root: &Path, file: Option<&Path>) -> Result<TextFile, Error> {
    check_directory(root)?;
    let candidates = match file {
        Some(file) => vec![file.to_owned(), root.join(file)],
        None => vec![root.join("Dockerfile"), root.join("dockerfile")],
    };
    let candidates = candidates.into_iter().map(|path| as_typed(&path));
    let mut tried: Vec<(PathBuf, &'static str)> = Vec::new();
    for path in candidates {
        match fs::metadata(&path) {
            Ok(found) if found.is_file() => {
                let content = read(&path)?;
                return Ok(TextFile { path, content });
            }
            Ok(found) => tried.push((path, describe(&found))),
            Err(error) if is_missing(&error) => {
                let dangling = fs::symlink_metadata(&path).is_ok();
                tried.push((path, if dangling { "a symlink to nothing" } else { "not there" }));
            }
            Err(source) => return Err(ContextError::Io { action: "read", path, source }.into()),
        }
    }
    tried.dedup_by(|later, earlier| later.0 == earlier.0);
    let given = file.map_or_else(|| as_typed(&root.join("Dockerfile")), Path::to_owned);
    Err(UsageError::NoDockerfile { given, tried, alike: look_alikes(root) }.into())
}

/// Finds and reads the ignore file for `root` and the Dockerfile at `dockerfile` (`None` where there is none, as for
/// `context ls` of a directory without one).
///
/// # Errors
/// The build context is no directory; an ignore file that is there but cannot be read: it is never taken for empty,
/// that would send what it was meant to keep back.
pub fn build_context(root: &Path, dockerfile: Option<&Path>) -> Result<BuildContext, Error> {
    check_directory(root)?;
    let own = dockerfile.map(|path| {
        let mut name = OsString::from(path);
        name.push(".dockerignore");
        PathBuf::from(name)
    });
    for path in own.into_iter().chain([as_typed(&root.join(".dockerignore"))]) {
        match regular(&path).and_then(|()| fs::read(&path)) {
            Ok(content) => {
                let ignore_file = Some(TextFile { path, content });
                return Ok(BuildContext { root: root.to_owned(), ignore_file });
            }
            Err(error) if is_missing(&error) => {}
            Err(source) => return Err(ContextError::Io { action: "read", path, source }.into()),
        }
    }
    Ok(BuildContext { root: root.to_owned(), ignore_file: None })
}

/// Without the `./` of the default context, which nobody typed.
fn as_typed(path: &Path) -> PathBuf {
    slashed(path.strip_prefix(".").unwrap_or(path).to_owned())
}

fn read(path: &Path) -> Result<Vec<u8>, ContextError> {
    fs::read(path).map_err(|source| ContextError::Io { action: "read", path: path.to_owned(), source })
}

/// Reading anything else may wait for ever.
fn regular(path: &Path) -> io::Result<()> {
    match fs::metadata(path)?.is_file() {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn describe(found: &fs::Metadata) -> &'static str {
    if found.is_dir() {
        "a directory"
    } else if found.is_file() {
        A_FILE
    } else {
        "neither file nor directory"
    }
}

/// Whether `root` is a directory.
///
/// # Errors
/// What it is instead.
pub fn check_directory(root: &Path) -> Result<(), UsageError> {
    let found = match fs::metadata(root) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(found) => describe(&found),
        Err(error) if is_missing(&error) => "not there",
        Err(_) => "not readable",
    };
    Err(UsageError::NoDirectory { path: root.to_owned(), found, alike: sibling_directories(root) })
}

/// Directories beside `path` with the same name but for letter case.
fn sibling_directories(path: &Path) -> Vec<PathBuf> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return vec![] };
    let listed = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let Ok(entries) = fs::read_dir(listed) else { return vec![] };
    entries
        .flatten()
        .filter(|entry| entry.file_name().eq_ignore_ascii_case(name) && entry.path().is_dir())
        .map(|entry| parent.join(entry.file_name()))
        .collect()
}

/// Files below `root` that look like a Dockerfile, nearest first, as `-f` takes them from the current directory.
fn look_alikes(root: &Path) -> Vec<PathBuf> {
    let mut found: Vec<(usize, PathBuf)> = WalkDir::new(root)
        .max_depth(SEARCH_DEPTH)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || entry.file_name() != ".git" && entry.file_name() != "node_modules")
        .take(SEARCH_ENTRIES)
        .flatten()
        .filter(|entry| entry.file_type().is_file() && looks_like_dockerfile(entry.path()))
        .map(|entry| (entry.depth(), as_typed(entry.path())))
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).take(5).collect()
}

/// Whether a file of this path may be a Dockerfile, by its name.
pub fn looks_like_dockerfile(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let is_ignore_file = name.ends_with(".dockerignore");
    let stem = name.starts_with("dockerfile") || name.starts_with("containerfile");
    !is_ignore_file && (stem || name.ends_with(".dockerfile") || name.ends_with(".containerfile"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        root
    }

    fn ignore_file(root: &Path, dockerfile: &str) -> Option<String> {
        let context = build_context(root, Some(&root.join(dockerfile))).unwrap();
        context.ignore_file.map(|file| String::from_utf8(file.content).unwrap())
    }

    #[test]
    fn the_ignore_file_beside_the_dockerfile_wins_over_the_contexts() {
        let root = tree(&[
            "Dockerfile",
            ".dockerignore",
            "deploy/Dockerfile",
            "deploy/Dockerfile.dockerignore",
            "deploy/.dockerignore",
        ]);
        assert_eq!(ignore_file(root.path(), "Dockerfile").as_deref(), Some(".dockerignore"));
        assert_eq!(ignore_file(root.path(), "deploy/Dockerfile").as_deref(), Some("deploy/Dockerfile.dockerignore"));
    }

    #[test]
    fn a_dockerignore_beside_a_dockerfile_in_a_subdirectory_does_not_count() {
        let root = tree(&["deploy/Dockerfile", "deploy/.dockerignore"]);
        assert_eq!(ignore_file(root.path(), "deploy/Dockerfile"), None);
    }

    #[test]
    fn without_f_the_dockerfile_may_be_lower_case() {
        let root = tree(&["dockerfile"]);
        assert_eq!(dockerfile(root.path(), None).unwrap().content, b"dockerfile");
    }

    #[test]
    fn a_relative_f_falls_back_to_the_context() {
        let root = tree(&["deploy/Dockerfile"]);
        let found = dockerfile(root.path(), Some(Path::new("deploy/Dockerfile"))).unwrap();
        assert_eq!(found.path, root.path().join("deploy/Dockerfile"));
    }

    #[test]
    fn a_missing_dockerfile_lists_what_looks_like_one() {
        let root = tree(&[
            "deploy/Dockerfile",
            "Dockerfile.dev",
            "Dockerfile.dev.dockerignore",
            "x/y/api.dockerfile",
            "DockerfileParser/x.c",
        ]);
        let error = dockerfile(root.path(), None).unwrap_err();
        let Error::Usage(UsageError::NoDockerfile { alike, tried, .. }) = error else { panic!("{error:?}") };
        let names: Vec<_> =
            alike.iter().map(|path| path.strip_prefix(root.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["Dockerfile.dev", "deploy/Dockerfile", "x/y/api.dockerfile"]);
        assert_eq!(tried.len(), 2);
    }

    #[test]
    fn a_directory_named_dockerfile_is_no_dockerfile() {
        let root = tree(&["Dockerfile/x"]);
        let error = dockerfile(root.path(), None).unwrap_err();
        assert!(error.notes()[0].ends_with("a directory"), "{error:?}");
    }
}

//! The Dockerfile: kaniko v1.24.0 `cmd/executor/cmd/root.go` `resolveDockerfilePath`, `copyDockerfile`.

use super::{COPY_OF_DOCKERFILE, Start, path_error};
use crate::executor::files::{Errno, Follow, Kind, Pod};
use crate::gopath;

/// Its words if it finds none.
pub const NO_DOCKERFILE: &str =
    "please provide a valid path to a Dockerfile within the build context with --dockerfile";

/// What `--dockerfile` comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// As given, or the executor's default.
    pub given: String,
    /// The paths that are tried, in order, from the root of the pod; none for a URL.
    pub candidates: Vec<Candidate>,
    /// The one that is built from: none if none is, or for a URL.
    pub chosen: Option<Vec<u8>>,
    /// The ignore file beside it, which goes before the context's own.
    pub ignore_file: Option<Vec<u8>>,
    /// Why there is nothing to build from, in the executor's words behind `error resolving dockerfile path: `.
    pub failure: Option<String>,
}

/// A path that is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// From the root of the pod.
    pub path: Vec<u8>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is there.
    Missing,
    /// It is built from.
    Chosen,
    /// It is taken, and cannot be read: it is no file, or a symlink leads nowhere.
    Unusable,
    /// It is there, but another one came first.
    Shadowed,
}

pub(super) fn resolve(start: &Start, given: &str, root: &[u8]) -> Dockerfile {
    let mut dockerfile =
        Dockerfile { given: given.to_owned(), candidates: vec![], chosen: None, ignore_file: None, failure: None };
    if given.starts_with("http://") || given.starts_with("https://") {
        return dockerfile;
    }
    let mut taken = None;
    // As typed, relative to the working directory; then below the context.
    for path in [given.as_bytes().to_vec(), gopath::join(&[root, given.as_bytes()])] {
        let absolute = gopath::absolute(&path, start.directory);
        // Twice the same path is one candidate, unless it is the empty one, which is nothing at first.
        dockerfile.candidates.retain(|tried| tried.path != absolute || tried.outcome != Outcome::Missing);
        if dockerfile.candidates.iter().any(|tried| tried.path == absolute) {
            continue;
        }
        let outcome = match (start.pod.exists(&path, start.directory), &taken) {
            (false, _) => Outcome::Missing,
            (true, Some(_)) => Outcome::Shadowed,
            (true, None) => {
                taken = Some(absolute.clone());
                Outcome::Chosen
            }
        };
        dockerfile.candidates.push(Candidate { path: absolute, outcome });
    }
    match taken {
        None => dockerfile.failure = Some(NO_DOCKERFILE.to_owned()),
        Some(path) => take(&start.pod, path, &mut dockerfile),
    }
    dockerfile
}

/// Copies it, and the ignore file beside it, to where it is built from.
fn take(pod: &Pod, path: Vec<u8>, dockerfile: &mut Dockerfile) {
    if let Err(why) = copy(pod, &path, COPY_OF_DOCKERFILE.as_bytes()) {
        dockerfile.failure = Some(format!("copying dockerfile: {why}"));
        let taken = dockerfile.candidates.iter_mut().filter(|candidate| candidate.path == path);
        taken.for_each(|candidate| candidate.outcome = Outcome::Unusable);
        return;
    }
    let beside = |path: &[u8]| [path, b".dockerignore"].concat();
    let (ignore_file, copy_of_it) = (beside(&path), beside(COPY_OF_DOCKERFILE.as_bytes()));
    if pod.exists(&ignore_file, b"/") {
        match copy(pod, &ignore_file, &copy_of_it) {
            Ok(()) => dockerfile.ignore_file = Some(ignore_file),
            Err(why) => dockerfile.failure = Some(format!("copying Dockerfile.dockerignore: {why}")),
        }
    } else if pod.exists(&copy_of_it, b"/") {
        // Somebody else has put it there.
        dockerfile.ignore_file = Some(copy_of_it);
    }
    dockerfile.chosen = Some(path);
}

/// Copies a file onto another (kaniko v1.24.0 `pkg/util/fs_util.go` `CopyFile`), as far as it may fail.
fn copy(pod: &Pod, path: &[u8], onto: &[u8]) -> Result<(), String> {
    if path == onto {
        return Ok(());
    }
    let found = pod.find(path, b"/", Follow::All).map_err(|why| path_error("stat", path, why))?;
    match found.kind {
        // Go lets the kernel copy, which is why it is the target that the error names.
        Kind::Directory => {
            let why = Errno::IsADirectory;
            Err(format!("copying file: write {}: copy_file_range: {why}", String::from_utf8_lossy(onto)))
        }
        Kind::Socket => Err(path_error("open", path, Errno::NoDevice)),
        Kind::File | Kind::Fifo | Kind::Device | Kind::Symlink(_) => Ok(()),
    }
}

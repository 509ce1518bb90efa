//! What of the pod's files comes into the image: kaniko v1.24.0 `pkg/snapshot/snapshot.go` and
//! `pkg/filesystem/resolve.go`.
//!
//! After each instruction that makes files the executor takes those that the instruction tells of, with everything above
//! them, as they are by then.

use std::collections::HashSet;

use super::copies::{Astray, evaluate_symlinks};
use crate::executor::files::{Attributes, Errno, Follow, Found, Kind, Origin, Pod};
use crate::gopath;
use crate::rootfs::{self, Content, Node, RootFs};

/// A path that the executor leaves alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ignored {
    /// The path; it may be a pattern.
    pub path: Vec<u8>,
    /// Whether only what is below it is meant.
    pub below_only: bool,
}

/// The paths that it always leaves alone, and those that are mounts (`defaultIgnoreList`, `InitIgnoreList`).
pub(super) fn ignored(mounts: &[Vec<u8>], ignores_var_run: bool) -> Vec<Ignored> {
    let whole = |path: &[u8]| Ignored { path: path.to_vec(), below_only: false };
    let mut ignored = vec![whole(b"/kaniko"), whole(b"/etc/mtab"), whole(b"/proc")];
    ignored.push(Ignored { path: b"/tmp/apt-key-gpghome".to_vec(), below_only: true });
    if ignores_var_run {
        ignored.push(whole(b"/var/run"));
    }
    ignored.extend(mounts.iter().map(|mount| whole(mount)));
    ignored
}

impl Ignored {
    /// Whether it is `path` or above it (`hasCleanedFilepathPrefix`).
    pub(super) fn covers(&self, path: &[u8]) -> bool {
        let ours: Vec<&[u8]> = self.path.split(|&byte| byte == b'/').collect();
        let theirs: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
        let is_long_enough = if self.below_only { theirs.len() > ours.len() } else { theirs.len() >= ours.len() };
        let is_alike = |(ours, theirs): (&&[u8], &&[u8])| ours == theirs || gopath::matches(ours, theirs) == Ok(true);
        is_long_enough && ours.iter().zip(&theirs).all(is_alike)
    }

    /// Whether it is below `path`.
    pub(super) fn is_below(&self, path: &[u8]) -> bool {
        Self { path: path.to_vec(), below_only: self.below_only }.covers(&self.path)
    }
}

/// Takes what the instruction at `by` made. The context's own place tells which file is which.
pub(super) fn take(made: &[Vec<u8>], ignored: &[Ignored], context: &[u8], by: usize, pod: &Pod, image: &mut RootFs) {
    let mut taking = Taking { context, by, pod, image, above: HashSet::new() };
    for path in made {
        // Only the thing itself: what is below it is taken.
        if ignored.iter().any(|ignored| !ignored.below_only && ignored.path == *path) {
            continue;
        }
        let Some(place) = place(path, pod) else { continue };
        taking.add(&place);
        match evaluate(path, pod) {
            Evaluated::Place(found) if found == place => {}
            Evaluated::Place(found) if ignored.iter().any(|ignored| ignored.covers(&found)) => {}
            Evaluated::Place(found) => taking.add(&found),
            Evaluated::Nothing => {}
            // It says so in its log, and forgets what follows.
            Evaluated::Circle => return,
        }
    }
}

/// Takes everything there is, but for what is left alone: what it does if it is told of nothing (`TakeSnapshotFS`).
pub(super) fn take_everything(ignored: &[Ignored], context: &[u8], by: usize, pod: &Pod, image: &mut RootFs) {
    let mut taking = Taking { context, by, pod, image, above: HashSet::new() };
    let mut open = vec![b"/".to_vec()];
    while let Some(directory) = open.pop() {
        for name in pod.names(&directory) {
            let path = gopath::join(&[&directory, &name]);
            if ignored.iter().any(|ignored| ignored.covers(&path)) {
                continue;
            }
            taking.put(&path);
            if let Ok(Found { kind: Kind::Directory, .. }) = pod.find(&path, b"/", Follow::NotTheLast) {
                open.push(path);
            }
        }
    }
}

enum Evaluated {
    Place(Vec<u8>),
    Nothing,
    Circle,
}

fn evaluate(path: &[u8], pod: &Pod) -> Evaluated {
    // Most paths lead where they say.
    if let Ok(Found { path: found, kind }) = pod.find(path, b"/", Follow::NotTheLast)
        && found == path
        && !matches!(kind, Kind::Symlink(_))
    {
        return Evaluated::Place(found);
    }
    match evaluate_symlinks(path, pod) {
        Ok(found) => Evaluated::Place(found),
        Err(Astray::At { why: Errno::NoEntry, .. }) => Evaluated::Nothing,
        Err(_) => Evaluated::Circle,
    }
}

/// Where a path is taken: what of it is the first symlink, or itself (`resolveSymlinkAncestor`); nothing if nothing is
/// there.
fn place(path: &[u8], pod: &Pod) -> Option<Vec<u8>> {
    let found = pod.find(path, b"/", Follow::NotTheLast).ok()?;
    if found.path == path {
        return Some(found.path);
    }
    let mut here = b"/".to_vec();
    for name in path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
        here = gopath::join(&[&here, name]);
        if let Ok(Found { kind: Kind::Symlink(_), .. }) = pod.find(&here, b"/", Follow::NotTheLast) {
            break;
        }
    }
    Some(here)
}

/// A snapshot while it is taken.
struct Taking<'a> {
    context: &'a [u8],
    by: usize,
    pod: &'a Pod<'a>,
    image: &'a mut RootFs,
    /// Directories that are taken.
    above: HashSet<Vec<u8>>,
}

impl Taking<'_> {
    /// A thing and the directories above it.
    fn add(&mut self, path: &[u8]) {
        self.add_above(&gopath::parent(path));
        self.put(path);
    }

    fn add_above(&mut self, directory: &[u8]) {
        if directory != b"/" && self.above.insert(directory.to_vec()) {
            self.add_above(&gopath::parent(directory));
            self.put(directory);
        }
    }

    fn put(&mut self, path: &[u8]) {
        let Ok(found) = self.pod.find(path, b"/", Follow::NotTheLast) else { return };
        let Attributes { mode, owner } = self.pod.attributes(&found.path);
        let kind = match found.kind {
            Kind::Directory => rootfs::Kind::Directory,
            Kind::Symlink(target) => rootfs::Kind::Symlink(target),
            Kind::File => rootfs::Kind::File(content(self.pod.origin(&found.path), self.context)),
            Kind::Fifo | Kind::Socket | Kind::Device => rootfs::Kind::File(Content::Unknown),
        };
        // A directory that stays as it is is not this instruction's.
        let is_as_it_was =
            |node: &&Node| node.is_directory() && node.kind == kind && node.mode == mode && node.owner == owner;
        let by = self.image.get(path).filter(is_as_it_was).map_or(self.by, |node| node.by);
        self.image.put(path.to_vec(), Node { kind, mode, owner, by });
    }
}

fn content(origin: Origin, context: &[u8]) -> Content {
    match origin {
        Origin::File(path) => match gopath::below(&path, context) {
            Some(below) => Content::Context(below.to_vec()),
            None => Content::Pod(path),
        },
        Origin::Member(archive, number) => match gopath::below(&archive, context) {
            Some(below) => Content::Member(below.to_vec(), number),
            None => Content::Unknown,
        },
        Origin::Unknown => Content::Unknown,
    }
}

/// Puts what is in an image into the pod, as at the start of a stage that builds on another.
pub(super) fn unpack(image: &RootFs, ignored: &[Ignored], context: &[u8], pod: &mut Pod) {
    for (path, node) in image.iter() {
        if ignored.iter().any(|ignored| ignored.covers(path)) {
            continue;
        }
        let attributes = Attributes { mode: node.mode, owner: node.owner };
        let there = pod.find(path, b"/", Follow::NotTheLast).ok();
        let is_directory = there.as_ref().is_some_and(|found| found.kind == Kind::Directory);
        match &node.kind {
            rootfs::Kind::Directory if is_directory => pod.change(path.to_vec(), attributes),
            kind => {
                if there.is_some() {
                    pod.remove(path.to_vec());
                }
                match kind {
                    rootfs::Kind::Directory => {
                        pod.make_directory(path.to_vec(), attributes);
                        pod.change(path.to_vec(), attributes);
                    }
                    rootfs::Kind::Symlink(target) => pod.write_symlink(path.to_vec(), target.clone()),
                    rootfs::Kind::File(content) => {
                        let origin = match content {
                            Content::Context(below) => Origin::File(gopath::join(&[context, below])),
                            Content::Member(below, number) => Origin::Member(gopath::join(&[context, below]), *number),
                            Content::Pod(path) => Origin::File(path.clone()),
                            Content::Text(_) | Content::Unknown => Origin::Unknown,
                        };
                        pod.write_original(path.to_vec(), origin, attributes);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_left_alone_with_what_is_below_it() {
        let var_run = Ignored { path: b"/var/run".to_vec(), below_only: false };
        let volume = Ignored { path: b"/v".to_vec(), below_only: true };
        for (ignored, path, covers, is_below) in [
            (&var_run, "/var/run", true, true),
            (&var_run, "/var/run/x", true, false),
            (&var_run, "/var", false, true),
            (&var_run, "/var/running", false, false),
            (&volume, "/v", false, false),
            (&volume, "/v/x", true, false),
        ] {
            assert_eq!(ignored.covers(path.as_bytes()), covers, "{path}");
            assert_eq!(ignored.is_below(path.as_bytes()), is_below, "{path}");
        }
    }
}

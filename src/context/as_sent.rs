//! The files of a pod as this tool lays them out: the sent context, and the Dockerfile beside it. Pure.

use std::collections::HashMap;

use super::listing::{Entry, Kind as Sent, Listing};
use crate::executor::files::{Attributes, Kind, PodFiles, START};
use crate::executor::{CONTEXT_DIRECTORY, CONTEXT_VOLUME, ContextPlace, MOUNTED_DIRECTORIES, MOUNTED_FILES};
use crate::gopath;
use crate::members::Found;
use crate::rootfs::DIRECTORY_MODE;
use crate::sys::OsStrExt;

/// What is in the pod, by path; and the names in its directories.
pub struct AsSent<'a> {
    kinds: HashMap<Vec<u8>, (Kind, u32)>,
    names: HashMap<Vec<u8>, Vec<Vec<u8>>>,
    dockerfile: &'a [u8],
    inside: Option<&'a dyn Inside>,
}

/// Looks into the files that are sent, by their path in the pod.
pub trait Inside {
    /// The first bytes of a file, as many as are wanted.
    fn start(&self, file: &[u8], bytes: usize) -> Option<Vec<u8>>;
    /// What a file is to `ADD`.
    fn found(&self, file: &[u8]) -> Found;
}

/// Files larger than this are not looked into.
const TEXT: usize = 1 << 20;

impl<'a> AsSent<'a> {
    /// A pod with this context and this Dockerfile, and these beside them.
    pub fn new(listing: &Listing, dockerfile: &'a [u8], beside: &[Entry]) -> Self {
        let mut pod = Self {
            kinds: HashMap::with_capacity(listing.entries.len()),
            names: HashMap::new(),
            dockerfile,
            inside: None,
        };
        let root = root();
        pod.add(b"/".to_vec(), Kind::Directory, DIRECTORY_MODE);
        for directory in [&b"/kaniko"[..], b"/workspace", CONTEXT_VOLUME.as_bytes(), &root] {
            pod.add(directory.to_vec(), Kind::Directory, DIRECTORY_MODE);
        }
        for directory in MOUNTED_DIRECTORIES.into_iter().chain(["/etc"]) {
            pod.add(directory.as_bytes().to_vec(), Kind::Directory, DIRECTORY_MODE);
        }
        for file in MOUNTED_FILES {
            pod.add(file.as_bytes().to_vec(), Kind::File, 0o644);
        }
        let place = ContextPlace::Volume;
        for beside in [place.dockerfile().to_owned(), place.dockerfile_ignore()] {
            pod.add(gopath::join(&[CONTEXT_VOLUME.as_bytes(), beside.as_bytes()]), Kind::File, 0o644);
        }
        let inside = listing.entries.iter().map(|entry| (entry, &root[..]));
        for (entry, above) in beside.iter().map(|entry| (entry, CONTEXT_VOLUME.as_bytes())).chain(inside) {
            let kind = match &entry.kind {
                Sent::File { .. } => Kind::File,
                Sent::Directory => Kind::Directory,
                Sent::Symlink { target } => Kind::Symlink(target.as_os_str().as_bytes().to_vec()),
            };
            pod.add(gopath::join(&[above, entry.path.as_os_str().as_bytes()]), kind, entry.mode);
        }
        pod
    }

    /// With somebody who can look into files.
    pub fn looking(self, inside: &'a dyn Inside) -> Self {
        Self { inside: Some(inside), ..self }
    }

    fn add(&mut self, path: Vec<u8>, kind: Kind, mode: u32) {
        if path != b"/" {
            let name = gopath::file_name(&path).to_vec();
            self.names.entry(gopath::parent(&path)).or_default().push(name);
        }
        self.kinds.insert(path, (kind, mode));
    }
}

/// Where something is mounted in the pod.
pub fn mounts() -> Vec<Vec<u8>> {
    let all = MOUNTED_DIRECTORIES.into_iter().chain(MOUNTED_FILES).chain([CONTEXT_VOLUME]);
    all.map(|path| path.as_bytes().to_vec()).collect()
}

/// Where the context is in the pod.
pub fn root() -> Vec<u8> {
    gopath::join(&[CONTEXT_VOLUME.as_bytes(), CONTEXT_DIRECTORY.as_bytes()])
}

impl PodFiles for AsSent<'_> {
    fn kind(&self, path: &[u8]) -> Option<Kind> {
        self.kinds.get(path).map(|(kind, _)| kind.clone())
    }

    fn names(&self, directory: &[u8]) -> Vec<Vec<u8>> {
        let mut names = self.names.get(directory).cloned().unwrap_or_default();
        names.sort();
        names
    }

    fn start(&self, file: &[u8]) -> Option<Vec<u8>> {
        self.inside?.start(file, START)
    }

    fn found(&self, file: &[u8]) -> Found {
        self.inside.map_or(Found::Unknown, |inside| inside.found(file))
    }

    /// Everything is sent as root's.
    fn attributes(&self, path: &[u8]) -> Attributes {
        let mode = self.kinds.get(path).map_or(DIRECTORY_MODE, |(_, mode)| *mode);
        Attributes { mode, ..Attributes::DIRECTORY }
    }

    /// Of the two files that decide what is built, and of small files of the context.
    fn content(&self, file: &[u8]) -> Option<Vec<u8>> {
        let place = ContextPlace::Volume;
        let look = || self.inside?.start(file, TEXT + 1).filter(|content| content.len() <= TEXT);
        match gopath::below(file, CONTEXT_VOLUME.as_bytes())? {
            name if name == place.dockerfile().as_bytes() => Some(self.dockerfile.to_vec()),
            name if name == place.dockerfile_ignore().as_bytes() => Some(vec![]),
            _ => look(),
        }
    }
}

//! What an executor sees of this disk: directories that are mounted in its pod, over what its image has.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::unpack;
use crate::error::UsageError;
use crate::executor::files::{Kind, Mount, PodFiles, START, local};
use crate::gopath;
use crate::members::{Budget, Found};
use crate::sys::{FileTypeExt, OsStrExt, slashed};

/// Whether all of it is on this disk.
///
/// # Errors
/// What is not.
pub fn check(mounts: &[Mount]) -> Result<(), UsageError> {
    for Mount { local, .. } in mounts {
        fs::metadata(local).map_err(|source| UsageError::Mount { local: local.clone(), source })?;
    }
    Ok(())
}

/// The symlinks below a directory of this disk, as paths from there. None is followed.
pub fn symlinks(directory: &Path) -> Vec<Vec<u8>> {
    let entries = WalkDir::new(directory).min_depth(1).into_iter().flatten().filter(|entry| entry.path_is_symlink());
    let below = entries.filter_map(|entry| Some(entry.path().strip_prefix(directory).ok()?.to_owned()));
    below.map(bytes).collect()
}

fn bytes(path: PathBuf) -> Vec<u8> {
    slashed(path).as_os_str().as_bytes().to_vec()
}

/// Directories of the executor's image, and those that a container has.
const OF_IMAGE: [&str; 6] = ["/", "/kaniko", "/workspace", "/proc", "/dev", "/sys"];

/// The files of a pod, as far as they are on this disk.
#[derive(Debug)]
pub struct Mounts<'a> {
    mounts: &'a [Mount],
    /// Those of the image, and all above a mount.
    directories: BTreeSet<Vec<u8>>,
    /// For looking into archives.
    budget: Budget,
}

impl<'a> Mounts<'a> {
    /// A pod with these mounts.
    pub fn new(mounts: &'a [Mount]) -> Self {
        let mut directories: BTreeSet<Vec<u8>> = OF_IMAGE.iter().map(|path| path.as_bytes().to_vec()).collect();
        for mount in mounts {
            let mut above = mount.pod.clone();
            while above != b"/" {
                above = gopath::parent(&above);
                directories.insert(above.clone());
            }
        }
        Self { mounts, directories, budget: Budget::default() }
    }

    /// The mounts and nothing else: for a directory that is looked at for itself.
    pub fn alone(mounts: &'a [Mount]) -> Self {
        Self { mounts, directories: BTreeSet::new(), budget: Budget::default() }
    }

    fn open(&self, file: &[u8]) -> Option<fs::File> {
        let local = local(self.mounts, file)?;
        fs::metadata(&local).ok().filter(fs::Metadata::is_file)?;
        fs::File::open(local).ok()
    }

    fn is_mount(&self, path: &[u8]) -> bool {
        self.mounts.iter().any(|mount| mount.pod == path)
    }
}

impl PodFiles for Mounts<'_> {
    fn kind(&self, path: &[u8]) -> Option<Kind> {
        if self.directories.contains(path) && !self.is_mount(path) {
            return Some(Kind::Directory);
        }
        let local = local(self.mounts, path)?;
        // What is mounted is what a symlink in its place leads to.
        let found = if self.is_mount(path) { fs::metadata(&local) } else { fs::symlink_metadata(&local) };
        let kind = found.ok()?.file_type();
        Some(match () {
            () if kind.is_symlink() => Kind::Symlink(bytes(fs::read_link(&local).ok()?)),
            () if kind.is_dir() => Kind::Directory,
            () if kind.is_fifo() => Kind::Fifo,
            () if kind.is_socket() => Kind::Socket,
            () if kind.is_file() => Kind::File,
            () => Kind::Device,
        })
    }

    fn names(&self, directory: &[u8]) -> Vec<Vec<u8>> {
        let of_image = self.directories.iter().filter_map(|path| gopath::below(path, directory));
        let of_mounts = self.mounts.iter().filter_map(|mount| gopath::below(&mount.pod, directory));
        let single = |rest: &&[u8]| *rest != b"." && !rest.contains(&b'/');
        let mut names: BTreeSet<Vec<u8>> = of_image.chain(of_mounts).filter(single).map(<[u8]>::to_vec).collect();
        if let Some(entries) = local(self.mounts, directory).and_then(|local| fs::read_dir(local).ok()) {
            names.extend(entries.filter_map(|entry| Some(entry.ok()?.file_name().as_bytes().to_vec())));
        }
        names.into_iter().collect()
    }

    fn content(&self, file: &[u8]) -> Option<Vec<u8>> {
        let local = local(self.mounts, file)?;
        fs::metadata(&local).ok().filter(fs::Metadata::is_file)?;
        fs::read(local).ok()
    }

    fn start(&self, file: &[u8]) -> Option<Vec<u8>> {
        let mut start = Vec::new();
        self.open(file)?.take(START as u64).read_to_end(&mut start).ok()?;
        Some(start)
    }

    fn found(&self, file: &[u8]) -> Found {
        self.open(file).map_or(Found::Unknown, |file| unpack::found(&file, &self.budget))
    }
}

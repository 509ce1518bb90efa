//! A build for the tests of repairs.

use super::{Build, Compressed, Compression, Contents, Plan, Platforms};
use crate::context::listing::{Content, Entry, Kind, Listing};
use crate::executor::image::{Family, Image, Version};

pub(super) struct Case {
    dockerfile: String,
    listing: Listing,
    image: Image,
    target: Option<&'static str>,
    build_args: Vec<String>,
    flags: Vec<String>,
    platforms: Platforms,
}

/// Files that are what their names say.
struct ByName;

impl Contents for ByName {
    fn compressed(&self, entry: &Entry) -> Option<Compressed> {
        let name = entry.path.to_str()?;
        let (name, suffix) = name.rsplit_once('.')?;
        let by = match suffix {
            "gz" => Compression::Gzip,
            "xz" => Compression::Xz,
            "zst" => Compression::Zstd,
            "bz2" => return Some(Compressed { by: Compression::Bzip2, holds_archive: None }),
            _ => return None,
        };
        Some(Compressed { by, holds_archive: Some(name.ends_with(".tar")) })
    }
}

impl Case {
    pub(super) fn of(dockerfile: &str) -> Self {
        Self {
            dockerfile: dockerfile.to_owned(),
            listing: Listing::default(),
            image: Image::default(),
            target: None,
            build_args: vec![],
            flags: vec![],
            platforms: Platforms::default(),
        }
    }

    /// With these in the context: `a` or `a=text`, `d/`, `l -> target`.
    pub(super) fn with(mut self, files: &[&str]) -> Self {
        let entry = |told: &&str| {
            let (path, kind, mode) = match (told.split_once(" -> "), told.split_once('=')) {
                (Some((path, target)), _) => (path, Kind::Symlink { target: target.into() }, 0o777),
                (None, Some((path, text))) => {
                    let content = Content::Memory(text.to_owned().into());
                    (path, Kind::File { size: text.len() as u64, content }, 0o644)
                }
                (None, None) if told.ends_with('/') => (told.trim_end_matches('/'), Kind::Directory, 0o755),
                (None, None) => (*told, Kind::File { size: 1, content: Content::Disk }, 0o644),
            };
            Entry { path: path.into(), kind, mode, mtime: 0 }
        };
        self.listing.entries = files.iter().map(entry).collect();
        self
    }

    /// With something of this mode in the context.
    pub(super) fn mode(mut self, path: &str, mode: u32) -> Self {
        self.listing
            .entries
            .iter_mut()
            .filter(|entry| entry.path.as_os_str() == path)
            .for_each(|entry| entry.mode = mode);
        self
    }

    pub(super) fn target(self, target: &'static str) -> Self {
        Self { target: Some(target), ..self }
    }

    pub(super) fn build_arg(mut self, given: &str) -> Self {
        self.build_args.push(given.to_owned());
        self
    }

    pub(super) fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// On a node of this platform.
    pub(super) fn own(mut self, platform: &str) -> Self {
        self.platforms.own = platform.parse().ok();
        self
    }

    /// With `--platform`.
    pub(super) fn asked_for(mut self, platform: &str) -> Self {
        self.platforms.target = platform.parse().ok();
        self
    }

    pub(super) fn family(mut self, family: Family) -> Self {
        self.image.family = family;
        self
    }

    pub(super) fn version(mut self, version: Version) -> Self {
        self.image.version = Some(version);
        self
    }

    /// An entry, told as in [`Case::with`]; the file of another path as `path = other`.
    pub(super) fn told(entry: &Entry) -> String {
        let path = entry.path.display();
        match &entry.kind {
            Kind::Directory => format!("{path}/"),
            Kind::Symlink { target } => format!("{path} -> {}", target.display()),
            Kind::File { content: Content::At(other), .. } => format!("{path} = {}", other.display()),
            Kind::File { .. } => path.to_string(),
        }
    }

    /// What a plan puts beside the context: directories with a slash, files with their text.
    pub(super) fn beside(plan: &Plan) -> Vec<(String, String)> {
        let told = |entry: &Entry| {
            let path = entry.path.to_string_lossy();
            match &entry.kind {
                Kind::File { content: Content::Memory(text), .. } => {
                    (path.into_owned(), String::from_utf8(text.to_vec()).unwrap())
                }
                _ => (format!("{path}/"), String::new()),
            }
        };
        plan.beside.iter().map(told).collect()
    }

    pub(super) fn plan(&self) -> Plan {
        Plan::new(&Build {
            text: &self.dockerfile,
            listing: &self.listing,
            image: self.image,
            target: self.target,
            build_args: &self.build_args,
            executor_flags: &self.flags,
            platforms: self.platforms.clone(),
            contents: &ByName,
        })
    }
}

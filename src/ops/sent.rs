//! What travels: the sent context, and the Dockerfile outside of it with an empty ignore file of its own, so that the
//! executor filters nothing a second time.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use bytes::Bytes;

use crate::cluster::upload::Packer;
use crate::context::advice::{Exposed, WITHOUT_MODES};
use crate::context::content::Files;
use crate::context::facts;
use crate::context::listing::{Content, Entry, Kind, Listing};
use crate::context::locate::{self, BuildContext, TextFile};
use crate::context::pack::{Archive, Packing, Sink};
use crate::context::scan::{Excluded, open, scan};
use crate::context::stdin::{self, Stdin};
use crate::context::tarball::inside;
use crate::context::unpack;
use crate::error::{ContextError, Error, UsageError};
use crate::executor::{CONTEXT_DIRECTORY, ContextPlace};
use crate::repair::{Plan, Unpack};
use crate::report;
use crate::request::{ContextRequest, ContextSource, DockerfileSource, PodRequest};
use crate::sys::{self, OsStrExt, Root};

/// A build context and its Dockerfile, ready to be packed.
#[derive(Debug)]
pub(super) struct SentContext {
    /// Where files on disk are, if any are.
    root: Option<Root>,
    /// The archive that the context came as.
    spool: Option<File>,
    listing: Listing,
    dockerfile: Bytes,
    /// The directory it is, and the file that the Dockerfile is, if they are.
    found: Option<(BuildContext, TextFile)>,
    /// What is changed of all that before it is packed.
    plan: Plan,
}

impl SentContext {
    /// Reads everything but the content of the files; standard input is read to its end.
    pub(super) fn read(request: &ContextRequest) -> Result<Self, Error> {
        match &request.context {
            ContextSource::Directory(root) => Self::of_directory(root, &request.dockerfile),
            ContextSource::Stdin => Self::of_stdin(&request.dockerfile),
        }
    }

    pub(super) fn listing(&self) -> &Listing {
        &self.listing
    }

    /// The Dockerfile's text, as far as it is one.
    pub(super) fn dockerfile(&self) -> &str {
        std::str::from_utf8(&self.dockerfile).unwrap_or_default()
    }

    /// What is changed.
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Changes what is packed, and what is asked of the executor with it.
    pub(super) fn repair(&mut self, mut plan: Plan, request: &mut PodRequest) {
        for unpack in plan.unpack.clone() {
            match self.unpack(&unpack) {
                Ok(entry) => plan.unpacked(&unpack, entry),
                // Docker would fail over it, too.
                Err(error) => tracing::debug!(path = ?unpack.path, %error, "the archive is sent as it is"),
            }
        }
        plan.ask(request);
        self.plan = plan;
    }

    /// The file without its compression, kept with what came over standard input.
    fn unpack(&mut self, unpack: &Unpack) -> std::io::Result<Entry> {
        let found = self.listing.entries.iter().find(|entry| entry.path == unpack.path);
        let entry = found.ok_or(std::io::ErrorKind::NotFound)?.clone();
        let kept = match &self.spool {
            Some(spool) => spool.try_clone()?,
            None => tempfile::tempfile()?,
        };
        let (start, size) = unpack::decode(self.files(), &entry, unpack.by, &kept)?;
        self.spool.get_or_insert(kept);
        Ok(Entry { kind: Kind::File { size, content: Content::Spooled(start) }, ..entry })
    }

    /// Where the content of files is.
    pub(super) fn files(&self) -> Files<'_> {
        Files { root: self.root.as_ref(), spool: self.spool.as_ref() }
    }

    /// The Dockerfile that the executor gets.
    fn copy(&self) -> Bytes {
        match self.plan.edits.is_empty() {
            true => self.dockerfile.clone(),
            false => self.plan.edits.apply(self.dockerfile()).into(),
        }
    }

    /// The directory and the Dockerfile, if they are on disk.
    pub(super) fn found(&self) -> Option<&(BuildContext, TextFile)> {
        self.found.as_ref()
    }

    /// What of it looks like a secret.
    pub(super) fn secrets(&self) -> Vec<Exposed> {
        facts::secrets(self.files(), &self.listing)
    }

    fn of_directory(root: &Path, dockerfile: &DockerfileSource) -> Result<Self, Error> {
        let (path, dockerfile) = match dockerfile {
            DockerfileSource::Stdin => (None, stdin::dockerfile()?),
            DockerfileSource::File(_) | DockerfileSource::Default => {
                let found = locate::dockerfile(root, dockerfile.path())?;
                (Some(found.path), found.content)
            }
        };
        let context = locate::build_context(root, path.as_deref())?;
        tracing::debug!(
            dockerfile = ?path,
            ignore_file = ?context.ignore_file.as_ref().map(|file| &file.path),
            "context found"
        );
        let listing = scan(&context, Excluded::Prune)?;
        let found = path.map(|path| (context, TextFile { path, content: dockerfile.clone() }));
        let plan = Plan::default();
        Ok(Self { root: Some(open(root)?), spool: None, listing, dockerfile: dockerfile.into(), found, plan })
    }

    fn of_stdin(dockerfile: &DockerfileSource) -> Result<Self, Error> {
        match (stdin::context()?, dockerfile.path()) {
            (Stdin::Dockerfile(_), Some(file)) => Err(UsageError::StdinIsDockerfile { file: file.to_owned() }.into()),
            (Stdin::Dockerfile(dockerfile), None) => Ok(Self {
                root: None,
                spool: None,
                listing: Listing::default(),
                dockerfile: dockerfile.into(),
                found: None,
                plan: Plan::default(),
            }),
            (Stdin::Tarball { file, listing }, path) => {
                let dockerfile = dockerfile_in(&file, &listing, path)?;
                let (dockerfile, plan) = (dockerfile.into(), Plan::default());
                Ok(Self { root: None, spool: Some(file), listing, dockerfile, found: None, plan })
            }
        }
    }
}

/// Tells that modes are made up, if they are; those of an archive are its own.
pub(super) fn tell_modes(root: Option<&Root>) {
    if root.is_some() && !sys::KEEPS_MODES {
        report::print_note(WITHOUT_MODES);
    }
}

/// What is in the archive on standard input, and where; nothing if it is a Dockerfile without a context.
pub(super) fn stdin_listing() -> Result<(Listing, Option<File>), Error> {
    Ok(match stdin::context()? {
        Stdin::Tarball { file, listing } => (listing, Some(file)),
        Stdin::Dockerfile(_) => {
            report::print_note("standard input is no archive: as a Dockerfile, its build context is empty");
            (Listing::default(), None)
        }
    })
}

/// The Dockerfile among the entries of an archive.
pub(super) fn dockerfile_in(mut archive: &File, listing: &Listing, path: Option<&Path>) -> Result<Vec<u8>, Error> {
    let candidates = path.map_or_else(|| vec![Path::new("Dockerfile"), Path::new("dockerfile")], |path| vec![path]);
    let mut tried = Vec::new();
    for candidate in &candidates {
        let named = inside(candidate.as_os_str().as_bytes()).map_err(|why| ContextError::Stdin { why })?;
        let found = listing.entries.iter().find(|entry| entry.path == named);
        let outcome = match found.map(|entry| &entry.kind) {
            Some(Kind::File { size, content: Content::Spooled(start) }) => {
                let failed = |source| ContextError::Io { action: "read", path: named.clone(), source };
                let mut text = Vec::new();
                archive.seek(SeekFrom::Start(*start)).map_err(failed)?;
                archive.take(*size).read_to_end(&mut text).map_err(failed)?;
                return Ok(text);
            }
            Some(Kind::File { .. }) => "not readable",
            Some(Kind::Directory) => "a directory",
            Some(Kind::Symlink { .. }) => "a symlink",
            None => "not in the archive",
        };
        tried.push((named, outcome));
    }
    let paths = listing.entries.iter().map(|entry| entry.path.as_path());
    let alike = paths.filter(|path| locate::looks_like_dockerfile(path)).take(5).map(Path::to_owned).collect();
    let given = candidates.first().map(|path| (*path).to_owned()).unwrap_or_default();
    Err(UsageError::NoDockerfile { given, tried, alike }.into())
}

impl Packer for SentContext {
    fn pack(
        &self,
        place: &ContextPlace,
        out: &mut dyn Sink,
        packing: Packing,
        packed: &mut dyn FnMut(u64),
    ) -> Result<u64, Error> {
        // The Dockerfile last: where the executor unpacks by itself, nothing but it lets a build begin.
        let mut extra = self.plan.beside.clone();
        extra.extend([Entry::made(&place.dockerfile_ignore(), ""), Entry::made(place.dockerfile(), self.copy())]);
        let archive = Archive { files: self.files(), directory: Some(CONTEXT_DIRECTORY), extra };
        let listing = self.plan.listing(&self.listing);
        let entries = listing.entries.iter();
        archive.write(entries, |entry| Some(Ok(entry.clone())), out, packing, packed)
    }
}

/// Finds the build context in `root` for commands that can do without a Dockerfile; one that was named has to be there.
pub(super) fn without_dockerfile(root: &Path, dockerfile: &DockerfileSource) -> Result<BuildContext, Error> {
    Ok(maybe_dockerfile(root, dockerfile)?.0)
}

/// Like that, with the Dockerfile if there is one.
pub(super) fn maybe_dockerfile(
    root: &Path,
    dockerfile: &DockerfileSource,
) -> Result<(BuildContext, Option<TextFile>), Error> {
    let found = match dockerfile {
        DockerfileSource::Stdin => None,
        DockerfileSource::File(path) => Some(locate::dockerfile(root, Some(path))?),
        DockerfileSource::Default => locate::dockerfile(root, None).ok(),
    };
    let context = locate::build_context(root, found.as_ref().map(|found| found.path.as_path()))?;
    Ok((context, found))
}

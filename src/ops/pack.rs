//! `context pack`: what `build` sends, as a file or on standard output.
//!
//! A file is written beside its place and moved there when it is whole: what was there before survives everything that
//! can go wrong, and nobody takes half an archive for a whole one.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::sent::{maybe_dockerfile, stdin_listing, tell_modes};
use super::signals::Signals;
use crate::context::Compression;
use crate::context::content::Files;
use crate::context::listing::{Entry, Listing};
use crate::context::locate::BuildContext;
use crate::context::pack::{Archive, Packing};
use crate::context::scan::{Excluded, Filter, Found, Scan, open};
use crate::error::{ContextError, Error, UsageError};
use crate::report;
use crate::request::{ContextRequest, ContextSource};
use crate::sys;

/// Writes the archive to standard output, while the context is walked.
///
/// # Errors
/// The context cannot be packed; the archive cannot be written.
pub fn pack_to_stdout(request: &ContextRequest, compression: Compression) -> Result<(), Error> {
    if std::io::stdout().is_terminal() {
        return Err(UsageError::StdoutTerminal.into());
    }
    let source = Source::read(request)?;
    // Not through the buffer that cuts what is written at its newlines.
    let failed = |source| Error::Output { what: "standard output".to_owned(), source };
    let out = sys::stdout().map_err(failed)?;
    match source.write(out, &[], compression) {
        // A reader that has seen enough.
        Err(Error::Output { source, .. }) if source.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| named(error, failed)),
    }
}

/// Writes the archive to the file `path`, all of it or none.
///
/// # Errors
/// The context cannot be packed; the archive cannot be written, or would take the place of what it is made from; a
/// signal.
pub async fn pack_to_file(request: &ContextRequest, path: &Path, compression: Compression) -> Result<(), Error> {
    let source = Source::read(request)?;
    let failed = Error::not_written(path);
    let Some(place) = place(path).map_err(&failed)? else {
        // A device or a FIFO is written to as it is.
        let out = OpenOptions::new().write(true).open(path).map_err(&failed)?;
        return source.write(out, &[], compression).map_err(|error| named(error, failed));
    };
    if source.reads(&place) {
        return Err(UsageError::OutputIsInput { path: path.to_owned() }.into());
    }
    let mut signals = Signals::listen()?;
    let beside = place.parent().unwrap_or(Path::new("/"));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".kaniko-local-").suffix(".part");
    let unfinished = sys::readable_by_all(&mut builder).tempfile_in(beside).map_err(&failed)?;
    let out = unfinished.as_file().try_clone().map_err(&failed)?;
    let itself = [unfinished.path().to_owned(), place.clone()];
    let packing = tokio::task::spawn_blocking(move || source.write(out, &itself, compression));
    tokio::select! {
        packed = packing => match packed {
            Ok(result) => result.map_err(|error| named(error, &failed))?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        },
        signal = signals.next() => return Err(Error::Interrupted(signal)),
    }
    NamedTempFile::persist(unfinished, place).map(drop).map_err(|error| failed(error.error))
}

/// Where a file is to take its place, links followed; none for devices, FIFOs and whatever else cannot be replaced.
fn place(path: &Path) -> std::io::Result<Option<PathBuf>> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => path.canonicalize().map(Some),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let name = path.file_name().ok_or(error)?;
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Ok(Some(parent.canonicalize()?.join(name)))
        }
        Err(error) => Err(error),
    }
}

/// Says where output failed to go.
fn named(error: Error, failed: impl Fn(std::io::Error) -> Error) -> Error {
    match error {
        Error::Output { source, .. } => failed(source),
        other => other,
    }
}

/// What is packed, found and read before anything is written.
enum Source {
    Directory { context: BuildContext, filter: Filter, dockerfile: Option<PathBuf> },
    Tarball { listing: Listing, spool: Option<File> },
}

impl Source {
    fn read(request: &ContextRequest) -> Result<Self, Error> {
        match &request.context {
            ContextSource::Stdin => {
                let (listing, spool) = stdin_listing()?;
                Ok(Self::Tarball { listing, spool })
            }
            ContextSource::Directory(root) => {
                let (context, dockerfile) = maybe_dockerfile(root, &request.dockerfile)?;
                let filter = Filter::of(&context)?;
                Ok(Self::Directory { context, filter, dockerfile: dockerfile.map(|file| file.path) })
            }
        }
    }

    /// Whether a file is one of those that say how to build: `-o Dockerfile` is `-f Dockerfile`, mistyped.
    fn reads(&self, path: &Path) -> bool {
        let Self::Directory { context, dockerfile, .. } = self else { return false };
        let ignore_file = context.ignore_file.as_ref().map(|file| &file.path);
        dockerfile.iter().chain(ignore_file).any(|read| read.canonicalize().is_ok_and(|read| read == path))
    }

    /// Packs all but the files `itself`, which are the archive.
    fn write(self, mut out: File, itself: &[PathBuf], compression: Compression) -> Result<(), Error> {
        let packing = Packing::new(compression);
        let archive = |root, spool| Archive { files: Files { root, spool }, directory: None, extra: vec![] };
        match self {
            Self::Tarball { listing, spool } => {
                listing.special.iter().for_each(|path| report::print_special(path));
                let entries = listing.entries.into_iter();
                archive(None, spool.as_ref()).write(entries, |entry| Some(Ok(entry)), &mut out, packing, &mut |_| {})
            }
            Self::Directory { context, filter, .. } => {
                let root = open(&context.root)?;
                tell_modes(Some(&root));
                let real_root = context.root.canonicalize().unwrap_or_default();
                let itself: Vec<&Path> = itself.iter().filter_map(|path| path.strip_prefix(&real_root).ok()).collect();
                let scan = Scan::new(&context.root, &filter, Excluded::Prune)?;
                let examine =
                    |seen: Result<Found<PathBuf>, ContextError>| packed(seen, &itself, |seen| seen.examine(&root));
                archive(Some(&root), None).write(scan, examine, &mut out, packing, &mut |_| {})
            }
        }
        .map(drop)
    }
}

/// What of it goes into the archive.
fn packed(
    seen: Result<Found<PathBuf>, ContextError>,
    itself: &[&Path],
    examine: impl Fn(Found<PathBuf>) -> Result<Found, ContextError>,
) -> Option<Result<Entry, ContextError>> {
    match seen {
        Ok(Found::Sent(path)) if itself.contains(&path.as_path()) => {
            // The unfinished one is nobody's business.
            if itself.last() == Some(&path.as_path()) {
                report::print_note(&format!("`{}` is the archive itself and is not packed", path.display()));
            }
            None
        }
        seen => match seen.and_then(examine) {
            Ok(Found::Sent(entry)) => Some(Ok(entry)),
            Ok(Found::Special(path)) => {
                report::print_special(&path);
                None
            }
            Ok(Found::Excluded { .. }) => None,
            Err(error) => Some(Err(error)),
        },
    }
}

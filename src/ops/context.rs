//! `context ls` and `context pack`: what `build` sends, shown or kept.

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::sent::{dockerfile_in, maybe_dockerfile, without_dockerfile};
use crate::context::Compression;
use crate::context::advice::{Advice, advice};
use crate::context::facts::{self, Files};
use crate::context::listing::{Entry, LeftOut, Listing};
use crate::context::pack::{Archive, Packing};
use crate::context::scan::{Excluded, Filter, Found, Scan, open, scan, scan_both};
use crate::context::stdin::{self, Stdin};
use crate::error::{ContextError, Error};
use crate::report;
use crate::request::{ArchiveOutput, ContextRequest, ContextSource, ListRequest, ListingForm, Part};

/// Lists what would be sent, or what would not; totals and advice go to standard error, or into the document.
///
/// # Errors
/// The context cannot be listed; standard output cannot be written.
pub fn list(request: &ListRequest) -> Result<(), Error> {
    let ContextRequest { context, dockerfile } = &request.context;
    match context {
        ContextSource::Directory(root) => {
            let (context, dockerfile) = maybe_dockerfile(root, dockerfile)?;
            let (listing, left_out) =
                if request.counts() { scan_both(&context)? } else { (scan(&context, Excluded::Prune)?, vec![]) };
            let advice = || advice(&listing, &facts::gather(&context, dockerfile.as_ref(), &listing));
            show(request, &listing, &left_out, advice)
        }
        ContextSource::Stdin => {
            let (listing, file) = stdin_listing()?;
            let text = file.as_ref().and_then(|file| dockerfile_in(file, &listing, dockerfile.path()).ok());
            let files = Files::new(None, file.as_ref());
            show(request, &listing, &[], || advice(&listing, &facts::of_archive(&files, text, &listing)))
        }
    }
}

/// The listing first: to gather advice takes longer.
fn show(
    request: &ListRequest,
    listing: &Listing,
    left_out: &[LeftOut],
    advice: impl FnOnce() -> Vec<Advice>,
) -> Result<(), Error> {
    if request.form == ListingForm::Json {
        let document = report::listing_json(listing, left_out, request, &advice());
        return report::write_stdout(format!("{document:#}\n").as_bytes());
    }
    match request.part {
        Part::Sent => report::write_listing(listing, request.order, request.form)?,
        Part::Excluded => report::write_left_out(left_out, request.order, request.form)?,
    }
    report::print_totals(&listing.totals(), request.counts().then_some(&listing.excluded));
    report::print_advice(&advice());
    Ok(())
}

/// Writes what would be sent as an archive whose root is the context, while it is walked.
///
/// # Errors
/// The context cannot be packed; the archive cannot be written.
pub fn pack(request: &ContextRequest, output: &ArchiveOutput, compression: Compression) -> Result<(), Error> {
    let (out, what) = match output {
        ArchiveOutput::Stdout => (stdout()?, "standard output".to_owned()),
        ArchiveOutput::File(path) => {
            let what = format!("`{}`", path.display());
            let file = File::create(path).map_err(|source| Error::Output { what: what.clone(), source })?;
            (file, what)
        }
    };
    match (write(request, output, compression, out), output) {
        // A reader that has seen enough.
        (Err(Error::Output { source, .. }), ArchiveOutput::Stdout) if source.kind() == ErrorKind::BrokenPipe => Ok(()),
        (Err(error), ArchiveOutput::File(path)) => {
            // Half an archive is of no use, and may be taken for a whole one.
            if path.is_file() {
                let _ = std::fs::remove_file(path);
            }
            Err(named(error, what))
        }
        (result, _) => result.map_err(|error| named(error, what)),
    }
}

/// Says where output failed to go.
fn named(error: Error, what: String) -> Error {
    match error {
        Error::Output { source, .. } => Error::Output { what, source },
        other => other,
    }
}

/// Standard output without the buffer that cuts what is written at its newlines.
fn stdout() -> Result<File, Error> {
    let descriptor = std::io::stdout().as_fd().try_clone_to_owned();
    descriptor.map(File::from).map_err(|source| Error::Output { what: "standard output".to_owned(), source })
}

/// Packs what is sent into `out`.
fn write(
    request: &ContextRequest,
    output: &ArchiveOutput,
    compression: Compression,
    mut out: File,
) -> Result<(), Error> {
    let packing = Packing::new(compression);
    let archive = |root, spool| Archive { root, spool, directory: None, extra: vec![] };
    match &request.context {
        ContextSource::Stdin => {
            let (listing, file) = stdin_listing()?;
            listing.special.iter().for_each(|path| note_special(path));
            let entries = listing.entries.into_iter();
            archive(None, file.as_ref()).write(entries, |entry| Some(Ok(entry)), &mut out, packing, &mut |_| {})?;
        }
        ContextSource::Directory(root) => {
            let context = without_dockerfile(root, &request.dockerfile)?;
            let filter = Filter::of(&context)?;
            let itself = itself(root, output);
            let scan = Scan::new(root, &filter, Excluded::Prune)?;
            let root = open(root)?;
            let examine = |seen: Result<Found<PathBuf>, _>| {
                packed(seen.and_then(|seen: Found<PathBuf>| seen.examine(&root)), itself.as_deref())
            };
            archive(Some(&root), None).write(scan, examine, &mut out, packing, &mut |_| {})?;
        }
    }
    Ok(())
}

/// What of it goes into the archive. `itself` is the archive: it cannot hold itself.
fn packed(found: Result<Found, ContextError>, itself: Option<&Path>) -> Option<Result<Entry, ContextError>> {
    match found {
        Ok(Found::Sent(entry)) if Some(entry.path.as_path()) == itself => {
            report::print_note(&format!("`{}` is the archive itself and is not packed", entry.path.display()));
            None
        }
        Ok(Found::Sent(entry)) => Some(Ok(entry)),
        Ok(Found::Special(path)) => {
            note_special(&path);
            None
        }
        Ok(Found::Excluded { .. }) => None,
        Err(error) => Some(Err(error)),
    }
}

fn note_special(path: &Path) {
    report::print_note(&format!("`{}` is a socket, FIFO or device and is not packed", path.display()));
}

/// The path of the archive from the context's root, if it lies there.
fn itself(root: &Path, output: &ArchiveOutput) -> Option<PathBuf> {
    let ArchiveOutput::File(path) = output else { return None };
    let (root, path) = (root.canonicalize().ok()?, path.canonicalize().ok()?);
    path.strip_prefix(root).ok().map(Path::to_owned)
}

/// What is in the archive on standard input, and where; nothing if it is a Dockerfile without a context.
fn stdin_listing() -> Result<(Listing, Option<File>), Error> {
    Ok(match stdin::context()? {
        Stdin::Tarball { file, listing } => (listing, Some(file)),
        Stdin::Dockerfile(_) => (Listing::default(), None),
    })
}

//! `context ls` and `context pack`: what `build` sends, shown or kept.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

use crate::context::Compression;
use crate::context::listing::Listing;
use crate::context::locate::{self, BuildContext};
use crate::context::pack::Archive;
use crate::context::scan::{Excluded, scan};
use crate::error::Error;
use crate::report;
use crate::request::{ArchiveOutput, ContextRequest};

/// Form of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListingForm {
    /// One path after the other, each ended by this byte.
    Paths(u8),
    /// Entries and totals as JSON.
    Json,
}

/// Lists what would be sent.
///
/// # Errors
/// The context cannot be listed; standard output cannot be written.
pub fn list(request: &ContextRequest, form: ListingForm) -> Result<(), Error> {
    let document = match form {
        ListingForm::Json => format!("{:#}\n", report::listing_json(&listing(request, Excluded::Count)?)).into_bytes(),
        ListingForm::Paths(end) => report::listing_paths(&listing(request, Excluded::Prune)?, end),
    };
    report::write_stdout(&document)
}

/// Writes what would be sent as an archive whose root is the context.
///
/// # Errors
/// The context cannot be packed; the archive cannot be written.
pub fn pack(request: &ContextRequest, output: &ArchiveOutput, compression: Compression) -> Result<(), Error> {
    let mut listing = listing(request, Excluded::Prune)?;
    for path in &listing.special {
        report::print_note(&format!("`{}` is a socket, FIFO or device and is not packed", path.display()));
    }
    let root = &request.build_context;
    match output {
        ArchiveOutput::Stdout => {
            let out = BufWriter::new(std::io::stdout().lock());
            match write(root, &listing, compression, out, "standard output".to_owned()) {
                // A reader that has seen enough.
                Err(Error::Output { source, .. }) if source.kind() == ErrorKind::BrokenPipe => Ok(()),
                result => result,
            }
        }
        ArchiveOutput::File(path) => {
            leave_out(&mut listing, root, path);
            let what = format!("`{}`", path.display());
            let file = File::create(path).map_err(|source| Error::Output { what: what.clone(), source })?;
            write(root, &listing, compression, BufWriter::new(file), what)
        }
    }
}

fn write(root: &Path, listing: &Listing, compression: Compression, out: impl Write, what: String) -> Result<(), Error> {
    let archive = Archive { root, listing, directory: None, extra: &[] };
    archive.write(out, compression, &mut |_| {})?.flush().map_err(|source| Error::Output { what, source })
}

/// An archive from an earlier call that lies in the context is about to be overwritten.
fn leave_out(listing: &mut Listing, root: &Path, archive: &Path) {
    let (Ok(root), Ok(archive)) = (root.canonicalize(), archive.canonicalize()) else { return };
    let before = listing.entries.len();
    listing.entries.retain(|entry| root.join(&entry.path) != archive);
    if listing.entries.len() < before {
        report::print_note(&format!("`{}` is the archive itself and is not packed", archive.display()));
    }
}

fn listing(request: &ContextRequest, excluded: Excluded) -> Result<Listing, Error> {
    Ok(scan(&locate_context(request)?, excluded)?)
}

/// Finds the build context and its ignore file.
///
/// # Errors
/// Neither directory nor Dockerfile are where they were said to be; an ignore file that cannot be read.
pub(super) fn locate_context(request: &ContextRequest) -> Result<BuildContext, Error> {
    let root = &request.build_context;
    // A context without a Dockerfile can be listed too; one that was named has to be there.
    let dockerfile = match locate::dockerfile(root, request.file.as_deref()) {
        Ok(found) => Some(found.path),
        Err(error) if request.file.is_some() => return Err(error),
        Err(_) => None,
    };
    locate::build_context(root, dockerfile.as_deref())
}

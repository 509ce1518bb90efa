//! `context ls` and `context pack`: what `build` sends, shown or kept.

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::path::Path;

use crate::context::Compression;
use crate::context::advice::advice;
use crate::context::facts;
use crate::context::locate::{self, BuildContext, TextFile};
use crate::context::pack::{Archive, Packing};
use crate::context::scan::{Excluded, Found, Rules, Scan, scan, scan_both};
use crate::error::Error;
use crate::report;
use crate::request::{ArchiveOutput, ContextRequest, ListRequest, ListingForm, Part};

/// Lists what would be sent, or what would not; totals and advice go to standard error, or into the document.
///
/// # Errors
/// The context cannot be listed; standard output cannot be written.
pub fn list(request: &ListRequest) -> Result<(), Error> {
    let (context, dockerfile) = context_and_dockerfile(&request.context)?;
    let counts = request.form == ListingForm::Json || request.part == Part::Excluded;
    let (listing, left_out) =
        if counts { scan_both(&context)? } else { (scan(&context, Excluded::Prune)?, Vec::new()) };
    let advice = || advice(&listing, &facts::gather(&context, dockerfile.as_ref(), &listing));
    if request.form == ListingForm::Json {
        let document = report::listing_json(&listing, &left_out, request, &advice());
        return report::write_stdout(format!("{document:#}\n").as_bytes());
    }
    match request.part {
        Part::Sent => report::write_listing(&listing, request.order, request.form)?,
        Part::Excluded => report::write_left_out(&left_out, request.order, request.form)?,
    }
    report::print_totals(&listing.totals(), counts.then_some(&listing.excluded));
    report::print_advice(&advice());
    Ok(())
}

/// Writes what would be sent as an archive whose root is the context, while it is walked.
///
/// # Errors
/// The context cannot be packed; the archive cannot be written.
pub fn pack(request: &ContextRequest, output: &ArchiveOutput, compression: Compression) -> Result<(), Error> {
    let context = context(request)?;
    match output {
        ArchiveOutput::Stdout => {
            let out = stdout()?;
            match write(&context, None, compression, out, "standard output".to_owned()) {
                // A reader that has seen enough.
                Err(Error::Output { source, .. }) if source.kind() == ErrorKind::BrokenPipe => Ok(()),
                result => result,
            }
        }
        ArchiveOutput::File(path) => {
            let what = format!("`{}`", path.display());
            let failed = |source| Error::Output { what: what.clone(), source };
            let file = File::create(path).map_err(failed)?;
            let archive = path.canonicalize().map_err(failed)?;
            write(&context, Some(&archive), compression, file, what)
        }
    }
}

/// Standard output without the buffer that cuts what is written at its newlines.
fn stdout() -> Result<File, Error> {
    let descriptor = std::io::stdout().as_fd().try_clone_to_owned();
    descriptor.map(File::from).map_err(|source| Error::Output { what: "standard output".to_owned(), source })
}

/// Packs `context` into `out`, but not `archive`, which is `out`.
fn write(
    context: &BuildContext,
    archive: Option<&Path>,
    compression: Compression,
    mut out: File,
    what: String,
) -> Result<(), Error> {
    let rules = Rules::of(context)?;
    let root = context.root.canonicalize().unwrap_or_else(|_| context.root.clone());
    let itself = archive.and_then(|archive| archive.strip_prefix(&root).ok());
    let scan = Scan::new(&context.root, &rules, Excluded::Prune)?;
    let entries = scan.filter_map(|found| match found {
        Ok(Found::Sent(entry)) if Some(entry.path.as_path()) == itself => {
            report::print_note(&format!("`{}` is the archive itself and is not packed", entry.path.display()));
            None
        }
        Ok(Found::Sent(entry)) => Some(Ok(entry)),
        Ok(Found::Special(path)) => {
            report::print_note(&format!("`{}` is a socket, FIFO or device and is not packed", path.display()));
            None
        }
        Ok(Found::Excluded { .. }) => None,
        Err(error) => Some(Err(error)),
    });
    let archive = Archive { root: &context.root, directory: None, extra: vec![] };
    match archive.write(entries, &mut out, Packing::new(compression), &mut |_| {}) {
        Err(Error::Output { source, .. }) => Err(Error::Output { what, source }),
        result => result.map(|_| ()),
    }
}

fn context(request: &ContextRequest) -> Result<BuildContext, Error> {
    Ok(context_and_dockerfile(request)?.0)
}

fn context_and_dockerfile(request: &ContextRequest) -> Result<(BuildContext, Option<TextFile>), Error> {
    let root = &request.build_context;
    // A context without a Dockerfile can be listed too; one that was named has to be there.
    let dockerfile = match locate::dockerfile(root, request.file.as_deref()) {
        Ok(found) => Some(found),
        Err(error) if request.file.is_some() => return Err(error),
        Err(_) => None,
    };
    let context = locate::build_context(root, dockerfile.as_ref().map(|file| file.path.as_path()))?;
    Ok((context, dockerfile))
}

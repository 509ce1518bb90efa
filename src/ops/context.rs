//! `context ls` and `context pack`: what `build` sends, shown or kept.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::cli::{ContextArgs, ContextLsArgs, ContextPackArgs, ListingFormat};
use crate::context::listing::{Kind, Listing};
use crate::context::locate;
use crate::context::pack::Archive;
use crate::context::scan::{Excluded, scan};
use crate::error::Error;
use crate::report;
use crate::request;

/// Lists what would be sent.
///
/// # Errors
/// The context cannot be listed; standard output cannot be written.
pub fn list(args: &ContextLsArgs) -> Result<(), Error> {
    let document = match args.output {
        ListingFormat::Json => {
            format!("{:#}\n", report::listing_json(&listing(&args.context, Excluded::Count)?)).into_bytes()
        }
        ListingFormat::Text => lines(&listing(&args.context, Excluded::Prune)?, if args.null { 0 } else { b'\n' }),
    };
    report::write_stdout(&document)
}

/// Writes what would be sent as an archive whose root is the context.
///
/// # Errors
/// The context cannot be packed; the archive cannot be written.
pub fn pack(args: &ContextPackArgs) -> Result<(), Error> {
    let compression = request::compression(&args.compression)?;
    let listing = listing(&args.context, Excluded::Prune)?;
    for path in &listing.special {
        report::print_note(&format!("`{}` is a socket, FIFO or device and is not packed", path.display()));
    }
    let archive = Archive { root: &args.context.build_context, listing: &listing, directory: None, extra: &[] };
    let what = || format!("`{}`", Path::new(&args.output).display());
    if args.output == OsStr::new("-") {
        let stdout = BufWriter::new(std::io::stdout().lock());
        return flushed(archive.write(stdout, compression, &mut |_| {})?, what());
    }
    let file = File::create(&args.output).map_err(|source| Error::Output { what: what(), source })?;
    flushed(archive.write(BufWriter::new(file), compression, &mut |_| {})?, what())
}

fn flushed(mut out: impl Write, what: String) -> Result<(), Error> {
    out.flush().map_err(|source| Error::Output { what, source })
}

fn listing(args: &ContextArgs, excluded: Excluded) -> Result<Listing, Error> {
    let root = &args.build_context;
    // A context without a Dockerfile can be listed too; one that was named has to be there.
    let dockerfile = match locate::dockerfile(root, args.file.as_deref()) {
        Ok(found) => Some(found.path),
        Err(error) if args.file.is_some() => return Err(error),
        Err(_) => None,
    };
    let context = locate::build_context(root, dockerfile.as_deref())?;
    Ok(scan(&context, excluded)?)
}

fn lines(listing: &Listing, end: u8) -> Vec<u8> {
    let mut text = Vec::new();
    for entry in &listing.entries {
        text.extend_from_slice(entry.path.as_os_str().as_bytes());
        if entry.kind == Kind::Directory {
            text.push(b'/');
        }
        text.push(end);
    }
    text
}

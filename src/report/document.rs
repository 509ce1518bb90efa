//! Results for scripts: on standard output or in files, the same bytes for the same facts.

use std::io::{IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;

use serde_json::{Value, json};

use super::terminal::sanitise;
use crate::context::listing::{Kind, Listing};
use crate::error::Error;
use crate::reference::{Digest, Reference};

/// Writes a result to standard output. A reader that went away is no failure of ours: the work is done.
///
/// # Errors
/// Standard output cannot be written, a full disk for example.
pub fn write_stdout(bytes: &[u8]) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|source| Error::Output { what: "standard output".to_owned(), source }),
    }
}

/// `context ls`: one path after the other, each ended by `end`, directories with a `/`. The bytes are those of the disk;
/// only a terminal is spared control characters in names.
pub fn listing_paths(listing: &Listing, end: u8) -> Vec<u8> {
    let for_eyes = end == b'\n' && std::io::stdout().is_terminal();
    let mut text = Vec::new();
    for entry in &listing.entries {
        let path = entry.path.as_os_str().as_bytes();
        match for_eyes {
            true => text.extend_from_slice(sanitise(path).as_bytes()),
            false => text.extend_from_slice(path),
        }
        if entry.kind == Kind::Directory {
            text.push(b'/');
        }
        text.push(end);
    }
    text
}

/// `context ls -o json`. Paths are text: bytes that are no UTF-8 become U+FFFD, and `-0` has them as they are.
pub fn listing_json(listing: &Listing) -> Value {
    let entries: Vec<Value> = listing
        .entries
        .iter()
        .map(|entry| {
            json!({
                "path": entry.path.to_string_lossy(),
                "kind": entry.kind.word(),
                "size": entry.kind.size(),
                "mode": format!("{:04o}", entry.mode),
            })
        })
        .collect();
    let totals = listing.totals();
    json!({
        "schema": "kaniko-local/context-ls/v1",
        "entries": entries,
        "totals": {
            "files": totals.files,
            "directories": totals.directories,
            "symlinks": totals.symlinks,
            "bytes": totals.bytes,
            "excluded_files": listing.excluded.files,
            "excluded_bytes": listing.excluded.bytes,
        },
    })
}

/// `--metadata-file`, under BuildKit's keys.
pub fn metadata_json(tags: &[Reference], digest: &Digest) -> Value {
    let names: Vec<String> = tags.iter().map(Reference::to_string).collect();
    json!({ "containerimage.digest": digest.to_string(), "image.name": names.join(",") })
}

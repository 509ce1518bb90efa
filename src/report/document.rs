//! Results for scripts: on standard output or in files, the same bytes for the same facts.

use std::io::Write;

use serde_json::{Value, json};

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

/// `--metadata-file`, under BuildKit's keys.
pub fn metadata_json(tags: &[Reference], digest: &Digest) -> Value {
    let names: Vec<String> = tags.iter().map(Reference::to_string).collect();
    json!({ "containerimage.digest": digest.to_string(), "image.name": names.join(",") })
}

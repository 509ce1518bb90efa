//! What comes on standard input: a Dockerfile, or a build context as a tar archive.
//!
//! The archive is kept in a temporary file without a name: only the whole of it can be proven, listed before a pod
//! exists, and sent again. Told apart as `docker build -` does: what is no archive is a Dockerfile without a context.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, Write};

use flate2::bufread::MultiGzDecoder;

use super::listing::Listing;
use super::tarball::{self, RECORD};
use crate::error::{ContextError, Error, UsageError};

/// No Dockerfile is longer: what comes instead was meant for something else.
const LONGEST_DOCKERFILE: u64 = 16 << 20;

/// What was found on standard input.
#[derive(Debug)]
pub enum Stdin {
    /// A build context.
    Tarball {
        /// The archive, uncompressed.
        file: File,
        /// What is in it.
        listing: Listing,
    },
    /// A Dockerfile, whose context is empty.
    Dockerfile(Vec<u8>),
}

/// Reads a build context from standard input, to its end.
///
/// # Errors
/// Standard input is a terminal; what came is no archive that can be built, nor a Dockerfile; no room to keep it.
pub fn context() -> Result<Stdin, Error> {
    if io::stdin().is_terminal() {
        return Err(UsageError::StdinTerminal.into());
    }
    told_apart(io::stdin().lock())
}

/// Reads a Dockerfile from standard input, to its end.
///
/// # Errors
/// Standard input cannot be read, is empty, or is something else.
pub fn dockerfile() -> Result<Vec<u8>, Error> {
    text(io::stdin().lock())
}

fn told_apart(mut input: impl Read) -> Result<Stdin, Error> {
    let head = head(&mut input).map_err(unreadable)?;
    let compression = COMPRESSIONS.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name);
    let all = io::Cursor::new(head.clone()).chain(input);
    match compression {
        Some("gzip") => tarball(MultiGzDecoder::new(io::BufReader::new(all))),
        Some(compression) => Err(ContextError::StdinCompressed { compression }.into()),
        None if tarball::is_archive(&head) => tarball(all),
        None => text(all).map(Stdin::Dockerfile),
    }
}

/// How archives may be compressed that Docker reads, and by which program.
const COMPRESSIONS: [(&[u8], &str); 4] =
    [(b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zstd")];

/// As many bytes as it takes to tell.
fn head(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    input.take(RECORD as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn tarball(mut archive: impl Read) -> Result<Stdin, Error> {
    let no_room = |source| {
        let what = format!("a temporary file in `{}`", std::env::temp_dir().display());
        Error::Output { what, source }
    };
    let mut file = tempfile::tempfile().map_err(no_room)?;
    let mut buffer = vec![0; 128 * 1024];
    loop {
        // Reading and writing fail for different reasons.
        match archive.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => file.write_all(&buffer[..count]).map_err(no_room)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    file.rewind().map_err(no_room)?;
    let listing = tarball::list(io::BufReader::new(&file)).map_err(|why| ContextError::Stdin { why })?;
    Ok(Stdin::Tarball { file, listing })
}

fn text(input: impl Read) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    input.take(LONGEST_DOCKERFILE + 1).read_to_end(&mut text).map_err(unreadable)?;
    let found = if text.is_empty() {
        "empty"
    } else if text.contains(&0) || text.len() as u64 > LONGEST_DOCKERFILE {
        "neither a tar archive nor a Dockerfile"
    } else {
        return Ok(text);
    };
    Err(UsageError::StdinUnusable { found }.into())
}

fn unreadable(source: io::Error) -> Error {
    ContextError::Io { action: "read", path: "standard input".into(), source }.into()
}

#[cfg(test)]
mod tests {
    use flate2::write::GzEncoder;

    use super::*;

    fn archive() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(5);
        header.set_mode(0o644);
        builder.append_data(&mut header, "a", &b"12345"[..]).unwrap();
        builder.into_inner().unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn an_archive_is_listed_whether_it_is_compressed_or_not() {
        for bytes in [archive(), gzip(&archive()), [gzip(&archive()[..700]), gzip(&archive()[700..])].concat()] {
            let Stdin::Tarball { listing, .. } = told_apart(&bytes[..]).unwrap() else { panic!("no archive") };
            assert_eq!(listing.totals().bytes, 5);
        }
    }

    #[test]
    fn anything_else_that_is_text_is_a_dockerfile() {
        let Stdin::Dockerfile(text) = told_apart(&b"FROM scratch\n"[..]).unwrap() else { panic!("no Dockerfile") };
        assert_eq!(text, b"FROM scratch\n");
    }

    #[test]
    fn what_is_neither_or_not_whole_is_refused() {
        let refused = |bytes: &[u8]| told_apart(bytes).unwrap_err().one_line();
        let compressed = gzip(&archive());
        assert_eq!(refused(b""), "standard input is empty");
        assert_eq!(refused(b"\x7fELF\0\0"), "standard input is neither a tar archive nor a Dockerfile");
        assert!(refused(b"\xfd7zXZ\0rest").starts_with("the build context on standard input is compressed with xz"));
        assert!(refused(&compressed[..compressed.len() - 9]).starts_with("cannot read `standard input`"));
        assert!(refused(&archive()[..1024]).contains("cut off"), "{}", refused(&archive()[..1024]));
        assert!(refused(&gzip(b"FROM scratch\n")).starts_with("the build context on standard input cannot be used"));
    }
}

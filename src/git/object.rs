//! Names of git's objects. Pure.

use std::fmt;
use std::io::{self, Read};

use sha1::{Digest, Sha1};

const BYTES: usize = 20;

/// The name of an object in a repository of SHA-1, the only kind that Kaniko's git library reads (go-git v5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId([u8; BYTES]);

impl ObjectId {
    /// Reads all 40 hexadecimal digits.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; BYTES];
        if text.len() != 2 * BYTES {
            return None;
        }
        for (byte, digits) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            let digit = |index: usize| char::from(*digits.get(index)?).to_digit(16);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
        }
        Some(Self(bytes))
    }

    /// The name of the blob with this content, which is `size` bytes long.
    ///
    /// # Errors
    /// It cannot be read, or has another size.
    pub(super) fn of_blob(size: u64, content: &mut dyn Read) -> io::Result<Self> {
        let mut hash = Sha1::new();
        hash.update(format!("blob {size}\0"));
        let mut buffer = vec![0; 64 * 1024];
        let mut rest = size;
        loop {
            let count = match content.read(&mut buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if count == 0 {
                break;
            }
            let changed = || io::Error::other("its size changes");
            rest = rest.checked_sub(count as u64).ok_or_else(changed)?;
            hash.update(&buffer[..count]);
        }
        match rest {
            0 => Ok(Self(hash.finalize().into())),
            _ => Err(io::Error::other("its size changes")),
        }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_has_the_name_that_git_gives_it() {
        // `git hash-object` of nothing, and of "hello\n".
        for (content, name) in [
            (&b""[..], "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
            (b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
        ] {
            let id = ObjectId::of_blob(content.len() as u64, &mut &content[..]).unwrap();
            assert_eq!(id.to_string(), name);
            assert_eq!(ObjectId::parse(name.as_bytes()), Some(id));
        }
    }

    #[test]
    fn a_file_that_grows_or_shrinks_has_no_name() {
        assert!(ObjectId::of_blob(1, &mut &b"ab"[..]).is_err());
        assert!(ObjectId::of_blob(3, &mut &b"ab"[..]).is_err());
    }

    #[test]
    fn anything_but_forty_digits_is_no_name() {
        for text in ["", "ce01", &"g".repeat(40), &"0".repeat(41), &"é".repeat(20)] {
            assert_eq!(ObjectId::parse(text.as_bytes()), None, "{text}");
        }
    }
}

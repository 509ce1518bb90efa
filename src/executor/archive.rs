//! What `ADD` takes a file for, by its first block: kaniko v1.24.0 `pkg/util/tar_util.go` (`IsFileLocalTarArchive`).

/// What a file is to `ADD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// A file like others.
    Nothing,
    /// An archive, to be unpacked.
    Archive,
    /// Something compressed that may hold an archive.
    Compressed,
    /// Something compressed that the executor takes for an archive and cannot read.
    Unreadable,
    /// Nobody can look into it, or it is elsewhere.
    Unknown,
}

/// By the first [`super::files::START`] bytes.
pub fn held(start: &[u8]) -> Held {
    match start {
        _ if start.starts_with(b"\x1f\x8b\x08") || start.starts_with(b"BZh") => Held::Compressed,
        _ if start.starts_with(b"\xfd7zXZ\0") || start.starts_with(b"\x28\xb5\x2f\xfd") => Held::Unreadable,
        _ if is_tar_header(start) => Held::Archive,
        _ => Held::Nothing,
    }
}

/// Whether a block is the header of a tar archive: its checksum says so.
fn is_tar_header(block: &[u8]) -> bool {
    let Some(field) = block.get(148..156).filter(|_| block.len() == super::files::START) else { return false };
    let digits: Vec<u8> = field.iter().copied().filter(u8::is_ascii_digit).collect();
    let told = str::from_utf8(&digits).ok().and_then(|text| u64::from_str_radix(text, 8).ok());
    let blank = |at: usize, byte: u8| if (148..156).contains(&at) { b' ' } else { byte };
    let sum: u64 = block.iter().enumerate().map(|(at, &byte)| u64::from(blank(at, byte))).sum();
    told == Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_first_block() {
        let mut header = tar::Header::new_gnu();
        header.set_path("a").unwrap();
        header.set_size(0);
        header.set_cksum();
        let header = header.as_bytes().to_vec();
        let mut broken = header.clone();
        broken[0] ^= 1;
        for (start, expected) in [
            (&header[..], Held::Archive),
            (&broken, Held::Nothing),
            (&header[..500], Held::Nothing),
            (&[0; 512], Held::Nothing),
            (b"text", Held::Nothing),
            (b"", Held::Nothing),
            (b"\x1f\x8b\x08rest", Held::Compressed),
            (b"BZh9", Held::Compressed),
            (b"\xfd7zXZ\0", Held::Unreadable),
            (b"\x28\xb5\x2f\xfd", Held::Unreadable),
        ] {
            assert_eq!(held(start), expected, "{start:?}");
        }
    }
}

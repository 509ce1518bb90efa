//! Large files that are left over from something else, by the head of their content.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::context::listing::{Entry, Kind};

/// What a file is left over from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Artifact {
    /// A process that crashed.
    CoreDump,
    /// A Java process whose memory was written down.
    HeapDump,
    /// An archive of this very context.
    ContextArchive,
}

impl Artifact {
    /// What it is, in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::CoreDump => "it is the core dump of a process",
            Self::HeapDump => "it is the heap dump of a Java process",
            Self::ContextArchive => "it is an archive of this very context",
        }
    }
}

/// Tells by the first bytes of a file; `entries` is the listing it is in, in archive order.
pub fn recognise(head: &[u8], entries: &[Entry]) -> Option<Artifact> {
    if is_core_dump(head) {
        return Some(Artifact::CoreDump);
    }
    if head.starts_with(b"JAVA PROFILE 1.0.") {
        return Some(Artifact::HeapDump);
    }
    let plain = if head.starts_with(b"\x1f\x8b") { &inflate(head)[..] } else { head };
    packs(plain, entries).then_some(Artifact::ContextArchive)
}

/// ELF of type 4.
fn is_core_dump(head: &[u8]) -> bool {
    let kind = match head {
        [0x7f, b'E', b'L', b'F', _, 2, ..] => head.get(16..18).map(|kind| [kind[1], kind[0]]),
        [0x7f, b'E', b'L', b'F', ..] => head.get(16..18).map(|kind| [kind[0], kind[1]]),
        _ => None,
    };
    kind == Some([4, 0])
}

/// As much as there is: the head is cut off somewhere.
fn inflate(head: &[u8]) -> Vec<u8> {
    let mut plain = vec![0; super::HEAD];
    let mut decoder = MultiGzDecoder::new(head);
    let mut filled = 0;
    while let Ok(count @ 1..) = decoder.read(&mut plain[filled..]) {
        filled += count;
    }
    plain.truncate(filled);
    plain
}

/// Whether the first file in a tar is one of the context, with its size.
fn packs(mut tar: &[u8], entries: &[Entry]) -> bool {
    while let Some((header, rest)) = tar.split_at_checked(512) {
        let header = tar::Header::from_byte_slice(header);
        if header.as_ustar().is_none() && header.as_gnu().is_none() {
            return false;
        }
        let (Ok(path), Ok(size)) = (header.path(), header.entry_size()) else { return false };
        match header.entry_type() {
            tar::EntryType::Directory => tar = rest,
            tar::EntryType::Regular => return is_listed(&path, size, entries),
            _ => return false,
        }
    }
    false
}

fn is_listed(path: &Path, size: u64, entries: &[Entry]) -> bool {
    let path: PathBuf = path.components().filter(|part| !matches!(part, std::path::Component::CurDir)).collect();
    let found = entries.binary_search_by(|entry| entry.path.as_path().cmp(&path));
    found.is_ok_and(|index| matches!(entries[index].kind, Kind::File { size: listed, .. } if listed == size))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn tar(path: &str, content: &str) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        builder.append_data(&mut header, "./", &[][..]).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, path, content.as_bytes()).unwrap();
        builder.into_inner().unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn dumps_and_archives_of_the_context_are_told_from_others() {
        let entries = [Entry::made("Dockerfile", "FROM x\n"), Entry::made("src", "1")];
        let elf = |kind: u8| [&b"\x7fELF\x02\x01\x01"[..], &[0; 9], &[kind, 0]].concat();
        let own = tar("./Dockerfile", "FROM y\n");
        for (head, wanted) in [
            (elf(4), Some(Artifact::CoreDump)),
            (elf(2), None),
            (b"JAVA PROFILE 1.0.2\0".to_vec(), Some(Artifact::HeapDump)),
            (own.clone(), Some(Artifact::ContextArchive)),
            (gzip(&own), Some(Artifact::ContextArchive)),
            (gzip(&own)[..60].to_vec(), None),
            (tar("./Dockerfile", "another size"), None),
            (tar("etc/passwd", "FROM y\n"), None),
            (b"plain text".to_vec(), None),
            (vec![0; 1024], None),
        ] {
            assert_eq!(recognise(&head, &entries), wanted);
        }
    }
}

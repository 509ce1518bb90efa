//! An archive that was compressed twice, as `tar -czf - . | gzip` does (kaniko#1641): the executor undoes it once, and
//! finds no tar archive.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::Facts;

/// What gzip begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Only where the executor fails at what is inside.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let given = facts.flag("context").filter(|_| facts.fails_at_context())?;
    let path = given.value.strip_prefix("tar://")?;
    let absolute = facts.absolute(path.as_bytes());
    let content = facts.content(&absolute)?;
    let mut inside = [0; GZIP.len()];
    (content.starts_with(&GZIP) && MultiGzDecoder::new(&content[..]).read_exact(&mut inside).is_ok()).then_some(())?;
    let local = facts.local(&absolute).filter(|_| inside == GZIP);
    let finding = facts.error(Code::ArchiveCompressedTwice, Some(given.index), format!("`{path}` is compressed twice"));
    let help = local.map(|local| {
        let once = local.with_extension("once.gz");
        format!("undo it once: `gzip -dc {} > {}`", local.display(), once.display())
    });
    (inside == GZIP).then(|| finding.with_help(help))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::super::case::Case;
    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn case(content: Vec<u8>) -> Case {
        Case::of(&["--context=tar:///x/a.tgz"], &["/x/"]).mount("dir", "/x").holding("/x/a.tgz", content)
    }

    /// kaniko#1641. Which of the two it says depends on how long it is.
    #[test]
    fn what_is_inside_is_no_tar_archive() {
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .take(4096)
        .collect();
        for (tar, words) in [(&noise[..100], "unexpected EOF"), (&noise, "archive/tar: invalid tar header")] {
            let finding = case(gzip(&gzip(tar))).finding(Code::ArchiveCompressedTwice);
            assert_eq!(
                finding.notes,
                [format!("the executor ends with `Error: error resolving source context: {words}`")]
            );
            assert_eq!(finding.help.as_deref(), Some("undo it once: `gzip -dc dir/a.tgz > dir/a.once.gz`"));
        }
    }

    #[test]
    fn once_is_fine() {
        case(gzip(b"a tar archive")).no_finding(Code::ArchiveCompressedTwice);
        case(b"\x1f\x8b\x08 and no more of it".to_vec()).no_finding(Code::ArchiveCompressedTwice);
        case(vec![]).no_finding(Code::ArchiveCompressedTwice);
    }
}

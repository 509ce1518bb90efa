//! An archive that is not compressed with gzip: the executor unpacks nothing else.

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::Facts;

/// Where the name of a tar archive's format is, and what it begins with.
const OF_TAR: (usize, &[u8]) = (257, b"ustar");

/// What other formats begin with.
const MAGIC: [(&[u8], &str); 5] = [
    (b"\xfd7zXZ\0", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"BZh", "compressed with bzip2"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"<", "a web page, or XML"),
];

/// Only where the executor fails at its first bytes.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let given = facts.flag("context").filter(|_| facts.fails_at_context())?;
    let path = given.value.strip_prefix("tar://")?;
    let words = facts.failure()?;
    [": gzip: invalid header", ": EOF", ": unexpected EOF"].iter().any(|end| words.ends_with(end)).then_some(())?;
    let absolute = facts.absolute(path.as_bytes());
    let content = facts.content(&absolute)?;
    let kind = kind(&content);
    let message = format!("`{path}` is no archive compressed with gzip");
    let finding = facts.error(Code::ArchiveNotGzip, Some(given.index), message);
    let finding = finding.because(kind.map(|kind| format!("it is {kind}")));
    let local = facts.local(&absolute).filter(|_| is_tar(&content));
    Some(finding.with_help(
        local.map(|local| format!("compress it with `gzip {}`, and use `--context=tar://{path}.gz`", local.display())),
    ))
}

fn kind(content: &[u8]) -> Option<&'static str> {
    match MAGIC.iter().find(|(magic, _)| content.starts_with(magic)) {
        _ if content.is_empty() => Some("empty"),
        Some((_, kind)) => Some(kind),
        None => is_tar(content).then_some("a tar archive without compression"),
    }
}

fn is_tar(content: &[u8]) -> bool {
    content.get(OF_TAR.0..).is_some_and(|rest| rest.starts_with(OF_TAR.1))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn what_it_is_instead_is_told() {
        let tar = format!("{}ustar", "x".repeat(257));
        for (content, note) in [
            (tar.as_str(), "it is a tar archive without compression"),
            ("BZh91AY&SY 0123", "it is compressed with bzip2"),
            ("<!DOCTYPE html>", "it is a web page, or XML"),
            ("", "it is empty"),
        ] {
            let case = Case::of(&["--context=tar:///x/a.tar"], &[&format!("/x/a.tar={content}")]).mount("dir", "/x");
            let finding = case.finding(Code::ArchiveNotGzip);
            assert_eq!(finding.notes[0], note);
            assert_eq!(finding.help.is_some(), content == tar);
        }
        let tar = Case::of(&["--context=tar:///x/a.tar"], &[&format!("/x/a.tar={tar}")]).mount("dir", "/x");
        let help = "compress it with `gzip dir/a.tar`, and use `--context=tar:///x/a.tar.gz`";
        assert_eq!(tar.finding(Code::ArchiveNotGzip).help.as_deref(), Some(help));
    }

    #[test]
    fn what_is_not_there_has_no_content() {
        Case::of(&["--context=tar:///x"], &["/y"]).no_finding(Code::ArchiveNotGzip);
        Case::of(&["--context=tar:///x"], &["/x/y"]).no_finding(Code::ArchiveNotGzip);
    }
}

//! A hard link in an archive whose target is not unpacked before it: kaniko v1.24.0 `pkg/util/fs_util.go` `ExtractFile`
//! links to what is there, below the directory that it unpacks into, as the fork does.

use std::collections::BTreeSet;

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType};

use crate::code::Code;
use crate::diagnose::facts::{Facts, shown};
use crate::diagnose::{Finding, Severity};
use crate::executor::resolve::{Source, UNPACKED};
use crate::gopath;

/// Compressed bytes beyond which nobody waits for an answer.
const LIMIT: usize = 256 << 20;

/// A hard link that cannot be made.
struct Broken {
    path: Vec<u8>,
    target: Vec<u8>,
    /// Whether the target comes later.
    is_later: bool,
}

/// For the first one: the executor comes to no other.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let context = facts.context()?;
    let Source::Archive(path) = &context.source else { return None };
    let absolute = facts.absolute(path);
    let content = facts.content(&absolute)?;
    let broken = broken(&content)?;
    let (link, target) = (shown(&broken.path), shown(&broken.target));
    let given = facts.flag("context").map(|given| given.index);
    let message = format!("the hard link `{link}` leads to `{target}`, which is not unpacked before it");
    let finding = facts.finding(Code::ArchiveHardLink, Severity::Error, given, message);
    let place = match broken.is_later {
        true => format!("`{target}` comes later in the archive"),
        false => format!("`{target}` is not in the archive"),
    };
    let words = format!("link {UNPACKED}/{target} {UNPACKED}/{link}: no such file or directory");
    let words = format!("the executor ends with `Error: error resolving source context: {words}`");
    let help = "pack it with `tar --hard-dereference`: each hard link becomes a file";
    Some(finding.because([place, words]).with_help(Some(help.to_owned())))
}

/// The first hard link without its target; none where that is not certain.
fn broken(compressed: &[u8]) -> Option<Broken> {
    if compressed.len() > LIMIT {
        return None;
    }
    let mut archive = Archive::new(MultiGzDecoder::new(compressed));
    let mut there: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut links: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut first: Option<Broken> = None;
    for entry in archive.entries().ok()? {
        // Where it is damaged something else is to be said.
        let entry = entry.ok()?;
        let path = in_root(&entry.path_bytes());
        if let Some(found) = first.as_mut() {
            found.is_later = found.is_later || path == found.target;
            continue;
        }
        match entry.header().entry_type() {
            EntryType::Link => {
                let target = in_root(&entry.link_name_bytes()?);
                // Through a symlink it may be there under another name.
                let is_hidden = gopath::above(&target).any(|above| links.contains(above));
                if !there.contains(&target) && !is_hidden {
                    first = Some(Broken { path, target, is_later: false });
                    continue;
                }
            }
            EntryType::Symlink => drop(links.insert(path.clone())),
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse | EntryType::Directory => {}
            _ => continue,
        }
        there.extend(gopath::above(&path).map(<[u8]>::to_vec));
        there.insert(path);
    }
    first
}

/// A name of an archive as a path below its root.
fn in_root(name: &[u8]) -> Vec<u8> {
    gopath::join(&[b"/", name])[1..].to_vec()
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    use super::super::case::Case;
    use super::*;

    /// Each as `path`, `path -> target` for a symlink or `path = target` for a hard link.
    fn case(entries: &[&str]) -> Case {
        let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for entry in entries {
            let mut header = Header::new_gnu();
            header.set_size(0);
            header.set_mode(0o644);
            if let Some((path, target)) = entry.split_once(" = ") {
                header.set_entry_type(EntryType::Link);
                builder.append_link(&mut header, path, target).unwrap();
            } else if let Some((path, target)) = entry.split_once(" -> ") {
                header.set_entry_type(EntryType::Symlink);
                builder.append_link(&mut header, path, target).unwrap();
            } else {
                builder.append_data(&mut header, entry, &b""[..]).unwrap();
            }
        }
        let archive = builder.into_inner().unwrap().finish().unwrap();
        Case::of(&["--context=tar:///a.tgz"], &[]).holding("/a.tgz", archive)
    }

    #[test]
    fn a_target_has_to_come_first() {
        for (entries, note) in [
            (&["Dockerfile", "b = a"][..], "`a` is not in the archive"),
            (&["./b = a", "./a"], "`a` comes later in the archive"),
            (&["d/b = /d/a"], "`d/a` is not in the archive"),
        ] {
            let finding = case(entries).finding(Code::ArchiveHardLink);
            assert_eq!((finding.severity, finding.notes[0].as_str()), (Severity::Error, note));
        }
        let words = &case(&["b = a"]).finding(Code::ArchiveHardLink).notes[1];
        let said = "link /kaniko/buildcontext/a /kaniko/buildcontext/b: no such file or directory";
        assert!(words.contains(said), "{words}");
    }

    #[test]
    fn one_that_does_is_fine() {
        for entries in [&["a", "b = a", "c = b"][..], &["./a", "b = ./a"], &["e/a", "d -> e", "b = d/a"], &["a"]] {
            case(entries).no_finding(Code::ArchiveHardLink);
        }
        Case::of(&["--context=tar:///a.tgz"], &["/a.tgz=no archive"]).no_finding(Code::ArchiveHardLink);
    }
}

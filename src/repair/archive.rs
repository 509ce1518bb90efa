//! `ADD` of compressed files. BuildKit unpacks one if there is an archive in it, in gzip, bzip2, xz or zstd, and copies it
//! as it is if there is none (v0.34.2 `solver/llbsolver/file/unpack.go`). The executors take every compressed file for an
//! archive, and can read gzip and bzip2 alone (kaniko v1.24.0 `pkg/util/tar_util.go`; the fork too): they fail over the
//! others.
//!
//! So what holds no archive is taken by `COPY`, and an archive in xz or zstd is sent without that: what it is, the executor
//! sees by its content. Only where nothing else takes the file.

use std::ops::Range;

use super::context::{Sources, Tree, below_root};
use super::scopes::Here;
use super::{Compressed, Compression, Plan, Project, Unpack};
use crate::buildkit::is_remote;
use crate::dockerfile::{Arguments, Command, Copy, Source, Step, Word};
use crate::gopath;
use crate::sys::OsStrExt;

pub(super) fn repair(project: &Project, plan: &mut Plan) {
    let listing = project.build.listing;
    let entry = |path: &[u8]| {
        let path = path.strip_prefix(b"/").unwrap_or(path);
        listing.entries.iter().find(|entry| entry.path.as_os_str().as_bytes() == path)
    };
    let tree = Tree::new(listing);
    let look = |path: &[u8]| project.build.contents.compressed(entry(&tree.end(path)?)?);
    let mut archives: Vec<(Vec<u8>, Compression, Range<usize>)> = Vec::new();
    project.walk(|_, step, here| {
        let Command::Add(copy) = &step.command else { return };
        for source in &copy.sources {
            let Source::Path(word) = source else { continue };
            for path in matched(word, here, &tree).unwrap_or_default() {
                let found = look(&path).filter(|found| found.holds_archive == Some(true)).map(|found| found.by);
                let by = found.filter(|by| matches!(by, Compression::Xz | Compression::Zstd));
                archives.extend(by.map(|by| (path, by, word.span.clone())));
            }
        }
        let _ = as_copy(project, step, copy, &|word| class(word, here, &tree, &look), plan);
    });
    if archives.is_empty() {
        return;
    }
    let Some(sources) = Sources::known(project) else { return };
    for (path, by, span) in archives {
        // A symlink to it is sent as a symlink, or as a file of its own.
        let is_itself = tree.end(&path).as_ref() == Some(&path);
        if is_itself
            && sources.iter().all(|source| source.is_add || !takes(&tree, &source.path, &path))
            && !is_in_tree(&tree, &sources, &path)
        {
            let path = below_root(&path);
            if !plan.unpack.iter().any(|unpack| unpack.path == path) {
                plan.unpack.push(Unpack { path, by, span });
            }
        }
    }
}

/// The things that a source names; none if that is not known.
fn matched(word: &Word, here: &Here, tree: &Tree) -> Option<Vec<Vec<u8>>> {
    let path = here.word(&word.text).filter(|path| !is_remote(path))?;
    tree.matching(&gopath::join(&[b"/", path.as_bytes()]))
}

/// Whether a source comes to this file, by itself or through a symlink.
fn takes(tree: &Tree, source: &[u8], path: &[u8]) -> bool {
    let matched = tree.matching(source).unwrap_or_default();
    matched.iter().any(|matched| tree.end(matched).as_deref() == Some(path))
}

/// Whether a directory is taken that the file is in.
fn is_in_tree(tree: &Tree, sources: &Sources, path: &[u8]) -> bool {
    sources.iter().any(|source| {
        let matched = tree.matching(&source.path).unwrap_or_default();
        matched
            .iter()
            .filter_map(|matched| tree.end(matched))
            .any(|end| tree.is_directory(&end) && gopath::below(path, &end).is_some())
    })
}

/// What takes a source as BuildKit does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Both do.
    Any,
    /// `ADD` alone: it is unpacked, fetched, or not known.
    Add,
    /// `COPY` alone: it is compressed, and no archive.
    Copy,
}

fn class(word: &Word, here: &Here, tree: &Tree, look: &dyn Fn(&[u8]) -> Option<Compressed>) -> Class {
    let Some(matched) = matched(word, here, tree) else { return Class::Add };
    let mut class = Class::Any;
    for path in matched {
        match look(&path).map(|compressed| compressed.holds_archive) {
            Some(Some(false)) => class = Class::Copy,
            // It may be an archive that is not compressed.
            None if tree.end(&path).is_some_and(|end| tree.is_directory(&end)) => {}
            _ => return Class::Add,
        }
    }
    class
}

/// `COPY` in the place of an `ADD`, or of the part of it that needs one.
fn as_copy(project: &Project, step: &Step, copy: &Copy, class: &dyn Fn(&Word) -> Class, plan: &mut Plan) -> Option<()> {
    let text = |span: &Range<usize>| project.build.text.get(span.clone());
    let words: Vec<&Word> = copy
        .sources
        .iter()
        .map(|source| match source {
            Source::Path(word) => Some(word),
            Source::Heredoc(_) => None,
        })
        .collect::<Option<_>>()?;
    let Arguments::Words(_) = step.instruction.arguments else { return None };
    let is_known = |flag: &Word| ["--chown=", "--chmod=", "--link"].iter().any(|name| flag.text.starts_with(name));
    let classes: Vec<Class> = words.iter().map(|word| class(word)).collect();
    let destination = text(&copy.destination.span)?;
    let is_changed = plan.edits.touches(&step.instruction.span);
    if is_changed || !classes.contains(&Class::Copy) || !step.instruction.flags.iter().all(is_known) {
        return None;
    }
    let is_mixed = classes.contains(&Class::Add);
    // One after the other they are put into a directory; what is no directory may be replaced.
    if is_mixed && !destination.ends_with('/') {
        return None;
    }
    let flags: Vec<&str> = step.instruction.flags.iter().map(|flag| text(&flag.span)).collect::<Option<_>>()?;
    let mut lines: Vec<(&str, Vec<&str>)> = Vec::new();
    for (word, class) in words.iter().zip(&classes) {
        let keyword = if is_mixed && *class != Class::Copy { "ADD" } else { "COPY" };
        let word = text(&word.span)?;
        match lines.last_mut() {
            Some((last, words)) if *last == keyword => words.push(word),
            _ => lines.push((keyword, vec![word])),
        }
    }
    let lines = lines
        .into_iter()
        .map(|(keyword, words)| [&[keyword], &flags[..], &words[..], &[destination]].concat().join(" "));
    plan.edits.replace(project.build.text, step.instruction.span.clone(), lines.collect::<Vec<_>>().join("\n"));
    for (word, _) in words.iter().zip(&classes).filter(|(_, class)| **class == Class::Copy) {
        plan.tell(word.span.clone(), format!("`{}` is no archive and is copied", word.text));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;

    /// Files are what their names say.
    fn case(dockerfile: &str) -> Case {
        Case::of(dockerfile).with(&[
            "a.gz",
            "b.gz",
            "t.tar.gz",
            "t.tar.xz",
            "t.tar.zst",
            "d/",
            "d/t.tar.xz",
            "x.bz2",
            "l -> t.tar.xz",
        ])
    }

    #[track_caller]
    fn copy(dockerfile: &str) -> String {
        let plan = case(dockerfile).plan();
        assert_eq!(plan.told.is_empty(), plan.edits.is_empty());
        plan.edits.apply(dockerfile)
    }

    #[test]
    fn what_is_compressed_and_no_archive_is_copied() {
        assert_eq!(copy("FROM a\nADD --chown=1:2 a.gz /o/\nRUN b\n"), "FROM a\nCOPY --chown=1:2 a.gz /o/\nRUN b\n");
        assert_eq!(copy("FROM a\nADD ?.gz d /o/\n"), "FROM a\nCOPY ?.gz d /o/\n");
        assert_eq!(copy("FROM a\nADD a.gz /o\n"), "FROM a\nCOPY a.gz /o\n");
        let plan = case("FROM a\nADD t.tar.gz a.gz /o/\n").plan();
        assert_eq!(
            (plan.told[0].what.as_str(), plan.told[0].span.clone()),
            ("`a.gz` is no archive and is copied", 20..24)
        );
    }

    #[test]
    fn an_instruction_is_split_where_another_source_is_unpacked() {
        assert_eq!(
            copy("FROM a\nADD t.tar.gz \\\n  a.gz b.gz http://example.com/c.gz /o/\n"),
            "FROM a\nADD t.tar.gz /o/\nCOPY a.gz b.gz /o/\nADD http://example.com/c.gz /o/\n"
        );
        let same = "FROM a\nADD t.tar.gz a.gz /o\n";
        assert_eq!(copy(same), same);
    }

    #[test]
    fn what_is_unpacked_or_not_known_stays_with_add() {
        for same in [
            "FROM a\nADD t.tar.gz /o/\n",
            "FROM a\nADD *.gz /o/\n",
            "FROM a\nADD x.bz2 /o/\n",
            "FROM a\nADD $X /o/\n",
            "FROM a\nADD d /o/\n",
            "FROM a\nCOPY a.gz /o/\n",
            "FROM a\nADD --checksum=sha256:0 a.gz /o/\n",
            "FROM a\nADD [\"a.gz\", \"/o/\"]\n",
        ] {
            assert_eq!(copy(same), same);
        }
    }

    #[test]
    fn an_instruction_is_changed_once() {
        let dockerfile = "FROM a\nADD k a.gz /o/\nCOPY . /p\n";
        let plan = case(dockerfile).with(&["a.gz", "k -> a.gz"]).plan();
        assert_eq!(plan.edits.apply(dockerfile), "FROM a\nADD ../inline/1/k a.gz /o/\nCOPY . /p\n");
    }

    fn unpacked(dockerfile: &str) -> Vec<String> {
        case(dockerfile).plan().unpack.iter().map(|unpack| unpack.path.display().to_string()).collect()
    }

    #[test]
    fn archives_in_xz_and_zstd_are_sent_without_that() {
        assert_eq!(
            unpacked("FROM a\nADD t.tar.xz t.tar.zst t.tar.gz /o/\nADD t.tar.xz /p/\n"),
            ["t.tar.xz", "t.tar.zst"]
        );
        assert_eq!(unpacked("FROM a\nADD t.tar.* /o/\n"), ["t.tar.xz", "t.tar.zst"]);
        assert_eq!(unpacked("FROM a\nADD d/t.tar.xz /o/\n"), ["d/t.tar.xz"]);
        let plan = case("FROM a\nADD t.tar.xz /o/\n").plan();
        assert_eq!((plan.unpack[0].span.clone(), plan.edits.is_empty()), (11..19, true));
    }

    #[test]
    fn files_that_something_else_takes_are_sent_as_they_are() {
        for dockerfile in [
            "FROM a\nADD t.tar.xz /o/\nCOPY t.tar.xz /p/\n",
            "FROM a\nADD t.tar.xz /o/\nFROM b\nCOPY . /p/\n",
            "FROM a\nADD d/t.tar.xz /o/\nADD d /p/\n",
            "FROM a\nADD t.tar.xz /o/\nCOPY l /p/\n",
            "FROM a\nADD t.tar.xz /o/\nCOPY $X /p/\n",
            "FROM a\nADD l /o/\n",
            "FROM a\nADD t.tar.gz /o/\n",
            "FROM a\nCOPY t.tar.xz /o/\n",
        ] {
            assert!(unpacked(dockerfile).is_empty(), "{dockerfile}");
        }
    }
}

//! Symlinks that `COPY` and `ADD` name. BuildKit follows a symlink that is a source itself, by its name or by a pattern,
//! and copies what it leads to; the executor copies the symlink (kaniko v1.24.0 `pkg/commands/copy.go`, the fork too). And
//! what a symlink on the way to a source means is another thing: to BuildKit the context is the root (fsutil `copy`,
//! containerd's continuity `fs.RootPath`), the executor looks into its own files.
//!
//! So the archive gets something else in the symlink's place: what it leads to, a file, or a directory with all it holds;
//! or a symlink that leads there from where it is. Only if no instruction takes a directory in which it is: there BuildKit
//! keeps it as it is. Then what it leads to is sent beside the context, and named there in the copy of the Dockerfile.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::context::{Sources, Taken, Tree, below_root};
use super::heredoc::plain;
use super::{INLINE, Plan, Project, Replaced, with};
use crate::context::listing::{Content, Entry, Kind, Listing};
use crate::gopath;
use crate::sys::slashed;

pub(super) fn repair(project: &Project, plan: &mut Plan) {
    let listing = project.build.listing;
    if !listing.entries.iter().any(|entry| matches!(entry.kind, Kind::Symlink { .. })) {
        return;
    }
    // A source that is not known may be anything.
    let Some(sources) = Sources::known(project) else { return };
    let tree = Tree::new(listing);
    let Some(repairs) = repairs(&tree, listing, &sources) else { return };
    for (replaced, span) in repairs {
        let path = replaced.path.display();
        plan.tell(
            span,
            match replaced.with.first().map(|entry| &entry.kind) {
                Some(Kind::Symlink { .. }) => format!("the symlink `{path}` starts at the context's root"),
                _ => format!("the symlink `{path}` is followed"),
            },
        );
        plan.replaced.push(replaced);
    }
    for source in sources.iter() {
        let _ = beside(project, source, &sources, &tree, plan);
    }
}

/// Names what a symlink leads to beside the context, where the symlink itself has to stay.
fn beside(project: &Project, source: &Taken, sources: &Sources, tree: &Tree, plan: &mut Plan) -> Option<()> {
    let links = tree.links_on_the_way(&source.path);
    let (link, _) = links.iter().find(|(_, is_last)| *is_last)?;
    let typed = project.build.text.get(source.span.clone())?;
    // Of several the executor compares all with what is in the context, if there is a pattern among them.
    let is_pattern = |source: &Taken| source.path.iter().any(|byte| b"*?[\\".contains(byte));
    let together = sources.iter().filter(|other| other.instruction == source.instruction);
    let is_plain = !typed.contains(['"', '\'', '\\', '\n']) && !together.into_iter().any(is_pattern);
    let is_done = plan.replaced.iter().any(|replaced| replaced.path == below_root(link));
    if is_done || !is_plain || plan.edits.touches(&source.span) {
        return None;
    }
    let name = plain(str::from_utf8(gopath::file_name(&source.path)).ok()?)?;
    let followed = followed(project.build.listing, link, &tree.end(link)?)?;
    let directory = format!("{INLINE}/{}", plan.inline());
    let place = slashed(Path::new(&directory).join(name));
    let mut made = vec![Entry::made_directory(&directory)];
    for entry in followed.with {
        made.push(Entry { path: moved(&entry.path, &followed.path, &place)?, ..entry });
    }
    plan.beside(made);
    plan.edits.replace(project.build.text, source.span.clone(), format!("../{directory}/{name}"));
    plan.tell(source.span.clone(), format!("the symlink `{typed}` is followed"));
    Some(())
}

/// None where one of them would change what another is.
fn repairs(tree: &Tree, listing: &Listing, sources: &Sources) -> Option<Vec<(Replaced, Range<usize>)>> {
    let mut wanted: BTreeMap<Vec<u8>, (bool, Range<usize>)> = BTreeMap::new();
    let mut whole: Vec<Vec<u8>> = Vec::new();
    for source in sources.iter() {
        for path in tree.matching(&source.path)? {
            // Docker fails where nothing is.
            let end = tree.end(&path)?;
            for (link, is_last) in tree.links_on_the_way(&path) {
                if is_last || !leads_there_by_itself(tree, &link) {
                    let (is_followed, _) = wanted.entry(link).or_insert_with(|| (false, source.span.clone()));
                    *is_followed |= is_last;
                }
            }
            whole.extend(tree.is_directory(&end).then_some(end));
        }
    }
    let is_within = |path: &[u8], above: &[u8]| gopath::below(path, above).is_some_and(|rest| rest != b".");
    wanted.retain(|link, _| !whole.iter().any(|above| is_within(link, above)));
    let mut repairs = Vec::new();
    for (link, (is_followed, span)) in &wanted {
        let end = tree.end(link)?;
        let replaced = if *is_followed { followed(listing, link, &end) } else { Some(relative(link, &end)) };
        repairs.push((replaced?, span.clone()));
    }
    // A pattern may match what is new.
    let changed = Tree::new(&with(listing, repairs.iter().map(|(replaced, _)| replaced)));
    let is_same = |path: &[u8]| changed.matching(path) == tree.matching(path);
    sources.iter().all(|source| is_same(&source.path)).then_some(repairs)
}

/// Whether a symlink leads the executor where it leads BuildKit: it is relative, stays within the context, and no other
/// follows.
fn leads_there_by_itself(tree: &Tree, link: &[u8]) -> bool {
    let Some(target) = tree.link(link).filter(|target| !gopath::is_absolute(target)) else { return false };
    let directory = gopath::parent(link);
    let lexical = gopath::join(&[directory.strip_prefix(b"/").unwrap_or_default(), target]);
    !lexical.starts_with(b"..") && tree.end(link) == Some(gopath::join(&[b"/", &lexical]))
}

/// What a symlink leads to, in its place.
fn followed(listing: &Listing, link: &[u8], end: &[u8]) -> Option<Replaced> {
    let end = below_root(end);
    let place = below_root(link);
    let found = listing.entries.iter().find(|entry| entry.path == end)?;
    let there = |entry: &Entry| {
        let path = moved(&entry.path, &end, &place)?;
        let kind = match &entry.kind {
            Kind::File { size, content: Content::Disk } => {
                Kind::File { size: *size, content: Content::At(entry.path.clone()) }
            }
            kind => kind.clone(),
        };
        Some(Entry { path, kind, ..entry.clone() })
    };
    let mut with: Vec<Entry> = match found.kind {
        Kind::Directory => listing.entries.iter().filter_map(there).collect(),
        _ => there(found).into_iter().collect(),
    };
    // Of a directory that is a source, its mode is no matter in Docker; the executor hands it on.
    if found.kind == Kind::Directory {
        with.first_mut()?.mode = 0o755;
    }
    Some(Replaced { path: place, with })
}

/// A symlink that leads from where it is.
fn relative(link: &[u8], end: &[u8]) -> Replaced {
    let path = below_root(link);
    let depth = path.components().count().saturating_sub(1);
    let mut target: PathBuf = std::iter::repeat_n("..", depth).collect();
    target.push(below_root(end));
    if target.as_os_str().is_empty() {
        target.push(".");
    }
    let kind = Kind::Symlink { target: slashed(target) };
    let with = vec![Entry { path: path.clone(), kind, mode: 0o777, mtime: 0 }];
    Replaced { path, with }
}

/// Where a path is once what is above it is elsewhere; none if that is not above it.
fn moved(path: &Path, from: &Path, to: &Path) -> Option<PathBuf> {
    match path.strip_prefix(from).ok()? {
        rest if rest.as_os_str().is_empty() => Some(to.to_owned()),
        rest => Some(slashed(to.join(rest))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;

    /// What is in the place of each symlink: `path` for a file with the content of another, `d/`, `l -> target`.
    fn replaced(dockerfile: &str, files: &[&str]) -> Vec<String> {
        let plan = Case::of(dockerfile).with(files).plan();
        assert!(plan.told.len() >= plan.replaced.len());
        plan.replaced.iter().flat_map(|replaced| replaced.with.iter().map(Case::told)).collect()
    }

    #[test]
    fn a_symlink_that_is_a_source_is_what_it_leads_to() {
        assert_eq!(replaced("FROM a\nCOPY l /o\n", &["f", "l -> f"]), ["l = f"]);
        assert_eq!(replaced("FROM a\nCOPY c/l* x /o/\n", &["c/", "c/l -> ../f", "f", "x"]), ["c/l = f"]);
        assert_eq!(replaced("FROM a\nCOPY l /o\n", &["f", "k -> f", "l -> k"]), ["l = f"]);
        assert_eq!(replaced("FROM a\nCOPY l /o\n", &["c/", "c/f", "l -> /c/f"]), ["l = c/f"]);
        assert_eq!(replaced("FROM a\nCOPY c/l /o\n", &["c/", "c/l -> ../../f", "f"]), ["c/l = f"]);
        assert_eq!(
            replaced("FROM a\nADD l/. /o/\n", &["d/", "d/a", "d/k -> a", "l -> d"]),
            ["l/", "l/a = d/a", "l/k -> a"]
        );
        let plan = Case::of("FROM a\nCOPY a l /o/\n").with(&["a", "f", "l -> f"]).plan();
        assert_eq!((plan.told[0].what.as_str(), plan.told[0].span.clone()), ("the symlink `l` is followed", 14..15));
    }

    #[test]
    fn one_on_the_way_starts_at_the_contexts_root() {
        let files = ["c/", "c/l -> /etc", "etc/", "etc/hosts"];
        assert_eq!(replaced("FROM a\nCOPY c/l/hosts /o\n", &files), ["c/l -> ../etc"]);
        assert_eq!(replaced("FROM a\nCOPY l/a /o\n", &["a", "l -> .."]), ["l -> ."]);
        assert_eq!(replaced("FROM a\nCOPY l/a /o\n", &["d/", "d/a", "k -> /d", "l -> k"]), ["l -> d"]);
        assert!(replaced("FROM a\nCOPY l/a /o\n", &["d/", "d/a", "l -> d"]).is_empty());
    }

    #[test]
    fn one_that_a_tree_is_copied_with_stays() {
        for dockerfile in [
            "FROM a\nCOPY l /o\nCOPY . /app\n",
            "FROM a\nCOPY l /o\nFROM b\nADD ./ /app\n",
            "FROM a\nCOPY c/l /o\nCOPY c /c\n",
            "FROM a\nCOPY c/l /o\nCOPY k /c\n",
            "FROM a\nCOPY * /o/\nCOPY c/l /o\n",
        ] {
            let files = ["c/", "c/l -> f", "c/f", "f", "k -> c", "l -> f"];
            let links = replaced(dockerfile, &files);
            let named = if dockerfile.contains("c/l") { "c/l" } else { "l" };
            assert!(!links.iter().any(|link| link.starts_with(&format!("{named} "))), "{dockerfile}: {links:?}");
        }
        // It is named where nothing takes it along.
        let dockerfile = "FROM a\nCOPY f c/l ld /o/\nCOPY . /app\n";
        let plan = Case::of(dockerfile).with(&["c/", "c/l -> ../f", "d/", "d/a", "f", "ld -> d"]).plan();
        assert_eq!(plan.edits.apply(dockerfile), "FROM a\nCOPY f ../inline/1/l ../inline/2/ld /o/\nCOPY . /app\n");
        assert_eq!(
            plan.beside.iter().map(Case::told).collect::<Vec<_>>(),
            ["inline/", "inline/1/", "inline/1/l = f", "inline/2/", "inline/2/ld/", "inline/2/ld/a = d/a"]
        );
        assert_eq!((plan.told.len(), plan.replaced.len(), plan.told[0].span.clone()), (2, 0, 14..17));
        for same in ["FROM a\nCOPY l* /o/\nCOPY . /app\n", "FROM a\nCOPY [\"l\", \"/o\"]\nCOPY . /app\n"] {
            assert!(Case::of(same).with(&["f", "l -> f"]).plan().edits.is_empty(), "{same}");
        }
        // What is behind one is copied as it is.
        let files = ["d/", "d/k -> ../f", "f", "l -> d"];
        assert_eq!(replaced("FROM a\nCOPY l /o/\nCOPY d/k /k\n", &files), ["l/", "l/k -> ../f"]);
        // A stage that is not built has no say.
        let unused = "FROM a AS unused\nCOPY . gone /app\nFROM b\nCOPY l /o\n";
        assert_eq!(replaced(unused, &["f", "l -> f"]), ["l = f"]);
        // Another directory.
        assert_eq!(replaced("FROM a\nCOPY l /o\nCOPY c /c\n", &["c/", "f", "l -> f"]), ["l = f"]);
    }

    #[test]
    fn where_it_is_not_certain_nothing_is_replaced() {
        for (dockerfile, files) in [
            // To nothing, and in circles.
            ("FROM a\nCOPY l /o\n", &["l -> gone"][..]),
            ("FROM a\nCOPY l /o\n", &["l -> l"]),
            // Any source.
            ("FROM a\nCOPY l $X /o/\n", &["f", "l -> f"]),
            ("FROM a\nCOPY l /o\nONBUILD COPY . /o\n", &["f", "l -> f"]),
            // A pattern that does not go behind it.
            ("FROM a\nCOPY l /l\nCOPY */a /o/\n", &["d/", "d/a", "l -> d"]),
            // From a stage.
            ("FROM a AS b\nFROM a\nCOPY --from=b l /o\n", &["f", "l -> f"]),
        ] {
            assert!(replaced(dockerfile, files).is_empty(), "{dockerfile}");
        }
    }
}

//! The mode of a directory that is a source. BuildKit copies what is in it and makes the destination 0755; the executors
//! hand the directory's own mode on (kaniko v1.24.0 `pkg/util/fs_util.go` `CopyDir`; the fork too), and whoever runs the
//! image cannot enter what somebody's umask kept to himself. So it is sent as 0755, if no instruction takes a directory in
//! which it is: there both builders keep its mode.

use std::collections::BTreeMap;
use std::ops::Range;

use super::context::{Sources, Tree};
use super::{Plan, Project, Replaced};
use crate::context::listing::{Entry, Kind};
use crate::gopath;
use crate::sys::OsStrExt;

const MODE: u32 = 0o755;

pub(super) fn repair(project: &Project, plan: &mut Plan) {
    let listing = project.build.listing;
    let is_other = |entry: &&Entry| entry.kind == Kind::Directory && entry.mode != MODE;
    if !listing.entries.iter().any(|entry| is_other(&entry)) {
        return;
    }
    let Some(sources) = Sources::known(project) else { return };
    let tree = Tree::new(listing);
    let mut taken: BTreeMap<Vec<u8>, Range<usize>> = BTreeMap::new();
    for source in sources.iter() {
        let matched = tree.matching(&source.path).unwrap_or_default();
        for end in matched.iter().filter_map(|path| tree.end(path)).filter(|end| tree.is_directory(end)) {
            taken.entry(end).or_insert_with(|| source.span.clone());
        }
    }
    for entry in listing.entries.iter().filter(is_other) {
        let path = gopath::join(&[b"/", entry.path.as_os_str().as_bytes()]);
        let Some(span) = taken.get(&path) else { continue };
        let is_within = |above: &Vec<u8>| *above != path && gopath::below(&path, above).is_some();
        if taken.keys().any(is_within) {
            continue;
        }
        plan.replaced.push(Replaced { path: entry.path.clone(), with: vec![Entry { mode: MODE, ..entry.clone() }] });
        plan.tell(span.clone(), format!("what `{}` becomes has mode 0755", entry.path.display()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;

    fn changed(dockerfile: &str) -> Vec<String> {
        let case = Case::of(dockerfile).with(&["a", "d/", "d/s/", "d/s/b", "e/", "l -> d"]);
        let plan = case.mode("d", 0o700).mode("d/s", 0o2755).plan();
        assert_eq!(plan.told.len(), plan.replaced.len());
        assert!(plan.replaced.iter().all(|replaced| replaced.with.len() == 1 && replaced.with[0].mode == 0o755));
        plan.replaced.iter().map(|replaced| replaced.path.display().to_string()).collect()
    }

    #[test]
    fn a_directory_that_is_a_source_is_0755() {
        assert_eq!(changed("FROM a\nCOPY d /o\n"), ["d"]);
        assert_eq!(changed("FROM a\nADD d/s/ /o/\n"), ["d/s"]);
    }

    #[test]
    fn others_keep_their_modes() {
        for dockerfile in
            ["FROM a\nCOPY e a /o/\n", "FROM a\nCOPY . /o\n", "FROM a\nCOPY d/s/b /o\n", "FROM a\nCOPY d $X /o/\n"]
        {
            assert!(changed(dockerfile).is_empty(), "{dockerfile}");
        }
        assert_eq!(changed("FROM a\nCOPY d /o\nCOPY d/s /p\n"), ["d"]);
        assert!(changed("FROM a\nCOPY d /o\nCOPY . /p\n").is_empty());
    }
}

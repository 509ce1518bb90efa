//! Listings against trees, with contents made up.

use proptest::prelude::*;

use super::*;
use crate::context::listing::Content;

/// Contents that are given by hand.
#[derive(Default)]
struct Made {
    blobs: HashMap<ObjectId, Vec<u8>>,
    on_disk: Vec<&'static str>,
    filtered: Vec<&'static str>,
}

impl Look for Made {
    fn id(&self, entry: &Entry) -> Result<ObjectId, ContextError> {
        Ok(match &entry.kind {
            Sent::Symlink { target } => id(target.as_os_str().as_bytes()),
            _ => id(&self.sent(entry).unwrap()),
        })
    }

    fn sent(&self, entry: &Entry) -> Option<Vec<u8>> {
        match &entry.kind {
            Sent::File { content: Content::Memory(bytes), .. } => Some(bytes.to_vec()),
            _ => None,
        }
    }

    fn committed(&self, id: ObjectId) -> Option<Vec<u8>> {
        self.blobs.get(&id).cloned()
    }

    fn is_there(&self, path: &Path) -> bool {
        self.on_disk.iter().any(|there| path == Path::new(there))
    }

    fn filtered(&self, paths: &[&Path]) -> HashSet<Vec<u8>> {
        let filtered = paths.iter().filter(|path| self.filtered.iter().any(|there| **path == Path::new(there)));
        filtered.map(|path| path.as_os_str().as_bytes().to_vec()).collect()
    }
}

fn id(content: &[u8]) -> ObjectId {
    ObjectId::of_blob(content.len() as u64, &mut &content[..]).unwrap()
}

/// A case under construction: the same on both sides until something is said of a side.
struct Case {
    sent: Listing,
    here: Here,
    there: Committed,
    look: Made,
}

impl Case {
    fn new() -> Self {
        let ignore = Rules::from_file(b".git").unwrap();
        let there = Committed { tree: Tree::new(), ignore, git_directory: true, submodules: false };
        Self { sent: Listing::default(), here: Here::default(), there, look: Made::default() }
    }

    fn ignoring(mut self, patterns: &[u8]) -> Self {
        self.there.ignore = Rules::from_file(patterns).unwrap();
        self
    }

    fn sent(mut self, path: &str, content: &str) -> Self {
        self.sent.entries.push(Entry::made(path, content.to_owned()));
        self
    }

    fn sent_with_mode(mut self, path: &str, content: &str, mode: u32) -> Self {
        self.sent.entries.push(Entry { mode, ..Entry::made(path, content.to_owned()) });
        self
    }

    fn sent_directory(mut self, path: &str, mode: u32) -> Self {
        self.sent.entries.push(Entry { mode, ..Entry::made_directory(path) });
        self
    }

    fn sent_symlink(mut self, path: &str, target: &str) -> Self {
        let kind = Sent::Symlink { target: target.into() };
        self.sent.entries.push(Entry { kind, mode: 0o777, ..Entry::made(path, "") });
        self
    }

    /// In the commit that is cloned.
    fn cloned(mut self, path: &str, mode: Mode, content: &str) -> Self {
        let id = id(content.as_bytes());
        self.there.tree.insert(path.into(), Blob { mode, id });
        self.look.blobs.insert(id, content.into());
        self
    }

    /// In the commit that is checked out.
    fn head(mut self, path: &str, content: &str) -> Self {
        self.here.head.insert(path.into(), Blob { mode: Mode::File, id: id(content.as_bytes()) });
        self.here.index.insert(path.into());
        self
    }

    fn committed(self, path: &str, content: &str) -> Self {
        self.head(path, content).cloned(path, Mode::File, content)
    }

    fn compared(&self) -> ContentDifference {
        difference(&self.sent, &self.here, &self.there, &self.look).unwrap()
    }

    fn differs(&self, wanted: &[(Kind, &str)]) {
        let found = self.compared();
        let found: Vec<(Kind, &str)> = Kind::ALL
            .into_iter()
            .flat_map(|kind| found.of(kind).map(move |path| (kind, path.to_str().unwrap())))
            .collect();
        assert_eq!(found, wanted);
    }
}

#[test]
fn what_was_committed_and_is_sent_is_the_same() {
    let case = Case::new()
        .sent_directory("d", 0o755)
        .sent("d/a", "x")
        .sent_with_mode("run", "#!", 0o755)
        .sent_symlink("link", "d/a")
        .committed("d/a", "x")
        .cloned("run", Mode::Executable, "#!")
        .cloned("link", Mode::Symlink, "d/a");
    case.differs(&[]);
    assert!(case.compared().is_same());
    assert_eq!(case.compared().to_string(), "");
}

#[test]
fn a_change_is_told_from_another_commit() {
    Case::new().sent("a", "new").committed("a", "old").differs(&[(Kind::Modified, "a")]);
    Case::new().sent("a", "new").head("a", "new").cloned("a", Mode::File, "old").differs(&[(Kind::OtherCommit, "a")]);
    // Changed both here and there.
    Case::new().sent("a", "3").head("a", "2").cloned("a", Mode::File, "1").differs(&[(Kind::Modified, "a")]);
}

#[test]
fn what_is_sent_and_not_in_the_commit_is_told_by_what_git_knows_of_it() {
    let mut case = Case::new().sent("added", "").sent("bin/x", "").sent("log", "").sent("new", "").sent("old", "");
    case.here.index.insert(b"added".to_vec());
    case.here.ignored.extend([b"bin/".to_vec(), b"log".to_vec()]);
    let case = case.head("old", "");
    case.differs(&[
        (Kind::Modified, "added"),
        (Kind::Untracked, "new"),
        (Kind::Ignored, "bin/x"),
        (Kind::Ignored, "log"),
        (Kind::OtherCommit, "old"),
    ]);
}

#[test]
fn all_of_a_context_in_an_ignored_directory_is_ignored() {
    let mut case = Case::new().sent("a", "");
    case.here.ignored.insert(b"./".to_vec());
    case.differs(&[(Kind::Ignored, "a")]);
}

#[test]
fn what_is_committed_and_not_sent_is_told_by_where_it_is() {
    let mut case = Case::new().committed("gone", "").committed("kept", "").cloned("theirs", Mode::File, "");
    case.look.on_disk = vec!["kept"];
    case.differs(&[(Kind::Absent, "gone"), (Kind::KeptBackHere, "kept"), (Kind::OtherCommit, "theirs")]);
}

#[test]
fn the_ignore_file_of_the_commit_keeps_the_same_back() {
    let case = || Case::new().ignoring(b".git\ndocs\n").committed("docs/a", "");
    case().differs(&[]);
    case().sent("docs/a", "").differs(&[(Kind::KeptBackThere, "docs/a")]);
}

#[test]
fn the_git_directory_is_in_a_clone_unless_it_is_ignored_or_above_the_context() {
    Case::new().ignoring(b"").differs(&[(Kind::GitDirectoryThere, ".git")]);
    let mut case = Case::new().ignoring(b"");
    case.there.git_directory = false;
    case.differs(&[]);
    let case = case.sent_directory(".git", 0o755).sent(".git/HEAD", "").sent(".gitignore", "");
    case.differs(&[(Kind::Untracked, ".gitignore"), (Kind::GitDirectoryHere, ".git")]);
}

#[test]
fn modes_are_those_of_a_clone() {
    let case = |mode, cloned| Case::new().sent_with_mode("a", "", mode).cloned("a", cloned, "");
    case(0o644, Mode::File).differs(&[]);
    case(0o755, Mode::Executable).differs(&[]);
    case(0o755, Mode::File).differs(&[(Kind::Executable, "a")]);
    case(0o600, Mode::Executable).differs(&[(Kind::Executable, "a")]);
    let other = case(0o664, Mode::File).sent_directory("d", 0o775).sent("d/x", "").cloned("d/x", Mode::File, "");
    other.differs(&[(Kind::Permissions, "a"), (Kind::Permissions, "d")]);
    assert!(other.compared().is_same());
}

#[test]
fn a_file_a_symlink_and_a_directory_are_three_things() {
    Case::new().sent("a", "b").cloned("a", Mode::Symlink, "b").differs(&[(Kind::Type, "a")]);
    Case::new().sent_symlink("a", "b").cloned("a", Mode::File, "b").differs(&[(Kind::Type, "a")]);
    Case::new().sent("a", "").cloned("a/b", Mode::File, "").cloned("a/c", Mode::File, "").differs(&[(Kind::Type, "a")]);
    let directory = Case::new().sent_directory("a", 0o755).sent("a/b", "").cloned("a", Mode::File, "");
    directory.differs(&[(Kind::Untracked, "a/b"), (Kind::Type, "a")]);
    Case::new().sent_symlink("a", "b").cloned("a", Mode::Symlink, "c").differs(&[(Kind::Modified, "a")]);
}

#[test]
fn an_empty_directory_is_in_no_commit() {
    Case::new().sent_directory("d", 0o755).differs(&[(Kind::Untracked, "d/")]);
    Case::new().sent_directory("d", 0o755).sent("d/a", "").differs(&[(Kind::Untracked, "d/a")]);
    // Its file is kept back on both sides.
    Case::new().ignoring(b".git\nd/a").sent_directory("d", 0o755).committed("d/a", "").differs(&[]);
}

#[test]
fn a_submodule_is_cloned_only_where_it_is_asked_for() {
    let case = || Case::new().cloned("sub", Mode::Submodule, "").sent_directory("sub", 0o775);
    case().differs(&[]);
    case().sent("sub/a", "").sent("sub/b", "").differs(&[(Kind::SubmoduleNotThere, "sub")]);
    let mut fetched = case();
    fetched.there.submodules = true;
    fetched.differs(&[(Kind::SubmoduleNotHere, "sub")]);
    fetched.sent("sub/a", "").differs(&[]);
}

#[test]
fn a_pointer_is_cloned_in_the_place_of_what_it_points_to() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n";
    Case::new().sent("a.bin", "data").committed("a.bin", pointer).differs(&[(Kind::LfsPointer, "a.bin")]);
    Case::new().sent("a.bin", pointer).committed("a.bin", pointer).differs(&[]);
}

#[test]
fn line_ends_and_filters_are_no_changes_that_somebody_made() {
    Case::new().sent("a", "1\r\n2\r\n").committed("a", "1\n2\n").differs(&[(Kind::LineEnds, "a")]);
    Case::new().sent("a", "1\n2\n").committed("a", "1\r\n2\n").differs(&[(Kind::LineEnds, "a")]);
    Case::new().sent("a", "1\r2").committed("a", "1 2").differs(&[(Kind::Modified, "a")]);
    let mut filtered = Case::new().sent("a", "$Id: 1$").committed("a", "$Id$").sent("b", "2").committed("b", "1");
    filtered.look.filtered = vec!["a"];
    filtered.differs(&[(Kind::Modified, "b"), (Kind::Filtered, "a")]);
}

#[test]
fn the_summary_names_the_first_of_each_kind_and_counts_the_rest() {
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let case = names.iter().fold(Case::new(), |case, name| case.sent(name, ""));
    let difference = case.sent("x", "new").committed("x", "old").compared();
    let text = "changed here, not committed: 1 path\n  x\n\
                sent, not known to git: 7 paths\n  a\n  b\n  c\n  d\n  e\n  … and 2 more\n";
    assert_eq!(difference.to_string(), text);
    let document = json!({ "same": false, "paths": { "modified": ["x"], "untracked": names } });
    assert_eq!(serde_json::to_value(&difference).unwrap(), document);
}

#[test]
fn every_kind_has_a_word_and_a_phrase_of_its_own() {
    let words: HashSet<_> = Kind::ALL.into_iter().map(Kind::word).collect();
    let phrases: HashSet<_> = Kind::ALL.into_iter().map(Kind::phrase).collect();
    assert_eq!((words.len(), phrases.len()), (Kind::ALL.len(), Kind::ALL.len()));
}

proptest! {
    /// A path differs in content in one way at most, and what is the same on both sides in none.
    #[test]
    fn a_path_is_told_once(
        sent in proptest::collection::btree_map("[ab]{1,2}(/[ab]){0,2}", "[xy]", 0..8),
        cloned in proptest::collection::btree_map("[ab]{1,2}(/[ab]){0,2}", "[xy]", 0..8),
    ) {
        let case = sent.iter().fold(Case::new(), |case, (path, content)| case.sent(path, content));
        let case = cloned.iter().fold(case, |case, (path, content)| case.committed(path, content));
        let found = case.compared();
        let mut told = HashSet::new();
        for path in Kind::ALL.into_iter().flat_map(|kind| found.of(kind)) {
            prop_assert!(told.insert(path.to_owned()), "{path:?}");
        }
        for (path, content) in &sent {
            prop_assert_eq!(!told.contains(Path::new(path)), cloned.get(path) == Some(content), "{}", path);
        }
    }
}

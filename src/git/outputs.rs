//! What git's commands print, read. Pure; bytes throughout, since paths need not be UTF-8.

use std::collections::{BTreeMap, HashSet};

use super::address::{Address, Reference};
use super::object::ObjectId;

/// The files of a tree by their path, with `/` between components.
pub type Tree = BTreeMap<Vec<u8>, Blob>;

/// A file of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    /// What it is.
    pub mode: Mode,
    /// Its content; the target of a symlink; the commit of a submodule.
    pub id: ObjectId,
}

/// What git knows of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Not executable.
    File,
    /// Executable.
    Executable,
    /// A symbolic link.
    Symlink,
    /// A commit of another repository.
    Submodule,
}

impl Mode {
    fn parse(octal: &[u8]) -> Option<Self> {
        match octal {
            // 100664 was one once.
            b"100644" | b"100664" => Some(Self::File),
            b"100755" => Some(Self::Executable),
            b"120000" => Some(Self::Symlink),
            b"160000" => Some(Self::Submodule),
            _ => None,
        }
    }
}

/// Reads `git ls-tree -r -z`: `MODE TYPE ID<tab>PATH<nul>`. None if it is something else, as of a repository of SHA-256.
pub fn tree(output: &[u8]) -> Option<Tree> {
    let file = |line: &[u8]| {
        let (about, path) = split(line, b'\t')?;
        let mut about = about.split(|byte| *byte == b' ');
        let mode = Mode::parse(about.next()?)?;
        let id = ObjectId::parse(about.nth(1)?)?;
        Some((path.to_vec(), Blob { mode, id }))
    };
    terminated(output).map(file).collect()
}

/// Reads paths that end in a zero byte each.
pub fn paths(output: &[u8]) -> HashSet<Vec<u8>> {
    terminated(output).map(<[u8]>::to_vec).collect()
}

/// Reads `git check-attr -z --stdin`: path, attribute and value in turn. Gives the paths of which one is set.
pub(super) fn with_attribute(output: &[u8]) -> HashSet<Vec<u8>> {
    let fields: Vec<&[u8]> = terminated(output).collect();
    let set = fields.chunks_exact(3).filter(|field| !matches!(field[2], b"unspecified" | b"unset"));
    set.map(|field| field[0].to_vec()).collect()
}

fn terminated(output: &[u8]) -> impl Iterator<Item = &[u8]> {
    output.split(|byte| *byte == 0).filter(|field| !field.is_empty())
}

fn split(line: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|byte| *byte == at)?;
    Some((&line[..at], &line[at + 1..]))
}

/// The references of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// The branch that `HEAD` is.
    pub head: Option<String>,
    /// What each names, `HEAD` too, in full.
    pub all: BTreeMap<String, Target>,
}

/// What a reference names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The object: a tag may be one of its own.
    pub object: ObjectId,
    /// The commit, if the tag is of one.
    pub commit: ObjectId,
}

/// A commit, and how the executor comes to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The commit.
    pub commit: ObjectId,
    /// The reference from which it is reached: the one that was named, or the branch that `HEAD` is.
    pub reference: Option<String>,
}

/// References that an error names.
const TOLD: usize = 8;

impl References {
    /// Names of branches and tags, a few of them.
    pub fn names(&self) -> Vec<String> {
        let names = self
            .all
            .keys()
            .filter_map(|name| name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/tags/")));
        names.take(TOLD).map(str::to_owned).collect()
    }

    /// Reads `git ls-remote --symref`: `ID<tab>NAME`, `ref: BRANCH<tab>HEAD`, and `NAME^{}` for what a tag is of.
    /// Whatever else a server says is passed over.
    pub(super) fn of_remote(output: &[u8]) -> Self {
        let mut found = Self::default();
        for line in output.split(|byte| *byte == b'\n') {
            let Some((object, name)) = split(line, b'\t') else { continue };
            let name = String::from_utf8_lossy(name);
            if let Some(branch) = object.strip_prefix(b"ref: ") {
                if name == "HEAD" {
                    found.head = Some(String::from_utf8_lossy(branch).into_owned());
                }
            } else if let Some(object) = ObjectId::parse(object) {
                match name.strip_suffix("^{}").map(|tag| found.all.get_mut(tag)) {
                    Some(tag) => tag.into_iter().for_each(|target| target.commit = object),
                    None => drop(found.all.insert(name.into_owned(), Target { object, commit: object })),
                }
            }
        }
        found
    }

    /// Reads what `LOCAL_FORMAT` prints, and takes the branches for those of the remote repository that were fetched
    /// from `remote`, or for this repository's own if there is none.
    pub(super) fn of_local(output: &[u8], remote: Option<&str>) -> Self {
        let branches = remote.map_or_else(|| "refs/heads/".to_owned(), |remote| format!("refs/remotes/{remote}/"));
        let mut found = Self::default();
        for line in output.split(|byte| *byte == b'\n') {
            let fields: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
            let [object, commit, branch, name] = fields[..] else { continue };
            let Some(object) = ObjectId::parse(object) else { continue };
            let target = Target { object, commit: ObjectId::parse(commit).unwrap_or(object) };
            let name = String::from_utf8_lossy(name);
            if name.starts_with("refs/tags/") {
                found.all.insert(name.into_owned(), target);
            } else if let Some(name) = name.strip_prefix(&branches) {
                if name == "HEAD" && remote.is_some() {
                    let branch = String::from_utf8_lossy(branch);
                    found.head = branch.strip_prefix(&branches).map(|branch| format!("refs/heads/{branch}"));
                    found.all.insert("HEAD".to_owned(), target);
                } else {
                    found.all.insert(format!("refs/heads/{name}"), target);
                }
            }
        }
        found
    }

    /// What an address names here. Of a branch and a tag of one name it is the branch, as it is to the executor
    /// (v1.24.0 `getGitReferenceName`).
    pub fn named(&self, address: &Address) -> Option<Named> {
        let candidates = match address.reference() {
            None => vec!["HEAD".to_owned()],
            Some(Reference::Full(name)) => vec![name.clone()],
            Some(Reference::Name(name)) => vec![format!("refs/heads/{name}"), format!("refs/tags/{name}")],
        };
        let found = candidates.into_iter().find_map(|name| Some((*self.all.get(&name)?, name)));
        let (tip, reference) = match found {
            Some((target, name)) if name == "HEAD" => (Some(target.commit), self.head.clone()),
            Some((target, name)) => (Some(target.commit), Some(name)),
            None => (None, None),
        };
        Some(Named { commit: address.commit().or(tip)?, reference })
    }

    /// What a clone fetches: every branch and every tag, or of the branches the one of `named` (go-git v5: a clone of a
    /// single branch takes all tags, too).
    pub(super) fn tips(&self, only: Option<&Named>) -> HashSet<ObjectId> {
        let is_branch = |name: &str| match only {
            None => name.starts_with("refs/heads/"),
            Some(named) => named.reference.as_deref() == Some(name),
        };
        let fetched = self.all.iter().filter(|(name, _)| is_branch(name) || name.starts_with("refs/tags/"));
        let head = only.filter(|named| named.reference.is_none()).map(|named| named.commit);
        fetched.map(|(_, target)| target.object).chain(head).collect()
    }
}

/// The `--format` of `git for-each-ref` that [`References::of_local`] reads.
pub(super) const LOCAL_FORMAT: &str = "%(objectname)%00%(*objectname)%00%(symref)%00%(refname)";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn id(text: &str) -> ObjectId {
        ObjectId::parse(text.as_bytes()).unwrap()
    }

    fn named(references: &References, fragment: &str) -> Option<(ObjectId, Option<String>)> {
        let address = Address::parse(&format!("https://h.example/r#{fragment}")).unwrap();
        references.named(&address).map(|named| (named.commit, named.reference))
    }

    #[test]
    fn a_tree_has_paths_as_bytes() {
        let output =
            [format!("100644 blob {A}\ta\tb\n\0").as_bytes(), format!("160000 commit {B}\t").as_bytes(), b"\xff/x\0"]
                .concat();
        let tree = tree(&output).unwrap();
        assert_eq!(tree[&b"a\tb\n"[..]], Blob { mode: Mode::File, id: id(A) });
        assert_eq!(tree[&b"\xff/x"[..]], Blob { mode: Mode::Submodule, id: id(B) });
    }

    #[test]
    fn a_tree_of_another_kind_is_none() {
        for output in
            ["100644 blob", "100644 blob x\ta\0", &format!("100666 blob {A}\ta\0"), &format!("100644 blob {A}{A}\ta\0")]
        {
            assert_eq!(tree(output.as_bytes()), None, "{output:?}");
        }
        assert_eq!(tree(b""), Some(Tree::new()));
    }

    #[test]
    fn attributes_count_that_are_set() {
        let output = b"a\0filter\0lfs\0a\0ident\0unspecified\0b\0filter\0unset\0c\0ident\0set\0";
        assert_eq!(with_attribute(output), HashSet::from([b"a".to_vec(), b"c".to_vec()]));
    }

    #[test]
    fn a_server_names_its_references() {
        let text = format!(
            "From https://h.example/r\nref: refs/heads/main\tHEAD\n{A}\tHEAD\n{A}\trefs/heads/main\n{A}\trefs/heads/x\n\
             {A}\trefs/tags/v1\n{B}\trefs/tags/v1^{{}}\n{B}\trefs/tags/x\n{B}\trefs/pull/1/head\n"
        );
        let references = References::of_remote(text.as_bytes());
        for (fragment, wanted) in [
            ("", Some((id(A), "refs/heads/main"))),
            ("main", Some((id(A), "refs/heads/main"))),
            ("v1", Some((id(B), "refs/tags/v1"))),
            ("x", Some((id(A), "refs/heads/x"))),
            ("refs/tags/x", Some((id(B), "refs/tags/x"))),
            ("refs/pull/1/head", Some((id(B), "refs/pull/1/head"))),
            (B, Some((id(B), "refs/heads/main"))),
            ("y", None),
        ] {
            let wanted = wanted.map(|(commit, name)| (commit, Some(name.to_owned())));
            assert_eq!(named(&references, fragment), wanted, "{fragment}");
        }
    }

    #[test]
    fn a_clone_takes_all_tags_and_all_branches_or_one() {
        let ids = ["1", "2", "3", "4"].map(|digit| digit.repeat(40));
        let [one, two, tag, pull] = &ids;
        let text = format!("{one}\trefs/heads/a\n{two}\trefs/heads/b\n{tag}\trefs/tags/t\n{pull}\trefs/pull/1/head\n");
        let references = References::of_remote(text.as_bytes());
        let address = Address::parse("https://h.example/r#b").unwrap();
        let named = references.named(&address).unwrap();
        assert_eq!(references.tips(None), HashSet::from([id(one), id(two), id(tag)]));
        assert_eq!(references.tips(Some(&named)), HashSet::from([id(two), id(tag)]));
    }

    #[test]
    fn local_references_are_those_of_the_remote_or_the_own() {
        let text = format!(
            "{A}\0\0\0refs/heads/main\n{B}\0\0refs/remotes/up/dev\0refs/remotes/up/HEAD\n\
             {B}\0\0\0refs/remotes/up/dev\n{A}\0{B}\0\0refs/tags/v1\n{A}\0\0\0refs/remotes/other/z\n"
        );
        let remote = References::of_local(text.as_bytes(), Some("up"));
        assert_eq!(named(&remote, ""), Some((id(B), Some("refs/heads/dev".to_owned()))));
        assert_eq!(named(&remote, "v1"), Some((id(B), Some("refs/tags/v1".to_owned()))));
        assert_eq!((named(&remote, "main"), named(&remote, "z")), (None, None));
        let own = References::of_local(text.as_bytes(), None);
        assert_eq!(named(&own, "main"), Some((id(A), Some("refs/heads/main".to_owned()))));
        assert_eq!(named(&own, "dev"), None);
    }

    proptest! {
        #[test]
        fn no_output_makes_it_panic(output in proptest::collection::vec(any::<u8>(), 0..64), piece in "[ -~\0\n\t^{}]{0,48}") {
            let mixed = [&output[..], format!("{A}\t").as_bytes(), piece.as_bytes(), b"\n", b"\0", A.as_bytes()].concat();
            for output in [&output[..], piece.as_bytes(), &mixed] {
                let _ = tree(output);
                let _ = paths(output);
                let _ = with_attribute(output);
                for references in [References::of_remote(output), References::of_local(output, Some("r"))] {
                    let named = named(&references, "x");
                    prop_assert!(named.is_none() || !references.all.is_empty());
                }
            }
        }
    }
}

//! Git contexts against real repositories: what is asked of git, and how a directory differs from a commit.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use kaniko_local::context::content::Files;
use kaniko_local::context::{locate, scan};
use kaniko_local::git::{
    Address, ContentDifference, Contents, GitError, Kind, ObjectId, Repository, Source, Stop, Tracked, difference,
    remote_refs,
};
use tempfile::TempDir;

use crate::support::tree::git;

const LIMIT: Duration = Duration::from_secs(10);

/// A directory, and git in it without anybody's configuration.
struct Place(TempDir);

impl Place {
    /// A repository with a Dockerfile that is committed and a `.git` that is not sent.
    fn repository() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.git(&["init", "-q", "-b", "main", "."]);
        place.write("Dockerfile", "FROM scratch\nCOPY . /\n");
        place.write(".dockerignore", ".git\n");
        place.commit("first");
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, content: &str) {
        self.write_at(OsStr::new(path), content.as_bytes());
    }

    fn write_at(&self, path: &OsStr, content: &[u8]) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(self.path(), arguments)
    }

    fn commit(&self, message: &str) -> ObjectId {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.id("HEAD")
    }

    fn id(&self, name: &str) -> ObjectId {
        ObjectId::parse(self.git(&["rev-parse", name]).as_bytes()).unwrap()
    }

    /// How this directory differs from what is committed in it.
    fn differs(&self, wanted: &[(Kind, &str)]) {
        assert_eq!(told(&compared(self.path(), "", "")), owned(wanted));
    }
}

fn owned(wanted: &[(Kind, &str)]) -> Vec<(Kind, PathBuf)> {
    wanted.iter().map(|(kind, path)| (*kind, PathBuf::from(path))).collect()
}

/// What differs, but for what the umask of this process makes of permissions.
fn told(difference: &ContentDifference) -> Vec<(Kind, PathBuf)> {
    let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Permissions);
    kinds.flat_map(|kind| difference.of(kind).map(move |path| (kind, path.to_owned()))).collect()
}

/// Compares a directory with the commit that is checked out there, or with `commit`, below `sub_path`.
fn compared(context: &Path, commit: &str, sub_path: &str) -> ContentDifference {
    let repository = Repository::find(context, Stop::default()).unwrap().unwrap();
    let address = Address::parse(&format!("https://h.example/r#{commit}:{sub_path}")).unwrap();
    let commit = address.commit().or(repository.head().unwrap()).unwrap();
    let Tracked::Context(there) = repository.committed(commit, &address, Path::new("Dockerfile")).unwrap() else {
        panic!("{commit} has no Dockerfile there");
    };
    let listing = scan::scan(&locate::build_context(context, None).unwrap(), scan::Excluded::Prune).unwrap();
    let root = scan::open(context).unwrap();
    let contents = Contents::new(&repository, Files { root: Some(&root), spool: None }).unwrap();
    difference(&listing, &repository.here().unwrap(), &there, &contents).unwrap()
}

#[test]
fn what_is_checked_out_is_what_is_committed() {
    let place = Place::repository();
    place.write("src/main.rs", "fn main() {}\n");
    place.write("run.sh", "#!/bin/sh\n");
    fs::set_permissions(place.path().join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("src/main.rs", place.path().join("link")).unwrap();
    place.write_at(OsStr::from_bytes(b"caf\xe9/\t\"x\""), b"latin");
    place.commit("second");
    place.differs(&[]);
    assert!(compared(place.path(), "", "").is_same());
}

#[test]
fn what_is_not_committed_is_told_by_kind() {
    let place = Place::repository();
    for path in ["changed", "staged", "gone", "sparse", "mode", "kind", "docs/kept", "old"] {
        place.write(path, "1\n");
    }
    place.write(".gitignore", "target/\n*.log\n");
    let old = place.commit("second");
    fs::remove_file(place.path().join("old")).unwrap();
    place.write("newer", "1\n");
    place.commit("third");

    place.write("changed", "2\n");
    place.write("staged", "2\n");
    place.write("added", "");
    place.git(&["add", "staged", "added"]);
    fs::remove_file(place.path().join("gone")).unwrap();
    place.git(&["update-index", "--skip-worktree", "sparse"]);
    fs::remove_file(place.path().join("sparse")).unwrap();
    fs::set_permissions(place.path().join("mode"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_file(place.path().join("kind")).unwrap();
    symlink("1\n", place.path().join("kind")).unwrap();
    place.write("target/deep/x", "");
    place.write("a.log", "");
    place.write_at(OsStr::from_bytes(b"\xff"), b"");
    place.write(".dockerignore", ".git\ndocs\n");
    fs::create_dir(place.path().join("empty")).unwrap();

    let common = [
        (Kind::Modified, ".dockerignore"),
        (Kind::Modified, "added"),
        (Kind::Modified, "changed"),
        (Kind::Modified, "staged"),
        (Kind::Untracked, "empty/"),
    ];
    let mut wanted = owned(&common);
    wanted.push((Kind::Untracked, OsStr::from_bytes(b"\xff").into()));
    wanted.extend(owned(&[
        (Kind::Ignored, "a.log"),
        (Kind::Ignored, "target/deep/x"),
        (Kind::Absent, "gone"),
        (Kind::Absent, "sparse"),
        (Kind::KeptBackHere, "docs/kept"),
        (Kind::Executable, "mode"),
        (Kind::Type, "kind"),
    ]));
    assert_eq!(told(&compared(place.path(), "", "")), wanted);
    // Against the commit before, what came and went since is told, too.
    let since = told(&compared(place.path(), &old.to_string(), ""));
    let since: Vec<_> = since.into_iter().filter(|difference| !wanted.contains(difference)).collect();
    assert_eq!(since, owned(&[(Kind::OtherCommit, "newer"), (Kind::OtherCommit, "old")]));
}

#[test]
fn what_git_converts_on_its_way_out_is_no_change() {
    let place = Place::repository();
    place.write("text", "1\n2\n");
    place.write("ident.c", "$Id$\n");
    place.write(".gitattributes", "*.c ident\n");
    place.commit("second");
    let clone = tempfile::tempdir().unwrap();
    git(clone.path(), &["clone", "-q", "-c", "core.autocrlf=true", place.path().to_str().unwrap(), "."]);
    assert_eq!(fs::read(clone.path().join("text")).unwrap(), b"1\r\n2\r\n");
    let found = told(&compared(clone.path(), "", ""));
    let lines = [".dockerignore", ".gitattributes", "Dockerfile", "text"].map(|path| (Kind::LineEnds, path));
    assert_eq!(found, owned(&[&lines[..], &[(Kind::Filtered, "ident.c")]].concat()));
}

#[test]
fn a_pointer_of_git_lfs_is_in_the_clone() {
    let place = Place::repository();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:8b1a\nsize 3\n";
    place.write("model.bin", pointer);
    place.commit("second");
    place.differs(&[]);
    place.write("model.bin", "big");
    place.differs(&[(Kind::LfsPointer, "model.bin")]);
}

#[test]
fn a_submodule_is_not_cloned() {
    let (place, library) = (Place::repository(), Place::repository());
    place.git(&["submodule", "--quiet", "add", library.path().to_str().unwrap(), "lib"]);
    place.commit("second");
    place.differs(&[(Kind::SubmoduleNotThere, "lib")]);
    let clone = tempfile::tempdir().unwrap();
    git(clone.path(), &["clone", "-q", place.path().to_str().unwrap(), "."]);
    assert_eq!(told(&compared(clone.path(), "", "")), []);
}

#[test]
fn a_context_in_a_subdirectory_is_compared_with_that_directory() {
    let place = Place::repository();
    place.write("app/Dockerfile", "FROM scratch\n");
    place.write("app/src/a", "1");
    place.write("other", "");
    place.commit("second");
    let app = place.path().join("app");
    fs::write(app.join("src/a"), "2").unwrap();
    fs::write(app.join("b"), "").unwrap();
    let repository = Repository::find(&app, Stop::default()).unwrap().unwrap();
    assert_eq!(repository.prefix(), Path::new("app"));
    let wanted = owned(&[(Kind::Modified, "src/a"), (Kind::Untracked, "b")]);
    assert_eq!(told(&compared(&app, "", "app")), wanted);
    let address = Address::parse("https://h.example/r#:nowhere").unwrap();
    let head = repository.head().unwrap().unwrap();
    let tracked = |address: &Address| repository.committed(head, address, Path::new("Dockerfile")).unwrap();
    assert!(matches!(tracked(&address), Tracked::NoDirectory));
    let file = Address::parse("https://h.example/r#:other").unwrap();
    assert!(matches!(tracked(&file), Tracked::NoDirectory));
}

#[test]
fn a_context_that_git_ignores_is_all_ignored() {
    let place = Place::repository();
    place.write(".gitignore", "build/\n");
    place.commit("second");
    place.write("build/a", "");
    place.write("build/sub/b", "");
    let repository = Repository::find(&place.path().join("build"), Stop::default()).unwrap().unwrap();
    let here = repository.here().unwrap();
    assert!(here.head.is_empty());
    let found = told(&compared(&place.path().join("build"), "", ""));
    let ignored: Vec<_> =
        found.iter().filter(|(kind, _)| *kind == Kind::Ignored).map(|(_, path)| path.clone()).collect();
    assert_eq!(ignored, [Path::new("a"), Path::new("sub/b")]);
}

#[test]
fn no_repository_and_none_with_files_are_ordinary() {
    let directory = tempfile::tempdir().unwrap();
    assert!(Repository::find(directory.path(), Stop::default()).unwrap().is_none());
    git(directory.path(), &["init", "-q", "--bare", "."]);
    assert!(Repository::find(directory.path(), Stop::default()).unwrap().is_none());
    let unborn = tempfile::tempdir().unwrap();
    git(unborn.path(), &["init", "-q", "."]);
    let repository = Repository::find(unborn.path(), Stop::default()).unwrap().unwrap();
    assert_eq!(repository.head().unwrap(), None);
    assert!(repository.here().unwrap().head.is_empty());
}

#[test]
fn a_repository_of_sha_256_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    git(directory.path(), &["init", "-q", "--object-format=sha256", "."]);
    git(directory.path(), &["commit", "-q", "--allow-empty", "-m", "x"]);
    let repository = Repository::find(directory.path(), Stop::default()).unwrap().unwrap();
    assert!(matches!(repository.head(), Err(GitError::Unreadable { .. })));
}

/// Runs this test in a process of its own, with another environment.
fn in_environment(test: &str, environment: &[(&str, &str)]) {
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("KANIKO_LOCAL_TEST_CHILD", "1")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&run.stderr));
}

fn is_child() -> bool {
    std::env::var_os("KANIKO_LOCAL_TEST_CHILD").is_some()
}

#[test]
fn no_git_is_an_ordinary_answer() {
    if is_child() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(Repository::find(directory.path(), Stop::default()), Err(GitError::NoProgram)));
    } else {
        in_environment("git::no_git_is_an_ordinary_answer", &[("PATH", "/nowhere")]);
    }
}

#[test]
fn the_repository_of_a_hook_that_runs_this_is_another_one() {
    if is_child() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Repository::find(directory.path(), Stop::default()).unwrap().is_none());
    } else {
        let place = Place::repository();
        let git_directory = place.path().join(".git");
        let environment = [("GIT_DIR", git_directory.to_str().unwrap()), ("GIT_WORK_TREE", "/")];
        in_environment("git::the_repository_of_a_hook_that_runs_this_is_another_one", &environment);
    }
}

#[test]
fn nothing_that_a_repository_names_is_started() {
    let place = Place::repository();
    let outside = tempfile::tempdir().unwrap();
    let bait = outside.path().join("bait");
    let started = outside.path().join("started");
    fs::write(&bait, format!("#!/bin/sh\necho \"$0 $*\" >>{}\ncat\n", started.display())).unwrap();
    fs::set_permissions(&bait, fs::Permissions::from_mode(0o755)).unwrap();
    let bait = bait.to_str().unwrap();
    place.write("a.x", "1");
    place.write(".gitattributes", "*.x filter=bait\n");
    place.commit("second");
    let hooks = place.path().join(".git/hooks");
    fs::create_dir_all(&hooks).unwrap();
    for hook in ["post-index-change", "fsmonitor-watchman", "pre-auto-gc", "reference-transaction"] {
        fs::copy(bait, hooks.join(hook)).unwrap();
    }
    for key in [
        "core.fsmonitor",
        "filter.bait.clean",
        "filter.bait.smudge",
        "core.sshCommand",
        "core.pager",
        "core.alternateRefsCommand",
        "core.askPass",
        "credential.helper",
        "uploadpack.packObjectsHook",
        "diff.external",
    ] {
        place.git(&["config", key, bait]);
    }
    place.git(&["config", "remote.origin.url", "ssh://h.example/r"]);
    place.write("a.x", "2");
    let _ = fs::remove_file(&started);

    let repository = Repository::find(place.path(), Stop::default()).unwrap().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/r.git#main", listener.local_addr().unwrap());
    drop(listener);
    let resolution = repository.commit_of(&Address::parse(&address).unwrap()).unwrap();
    repository.history(&resolution).unwrap();
    assert_eq!(told(&compared(place.path(), "", "")), owned(&[(Kind::Filtered, "a.x")]));
    assert!(!started.exists(), "{}", fs::read_to_string(&started).unwrap());
    // The bait is one: git itself takes it.
    place.git(&["status"]);
    assert!(started.exists());
}

/// Serves the references of a repository as a server without git does; anything else it answers with `status`.
fn serve(references: Option<Vec<u8>>, status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = answer(stream.unwrap(), references.as_deref(), status);
        }
    });
    format!("http://{address}/r.git")
}

fn answer(mut stream: TcpStream, references: Option<&[u8]>, status: &str) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or(Ok(String::new()))?;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let head = b"ref: refs/heads/main\n";
    let (status, body) = match references {
        Some(references) if request.contains("/info/refs") => ("200 OK", references),
        Some(_) if request.contains("/HEAD") => ("200 OK", &head[..]),
        _ => (status, &b""[..]),
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(body)
}

#[test]
fn a_server_says_what_its_references_name() {
    let place = Place::repository();
    let first = place.id("HEAD");
    place.git(&["tag", "-a", "-m", "x", "v1"]);
    let second = place.commit("second");
    place.git(&["branch", "dev", "v1"]);
    let bare = tempfile::tempdir().unwrap();
    git(bare.path(), &["clone", "-q", "--bare", place.path().to_str().unwrap(), "."]);
    git(bare.path(), &["update-server-info"]);
    let url = serve(Some(fs::read(bare.path().join("info/refs")).unwrap()), "404 Not Found");
    // What is local says something else.
    place.commit("third");
    let repository = Repository::find(place.path(), Stop::default()).unwrap().unwrap();
    for (fragment, commit, reference) in [
        ("main", second, "refs/heads/main"),
        ("dev", first, "refs/heads/dev"),
        ("v1", first, "refs/tags/v1"),
        ("refs/tags/v1", first, "refs/tags/v1"),
    ] {
        let address = Address::parse(&format!("{url}#{fragment}")).unwrap();
        let resolution = repository.commit_of(&address).unwrap();
        assert!(matches!(resolution.source, Source::Remote), "{:?}", resolution.source);
        assert_eq!(resolution.named.commit, commit, "{fragment}");
        assert_eq!(resolution.named.reference.as_deref(), Some(reference));
    }
    let nothing = repository.commit_of(&Address::parse(&format!("{url}#nothing")).unwrap()).unwrap_err();
    assert!(matches!(nothing, GitError::NotThere { known, .. } if known == ["dev", "main", "v1"]));
    // Asked with git's own protocol, it says what `HEAD` is.
    let references = remote_refs(bare.path().to_str().unwrap(), LIMIT, &Stop::default()).unwrap();
    assert_eq!(references.head.as_deref(), Some("refs/heads/main"));
    assert_eq!(references.all["HEAD"].commit, second);
}

#[test]
fn without_its_server_an_address_names_what_was_fetched_last() {
    let place = Place::repository();
    let fetched = place.id("HEAD");
    let clone = tempfile::tempdir().unwrap();
    git(clone.path(), &["clone", "-q", place.path().to_str().unwrap(), "."]);
    let url = serve(None, "404 Not Found");
    git(clone.path(), &["remote", "set-url", "origin", &url]);
    git(clone.path(), &["commit", "-q", "--allow-empty", "-m", "not pushed"]);
    let repository = Repository::find(clone.path(), Stop::default()).unwrap().unwrap();
    for fragment in ["", "#main"] {
        let resolution = repository.commit_of(&Address::parse(&format!("{url}{fragment}")).unwrap()).unwrap();
        let Source::Local { remote, why } = resolution.source else { panic!("{fragment}") };
        assert_eq!(remote.as_deref(), Some("origin"));
        assert!(matches!(why, GitError::Failed { .. }), "{why:?}");
        assert_eq!(
            (resolution.named.commit, resolution.named.reference.as_deref()),
            (fetched, Some("refs/heads/main"))
        );
    }
    // Of an address that is no remote's, the own branches are what there is.
    let other = repository.commit_of(&Address::parse(&format!("{url}/other.git")).unwrap()).unwrap();
    assert!(matches!(other.source, Source::Local { remote: None, .. }));
    assert_eq!(Some(other.named.commit), repository.head().unwrap());
}

#[test]
fn a_server_that_wants_a_login_or_is_silent_is_not_waited_for() {
    let started = Instant::now();
    let url = serve(None, "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"");
    let error = remote_refs(&url, LIMIT, &Stop::default()).unwrap_err();
    assert!(matches!(error, GitError::Failed { .. }), "{error:?}");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/r.git", silent.local_addr().unwrap());
    let error = remote_refs(&url, Duration::from_secs(1), &Stop::default()).unwrap_err();
    assert_eq!(error.to_string(), "`git ls-remote` did not answer within 1 s");
    assert!(started.elapsed() < Duration::from_secs(9), "{:?}", started.elapsed());
}

#[test]
fn a_question_that_nobody_wants_answered_any_more_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/r.git", silent.local_addr().unwrap());
    let (stop, started) = (Stop::default(), Instant::now());
    let stops = stop.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        stops.stop();
    });
    let error = remote_refs(&url, LIMIT, &stop).unwrap_err();
    assert_eq!(error.to_string(), "`git ls-remote` was stopped");
    assert!(started.elapsed() < LIMIT / 2, "{:?}", started.elapsed());
}

#[test]
fn a_history_is_what_a_clone_fetches() {
    let place = Place::repository();
    for number in 0..20 {
        place.write("a", &format!("{number}\n").repeat(1000 + number));
        place.commit("more");
    }
    place.git(&["switch", "-q", "-c", "assets"]);
    let noise: Vec<u8> =
        (0..200_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).rotate_left(n % 31).to_le_bytes()).collect();
    place.write_at(OsStr::new("noise"), &noise);
    place.commit("noise");
    place.git(&["switch", "-q", "main"]);
    place.git(&["tag", "-a", "-m", "x", "v1", "HEAD~5"]);
    let repository = Repository::find(place.path(), Stop::default()).unwrap().unwrap();
    let bare = tempfile::tempdir().unwrap();
    git(bare.path(), &["clone", "-q", "--bare", place.path().to_str().unwrap(), "."]);
    git(bare.path(), &["update-server-info"]);
    let url = serve(Some(fs::read(bare.path().join("info/refs")).unwrap()), "404 Not Found");
    let resolution = repository.commit_of(&Address::parse(&format!("{url}#main")).unwrap()).unwrap();
    let history = repository.history(&resolution).unwrap();
    for (found, options) in
        [(history.all, &["--no-single-branch"][..]), (history.single_branch, &["--single-branch", "-b", "main"])]
    {
        let clone = tempfile::tempdir().unwrap();
        let source = format!("file://{}", place.path().display());
        git(clone.path(), &[&["clone", "-q", "--bare"], options, &[&source, "."]].concat());
        let pack = found.pack.unwrap();
        let counted = git(clone.path(), &["count-objects", "-v"]);
        assert!(counted.contains(&format!("in-pack: {}\n", pack.objects)), "{pack:?} {counted}");
        let packs = fs::read_dir(clone.path().join("objects/pack")).unwrap().map(|entry| entry.unwrap());
        let size: u64 = packs
            .filter(|entry| entry.path().extension() == Some(OsStr::new("pack")))
            .map(|entry| entry.metadata().unwrap().len())
            .sum();
        assert!(pack.bytes.abs_diff(size) * 50 < size, "{pack:?} {size}");
    }
    assert_eq!((history.all.commits, history.single_branch.commits), (22, 21));
    assert!(history.all.pack.unwrap().bytes > history.single_branch.pack.unwrap().bytes + 100_000);
    assert_eq!((history.missing, history.shallow), (0, false));
}

#[test]
fn a_shallow_clone_does_not_know_the_history() {
    let place = Place::repository();
    place.commit("second");
    let url = serve(None, "404 Not Found");
    let clone = tempfile::tempdir().unwrap();
    git(clone.path(), &["clone", "-q", "--depth=1", &format!("file://{}", place.path().display()), "."]);
    let repository = Repository::find(clone.path(), Stop::default()).unwrap().unwrap();
    let resolution = repository.commit_of(&Address::parse(&url).unwrap()).unwrap();
    let history = repository.history(&resolution).unwrap();
    assert_eq!((history.all.commits, history.shallow), (1, true));
}

//! The model of the executor against the executor: random layouts, arguments and Dockerfiles, each given to both.
//!
//! Every case is made from its seed alone, so that a disagreement can be looked at again:
//! `KANIKO_LOCAL_DIFFERENTIAL=1:SEED`. What is compared: how it ends (the executor's own first words, as far as they do
//! not vary), the Dockerfile that it copied, the ignore file that it read, every file that is in the root afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use kaniko_local::context::unpack;
use kaniko_local::executor::files::{Attributes, Kind, Origin, PodFiles, Written};
use kaniko_local::executor::resolve::{End, Resolution, Setup, resolve};
use kaniko_local::members::{Budget, Found};
use kaniko_local::rootfs::{Id, Owner};

use tar::EntryType;

use crate::support::executor::{self, Ran, Root};
use crate::support::random::{self, Random};

/// Cases and the first seed, in CI.
const CASES: (u64, u64) = (300, 1);
const VARIABLE: &str = "KANIKO_LOCAL_DIFFERENTIAL";

/// What is in the root, and what the executor is told.
#[derive(Debug)]
struct Case {
    things: Vec<Thing>,
    directory: &'static str,
    arguments: Vec<String>,
}

enum Thing {
    File(String, String),
    Directory(String),
    Symlink(String, String),
}

impl std::fmt::Debug for Thing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path, content) => write!(formatter, "{path} {:?}", content.replace('\0', "")),
            Self::Directory(path) => write!(formatter, "{path}/"),
            Self::Symlink(path, target) => write!(formatter, "{path} -> {target}"),
        }
    }
}

/// Places where things are put: few, so that paths meet.
const DIRECTORIES: [&str; 9] = [
    "/workspace",
    "/workspace/sub",
    "/workspace/workspace",
    "/ctx",
    "/ctx/sub",
    "/ctx/sub/deep",
    "/kaniko/buildcontext",
    "/kaniko/buildcontext/sub",
    "/",
];
const NAMES: [&str; 10] = [
    "Dockerfile",
    "Dockerfile",
    "dockerfile",
    "Dockerfile.dev",
    "Dockerfile.dockerignore",
    ".dockerignore",
    "sub",
    "a",
    "context.tar.gz",
    "ctx",
];
const TARGETS: [&str; 8] =
    ["Dockerfile", "sub", "../Dockerfile", "/ctx/Dockerfile", "gone", "sub/", "/workspace", "Dockerfile.dev"];
const CONTEXTS: [&str; 36] = [
    "/workspace",
    "/workspace/",
    "/ctx",
    "/ctx/sub",
    ".",
    "./",
    "sub",
    "sub/",
    "..",
    "/nowhere",
    "dir:///workspace",
    "dir:///workspace/",
    "dir:///ctx",
    "dir:///ctx/sub/",
    "dir://workspace",
    "dir://sub",
    "dir://.",
    "dir://./",
    "dir://",
    "dir:///",
    "dir:///ctx/../workspace",
    "dir:///nowhere",
    "dir:/workspace",
    "dir:///ctx://x",
    "dir://file:///workspace",
    "DIR:///workspace",
    "file:///workspace",
    "http://example.com/x.tar.gz",
    "tar://stdin",
    "tar://context.tar.gz",
    "tar:///ctx/context.tar.gz",
    "tar:///ctx",
    "tar://",
    "",
    "git@example.com:a/b.git",
    "oci://x",
];
const DOCKERFILES: [&str; 24] = [
    "Dockerfile",
    "./Dockerfile",
    "dockerfile",
    "Dockerfile.dev",
    "sub/Dockerfile",
    "sub/../Dockerfile",
    "../Dockerfile",
    "/Dockerfile",
    "/workspace/Dockerfile",
    "/ctx/Dockerfile",
    "/ctx/sub/Dockerfile",
    "/kaniko/buildcontext/Dockerfile",
    "workspace/Dockerfile",
    "ctx/Dockerfile",
    "Dockerfile/",
    "Dockerfile/x",
    "\"Dockerfile\"",
    "${DIR}/Dockerfile",
    "Dockerfile ",
    "",
    ".",
    "sub",
    "/",
    "a",
];
const SUB_PATHS: [&str; 7] = ["sub", "/sub", "sub/", "nowhere", "Dockerfile", "../ctx", "sub/deep"];

/// Names of files that are copied.
const SOURCES: [&str; 14] = [
    "a",
    "b.txt",
    "c.log",
    "dir/a",
    "dir/b.txt",
    "dir/deep/c.log",
    "dir/deep/d",
    "x y",
    "dir/link",
    "link",
    "sub/a",
    "sub/dir/e",
    ".hidden",
    "dir/.keep",
];
const LINKS: [&str; 5] = ["a", "dir", "gone", "../a", "/workspace"];
const COPIED: [&str; 39] = [
    "t.tar",
    "dir/t.tar",
    "*.tar",
    "a",
    "b.txt",
    "dir",
    "dir/",
    "a",
    "b.txt",
    "dir",
    "c.log",
    "dir/deep/",
    "sub/dir",
    "dir/a",
    ".",
    "./",
    "/",
    "/a",
    "*",
    "*.txt",
    "dir/*",
    "*/a",
    "**/c.log",
    "?",
    "[ab]*",
    "no",
    "no*",
    "link",
    "dir/link",
    "link/",
    "../a",
    "sub",
    "$D",
    "${D:-a}",
    "dir/deep",
    "dir/../a",
    ".hidden",
    "a/",
    "${",
];
/// Archives that are unpacked.
const ARCHIVES: [&str; 2] = ["/ctx/t.tar", "/ctx/dir/t.tar"];
const MEMBERS: [(&str, EntryType, &str); 18] = [
    ("m", EntryType::Regular, ""),
    ("out/", EntryType::Directory, ""),
    ("out/m", EntryType::Regular, ""),
    ("./", EntryType::Directory, ""),
    ("./out/a", EntryType::Regular, ""),
    ("x/y/z/m", EntryType::Regular, ""),
    ("x/y", EntryType::Regular, ""),
    ("x/", EntryType::Directory, ""),
    ("out/link", EntryType::Symlink, "a"),
    ("out/link/", EntryType::Directory, ""),
    ("out/link/m", EntryType::Regular, ""),
    ("x", EntryType::Symlink, "/out"),
    ("w", EntryType::Symlink, "../out"),
    ("w/v", EntryType::Link, "m"),
    ("again", EntryType::Link, "out/m"),
    ("again", EntryType::Link, "out"),
    ("../out/up", EntryType::Regular, ""),
    ("kaniko/m", EntryType::Regular, ""),
];

const DESTINATIONS: [&str; 18] = [
    "/out/",
    "/out",
    "/out/x",
    "out",
    "out/",
    ".",
    "./",
    "/",
    "/workspace",
    "/workspace/",
    "/ctx/sub/",
    "/x/y/z",
    "/x/y/z/",
    "$D/",
    "${E}",
    "/out/link",
    "/out/a/",
    "..",
];
const IGNORED: [&str; 18] = [
    "a", "*.log", "**/*.log", "dir", "dir/", "dir/*", "**/deep", "deep", "!dir/a", "*", "!a", "# c", "", "/a",
    "dir/**", "!**/a", "[", "**/a",
];

impl Case {
    fn of(seed: u64) -> Self {
        let mut random = Random::from_seed(seed);
        if random.one_in(3) { Self::of_paths(&mut random) } else { Self::of_copies(&mut random) }
    }

    /// Where are context and Dockerfile?
    fn of_paths(random: &mut Random) -> Self {
        let mut things = Vec::new();
        for number in 0..3 + random.below(8) {
            let directory = random.of(&DIRECTORIES).trim_end_matches('/');
            let path = format!("{directory}/{}", random.of(&NAMES));
            things.push(match random.below(10) {
                0 => Thing::Directory(path),
                1 => Thing::Symlink(path, random.of(&TARGETS).to_owned()),
                _ => Thing::File(path.clone(), content(&path, number, random)),
            });
        }
        let directory = match random.below(6) {
            0 => "/",
            1 => "/ctx",
            _ => "/workspace",
        };
        Self { things, directory, arguments: arguments(random) }
    }

    /// What is copied where?
    fn of_copies(random: &mut Random) -> Self {
        let mut things = vec![Thing::File("/ctx/Dockerfile".to_owned(), dockerfile(0, random))];
        for source in SOURCES {
            if random.one_in(4) {
                continue;
            }
            let path = format!("/ctx/{source}");
            things.push(match path.ends_with("link") {
                true => Thing::Symlink(path, random.of(&LINKS).to_owned()),
                false => Thing::File(path, format!("content of {source}\n")),
            });
        }
        if random.one_in(2) {
            let name = random.of(&[".dockerignore", ".dockerignore", "Dockerfile.dockerignore"]);
            let lines = (0..1 + random.below(4)).map(|_| format!("{}\n", random.of(&IGNORED))).collect();
            things.push(Thing::File(format!("/ctx/{name}"), lines));
        }
        for path in ARCHIVES {
            if random.one_in(6) {
                let content = String::from_utf8(archive(random)).expect("everything in it is ASCII");
                things.push(Thing::File(path.to_owned(), content));
            }
        }
        if random.one_in(5) {
            things.push(Thing::File("/out/a".to_owned(), "there before\n".to_owned()));
        }
        if random.one_in(6) {
            let target = random.of(&["/x", "a", "/ctx/dir", "gone", "."]);
            things.push(Thing::Symlink("/out/link".to_owned(), target.to_owned()));
        }
        let mut arguments: Vec<String> = ["--force", "--no-push"].map(str::to_owned).to_vec();
        arguments.push(format!("--context={}", random.of(&["dir:///ctx", "/ctx", "dir:///ctx/", "/ctx/../ctx"])));
        for (chances, choices) in [
            (6, &["--build-arg=D=dir", "--build-arg=E=/out/e", "--build-arg=D=", "--build-arg=D"][..]),
            (10, &["--target=s0", "--target=s1", "--target=S0", "--target=none"]),
            (10, &["--skip-unused-stages"]),
        ] {
            if random.one_in(chances) {
                arguments.push(random.of(choices).to_owned());
            }
        }
        Self { things, directory: "/workspace", arguments }
    }
}

fn archive(random: &mut Random) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for number in 0..random.below(7) {
        let (name, kind, target) = MEMBERS[random.below(MEMBERS.len())];
        let mut header = tar::Header::new_ustar();
        // The name as it is: the library refuses `..`.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_mode([0o644, 0o755, 0o700, 0o4755, 0o2755, 0o1777][random.below(6)]);
        header.set_uid([0, 0, 7][random.below(3)]);
        header.set_gid([0, 0, 8][random.below(3)]);
        header.set_mtime(1_700_000_000);
        if !target.is_empty() {
            header.set_link_name(target).unwrap();
        }
        let content = if kind == EntryType::Regular { format!("{number} of {name}\n") } else { String::new() };
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn content(path: &str, number: usize, random: &mut Random) -> String {
    match path {
        _ if path.ends_with(".dockerignore") => {
            (0..random.below(4)).map(|_| format!("{}\n", random.of(&IGNORED))).collect()
        }
        _ if path.ends_with(".gz") && number.is_multiple_of(2) => String::new(),
        _ => dockerfile(number, random),
    }
}

fn dockerfile(number: usize, random: &mut Random) -> String {
    let mut text = String::new();
    if random.one_in(8) {
        text.push_str("ARG D=dir\n");
    }
    let stages = if random.one_in(4) { 2 } else { 1 };
    for stage in 0..stages {
        let base = if stage > 0 && random.one_in(3) { "s0" } else { "scratch" };
        text.push_str(&format!("FROM {base} AS s{stage}\nLABEL number={number}\n"));
        for _ in 0..random.below(5) {
            let from = if stage > 0 && random.one_in(3) { random.of(&["--from=s0 ", "--from=0 "]) } else { "" };
            text.push_str(&instruction(from, random));
        }
    }
    if random.one_in(40) {
        text.push_str(random.of(&[
            "CPY a b\n",
            "COPY a\n",
            "COPY [\"a\", \"/out/\"]\n",
            "COPY <<E /out/e\nx\nE\n",
            "ENV X=${Y?why}\n",
            "FROM\n",
        ]));
    }
    text
}

fn instruction(from: &str, random: &mut Random) -> String {
    match random.below(if from.is_empty() { 14 } else { 9 }) {
        _ if !from.is_empty() => {
            let source = random.of(&["/out", "/out/a", "/w", "/x/y", "/out/*", "a", "/dir", "/out/link", "/no"]);
            format!("COPY {from}{source} {}\n", random.of(&DESTINATIONS))
        }
        12 => format!("VOLUME {}\n", random.of(&["/v", "/out", "/x/y", "/w"])),
        13 => format!("USER {}\n", random.of(&["5", "5:6", "1000", "0", "$D"])),
        0 => format!("WORKDIR {}\n", random.of(&["/w", "w/v", "/workspace", "$D", "/out/a"])),
        1 => format!("ENV D={}\n", random.of(&["dir", "a", "\"dir/deep\"", "/out"])),
        2 => format!("ARG {}\n", random.of(&["D", "D=a", "E", "E=/out/e", "D=$E"])),
        kind => {
            let keyword = if [3, 4, 5].contains(&kind) { "ADD" } else { "COPY" };
            let count = if random.one_in(3) { 2 + random.below(2) } else { 1 };
            let sources: Vec<&str> = (0..count).map(|_| random.of(&COPIED)).collect();
            let flag = if random.one_in(10) {
                random.of(&[
                    "--chmod=755 ",
                    "--chown=1:2 ",
                    "--chmod=x ",
                    "--link ",
                    "--chmod=4711 ",
                    "--chown=7 ",
                    "--chown=no ",
                ])
            } else {
                ""
            };
            format!("{keyword} {flag}{} {}\n", sources.join(" "), random.of(&DESTINATIONS))
        }
    }
}

fn arguments(random: &mut Random) -> Vec<String> {
    let mut arguments = vec!["--force".to_owned()];
    let mut add = |random: &mut Random, flag: &str, value: &str| {
        if random.one_in(4) {
            arguments.extend([flag.to_owned(), value.to_owned()]);
        } else {
            arguments.push(format!("{flag}={value}"));
        }
    };
    if !random.one_in(8) {
        let context = random.of(&CONTEXTS);
        add(random, "--context", context);
    }
    if !random.one_in(4) {
        let dockerfile = random.of(&DOCKERFILES);
        add(random, "--dockerfile", dockerfile);
    }
    if random.one_in(4) {
        let sub_path = random.of(&SUB_PATHS);
        add(random, "--context-sub-path", sub_path);
    }
    if !random.one_in(12) {
        arguments.push("--no-push".to_owned());
    }
    if random.one_in(12) {
        let odd = random.of(&[
            "--cache",
            "true",
            "--unknown",
            "-x",
            "--no-push=maybe",
            "--cache-ttl=1d",
            "--bucket",
            "-v=debug",
            "--image-name-with-digest-file=/tmp/x",
            "--log-format=none",
            "–context=x",
            "--registry-map=a",
            "--compression=xz",
            "--git=branch",
            "--push-retry=x",
            "---",
            "-c",
        ]);
        let at = random.below(arguments.len() + 1);
        arguments.insert(at, odd.to_owned());
    }
    arguments
}

fn place(root: &Path, thing: &Thing) {
    let (Thing::File(path, _) | Thing::Directory(path) | Thing::Symlink(path, _)) = thing;
    let path = root.join(path.trim_start_matches('/'));
    // What another thing is in the way of is left out.
    if fs::symlink_metadata(&path).is_ok() || fs::create_dir_all(path.parent().unwrap()).is_err() {
        return;
    }
    // A symlink may lead out of the root: nothing is written through one.
    let real = fs::canonicalize(path.parent().unwrap()).unwrap();
    if !real.starts_with(fs::canonicalize(root).unwrap()) {
        return;
    }
    match thing {
        Thing::File(_, content) => drop(fs::write(&path, content)),
        Thing::Directory(_) => drop(fs::create_dir(&path)),
        Thing::Symlink(_, target) => drop(symlink(target, &path)),
    }
}

/// Gives some things of the context modes and owners that are not the usual ones.
fn dress(directory: &Path, random: &mut Random) {
    let mut names: Vec<PathBuf> =
        fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for path in names {
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if random.one_in(6) {
            let owner = Some(random.of_numbers(&[0, 5, 1000]));
            lchown(&path, owner, Some(random.of_numbers(&[0, 6, 1000]))).unwrap();
        }
        if !kind.is_symlink() && random.one_in(5) {
            let mode = random.of_numbers(&[0o600, 0o755, 0o4755, 0o2755, 0o1777, 0o700]);
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        if kind.is_dir() {
            dress(&path, random);
        }
    }
}

/// A root on disk, as the model sees it.
struct Disk<'a>(&'a Path);

impl Disk<'_> {
    fn path(&self, path: &[u8]) -> PathBuf {
        self.0.join(std::ffi::OsStr::from_bytes(path.strip_prefix(b"/").unwrap()))
    }
}

impl PodFiles for Disk<'_> {
    fn kind(&self, path: &[u8]) -> Option<Kind> {
        let path = self.path(path);
        let kind = fs::symlink_metadata(&path).ok()?.file_type();
        Some(match () {
            () if kind.is_symlink() => Kind::Symlink(fs::read_link(&path).unwrap().into_os_string().into_vec()),
            () if kind.is_dir() => Kind::Directory,
            () => Kind::File,
        })
    }

    fn names(&self, directory: &[u8]) -> Vec<Vec<u8>> {
        let mut names: Vec<_> =
            fs::read_dir(self.path(directory)).unwrap().map(|entry| entry.unwrap().file_name().into_vec()).collect();
        names.sort();
        names
    }

    fn content(&self, file: &[u8]) -> Option<Vec<u8>> {
        fs::read(self.path(file)).ok()
    }

    fn found(&self, file: &[u8]) -> Found {
        fs::File::open(self.path(file)).map_or(Found::Unknown, |file| unpack::found(&file, &Budget::default()))
    }

    fn attributes(&self, path: &[u8]) -> Attributes {
        let metadata = fs::symlink_metadata(self.path(path)).unwrap();
        Attributes { mode: metadata.mode() & 0o7777, owner: Owner::new(metadata.uid(), metadata.gid()) }
    }
}

/// As in a tree; that of a symlink says nothing.
fn attributes_in_words(what: &str, attributes: Attributes) -> String {
    let Attributes { mode, owner } = attributes;
    let (Id::Known(user), Id::Known(group)) = (owner.user, owner.group) else { return format!("{what} of whoever") };
    if what.starts_with("->") { what.to_owned() } else { format!("{what} {mode:o} {user}:{group}") }
}

/// What of a run is compared.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// The executor's last words, if it failed.
    failure: Option<String>,
    /// What is in the Dockerfile that it copied.
    dockerfile: Option<String>,
    /// Where it says that its ignore file is.
    ignore_file: Option<String>,
    /// Everything that is in its root then, but what is its own.
    files: Option<Tree>,
}

impl std::fmt::Display for Seen {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "{:?} {:?} {:?}", self.failure, self.dockerfile, self.ignore_file)?;
        self.files.iter().flatten().try_for_each(|(path, what)| {
            writeln!(formatter, "  {} {}", String::from_utf8_lossy(path), what.trim_end().replace('\n', "|"))
        })
    }
}

/// Paths with what is there: what a file holds, where a symlink leads.
type Tree = BTreeMap<Vec<u8>, String>;

/// The executor's own directories, and the kernel's.
const OWN: [&[u8]; 3] = [b"/kaniko", b"/proc", b"/tmp"];

fn tree(root: &Path) -> Tree {
    let disk = Disk(root);
    let mut found = Tree::new();
    let mut open = vec![b"/".to_vec()];
    while let Some(directory) = open.pop() {
        for name in disk.names(&directory) {
            let path = [directory.strip_suffix(b"/").unwrap_or(&directory), b"/", &name].concat();
            if OWN.contains(&&path[..]) {
                continue;
            }
            let what = match disk.kind(&path).unwrap() {
                Kind::Directory => "directory".to_owned(),
                Kind::Symlink(target) => format!("-> {}", String::from_utf8(target).unwrap()),
                _ => format!("file {}", String::from_utf8(disk.content(&path).unwrap()).unwrap()),
            };
            if what == "directory" {
                open.push(path.clone());
            }
            let what = attributes_in_words(&what, disk.attributes(&path));
            found.insert(path, what);
        }
    }
    found
}

/// What is there after `written`.
fn after(before: &Tree, disk: &Disk, resolution: &Resolution) -> Tree {
    let mut tree = before.clone();
    for (path, attributes) in &resolution.changed {
        if let Some(what) = tree.get_mut(path) {
            let kind = what.rsplitn(3, ' ').last().unwrap();
            *what = attributes_in_words(kind, *attributes);
        }
    }
    for (path, written) in &resolution.written {
        if OWN.iter().any(|own| path.starts_with(own)) {
            continue;
        }
        let below = [path, &b"/"[..]].concat();
        tree.retain(|other, _| other != path && !other.starts_with(&below));
        let what = match written {
            Written::Gone => continue,
            Written::NewDirectory => "directory".to_owned(),
            Written::File(origin) => format!("file {}", String::from_utf8(read(origin, disk)).unwrap()),
            Written::Symlink(target) => format!("-> {}", String::from_utf8(target.clone()).unwrap()),
        };
        let what = attributes_in_words(&what, resolution.changed[path]);
        tree.insert(path.clone(), what);
    }
    tree
}

fn read(origin: &Origin, disk: &Disk) -> Vec<u8> {
    match origin {
        Origin::File(path) => disk.content(path).unwrap(),
        Origin::Member(archive, number) => {
            let archive = disk.content(archive).unwrap();
            let mut archive = tar::Archive::new(&archive[..]);
            let mut content = Vec::new();
            archive.entries().unwrap().nth(*number).unwrap().unwrap().read_to_end(&mut content).unwrap();
            content
        }
        Origin::Unknown => panic!("nothing is unknown here"),
    }
}

fn of_executor(root: &Root, ran: &Ran) -> Seen {
    let plain = ran.plain();
    let failed = ran.code != Some(0);
    let said = plain.lines().find(|line| ["Error: ", "error ", "panic: "].iter().any(|start| line.starts_with(start)));
    let ignore_file = plain.lines().find_map(|line| line.split_once("Using dockerignore file: "));
    Seen {
        failure: failed.then(|| said.unwrap_or(&plain).trim_end().to_owned()),
        dockerfile: if failed { None } else { fs::read_to_string(root.path().join("kaniko/Dockerfile")).ok() },
        ignore_file: if failed { None } else { ignore_file.map(|(_, path)| path.trim_end().to_owned()) },
        files: (!failed).then(|| tree(root.path())),
    }
}

/// None if the model says that it cannot know.
fn of_model(resolution: &Resolution, dockerfile: Option<String>, files: Tree) -> Option<Seen> {
    let copied = resolution.dockerfile.as_ref().is_some_and(|dockerfile| dockerfile.ignore_file.is_some());
    let text = |path: &Vec<u8>| String::from_utf8(path.clone()).unwrap();
    // It reads the copy of one that lies beside the Dockerfile.
    let ignore_file = resolution.ignore_file.as_ref().map(|path| match copied {
        true => "/kaniko/Dockerfile.dockerignore".to_owned(),
        false => text(path),
    });
    match &resolution.end {
        End::Built => Some(Seen { failure: None, dockerfile, ignore_file, files: Some(files) }),
        End::NoBuild => Some(Seen { failure: None, dockerfile: None, ignore_file: None, files: Some(files) }),
        End::Failed(words) => {
            Some(Seen { failure: Some(words.clone()), dockerfile: None, ignore_file: None, files: None })
        }
        End::Unknown(_) => None,
    }
}

/// What a case was good for.
enum Compared {
    /// Both built the same.
    Built,
    /// Both failed, with the same words.
    Failed(String),
    /// The model says that it cannot know.
    Unknown,
}

fn compare(program: &Path, seed: u64) -> Result<Compared, String> {
    let case = Case::of(seed);
    let root = Root::new(program);
    drop(fs::create_dir(root.path().join(case.directory.trim_start_matches('/'))));
    case.things.iter().for_each(|thing| place(root.path(), thing));
    dress(&root.path().join("ctx"), &mut Random::from_seed(!seed));
    let before = tree(root.path());
    let resolution =
        resolve(&Setup { working_directory: Some(case.directory), ..Setup::new(&case.arguments, &Disk(root.path())) });
    let chosen = resolution.dockerfile.as_ref().and_then(|dockerfile| dockerfile.chosen.clone());
    let content = chosen.and_then(|path| {
        let disk = Disk(root.path());
        let pod = kaniko_local::executor::files::Pod::new(&disk);
        let found = pod.find(&path, b"/", kaniko_local::executor::files::Follow::All).ok()?;
        pod.content(&found.path).map(|content| String::from_utf8(content).unwrap())
    });
    let files = after(&before, &Disk(root.path()), &resolution);
    let Some(expected) = of_model(&resolution, content, files) else { return Ok(Compared::Unknown) };
    let ran = root.run(case.directory, &case.arguments, Stdio::null());
    let seen = of_executor(&root, &ran);
    if seen == expected {
        return Ok(seen.failure.map_or(Compared::Built, Compared::Failed));
    }
    let plain = ran.plain();
    let said: Vec<&str> = plain.lines().filter(|line| !line.starts_with([' ', 'U'])).take(30).collect();
    Err(format!("seed {seed}: {case:#?}\nexecutor: {seen}\nmodel: {expected}\n{}", said.join("\n")))
}

#[test]
#[ignore = "needs root and the executor: scripts/test"]
fn the_model_and_the_executor_agree() {
    let program = executor::program();
    let (cases, first) = random::cases(VARIABLE, CASES);
    let next = AtomicU64::new(first);
    let compared = Mutex::new(BTreeMap::<String, u64>::new());
    let work = || {
        let mut wrong = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + cases {
                return wrong;
            }
            let kind = match compare(&program, seed) {
                Ok(Compared::Built) => "built".to_owned(),
                Ok(Compared::Failed(words)) => kind(&words),
                Ok(Compared::Unknown) => "unknown".to_owned(),
                Err(difference) => {
                    wrong.push(difference);
                    continue;
                }
            };
            *compared.lock().unwrap().entry(kind).or_default() += 1;
        }
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let compared = compared.into_inner().unwrap();
    println!("{compared:#?}");
    let first = wrong.iter().take(5).map(String::as_str).collect::<Vec<_>>().join("\n\n");
    assert!(wrong.is_empty(), "{} of {cases} cases differ; the first:\n{first}", wrong.len());
    let count = |kind: &str| compared.get(kind).copied().unwrap_or_default();
    assert!(count("unknown") * 20 <= cases, "the model does not know what comes of so many cases: {compared:#?}");
    assert!(count("built") * 5 >= cases, "most cases fail: {compared:#?}");
}

/// A failure without what differs from case to case.
fn kind(words: &str) -> String {
    let kept = words.split(' ').filter(|word| !word.contains(['/', '"', '=']));
    kept.take(14).collect::<Vec<_>>().join(" ")
}

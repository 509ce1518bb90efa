//! The model of the executor against the executor: random layouts, arguments and Dockerfiles, each given to both.
//!
//! Every case is made from its seed alone, so that a disagreement can be looked at again:
//! `KANIKO_LOCAL_DIFFERENTIAL=1:SEED`. What is compared: how it ends (the executor's own first words, as far as they do
//! not vary), the Dockerfile that it copied, the ignore file that it read.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use kaniko_local::executor::files::{Kind, PodFiles};
use kaniko_local::executor::image::Image;
use kaniko_local::executor::resolve::{End, Resolution, Setup, Stdin, resolve};

use crate::support::executor::{self, Ran, Root};

/// Cases and the first seed, in CI.
const CASES: (u64, u64) = (300, 1);
const VARIABLE: &str = "KANIKO_LOCAL_DIFFERENTIAL";

/// A small generator of numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

/// What is in the root, and what the executor is told.
#[derive(Debug)]
struct Case {
    things: Vec<Thing>,
    directory: &'static str,
    arguments: Vec<String>,
}

#[derive(Debug)]
enum Thing {
    File(String, String),
    Directory(String),
    Symlink(String, String),
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

impl Case {
    fn of(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut things = Vec::new();
        for number in 0..3 + random.below(8) {
            let directory = random.of(&DIRECTORIES).trim_end_matches('/');
            let path = format!("{directory}/{}", random.of(&NAMES));
            things.push(match random.below(10) {
                0 => Thing::Directory(path),
                1 => Thing::Symlink(path, random.of(&TARGETS).to_owned()),
                _ => Thing::File(path.clone(), content(&path, number)),
            });
        }
        let directory = match random.below(6) {
            0 => "/",
            1 => "/ctx",
            _ => "/workspace",
        };
        Self { things, directory, arguments: arguments(&mut random) }
    }
}

fn content(path: &str, number: usize) -> String {
    match path {
        _ if path.ends_with(".dockerignore") => "# none\n".to_owned(),
        _ if path.ends_with(".gz") && number.is_multiple_of(2) => String::new(),
        _ => format!("FROM scratch\nLABEL number={number}\n"),
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
}

fn of_executor(root: &Root, ran: &Ran) -> Seen {
    let plain = without_colours(&ran.said);
    let failed = ran.code != Some(0);
    let said = plain.lines().find(|line| line.starts_with("Error: ") || line.starts_with("error "));
    let ignore_file = plain.lines().find_map(|line| line.split_once("Using dockerignore file: "));
    Seen {
        failure: failed.then(|| said.unwrap_or(&plain).trim_end().to_owned()),
        dockerfile: if failed { None } else { fs::read_to_string(root.path().join("kaniko/Dockerfile")).ok() },
        ignore_file: if failed { None } else { ignore_file.map(|(_, path)| path.trim_end().to_owned()) },
    }
}

/// Without the colours of its log.
fn without_colours(said: &str) -> String {
    let mut plain = String::new();
    let mut rest = said;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.find('m').map_or("", |end| &after[end + 1..]);
    }
    plain + rest
}

/// None if the model says that it cannot know.
fn of_model(resolution: &Resolution, dockerfile: Option<String>) -> Option<Seen> {
    let copied = resolution.dockerfile.as_ref().is_some_and(|dockerfile| dockerfile.ignore_file.is_some());
    let text = |path: &Vec<u8>| String::from_utf8(path.clone()).unwrap();
    // It reads the copy of one that lies beside the Dockerfile.
    let ignore_file = resolution.ignore_file.as_ref().map(|path| match copied {
        true => "/kaniko/Dockerfile.dockerignore".to_owned(),
        false => text(path),
    });
    let (failure, dockerfile, ignore_file) = match &resolution.end {
        End::Resolved => (None, dockerfile, ignore_file),
        End::NoBuild => (None, None, None),
        End::Failed(words) => (Some(words.clone()), None, None),
        End::Unknown(_) => return None,
    };
    Some(Seen { failure, dockerfile, ignore_file })
}

/// Whether there was anything to compare.
fn compare(program: &Path, seed: u64) -> Result<bool, String> {
    let case = Case::of(seed);
    let root = Root::new(program);
    drop(fs::create_dir(root.path().join(case.directory.trim_start_matches('/'))));
    case.things.iter().for_each(|thing| place(root.path(), thing));
    let resolution = resolve(&Setup {
        image: Image::default(),
        arguments: &case.arguments,
        working_directory: Some(case.directory),
        environment: &BTreeMap::new(),
        stdin: Stdin::Device,
        files: &Disk(root.path()),
    });
    let chosen = resolution.dockerfile.as_ref().and_then(|dockerfile| dockerfile.chosen.clone());
    let content = chosen.and_then(|path| {
        let disk = Disk(root.path());
        let pod = kaniko_local::executor::files::Pod::new(&disk);
        let found = pod.find(&path, b"/", kaniko_local::executor::files::Follow::All).ok()?;
        pod.content(&found.path).map(|content| String::from_utf8(content).unwrap())
    });
    let Some(expected) = of_model(&resolution, content) else { return Ok(false) };
    let ran = root.run(case.directory, &case.arguments, Stdio::null());
    let seen = of_executor(&root, &ran);
    if seen == expected {
        return Ok(true);
    }
    let said: Vec<&str> = ran.said.lines().take(8).collect();
    Err(format!("seed {seed}: {case:?}\nexecutor: {seen:?}\nmodel:    {expected:?}\n{}", said.join("\n")))
}

#[test]
#[ignore = "needs root and the executor: scripts/test"]
fn the_model_and_the_executor_agree() {
    let program = executor::program();
    let (cases, first) = match std::env::var(VARIABLE) {
        Ok(given) => {
            let (cases, seed) = given.split_once(':').expect("CASES:SEED");
            (cases.parse().unwrap(), seed.parse().unwrap())
        }
        Err(_) => CASES,
    };
    let next = AtomicU64::new(first);
    let unknown = AtomicU64::new(0);
    let work = || {
        let mut wrong = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + cases {
                return wrong;
            }
            match compare(&program, seed) {
                Ok(true) => {}
                Ok(false) => drop(unknown.fetch_add(1, Ordering::Relaxed)),
                Err(difference) => wrong.push(difference),
            }
        }
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let first = wrong.iter().take(5).map(String::as_str).collect::<Vec<_>>().join("\n\n");
    assert!(wrong.is_empty(), "{} of {cases} cases differ; the first:\n{first}", wrong.len());
    let unknown = unknown.into_inner();
    assert!(unknown * 20 <= cases, "the model does not know what comes of {unknown} of {cases} cases");
}

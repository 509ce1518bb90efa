//! How the executor comes from its arguments to a build context, a Dockerfile and what is copied, step by step, in its
//! order.
//!
//! A model of kaniko v1.24.0 `cmd/executor/cmd/root.go` (`PersistentPreRunE`: [`flags`], then `resolveSourceContext`, then
//! `resolveDockerfilePath`) and `pkg/executor/build.go` (`DoBuild`): it does what the executor does to the files it is
//! shown, and ends where the executor would end, with its words. The test `differential` compares it with the real one.

mod build;
mod context;
mod copies;
mod dockerfile;
mod plan;
mod save;
mod snapshot;
mod stage;
mod unpack;
mod users;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use self::plan::Build;
use self::variables::BuildArguments;
use super::files::{Attributes, Errno, Follow, Pod, PodFiles, Written};
use super::flags::{self, Command, Flags};
use super::image::Image;
use crate::dockerfile::go::{parse_bool, quote};
use crate::gopath;
use crate::rootfs::{RootFs, Settings};

pub use context::{Context, Source};
pub use copies::{Copied, CopySource, Taken, TakenLink, There, WHITEOUT};
pub use dockerfile::{Candidate, Dockerfile, NO_DOCKERFILE, Outcome};
pub use plan::{channel, used_stages};
pub use unpack::{BROKEN, CUT, NO_HEADER, UNREADABLE};

/// What standard input of the executor's container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stdin {
    /// `/dev/null`, or a terminal: a character device.
    #[default]
    Device,
    /// A stream that somebody sends to.
    Stream,
}

/// An executor that is about to start.
pub struct Setup<'a> {
    /// Which one.
    pub image: Image,
    /// Its arguments, without its own path.
    pub arguments: &'a [String],
    /// The directory it starts in, if the pod says so.
    pub working_directory: Option<&'a str>,
    /// Its environment, as far as the pod sets it.
    pub environment: &'a BTreeMap<String, String>,
    /// Its standard input.
    pub stdin: Stdin,
    /// Directories that others are mounted on: what is in them outlives a stage.
    pub mounts: &'a [Vec<u8>],
    /// What it sees. For a context that is unpacked, what was unpacked is in [`UNPACKED`].
    pub files: &'a dyn PodFiles,
}

impl<'a> Setup<'a> {
    /// With these arguments, upstream's last one: nothing else is said of how it starts.
    pub fn new(arguments: &'a [String], files: &'a dyn PodFiles) -> Self {
        static NOTHING_SET: BTreeMap<String, String> = BTreeMap::new();
        Self {
            image: Image::default(),
            arguments,
            working_directory: None,
            environment: &NOTHING_SET,
            stdin: Stdin::default(),
            mounts: &[],
            files,
        }
    }
}

/// Where every context that is not a directory is unpacked, or cloned (kaniko v1.24.0 `pkg/config/init.go`).
pub const UNPACKED: &str = "/kaniko/buildcontext";
/// The Dockerfile's copy, from which it is built (same place).
const COPY_OF_DOCKERFILE: &str = "/kaniko/Dockerfile";

/// The way of an executor through its start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resolution {
    /// The flags, if it takes them.
    pub flags: Option<Flags>,
    /// The build context, if it came so far.
    pub context: Option<Context>,
    /// The Dockerfile, if it came so far.
    pub dockerfile: Option<Dockerfile>,
    /// The ignore file that it reads, if it came so far and there is one.
    pub ignore_file: Option<Vec<u8>>,
    /// What each `COPY` and `ADD` from the context does, as far as it came.
    pub copied: Vec<Copied>,
    /// What the build did to the pod's files, as far as it came; those above before those below.
    pub written: Vec<(Vec<u8>, Written)>,
    /// The modes and owners that the build gave to files of the pod.
    pub changed: BTreeMap<Vec<u8>, Attributes>,
    /// The image, if it comes to its end.
    pub made: Option<Made>,
    /// The instruction that it fails at, in bytes of the Dockerfile, if it is one.
    pub failed_at: Option<Range<usize>>,
    /// What it builds of the stages, if it came so far.
    pub stages: Option<BuiltStages>,
    /// Where it ends.
    pub end: End,
}

/// Stages, each by the place of its `FROM` in the Dockerfile in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuiltStages {
    /// Those that are built.
    pub built: BTreeSet<usize>,
    /// Those that the image is made of; `docker build` builds no others.
    pub needed: BTreeSet<usize>,
    /// Those that would be built with `--skip-unused-stages`.
    pub used: BTreeSet<usize>,
}

impl BuiltStages {
    /// The same stages in another text.
    #[must_use]
    pub fn moved(&self, to: impl Fn(usize) -> usize) -> Self {
        let all = |stages: &BTreeSet<usize>| stages.iter().map(|at| to(*at)).collect();
        Self { built: all(&self.built), needed: all(&self.needed), used: all(&self.used) }
    }
}

/// What is known of the image that an executor makes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Made {
    /// What is in it.
    pub rootfs: RootFs,
    /// What it is run with.
    pub settings: Settings,
    /// Instructions of which nobody knows what they put there, by their place in the Dockerfile in bytes.
    pub untold: BTreeSet<usize>,
    /// `ADD`s of archives of the context.
    pub unpacking: BTreeSet<usize>,
    /// Directories that a member of an archive names, each with the `ADD` that unpacks it: they get its mode and owner,
    /// whatever they had.
    pub named: BTreeSet<(usize, Vec<u8>)>,
    /// `ADD`s of archives whose `--chown` does nothing: what is unpacked keeps its owners (kaniko v1.24.0
    /// `pkg/commands/add.go`).
    pub unheeded: BTreeSet<usize>,
    /// `ADD`s of archives that are unpacked where no snapshot looks: to a relative path while there is no working directory
    /// (kaniko v1.24.0 `pkg/commands/add.go`).
    pub lost: BTreeSet<usize>,
    /// The first instruction that copies nothing, by its place: the executor then takes everything it has for what was
    /// copied, its own files too (kaniko v1.24.0 `pkg/executor/build.go` `takeSnapshot`).
    pub leak: Option<usize>,
}

impl Resolution {
    /// The context, if it is a directory that has to be there: neither unpacked nor cloned.
    pub fn directory_context(&self) -> Option<&Context> {
        self.context.as_ref().filter(|context| matches!(context.source, Source::Path | Source::Directory))
    }
}

/// Where the executor's way ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum End {
    /// It comes to the end of every `COPY` and `ADD` from the context.
    #[default]
    Built,
    /// It was asked for something else than a build.
    NoBuild,
    /// It fails, with this as its first words.
    Failed(String),
    /// What it does depends on what cannot be known from here.
    Unknown(Unknown),
}

/// What cannot be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// What a repository, a bucket or a web server answers.
    Remote,
    /// What is in an archive.
    Archive,
    /// What is in a Dockerfile that cannot be read from here.
    Dockerfile,
    /// What is in `/` while it looks: its context is `/` itself, with all that the kernel has there.
    Root,
    /// What is in a volume.
    Volume,
    /// What is in an image that a stage builds on.
    Image,
    /// What becomes of a Dockerfile without stages.
    NoStages,
}

/// What the steps share.
struct Start<'a> {
    setup: &'a Setup<'a>,
    pod: Pod<'a>,
    /// The working directory.
    directory: &'a [u8],
}

/// Why a step does not lead to the next.
enum Stop {
    /// Before it builds: its words follow `Error: `.
    Failed(String),
    /// While it builds: its words follow `error building image: `.
    Building(String),
    Unknown(Unknown),
}

/// Follows an executor through its start.
pub fn resolve(setup: &Setup) -> Resolution {
    let mut resolution = Resolution::default();
    resolution.end = match steps(setup, &mut resolution) {
        Ok(end) => end,
        Err(Stop::Failed(text)) => End::Failed(format!("Error: {text}")),
        Err(Stop::Building(text)) if text.ends_with(unpack::PANIC) => End::Failed(format!("panic: {}", unpack::PANIC)),
        Err(Stop::Building(text)) => End::Failed(format!("error building image: {text}")),
        Err(Stop::Unknown(unknown)) => End::Unknown(unknown),
    };
    resolution
}

/// Where the executor takes the context to be, from the root of the pod and without `--context-sub-path`; none if it
/// does not come so far. Nothing has to be there.
pub fn context_directory(setup: &Setup) -> Option<Vec<u8>> {
    let Ok(Command::Build(flags)) = flags::parse(setup.arguments, setup.image.family) else { return None };
    let directory = setup.working_directory.unwrap_or_else(|| setup.image.working_directory());
    context::directory(&flags, directory.as_bytes())
}

fn steps(setup: &Setup, resolution: &mut Resolution) -> Result<End, Stop> {
    let flags = match flags::parse(setup.arguments, setup.image.family) {
        Ok(Command::Build(flags)) => resolution.flags.insert(flags),
        Ok(Command::Other(_)) => return Ok(End::NoBuild),
        Err(error) => return Err(Stop::Failed(error.text)),
    };
    check_flags(flags, setup.environment)?;
    let directory = setup.working_directory.unwrap_or_else(|| setup.image.working_directory());
    let start = Start { setup, pod: Pod::new(setup.files), directory: directory.as_bytes() };
    let context = resolution.context.insert(context::resolve(&start, flags)?);
    let dockerfile = dockerfile::resolve(&start, flags.text("dockerfile", "Dockerfile"), &context.root);
    let dockerfile = resolution.dockerfile.insert(dockerfile);
    if let Some(text) = &dockerfile.failure {
        let unknown = context::unknown(&start, &context.source).filter(|_| dockerfile.chosen.is_none());
        return Err(match unknown {
            Some(unknown) => Stop::Unknown(unknown),
            None => Stop::Failed(format!("error resolving dockerfile path: {text}")),
        });
    }
    check_digest_files(flags)?;
    if let Some(unknown) = context::unknown(&start, &context.source) {
        return Err(Stop::Unknown(unknown));
    }
    resolution.ignore_file = ignore_file(&start, dockerfile, &context.absolute);
    let Some(text) = text(&start, dockerfile) else { return Err(Stop::Unknown(Unknown::Dockerfile)) };
    let build = Build {
        flags,
        family: setup.image.family,
        arguments: BuildArguments::new(flags.all("build-arg"), setup.environment),
        root: &context.absolute,
        is_nameless: context.root.is_empty(),
        text: &text,
        ignore_file: resolution.ignore_file.as_deref(),
        mounts: setup.mounts,
    };
    let mut pod = start.pod;
    let mut seen = build::Seen::default();
    let made = build::build(&build, &mut pod, &mut seen);
    (resolution.copied, resolution.failed_at, resolution.stages) = (seen.copied, seen.failed_at, seen.stages);
    resolution.changed = pod.changed().clone();
    resolution.written = pod.written();
    resolution.made = made?;
    Ok(End::Built)
}

/// What is in the Dockerfile, as text.
fn text(start: &Start, dockerfile: &Dockerfile) -> Option<String> {
    let found = start.pod.find(dockerfile.chosen.as_deref()?, b"/", Follow::All).ok()?;
    String::from_utf8(start.pod.content(&found.path)?).ok()
}

/// What is asked of the flags before anything is looked at.
fn check_flags(flags: &Flags, environment: &BTreeMap<String, String>) -> Result<(), Stop> {
    let level = flags.text("verbosity", "info");
    let levels = ["trace", "debug", "info", "warn", "warning", "error", "fatal", "panic"];
    if !levels.contains(&level.to_ascii_lowercase().as_str()) {
        return Err(Stop::Failed(format!("parsing log level: not a valid logrus Level: {}", quote(level))));
    }
    let format = flags.text("log-format", "color");
    if !["text", "color", "json"].contains(&format) {
        let why = format!("not a valid log format: {}. Please specify one of (text, color, json)", quote(format));
        return Err(Stop::Failed(why));
    }
    // A value that is no switch turns it off (kaniko v1.24.0 `validateFlags`: the error is made and dropped).
    let no_push = match environment.get("KANIKO_NO_PUSH") {
        Some(value) => parse_bool(value).unwrap_or(false),
        None => flags.is_on("no-push"),
    };
    if !no_push && flags.last("destination").is_none() {
        return Err(Stop::Failed("you must provide --destination, or use --no-push".to_owned()));
    }
    if flags.is_on("cache") && no_push && flags.text("cache-repo", "").is_empty() {
        let why = "if using cache with --no-push, specify cache repo with --cache-repo";
        return Err(Stop::Failed(format!("cache flags invalid: {why}")));
    }
    Ok(())
}

/// What is asked of the flags once the Dockerfile is found.
fn check_digest_files(flags: &Flags) -> Result<(), Stop> {
    let named = [
        ("image-name-with-digest-file", "ImageNameDigestFile"),
        ("image-name-tag-with-digest-file", "ImageNameTagDigestFile"),
    ];
    match named.iter().find(|(flag, _)| !flags.text(flag, "").is_empty()) {
        Some((_, name)) if flags.last("destination").is_none() => {
            Err(Stop::Failed(format!("you must provide --destination if setting {name}")))
        }
        _ => Ok(()),
    }
}

/// The ignore file: the one beside the Dockerfile, which was copied with it, or the context's own (kaniko v1.24.0
/// `pkg/util/fs_util.go` `getExcludedFiles`).
fn ignore_file(start: &Start, dockerfile: &Dockerfile, root: &[u8]) -> Option<Vec<u8>> {
    let own = gopath::join(&[root, b".dockerignore"]);
    dockerfile.ignore_file.clone().or_else(|| start.pod.exists(&own, b"/").then_some(own))
}

/// `<operation> <path>: <why>`, as Go's `fs.PathError` says it.
fn path_error(operation: &str, path: &[u8], why: Errno) -> String {
    format!("{operation} {}: {why}", String::from_utf8_lossy(path))
}

#[cfg(test)]
mod tests;

//! From the Dockerfile to the last `COPY` and `ADD` from the context: kaniko v1.24.0 `pkg/executor/build.go` `DoBuild`,
//! `pkg/dockerfile/dockerfile.go`.
//!
//! Base images and what `RUN` does are not known here. What can be said in spite of that is said: a source is in the
//! context or it is not.

use std::collections::BTreeSet;
use std::ops::Range;

use super::copies::{self, Copied, FileContext, Taken, is_url};
use super::variables::{self, BuildArguments, Environment, expand};
use super::{End, Stop, Unknown, path_error};
use crate::context::dockerignore::Rules;
use crate::dockerfile::{self, Channel, Command, Keyword, Stage, Stages};
use crate::executor::files::{Errno, Follow, Kind, Pod};
use crate::executor::flags::Flags;
use crate::executor::image::Family;
use crate::gopath;

/// What a build starts from.
pub(super) struct Build<'a> {
    pub flags: &'a Flags,
    pub family: Family,
    pub arguments: BuildArguments,
    /// Absolute.
    pub root: &'a [u8],
    /// Whether the root has no name to the executor: `dir://`.
    pub is_nameless: bool,
    pub text: &'a str,
    pub ignore_file: Option<&'a [u8]>,
    /// Directories that others are mounted on: they outlive a stage.
    pub mounts: &'a [Vec<u8>],
}

/// What a stage leaves for those that build on it.
#[derive(Debug, Clone, Default)]
struct Left {
    environment: Environment,
    working_directory: Vec<u8>,
    /// Whether there is no image below it.
    from_scratch: bool,
    /// Whether nothing is in it but what was copied from the context.
    all_known: bool,
}

/// Follows a build; what is copied is told as it is copied.
pub(super) fn build(build: &Build, pod: &mut Pod, copied: &mut Vec<Copied>) -> Result<End, Stop> {
    let failed = Stop::Building;
    let parsing = |why: dockerfile::ParseError| failed(format!("parsing dockerfile: {why}"));
    let file = dockerfile::parse(build.text).map_err(parsing)?;
    let stages = file.stages(channel(build.family)).map_err(parsing)?;
    let mut arguments = build.arguments.clone();
    let meta = arguments.declare_meta(&stages.meta_args);
    meta.map_err(|why| failed(format!("expanding meta ARGs: {why}")))?;
    let target = build.flags.text("target", "");
    let Some(target_index) = stages.target(Some(target)) else {
        if stages.stages.is_empty() {
            return Err(Stop::Unknown(Unknown::NoStages));
        }
        return Err(failed(match build.family {
            Family::Upstream | Family::Chainguard => {
                format!("Error finding target stage: {target} is not a valid target build stage")
            }
            Family::Fork => format!("error finding target stage: \"{target}\" is not a valid target build stage"),
        }));
    };
    let bases = bases(&stages, &arguments).map_err(|why| failed(format!("resolving args: {why}")))?;
    let rules = ignore_rules(build.ignore_file, pod)?;
    check_variables(&stages, &bases, target_index, &arguments)?;
    let built = match build.family {
        Family::Fork => stages.needed(target_index, |stage| bases[position(&stages, stage)].clone()),
        _ if build.flags.is_on("skip-unused-stages") => used_stages(&stages, &bases, target_index, target.is_empty()),
        _ => (0..=target_index).collect(),
    };
    let mut first: Option<String> = None;
    let mut left: Vec<Option<Left>> = vec![None; stages.stages.len()];
    for (index, stage) in stages.stages.iter().enumerate().take(target_index + 1) {
        if !built.contains(&index) {
            continue;
        }
        let base = match stages.base(index, &bases[index]) {
            dockerfile::Origin::Stage(base) => left[base].clone().unwrap_or_default(),
            dockerfile::Origin::Image(name) => {
                let from_scratch = name == "scratch";
                let environment = variables::scratch();
                Left { environment, working_directory: vec![], from_scratch, all_known: from_scratch }
            }
        };
        let first_copied = copied.len();
        let mut state = State { build, rules: &rules, arguments: &mut arguments, here: base, copied, failure: None };
        match state.stage(stage, pod) {
            Ok(()) => {}
            // The sources of the stages that follow are looked for all the same.
            Err(Trouble::Words(why)) => drop(first.get_or_insert(format!("error building stage: {why}"))),
            Err(Trouble::Unknown(unknown)) => return Err(first.map_or(Stop::Unknown(unknown), failed)),
        }
        let all_known = state.here.all_known && index == target_index;
        left[index] = Some(state.here);
        for link in copied[first_copied..].iter_mut().flat_map(|copied| &mut copied.taken.links) {
            copies::look_behind(link, all_known, pod);
        }
        if index != target_index {
            delete_file_system(pod, build.mounts);
        }
    }
    first.map_or(Ok(End::Built), |why| Err(failed(why)))
}

/// What upstream takes for the stages that the last one needs (`skipUnusedStages`): named ones only, and all of them if it
/// finds that it needs none.
fn used_stages(stages: &Stages, bases: &[String], target: usize, is_last: bool) -> BTreeSet<usize> {
    let name = |index: usize| stages.stages[index].name.as_ref().map_or("", |word| word.text.as_str());
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    for index in (0..=target).rev() {
        let is_wanted = !name(index).is_empty() && wanted.contains(name(index)) || name(index) == bases[target];
        if !is_wanted && index != target {
            continue;
        }
        for step in &stages.stages[index].steps {
            if let Command::Copy(copy) = &step.command {
                let from = copy.from.as_ref().map_or("", |word| word.text.as_str());
                let stage = from.parse::<usize>().ok().filter(|number| *number < stages.stages.len());
                wanted.insert(stage.map_or(from, name).to_owned());
            }
        }
        if index != target {
            wanted.insert(bases[index].clone());
        }
    }
    if is_last && wanted.is_empty() {
        return (0..stages.stages.len()).collect();
    }
    let is_used =
        |index: &usize| !name(*index).is_empty() && (wanted.contains(name(*index)) || name(*index) == bases[target]);
    let mut used: BTreeSet<usize> = (0..target).filter(|_| !wanted.is_empty()).filter(is_used).collect();
    used.insert(target);
    used
}

fn position(stages: &Stages, stage: &Stage) -> usize {
    stages.stages.iter().position(|other| std::ptr::eq(other.from, stage.from)).unwrap_or_default()
}

/// Which flags an executor knows: the fork takes those of later syntax and passes over them.
pub fn channel(family: Family) -> Channel {
    match family {
        Family::Upstream | Family::Chainguard => Channel::Stable,
        Family::Fork => Channel::Any,
    }
}

/// Reads the ignore file.
fn ignore_rules(path: Option<&[u8]>, pod: &Pod) -> Result<Rules, Stop> {
    let Some(path) = path else { return Rules::from_file(b"").map_err(|why| Stop::Building(why.to_string())) };
    let error = |operation, why| Stop::Building(format!("parsing .dockerignore: {}", path_error(operation, path, why)));
    let found = pod.find(path, b"/", Follow::All).map_err(|why| error("open", why))?;
    match found.kind {
        Kind::Directory => return Err(error("read", Errno::IsADirectory)),
        Kind::Socket => return Err(error("open", Errno::NoDevice)),
        Kind::File | Kind::Fifo | Kind::Device | Kind::Symlink(_) => {}
    }
    Rules::from_file(&pod.content(&found.path).unwrap_or_default()).map_err(|why| Stop::Building(why.to_string()))
}

/// What each stage builds on, its variables expanded.
fn bases(stages: &Stages, arguments: &BuildArguments) -> Result<Vec<String>, String> {
    let variables = arguments.of_from();
    let expanded = stages.stages.iter().map(|stage| {
        let base = &stage.base.text;
        expand(base, &|name| variables.get(name).cloned()).map_err(|why| format!("resolving base name {base}: {why}"))
    });
    expanded.collect()
}

/// Before anything is built, it works out what stages take from each other, and expands their variables for it
/// (`CalculateDependencies`).
fn check_variables(stages: &Stages, bases: &[String], target: usize, arguments: &BuildArguments) -> Result<(), Stop> {
    for (stage, base) in stages.stages.iter().zip(bases).take(target + 1) {
        let mut arguments = arguments.clone();
        let mut environment = variables::scratch();
        for step in &stage.steps {
            let expanded = match &step.command {
                Command::Env(pairs) => variables::set(&mut environment, pairs, &arguments, base == "scratch"),
                Command::Arg(args) => arguments.declare(args, &environment),
                Command::Add(_) | Command::Copy(_) | Command::Run(_) | Command::Other => Ok(()),
            };
            expanded.map_err(|why| match base.as_str() {
                "scratch" => Stop::Building(why.to_string()),
                _ => Stop::Unknown(Unknown::Image),
            })?;
        }
    }
    Ok(())
}

/// A stage while it is built.
struct State<'a> {
    build: &'a Build<'a>,
    rules: &'a Rules,
    arguments: &'a mut BuildArguments,
    here: Left,
    copied: &'a mut Vec<Copied>,
    /// Why the first `COPY` or `ADD` that fails does.
    failure: Option<String>,
}

/// Why a stage is not built.
enum Trouble {
    /// It fails, with these words.
    Words(String),
    /// Nobody can know.
    Unknown(Unknown),
}

impl From<String> for Trouble {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl State<'_> {
    fn stage(&mut self, stage: &Stage, pod: &mut Pod) -> Result<(), Trouble> {
        let end = self.steps(stage, pod);
        self.failure.take().map_or(end, |first| Err(Trouble::Words(first)))
    }

    fn steps(&mut self, stage: &Stage, pod: &mut Pod) -> Result<(), Trouble> {
        for step in &stage.steps {
            match &step.command {
                Command::Copy(copy) if copy.from.is_none() => {
                    self.copy(copy, false, step.instruction.span.clone(), pod)?;
                }
                Command::Add(copy) => self.copy(copy, true, step.instruction.span.clone(), pod)?,
                // What comes from elsewhere, or is made there, may be anything.
                Command::Copy(_) | Command::Run(_) => self.here.all_known = false,
                Command::Env(pairs) => {
                    let from_scratch = self.here.from_scratch;
                    let set = variables::set(&mut self.here.environment, pairs, self.arguments, from_scratch);
                    set.map_err(|why| self.executing(why.to_string()))?;
                }
                Command::Arg(args) => {
                    let declared = self.arguments.declare(args, &self.here.environment);
                    declared.map_err(|why| self.executing(why.to_string()))?;
                }
                Command::Other if step.instruction.keyword == Some(Keyword::Workdir) => {
                    let typed = step.instruction.arguments.words().first().map_or("", |word| &word.text);
                    self.change_directory(typed, pod).map_err(|why| self.executing(why))?;
                }
                Command::Other => {}
            }
        }
        Ok(())
    }

    /// What fails while an instruction is executed. In an image nothing is known to fail: it may hold what is missing.
    fn executing(&self, why: String) -> Trouble {
        match self.here.all_known {
            true => Trouble::Words(format!("failed to execute command: {why}")),
            false => Trouble::Unknown(Unknown::Image),
        }
    }

    /// What fails is told, and then left out: those that follow may have mistakes of their own.
    fn copy(
        &mut self,
        copy: &dockerfile::Copy,
        is_add: bool,
        span: Range<usize>,
        pod: &mut Pod,
    ) -> Result<(), Trouble> {
        let variables = self.arguments.variables(&self.here.environment);
        let context = FileContext::new(self.build.root, self.rules);
        if self.build.is_nameless || copies::walks_everything(copy, &context) {
            return Err(Trouble::Unknown(Unknown::Root));
        }
        let looking = |why: String| format!("failed to get files used from context: {why}");
        let from_scratch = self.here.from_scratch;
        let (sources, destination) = copies::expanded(copy, &variables, from_scratch).map_err(looking)?;
        let is_known = destination.is_known && sources.iter().all(|source| source.is_known);
        let mut copied = Copied {
            span,
            sources,
            destination: destination.path,
            taken: Taken::default(),
            nothing: false,
            failure: None,
            all_known: self.here.all_known,
        };
        if !is_known || copied.sources.is_empty() && self.build.family == Family::Fork {
            self.here.all_known = false;
            self.copied.push(copied);
            return Ok(());
        }
        let result = if copied.sources.is_empty() {
            Err(looking("resolved envs is empty".to_owned()))
        } else {
            self.execute(copy, is_add, &mut copied, &context, &variables, pod)
        };
        if let Err(why) = result {
            self.failure.get_or_insert_with(|| why.clone());
            copied.failure = Some(why);
        }
        self.copied.push(copied);
        Ok(())
    }

    fn execute(
        &mut self,
        copy: &dockerfile::Copy,
        is_add: bool,
        copied: &mut Copied,
        context: &FileContext,
        variables: &Environment,
        pod: &mut Pod,
    ) -> Result<(), String> {
        let mut resolved = copies::resolve(&copied.sources, &copied.destination, context, pod)
            .map_err(|why| format!("failed to get files used from context: {why}"))?;
        copied.nothing = resolved.nothing;
        copies::check_mode(copy, variables).map_err(|why| format!("failed to execute command: {why}"))?;
        let unpacked: Vec<Vec<u8>> =
            resolved.sources.iter().filter(|source| is_add && may_be_unpacked(source, context, pod)).cloned().collect();
        if !unpacked.is_empty() {
            self.here.all_known = false;
        }
        resolved.sources.retain(|source| !is_add || !is_url(&String::from_utf8_lossy(source)));
        let directory: &[u8] = match &self.here.working_directory[..] {
            b"" => b"/",
            directory => directory,
        };
        let wrapped = if is_add { "executing copy command: " } else { "" };
        let result = copies::execute(&resolved, context, directory, pod, &mut copied.taken);
        // Of these an archive comes, not the link.
        copied
            .taken
            .links
            .retain(|link| !unpacked.iter().any(|source| context.path(source) == context.path(&link.path)));
        let meets_socket = copied.taken.special.iter().any(|(_, kind)| *kind == Kind::Socket);
        match result {
            // What else is in the image may make way for it, but not for what cannot be read.
            Err(_) if !self.here.all_known && !meets_socket => Ok(()),
            result => result.map_err(|why| format!("failed to execute command: {wrapped}{why}")),
        }
    }

    fn change_directory(&mut self, typed: &str, pod: &mut Pod) -> Result<(), String> {
        let variables = self.arguments.variables(&self.here.environment);
        let expanded = expand(typed, &|name| variables.get(name).cloned()).map_err(|why| why.to_string())?;
        let above: &[u8] = if self.here.working_directory.is_empty() { b"/" } else { &self.here.working_directory };
        let directory = gopath::absolute(expanded.as_bytes(), above);
        if pod.find(&directory, b"/", Follow::All) == Err(Errno::NoEntry) {
            let made = copies::make_directories(&directory, pod);
            made.map_err(|why| format!("creating workdir {}: {why}", String::from_utf8_lossy(&directory)))?;
        }
        self.here.working_directory = directory;
        Ok(())
    }
}

/// Whether `ADD` may make more of a source than the file it is: of an archive, of an address.
fn may_be_unpacked(source: &[u8], context: &FileContext, pod: &Pod) -> bool {
    if is_url(&String::from_utf8_lossy(source)) {
        return true;
    }
    let Ok(found) = pod.find(&context.path(source), b"/", Follow::All) else { return false };
    let is_text = |content: Vec<u8>| str::from_utf8(&content).is_ok_and(|text| !text.contains('\0'));
    found.kind == Kind::File && !pod.content(&found.path).is_some_and(is_text)
}

/// Everything that is neither the executor's own nor mounted goes after a stage that is not the last (`DeleteFilesystem`).
fn delete_file_system(pod: &mut Pod, mounts: &[Vec<u8>]) {
    let kept: Vec<&[u8]> =
        mounts.iter().map(|mount| &mount[..]).chain([&b"/kaniko"[..], b"/proc", b"/etc/mtab", b"/var/run"]).collect();
    delete_below(b"/", pod, &kept);
}

fn delete_below(directory: &[u8], pod: &mut Pod, kept: &[&[u8]]) {
    for name in pod.names(directory) {
        let path = gopath::join(&[directory, &name]);
        if kept.iter().any(|keep| gopath::below(&path, keep).is_some()) {
            continue;
        }
        let holds = kept.iter().any(|keep| gopath::below(keep, &path).is_some());
        match pod.find(&path, b"/", Follow::NotTheLast).map(|found| found.kind) {
            Ok(Kind::Directory) if holds => delete_below(&path, pod, kept),
            _ => pod.remove(path),
        }
    }
}

//! From the Dockerfile to the last `COPY` and `ADD` from the context: kaniko v1.24.0 `pkg/executor/build.go` `DoBuild`,
//! `pkg/dockerfile/dockerfile.go`.
//!
//! Base images and what `RUN` does are not known here. What can be said in spite of that is said: a source is in the
//! context or it is not.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::copies::{self, Copied, FileContext, Like, Resolved, Taken, is_url};
use super::save::Pattern;
use super::snapshot::{self, Ignored};
use super::variables::{self, BuildArguments, Environment, expand};
use super::{BuiltStages, Made, Stop, Unknown, path_error, save, unpack, users};
use crate::context::dockerignore::Rules;
use crate::dockerfile::{
    self, Arguments, Channel, Command, Escape, Expansion, Instruction, Keyword, Pair, Stage, Stages, Word,
};
use crate::executor::archive::{Held, held};
use crate::executor::files::{Attributes, Errno, Follow, Kind, Pod};
use crate::executor::flags::Flags;
use crate::executor::image::{Family, Way};
use crate::gopath;
use crate::members::{Found, Kind as MemberKind};
use crate::rootfs::{DIRECTORY_MODE, Id, Owner, Set, Setting};

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

/// What is told of a build on its way.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// What each `COPY` and `ADD` from the context did.
    pub copied: Vec<Copied>,
    /// The instruction that it fails at.
    pub failed_at: Option<Range<usize>>,
    /// The stages that are built.
    pub stages: Option<BuiltStages>,
}

/// What a stage leaves for those that build on it.
#[derive(Debug, Clone, Default)]
struct Left<'d> {
    environment: Environment,
    /// None if an image's is not known; `/` is empty, as the executor has it.
    working_directory: Option<Vec<u8>>,
    /// None if an image's is not known.
    user: Option<String>,
    /// Whether there is no image below it.
    from_scratch: bool,
    /// Whether nothing is in it but what was copied from the context.
    all_known: bool,
    /// Whether something was run in this stage.
    has_run: bool,
    /// The last `RUN` of this stage and those that it builds on, by its place in the Dockerfile: what was there by then may
    /// be gone.
    last_run: Option<usize>,
    /// Whether there may be anything in it: of an image, of a `RUN`, of the web. What is not known otherwise came out of an
    /// archive of the context.
    is_open: bool,
    /// What is in its image.
    made: Made,
    /// What `ONBUILD` keeps for stages that build on it.
    triggers: Vec<&'d Instruction>,
}

impl Left<'_> {
    fn of_image(from_scratch: bool) -> Self {
        Self {
            environment: if from_scratch { variables::scratch() } else { Environment::new() },
            working_directory: from_scratch.then(Vec::new),
            user: from_scratch.then(String::new),
            from_scratch,
            all_known: from_scratch,
            is_open: !from_scratch,
            ..Self::default()
        }
    }

    /// Whether something is there for certain, whatever an image or a `RUN` holds.
    fn holds(&self, path: &[u8]) -> bool {
        let is_newer = |by: usize| self.last_run.is_none_or(|run| run < by);
        [b"/", save::OF_KERNEL].contains(&path) || self.made.rootfs.get(path).is_some_and(|node| is_newer(node.by))
    }
}

/// Follows a build; what is copied is told as it is copied, and the image at the end if it comes so far.
pub(super) fn build(build: &Build, pod: &mut Pod, seen: &mut Seen) -> Result<Option<Made>, Stop> {
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
    let rules = ignore_rules(build, pod)?;
    let needed = stages.needed(target_index, &bases);
    let used = used_stages(&stages, &bases, target_index, target.is_empty());
    let built: BTreeSet<usize> = match () {
        () if build.family.has(Way::SkipsUnusedStages) => needed.clone(),
        () if build.flags.is_on("skip-unused-stages") => used.clone(),
        () => (0..=target_index).collect(),
    };
    let places = |all: &BTreeSet<usize>| all.iter().map(|index| stages.stages[*index].from.span.start).collect();
    seen.stages = Some(BuiltStages { built: places(&built), needed: places(&needed), used: places(&used) });
    let Seen { copied, failed_at, .. } = seen;
    let plan = Plan { build, rules: &rules, stages: &stages, bases: &bases, built: built.into_iter().collect() };
    let taken = plan.dependencies(&arguments)?;
    let ignored = snapshot::ignored(build.mounts, build.flags.text("ignore-var-run", "true") != "false");
    let mut disk = Disk { pod, ignored: vec![], volumes: vec![] };
    let mut first: Option<String> = None;
    let mut fails = |why: String, at: Range<usize>| {
        if first.is_none() {
            first = Some(why);
            *failed_at = Some(at);
        }
    };
    let mut end = None;
    let mut left: Vec<Option<Left>> = vec![None; stages.stages.len()];
    for &index in &plan.built {
        let stage = &stages.stages[index];
        let base = match stages.base(index, &bases[index]) {
            dockerfile::Origin::Stage(base) => Left { has_run: false, ..left[base].clone().unwrap_or_default() },
            dockerfile::Origin::Image(name) => Left::of_image(name == "scratch"),
        };
        // What one stage made a volume is none to the next.
        disk.ignored.clone_from(&ignored);
        if plan.is_unpacked(index, &taken) {
            disk.volumes.clear();
            snapshot::unpack(&base.made.rootfs, &disk.ignored, build.root, disk.pod);
        }
        let first_copied = copied.len();
        let at = stage.from.span.clone();
        let mut state =
            State { plan: &plan, index, arguments: &mut arguments, here: base, left: &left, copied, at, failure: None };
        match state.stage(stage, &mut disk) {
            Ok(()) => {}
            // The sources of the stages that follow are looked for all the same.
            Err(Trouble::Words(why)) => fails(format!("error building stage: {why}"), state.at),
            Err(Trouble::Unknown(unknown)) => {
                end = Some(unknown);
                break;
            }
        }
        let here = state.here;
        let all_known = here.all_known && index == target_index;
        for link in copied[first_copied..].iter_mut().flat_map(|copied| &mut copied.taken.links) {
            copies::look_behind(link, all_known, disk.pod);
        }
        if index != target_index {
            let patterns = taken.get(&index).map_or(&[][..], Vec::as_slice);
            let position = plan.position(index).unwrap_or_default();
            if let Err(unkept) = save::save(patterns, position, disk.pod) {
                match here.all_known || here.holds(&unkept.path) {
                    true => fails(format!("could not save file: {}", unkept.words), unkept.by),
                    false => {
                        end = Some(Unknown::Image);
                        break;
                    }
                }
            }
            delete_below(b"/", &mut disk);
        }
        left[index] = Some(here);
    }
    match (first, end) {
        (Some(why), _) => Err(failed(why)),
        (None, Some(unknown)) => Err(Stop::Unknown(unknown)),
        (None, None) => Ok(left.swap_remove(target_index).map(|left| left.made)),
    }
}

/// What is decided before anything is built.
struct Plan<'a, 'd> {
    build: &'a Build<'a>,
    rules: &'a Rules,
    stages: &'a Stages<'d>,
    /// What each stage builds on, variables expanded.
    bases: &'a [String],
    /// The stages that are built, in order.
    built: Vec<usize>,
}

/// Patterns of what later stages take from a stage; without those that nobody knows.
type Dependencies = BTreeMap<usize, Vec<Pattern>>;

impl Plan<'_, '_> {
    /// The number that the executor gives a stage.
    fn position(&self, index: usize) -> Option<usize> {
        self.built.iter().position(|built| *built == index)
    }

    /// The stage that `--from` names, if it is one.
    fn origin(&self, index: usize, from: &str) -> Option<usize> {
        // A number counts the stages that are built.
        if let Ok(number) = from.parse::<usize>() {
            return self.built.get(number).copied().filter(|stage| *stage < index);
        }
        match self.stages.origin(index, from) {
            dockerfile::Origin::Stage(stage) => Some(stage),
            dockerfile::Origin::Image(_) => None,
        }
    }

    /// Whether what a stage builds on is laid out for it.
    fn is_unpacked(&self, index: usize, dependencies: &Dependencies) -> bool {
        let is_asking =
            |step: &dockerfile::Step| matches!(step.command, Command::Copy(_) | Command::Add(_) | Command::Run(_));
        self.stages.stages[index].steps.iter().any(is_asking) || dependencies.contains_key(&index)
    }

    /// Before anything is built, it works out what stages take from each other, and expands their variables for it
    /// (`CalculateDependencies`).
    fn dependencies(&self, arguments: &BuildArguments) -> Result<Dependencies, Stop> {
        let mut taken = Dependencies::new();
        for &index in &self.built {
            let from_scratch = self.bases[index] == "scratch";
            let mut arguments = arguments.clone();
            let mut environment = variables::scratch();
            for step in &self.stages.stages[index].steps {
                let result = match &step.command {
                    Command::Env(pairs) => variables::set(&mut environment, pairs, &arguments, from_scratch),
                    Command::Arg(args) => arguments.declare(args, &environment, from_scratch),
                    Command::Copy(copy) => {
                        let from = copy.from.as_ref().and_then(|from| self.origin(index, &from.text));
                        let Some(from) = from else { continue };
                        let variables = arguments.variables(&environment);
                        let by = &step.instruction.span;
                        copies::sources(copy, &variables, from_scratch).map(|sources| {
                            let patterns = sources.into_iter().map(|text| Pattern { text, by: by.clone() });
                            taken.entry(from).or_default().extend(patterns);
                        })
                    }
                    Command::Add(_) | Command::Run(_) | Command::Other => Ok(()),
                };
                result.map_err(|why| match from_scratch {
                    true => Stop::Building(why.to_string()),
                    false => Stop::Unknown(Unknown::Image),
                })?;
            }
        }
        Ok(taken)
    }
}

/// The pod, and what of it the executor leaves alone.
struct Disk<'p, 'f> {
    pod: &'p mut Pod<'f>,
    ignored: Vec<Ignored>,
    /// Volumes since something was laid out: they come into the next snapshot.
    volumes: Vec<Vec<u8>>,
}

/// What upstream takes for the stages that the last one needs (`skipUnusedStages`): named ones only, and all of them if it
/// finds that it needs none.
pub fn used_stages(stages: &Stages, bases: &[String], target: usize, is_last: bool) -> BTreeSet<usize> {
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

/// Which flags an executor knows: the fork takes those of later syntax and passes over them.
pub fn channel(family: Family) -> Channel {
    if family.has(Way::PassesOverFlags) { Channel::Any } else { Channel::Stable }
}

/// Reads the ignore file.
fn ignore_rules(build: &Build, pod: &Pod) -> Result<Rules, Stop> {
    let Some(path) = build.ignore_file else {
        return Rules::from_file(b"").map_err(|why| Stop::Building(why.to_string()));
    };
    // In a context without a name it is looked for where the executor is.
    let shown = path.strip_prefix(b"/").filter(|name| build.is_nameless && !name.contains(&b'/')).unwrap_or(path);
    let error =
        |operation, why| Stop::Building(format!("parsing .dockerignore: {}", path_error(operation, shown, why)));
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

/// A stage while it is built.
struct State<'a, 'd> {
    plan: &'a Plan<'a, 'd>,
    index: usize,
    arguments: &'a mut BuildArguments,
    here: Left<'d>,
    /// What the stages before it left.
    left: &'a [Option<Left<'d>>],
    copied: &'a mut Vec<Copied>,
    /// The instruction at hand.
    at: Range<usize>,
    /// Why the first `COPY` or `ADD` that fails does, and which it is.
    failure: Option<(String, Range<usize>)>,
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

impl<'d> State<'_, 'd> {
    fn stage(&mut self, stage: &Stage<'d>, disk: &mut Disk) -> Result<(), Trouble> {
        let end = self.steps(stage, disk);
        let Some((first, at)) = self.failure.take() else { return end };
        self.at = at;
        Err(Trouble::Words(first))
    }

    fn steps(&mut self, stage: &Stage<'d>, disk: &mut Disk) -> Result<(), Trouble> {
        for trigger in std::mem::take(&mut self.here.triggers) {
            let step = dockerfile::Step::of_trigger(trigger, channel(self.plan.build.family));
            self.step(&step.map_err(|why| why.to_string())?, disk)?;
        }
        stage.steps.iter().try_for_each(|step| self.step(step, disk))
    }

    fn step(&mut self, step: &dockerfile::Step<'d>, disk: &mut Disk) -> Result<(), Trouble> {
        let span = &step.instruction.span;
        self.at.clone_from(span);
        match &step.command {
            Command::Copy(copy) => match &copy.from {
                None => self.copy(copy, false, span.clone(), disk)?,
                Some(from) => self.copy_from(copy, from, span.start, disk)?,
            },
            Command::Add(copy) => self.copy(copy, true, span.clone(), disk)?,
            // What is made there may be anything.
            Command::Run(_) => {
                self.here.all_known = false;
                self.here.is_open = true;
                self.here.has_run = true;
                self.here.last_run = Some(span.start);
            }
            Command::Env(pairs) => {
                let from_scratch = self.here.from_scratch;
                let set = variables::set(&mut self.here.environment, pairs, self.arguments, from_scratch);
                set.map_err(|why| self.executing(why.to_string()))?;
                self.tell_environment(pairs, span.start);
            }
            Command::Arg(args) => {
                let from_scratch = self.here.from_scratch;
                let declared = self.arguments.declare(args, &self.here.environment, from_scratch);
                declared.map_err(|why| self.executing(why.to_string()))?;
            }
            Command::Other => self.other(step.instruction, disk)?,
        }
        Ok(())
    }

    fn other(&mut self, instruction: &'d Instruction, disk: &mut Disk) -> Result<(), Trouble> {
        let by = instruction.span.start;
        let words = instruction.arguments.words();
        let first = words.first().map_or("", |word| word.text.as_str());
        match instruction.keyword {
            Some(Keyword::Workdir) => self.change_directory(first, by, disk).map_err(|why| self.executing(why))?,
            Some(Keyword::Volume) => {
                for word in words {
                    if let Some(path) = self.expand(&word.text)? {
                        self.volume(&path, by, disk).map_err(|why| self.executing(why))?;
                    }
                }
            }
            Some(Keyword::User) => {
                let part = |part: &str| {
                    // It takes `${USER:-app}` apart at the colon, whatever the image sets.
                    match Expansion::new(Escape::Backslash).word(part, &|_| Some(String::new())) {
                        Err(why) => Err(format!("failed to execute command: resolving user {part}: {why}").into()),
                        Ok(_) => self.expand(part),
                    }
                };
                let parts = first.split(':').take(2).map(part).collect::<Result<Vec<_>, Trouble>>()?;
                self.here.user = parts.into_iter().collect::<Option<Vec<_>>>().map(|parts| parts.join(":"));
                let user = self.here.user.clone().unwrap_or_default();
                self.set(Setting::User, String::new(), user, by);
            }
            Some(Keyword::Expose) => {
                for word in words {
                    let Some(port) = self.expand(&word.text)? else { continue };
                    let port = if port.contains('/') { port } else { format!("{port}/tcp") };
                    let protocol = port.split('/').nth(1).unwrap_or_default();
                    if !["tcp", "udp"].contains(&protocol) {
                        return Err(format!("failed to execute command: invalid protocol: {protocol}").into());
                    }
                    self.set(Setting::Port, port, String::new(), by);
                }
            }
            Some(Keyword::Label) => {
                let Arguments::Pairs(pairs) = &instruction.arguments else { return Ok(()) };
                for pair in pairs {
                    if let (Some(name), Some(value)) = (self.expand(&pair.name.text)?, self.expand(&pair.value.text)?) {
                        self.set(Setting::Label, name, value, by);
                    }
                }
            }
            Some(Keyword::Onbuild) => {
                if let Arguments::Trigger(trigger) = &instruction.arguments {
                    self.here.triggers.push(trigger);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn set(&mut self, setting: Setting, name: String, value: String, by: usize) {
        self.here.made.settings.insert((setting, name), Set { value, by });
    }

    fn tell_environment(&mut self, pairs: &[Pair], by: usize) {
        for pair in pairs {
            let Ok(Some(name)) = self.expand(&pair.name.text) else { continue };
            match self.here.environment.get(&name).cloned() {
                Some(value) => self.set(Setting::Environment, name, value, by),
                None => drop(self.here.made.settings.remove(&(Setting::Environment, name))),
            }
        }
    }

    /// A word, its variables expanded; none if an image may set one of them.
    fn expand(&self, text: &str) -> Result<Option<String>, Trouble> {
        let variables = self.arguments.variables(&self.here.environment);
        let is_known = Cell::new(true);
        let expanded = expand(text, &|name| {
            let value = variables.get(name).cloned();
            is_known.set(is_known.get() && (value.is_some() || self.here.from_scratch));
            value
        });
        match expanded {
            _ if !is_known.get() => Ok(None),
            Ok(text) => Ok(Some(text)),
            Err(why) => Err(self.executing(why.to_string())),
        }
    }

    /// What fails while an instruction is executed. In an image nothing is known to fail: it may hold what is missing.
    fn executing(&self, why: String) -> Trouble {
        match self.here.all_known {
            true => Trouble::Words(format!("failed to execute command: {why}")),
            false => Trouble::Unknown(Unknown::Image),
        }
    }

    /// Nobody knows what the instruction at `by` puts into the image.
    fn untold(&mut self, by: usize) {
        self.here.all_known = false;
        self.here.is_open = true;
        self.here.made.untold.insert(by);
    }

    /// The same, but that it comes out of an archive.
    fn unpacked(&mut self, by: usize) {
        self.here.all_known = false;
        self.here.made.untold.insert(by);
    }

    /// What fails is told, and then left out: those that follow may have mistakes of their own.
    fn copy(
        &mut self,
        copy: &dockerfile::Copy,
        is_add: bool,
        span: Range<usize>,
        disk: &mut Disk,
    ) -> Result<(), Trouble> {
        let variables = self.arguments.variables(&self.here.environment);
        let context = FileContext::new(self.plan.build.root, self.plan.rules).to(self.plan.build.family);
        if self.plan.build.is_nameless || copies::walks_everything(copy, &context) {
            return Err(Trouble::Unknown(Unknown::Root));
        }
        let looking = |why: String| format!("failed to get files used from context: {why}");
        let from_scratch = self.here.from_scratch;
        let (sources, destination) = copies::expanded(copy, &variables, from_scratch).map_err(looking)?;
        let is_known = destination.is_known && sources.iter().all(|source| source.is_known);
        let by = span.start;
        let mut copied = Copied {
            span,
            sources,
            destination: destination.path,
            taken: Taken::default(),
            nothing: false,
            failure: None,
            all_known: self.here.all_known,
        };
        if !is_known || copied.sources.is_empty() && self.plan.build.family.has(Way::TakesHeredocs) {
            self.untold(by);
            self.copied.push(copied);
            return Ok(());
        }
        let result = if copied.sources.is_empty() {
            Err(looking("resolved envs is empty".to_owned()))
        } else {
            self.execute(copy, is_add, &mut copied, &context, &variables, disk)
        };
        if let Err(why) = result {
            self.failure.get_or_insert_with(|| (why.clone(), copied.span.clone()));
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
        disk: &mut Disk,
    ) -> Result<(), String> {
        let mut resolved = copies::resolve(&copied.sources, &copied.destination, context, disk.pod)
            .map_err(|why| format!("failed to get files used from context: {why}"))?;
        copied.nothing = resolved.nothing;
        let like = self.like(copy, is_add, variables, disk.pod);
        let like = like.map_err(|why| format!("failed to execute command: {why}"))?;
        let by = copied.span.start;
        let placing = Placing { context, like, by };
        let mut made = Vec::new();
        if is_add {
            let unpacked = self.unpack_all(&mut resolved, &placing, disk);
            made = unpacked.map_err(|why| format!("failed to execute command: unpacking local tar: {why}"))?;
            copied.taken.note_whiteouts(&made);
        }
        let wrapped = if is_add { "executing copy command: " } else { "" };
        let result = self.place(&resolved, &placing, made, disk, &mut copied.taken);
        let meets_socket = copied.taken.special.iter().any(|(_, kind)| *kind == Kind::Socket);
        match result {
            // What else is in the image may make way for it, but not for what cannot be read, and not where no image has
            // a say.
            Err(_) if !self.here.all_known && !meets_socket && copied.taken.barred.is_none() => {
                self.untold(by);
                Ok(())
            }
            result => result.map_err(|why| format!("failed to execute command: {wrapped}{why}")),
        }
    }

    /// `ADD` takes archives and addresses out of the sources one by one, before the others are copied. Gives what it takes
    /// a snapshot of.
    fn unpack_all(
        &mut self,
        resolved: &mut Resolved,
        placing: &Placing,
        disk: &mut Disk,
    ) -> Result<Vec<Vec<u8>>, String> {
        let mut made = Vec::new();
        let mut copied = Vec::new();
        for source in std::mem::take(&mut resolved.sources) {
            match held_by(&source, placing.context, disk.pod) {
                Held::Nothing => copied.push(source),
                Held::Unreadable => return Err(unpack::UNREADABLE.to_owned()),
                Held::Archive | Held::Compressed | Held::Unknown => {
                    made.extend(self.unpack(&source, &resolved.destination, placing, disk)?);
                }
            }
        }
        resolved.sources = copied;
        Ok(made)
    }

    fn unpack(
        &mut self,
        source: &[u8],
        destination: &[u8],
        placing: &Placing,
        disk: &mut Disk,
    ) -> Result<Vec<Vec<u8>>, String> {
        let Placing { context, like, by } = *placing;
        let above = self.here.working_directory.clone();
        let directory = gopath::absolute(destination, &gopath::join(&[b"/", above.as_deref().unwrap_or_default()]));
        let is_relative = !gopath::is_absolute(destination);
        let is_fetched = is_url(&String::from_utf8_lossy(source));
        let path = context.path(source);
        let archive = disk.pod.find(&path, b"/", Follow::All).ok().filter(|_| !is_fetched).map(|found| found.path);
        let members = match archive.map(|archive| (disk.pod.held(&archive), archive)) {
            Some((Found::Archive(members), archive)) => members.map(|members| (members, archive)),
            // What is below it in an image has no say in that.
            Some((Found::Hollow(hollow), archive)) if is_readable(&archive, disk.pod) => {
                Some((unpack::nothing(hollow)?, archive))
            }
            Some((Found::File | Found::Hollow(_) | Found::Unknown, _)) | None => None,
        };
        // It is unpacked where the executor is, and then not found where it is looked for.
        let is_lost = !is_fetched && is_relative && above.as_deref() == Some(b"");
        if is_lost {
            self.here.made.lost.insert(by);
        }
        if !is_fetched {
            self.here.made.unpacking.insert(by);
        }
        match members.filter(|_| !is_relative || above.is_some()) {
            Some((members, archive)) => {
                let made = match unpack::unpack(&members, &archive, &directory, &disk.ignored, disk.pod) {
                    // What is in the way may not be there, and what a second name is of may be.
                    Err(_) if !self.here.all_known => {
                        self.untold(by);
                        return Ok(vec![]);
                    }
                    Err(why) if is_lost => return Err(as_typed(&why, &directory, destination)),
                    made => made?,
                };
                if is_lost {
                    self.here.made.untold.insert(by);
                }
                let directories = members.iter().filter(|member| member.kind == MemberKind::Directory);
                let named = directories.map(|member| (by, unpack::path(member, &directory)));
                self.here.made.named.extend(named);
                Ok(made.into_iter().filter(|_| !is_lost).collect())
            }
            None => {
                self.unpacked(by);
                // Whether that can be, the unpacking will tell.
                let _ = copies::make_all(&directory, Attributes::DIRECTORY, disk.pod);
                if !is_fetched && like.owner.is_some_and(|owner| owner != Owner::ROOT) {
                    self.here.made.unheeded.insert(by);
                }
                Ok(vec![])
            }
        }
    }

    /// `--chown` and `--chmod`. `ADD` looks at them in the other order.
    fn like(&self, copy: &dockerfile::Copy, is_add: bool, variables: &Environment, pod: &Pod) -> Result<Like, String> {
        let owner = || self.owner(copy, variables, pod).map_err(|why| format!("getting user group from chown: {why}"));
        Ok(match is_add {
            true => {
                let mode = copies::mode(copy, variables)?;
                Like { owner: owner()?, mode }
            }
            false => Like { owner: owner()?, mode: copies::mode(copy, variables)? },
        })
    }

    fn owner(&self, copy: &dockerfile::Copy, variables: &Environment, pod: &Pod) -> Result<Option<Owner>, String> {
        let Some(said) = copy.chown.as_ref().filter(|said| !said.text.is_empty()) else { return Ok(None) };
        let said = expand(&said.text, &|name| variables.get(name).cloned()).map_err(|why| why.to_string())?;
        users::owner(&said, pod, self.here.all_known).map(Some)
    }

    /// Copies, and takes a snapshot of what it copied and of what was `made` before: of everything there is if that is
    /// nothing.
    fn place(
        &mut self,
        resolved: &Resolved,
        placing: &Placing,
        mut made: Vec<Vec<u8>>,
        disk: &mut Disk,
        taken: &mut Taken,
    ) -> Result<(), String> {
        let Placing { context, like, by } = *placing;
        let directory = match self.here.working_directory.as_deref() {
            None | Some(b"") => b"/",
            Some(directory) => directory,
        };
        if self.here.working_directory.is_none() && !gopath::is_absolute(&resolved.destination) {
            self.here.made.untold.insert(by);
        }
        made.extend(copies::execute(resolved, context, directory, like, disk.pod, taken)?);
        let (root, image) = (self.plan.build.root, &mut self.here.made.rootfs);
        if made.is_empty() && resolved.sources.is_empty() && self.here.made.untold.contains(&by) {
            return Ok(());
        }
        if made.is_empty() && !self.here.made.untold.contains(&by) {
            // A `RUN` has had everything noted that was there by then, and after a stage nothing of it is left.
            if self.plan.position(self.index) == Some(0) && !self.here.has_run {
                self.here.made.leak.get_or_insert(by);
            }
            snapshot::take_everything(&disk.ignored, root, by, disk.pod, image);
        } else {
            made.extend_from_slice(&disk.volumes);
            snapshot::take(&made, &disk.ignored, root, by, disk.pod, image);
        }
        Ok(())
    }

    /// `COPY --from`: of what was saved of another stage.
    fn copy_from(&mut self, copy: &dockerfile::Copy, from: &Word, by: usize, disk: &mut Disk) -> Result<(), Trouble> {
        let origin = self.plan.origin(self.index, &from.text);
        let Some((stage, left)) = origin.and_then(|stage| Some((stage, self.left.get(stage)?.as_ref()?))) else {
            self.untold(by);
            return Ok(());
        };
        let source_known = left.all_known;
        self.here.made.untold.extend(&left.made.untold);
        self.here.all_known &= source_known;
        if left.is_open {
            // What else is there is not known, nor what a pattern matches of it.
            self.untold(by);
        }
        let context = FileContext::of_stage(save::directory(self.plan.position(stage).unwrap_or_default()));
        let context = context.to(self.plan.build.family);
        let mut taken = Taken::default();
        let variables = self.arguments.variables(&self.here.environment);
        let looking = |why: String| format!("failed to get files used from context: {why}");
        let (sources, destination) = copies::expanded(copy, &variables, self.here.from_scratch).map_err(looking)?;
        if !destination.is_known || sources.iter().any(|source| !source.is_known) || sources.is_empty() {
            self.untold(by);
            return Ok(());
        }
        let result = copies::resolve(&sources, &destination.path, &context, disk.pod).map_err(looking);
        let result = result.and_then(|resolved| {
            let failed = |why| format!("failed to execute command: {why}");
            let like = self.like(copy, false, &variables, disk.pod).map_err(failed)?;
            let placing = Placing { context: &context, like, by };
            self.place(&resolved, &placing, vec![], disk, &mut taken).map_err(failed)
        });
        match result {
            Ok(()) => Ok(()),
            Err(why) if source_known && self.here.all_known || taken.barred.is_some() => {
                self.failure.get_or_insert((why, self.at.clone()));
                Ok(())
            }
            Err(_) => {
                self.untold(by);
                Ok(())
            }
        }
    }

    fn change_directory(&mut self, typed: &str, by: usize, disk: &mut Disk) -> Result<(), String> {
        let Ok(expanded) = self.expand(typed) else {
            let variables = self.arguments.variables(&self.here.environment);
            let error = expand(typed, &|name| variables.get(name).cloned());
            return error.map(drop).map_err(|why| why.to_string());
        };
        let directory = expanded.and_then(|expanded| match gopath::is_absolute(expanded.as_bytes()) {
            true => Some(gopath::clean(expanded.as_bytes())),
            false => {
                let above = self.here.working_directory.as_deref()?;
                Some(gopath::join(&[b"/", above, expanded.as_bytes()]))
            }
        });
        self.here.working_directory.clone_from(&directory);
        let Some(directory) = directory else {
            self.here.made.untold.insert(by);
            return Ok(());
        };
        let text = String::from_utf8_lossy(&directory).into_owned();
        self.set(Setting::WorkingDirectory, String::new(), text.clone(), by);
        if disk.pod.find(&directory, b"/", Follow::All) != Err(Errno::NoEntry) {
            return Ok(());
        }
        let owner = match self.here.user.as_deref() {
            Some("") => None,
            Some(user) => {
                let owner = users::owner(user, disk.pod, self.here.all_known);
                Some(owner.map_err(|why| format!("identifying uid and gid for user {user}: {why}"))?)
            }
            None => Some(Owner { user: Id::Unknown, group: Id::Unknown }),
        };
        copies::make_directories(&directory, DIRECTORY_MODE, owner, disk.pod)
            .map_err(|why| format!("creating workdir {text}: {why}"))?;
        self.snapshot(directory, by, disk);
        Ok(())
    }

    fn volume(&mut self, path: &str, by: usize, disk: &mut Disk) -> Result<(), String> {
        self.set(Setting::Volume, path.to_owned(), String::new(), by);
        let clean = gopath::absolute(path.as_bytes(), b"/");
        disk.ignored.push(Ignored { path: clean.clone(), below_only: true });
        if gopath::is_absolute(path.as_bytes()) {
            disk.volumes.push(clean.clone());
        }
        if disk.pod.find(&clean, b"/", Follow::All) == Err(Errno::NoEntry) {
            let made = copies::make_all(&clean, Attributes::DIRECTORY, disk.pod);
            made.map_err(|why| format!("could not create directory for volume {path}: {why}"))?;
        }
        Ok(())
    }

    fn snapshot(&mut self, path: Vec<u8>, by: usize, disk: &mut Disk) {
        let made: Vec<Vec<u8>> = [vec![path], disk.volumes.clone()].concat();
        snapshot::take(&made, &disk.ignored, self.plan.build.root, by, disk.pod, &mut self.here.made.rootfs);
    }
}

/// What is copied: from where, with which mode and owner, and by which instruction.
#[derive(Clone, Copy)]
struct Placing<'a> {
    context: &'a FileContext<'a>,
    like: Like,
    by: usize,
}

/// What the executor says of paths in a relative destination: from where it is, which is the root.
fn as_typed(why: &str, directory: &[u8], destination: &[u8]) -> String {
    let slashed = |path: &[u8]| match String::from_utf8_lossy(path).trim_end_matches('/') {
        "." => " ".to_owned(),
        path => format!(" {path}/"),
    };
    why.replace(&slashed(directory), &slashed(&gopath::clean(destination)))
}

/// Whether the executor has a decoder for an archive.
fn is_readable(archive: &[u8], pod: &Pod) -> bool {
    pod.start(archive).is_some_and(|start| held(&start) == Held::Compressed)
}

/// What `ADD` takes a source for.
fn held_by(source: &[u8], context: &FileContext, pod: &Pod) -> Held {
    if is_url(&String::from_utf8_lossy(source)) {
        return Held::Unknown;
    }
    match pod.find(&context.path(source), b"/", Follow::All) {
        Ok(found) if found.kind == Kind::File => pod.start(&found.path).map_or(Held::Unknown, |start| held(&start)),
        _ => Held::Nothing,
    }
}

/// Everything that is neither the executor's own nor mounted goes after a stage that is not the last (`DeleteFilesystem`).
fn delete_below(directory: &[u8], disk: &mut Disk) {
    for name in disk.pod.names(directory) {
        let path = gopath::join(&[directory, &name]);
        if disk.ignored.iter().any(|ignored| ignored.covers(&path)) {
            continue;
        }
        let holds = disk.ignored.iter().any(|ignored| ignored.is_below(&path));
        match disk.pod.find(&path, b"/", Follow::NotTheLast).map(|found| found.kind) {
            Ok(Kind::Directory) if holds => delete_below(&path, disk),
            _ => disk.pod.remove(path),
        }
    }
}

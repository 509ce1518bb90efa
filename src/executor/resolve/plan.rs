//! What the executor decides before it builds: which stages it builds, what each of them builds on, what they take from
//! each other, and what of the context it ignores. Kaniko v1.24.0 `pkg/executor/build.go` (`CalculateDependencies`),
//! `pkg/dockerfile/dockerfile.go` (`MakeKanikoStages`, `skipUnusedStages`).

use std::collections::{BTreeMap, BTreeSet};

use super::copies;
use super::save::Pattern;
use super::variables::{self, BuildArguments, expand};
use super::{BuiltStages, Stop, Unknown, path_error};
use crate::context::dockerignore::Rules;
use crate::dockerfile::{Channel, Command, Dockerfile, Origin, ParseError, Stages, Step};
use crate::executor::files::{Errno, Follow, Kind, Pod};
use crate::executor::flags::Flags;
use crate::executor::image::{Family, Way};

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

/// What is decided before anything is built.
pub(super) struct Plan<'a, 'd> {
    pub build: &'a Build<'a>,
    pub rules: Rules,
    pub stages: Stages<'d>,
    /// What each stage builds on, variables expanded.
    pub bases: Vec<String>,
    /// Those of the build, and what is declared before the first stage.
    pub arguments: BuildArguments,
    /// The last stage that is built.
    pub target: usize,
    /// The stages that are built, in order.
    pub built: Vec<usize>,
}

/// Patterns of what later stages take from a stage; without those that nobody knows.
pub(super) type Dependencies = BTreeMap<usize, Vec<Pattern>>;

pub(super) fn parsing(why: ParseError) -> Stop {
    Stop::Building(format!("parsing dockerfile: {why}"))
}

impl<'a, 'd> Plan<'a, 'd> {
    pub(super) fn of(build: &'a Build<'a>, file: &'d Dockerfile, pod: &Pod) -> Result<Self, Stop> {
        let failed = Stop::Building;
        let stages = file.stages(channel(build.family)).map_err(parsing)?;
        let mut arguments = build.arguments.clone();
        let meta = arguments.declare_meta(&stages.meta_args);
        meta.map_err(|why| failed(format!("expanding meta ARGs: {why}")))?;
        let target = target(build, &stages)?;
        let bases = bases(&stages, &arguments).map_err(|why| failed(format!("resolving args: {why}")))?;
        let rules = ignore_rules(build, pod)?;
        let mut plan = Self { build, rules, stages, bases, arguments, target, built: vec![] };
        plan.built = match () {
            () if build.family.has(Way::SkipsUnusedStages) => plan.needed().into_iter().collect(),
            () if build.flags.is_on("skip-unused-stages") => plan.used().into_iter().collect(),
            () => (0..=target).collect(),
        };
        Ok(plan)
    }

    fn needed(&self) -> BTreeSet<usize> {
        self.stages.needed(self.target, &self.bases)
    }

    fn used(&self) -> BTreeSet<usize> {
        used_stages(&self.stages, &self.bases, self.target, target_name(self.build).is_empty())
    }

    /// The stages by their places.
    pub(super) fn told(&self) -> BuiltStages {
        let place = |index: usize| self.stages.stages[index].from.span.start;
        BuiltStages {
            built: self.built.iter().copied().map(place).collect(),
            needed: self.needed().into_iter().map(place).collect(),
            used: self.used().into_iter().map(place).collect(),
        }
    }

    /// The number that the executor gives a stage.
    pub(super) fn position(&self, index: usize) -> Option<usize> {
        self.built.iter().position(|built| *built == index)
    }

    /// The stage that `--from` names, if it is one.
    pub(super) fn origin(&self, index: usize, from: &str) -> Option<usize> {
        // A number counts the stages that are built.
        if let Ok(number) = from.parse::<usize>() {
            return self.built.get(number).copied().filter(|stage| *stage < index);
        }
        match self.stages.origin(index, from) {
            Origin::Stage(stage) => Some(stage),
            Origin::Image(_) => None,
        }
    }

    /// Whether what a stage builds on is laid out for it.
    pub(super) fn is_unpacked(&self, index: usize, dependencies: &Dependencies) -> bool {
        let is_asking = |step: &Step| matches!(step.command, Command::Copy(_) | Command::Add(_) | Command::Run(_));
        self.stages.stages[index].steps.iter().any(is_asking) || dependencies.contains_key(&index)
    }

    /// Before anything is built, it works out what stages take from each other, and expands their variables for it
    /// (`CalculateDependencies`).
    pub(super) fn dependencies(&self) -> Result<Dependencies, Stop> {
        let mut taken = Dependencies::new();
        for &index in &self.built {
            let from_scratch = self.bases[index] == "scratch";
            let mut arguments = self.arguments.clone();
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

fn target_name<'a>(build: &Build<'a>) -> &'a str {
    build.flags.text("target", "")
}

/// The stage that is asked for.
fn target(build: &Build, stages: &Stages) -> Result<usize, Stop> {
    let name = target_name(build);
    match stages.target(Some(name)) {
        Some(target) => Ok(target),
        None if stages.stages.is_empty() => Err(Stop::Unknown(Unknown::NoStages)),
        None => Err(Stop::Building(match build.family {
            Family::Upstream | Family::Chainguard => {
                format!("Error finding target stage: {name} is not a valid target build stage")
            }
            Family::Fork => format!("error finding target stage: \"{name}\" is not a valid target build stage"),
        })),
    }
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
        expand(base, &variables).map_err(|why| format!("resolving base name {base}: {why}"))
    });
    expanded.collect()
}

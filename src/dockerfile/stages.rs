//! From instructions to build stages, as BuildKit's `instructions` does it (v0.22.0, which Kaniko v1.24.0 uses): what
//! cannot be is refused, and what the stages take from where is data.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use super::error::{FlagProblem, InstructionProblem, ParseError, Problem, meant};
use super::flags::{Flags, Mount, Takes, check_device};
use super::go;
use super::parse::heredoc_mark;
use super::syntax::{Arguments, Dockerfile, Heredoc, Instruction, Keyword, Pair, Word};

/// Which flags a builder knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Channel {
    /// Those of the stable syntax; Kaniko has these.
    #[default]
    Stable,
    /// `--parents`, `--exclude` and `--security` too, of `docker/dockerfile:labs`.
    Labs,
    /// Any: flags that are not known are passed over, as a builder to come may know them.
    Any,
}

/// A Dockerfile as it is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stages<'d> {
    /// The `ARG`s before the first stage, which `FROM` can use.
    pub meta_args: Vec<Arg>,
    /// In order. There are none in a Dockerfile of nothing but `ARG`.
    pub stages: Vec<Stage<'d>>,
}

/// From one `FROM` to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage<'d> {
    /// Its `FROM`.
    pub from: &'d Instruction,
    /// The image or stage it builds on, as typed.
    pub base: &'d Word,
    /// Its name, in lower case.
    pub name: Option<Word>,
    /// `--platform`, as typed.
    pub platform: Option<Word>,
    /// What follows.
    pub steps: Vec<Step<'d>>,
}

/// An instruction of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<'d> {
    /// As it is in the file.
    pub instruction: &'d Instruction,
    /// What it does.
    pub command: Command<'d>,
}

/// What an instruction does, for those that take files or set variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<'d> {
    /// `ADD`.
    Add(Copy<'d>),
    /// `COPY`.
    Copy(Copy<'d>),
    /// `RUN`, with what it mounts.
    Run(Vec<Mount>),
    /// `ARG`.
    Arg(Vec<Arg>),
    /// `ENV`.
    Env(Vec<Pair>),
    /// Any other. What there is to know of it, its instruction says.
    Other,
}

/// A variable of the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arg {
    /// Its name.
    pub name: String,
    /// Its default, as typed.
    pub default: Option<String>,
    /// Both.
    pub span: Range<usize>,
}

/// What `COPY` or `ADD` takes, and where it puts it. Values are as typed, variables and quotes included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy<'d> {
    /// At least one.
    pub sources: Vec<Source<'d>>,
    /// Where they go.
    pub destination: Word,
    /// `--from`, if it is not empty. Only `COPY` has it.
    pub from: Option<Word>,
    /// `--chown`.
    pub chown: Option<Word>,
    /// `--chmod`.
    pub chmod: Option<Word>,
    /// `--checksum`. Only `ADD` has it.
    pub checksum: Option<Word>,
    /// `--exclude`, each.
    pub exclude: Vec<Word>,
    /// Flags that are on.
    pub options: BTreeSet<CopyOption>,
}

/// A flag of `COPY` or `ADD` that is on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CopyOption {
    /// `--link`.
    Link,
    /// `--parents`. Only `COPY` has it.
    Parents,
    /// `--keep-git-dir`. Only `ADD` has it.
    KeepGitDir,
}

/// What `COPY` or `ADD` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source<'d> {
    /// A path, or a URL.
    Path(Word),
    /// A file that is in the Dockerfile itself.
    Heredoc(InlineFile<'d>),
}

/// A file that is in the Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlineFile<'d> {
    /// Its name.
    pub name: String,
    /// Its lines as they are in the Dockerfile.
    pub lines: &'d str,
    /// Whether tabs at their start are dropped.
    pub strip_tabs: bool,
    /// Whether variables are expanded in it.
    pub expand: bool,
    /// The word that announces it.
    pub span: Range<usize>,
}

impl<'d> InlineFile<'d> {
    /// What is in it, before variables are expanded.
    pub fn content(&self) -> Cow<'d, str> {
        if self.strip_tabs {
            self.lines.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
        } else {
            self.lines.into()
        }
    }
}

/// Where a stage or its files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// An earlier stage, counted from 0.
    Stage(usize),
    /// An image by its reference.
    Image(String),
}

impl<'d> Step<'d> {
    /// An instruction that `ONBUILD` keeps for later, if a builder takes it.
    pub fn of_trigger(trigger: &'d Instruction, channel: Channel) -> Result<Self, ParseError> {
        let problem = |problem| ParseError { problem, span: trigger.span.clone(), line: trigger.line };
        match meaning(trigger, channel).map_err(|wrong| problem(wrong.into()))? {
            Meaning::Step(command) => Ok(Self { instruction: trigger, command }),
            Meaning::Stage(_) => Err(problem(InstructionProblem::Trigger(Keyword::From).into())),
        }
    }
}

impl Dockerfile {
    /// The stages, if a builder takes them.
    pub fn stages(&self, channel: Channel) -> Result<Stages<'_>, ParseError> {
        let mut read = Stages { meta_args: vec![], stages: vec![] };
        for instruction in &self.instructions {
            let problem = |problem| ParseError { problem, span: instruction.span.clone(), line: instruction.line };
            let meaning = meaning(instruction, channel).map_err(|wrong| problem(wrong.into()))?;
            match (meaning, read.stages.last_mut()) {
                (Meaning::Stage(stage), _) => read.stages.push(stage),
                (Meaning::Step(command), Some(stage)) => stage.steps.push(Step { instruction, command }),
                (Meaning::Step(Command::Arg(args)), None) => read.meta_args.extend(args),
                (Meaning::Step(_), None) => return Err(problem(Problem::NoStage)),
            }
        }
        Ok(read)
    }
}

impl Stages<'_> {
    /// Where `FROM` of the stage `index` leads, its variables expanded: the last stage before it that has this name, in
    /// any case as Kaniko has it; BuildKit wants small letters.
    pub fn base(&self, index: usize, expanded: &str) -> Origin {
        match self.named_before(index, expanded) {
            Some(stage) => Origin::Stage(stage),
            None => Origin::Image(expanded.to_owned()),
        }
    }

    /// Where `--from` leads in the stage `index`: a number or a name of an earlier stage, or else an image. BuildKit
    /// finds later stages too, Kaniko does not.
    pub fn origin(&self, index: usize, from: &str) -> Origin {
        match from.parse::<usize>().ok().filter(|number| *number < index).or_else(|| self.named_before(index, from)) {
            Some(stage) => Origin::Stage(stage),
            None => Origin::Image(from.to_owned()),
        }
    }

    fn named_before(&self, index: usize, name: &str) -> Option<usize> {
        let name = go::to_lower(name);
        let earlier = self.stages.get(..index).unwrap_or(&self.stages);
        earlier.iter().rposition(|stage| stage.name.as_ref().is_some_and(|word| word.text == name))
    }

    /// The stage that `--target` names, the first of several, or the last of all without a name.
    pub fn target(&self, name: Option<&str>) -> Option<usize> {
        match name {
            None | Some("") => self.stages.len().checked_sub(1),
            Some(name) => self
                .stages
                .iter()
                .position(|stage| stage.name.as_ref().is_some_and(|word| go::equal_fold(&word.text, name))),
        }
    }

    /// The stages that the stage `target` is made of, itself included. `bases` is what each stage builds on, its variables
    /// expanded.
    pub fn needed(&self, target: usize, bases: &[String]) -> BTreeSet<usize> {
        let mut needed = BTreeSet::new();
        let mut open = vec![target];
        while let Some(index) = open.pop() {
            let Some(stage) = self.stages.get(index).filter(|_| needed.insert(index)) else { continue };
            let origins = stage.origins().map(|from| self.origin(index, from));
            let base = bases.get(index).map(|base| self.base(index, base));
            open.extend(origins.chain(base).filter_map(|origin| match origin {
                Origin::Stage(stage) => Some(stage),
                Origin::Image(_) => None,
            }));
        }
        needed
    }
}

impl Stages<'_> {
    /// The stages that `target` builds on, one after another, itself the first. `bases` is as in [`Stages::needed`].
    pub fn lineage(&self, target: usize, bases: &[String]) -> Vec<usize> {
        let mut lineage = vec![target];
        let mut here = target;
        while let Some(Origin::Stage(base)) = bases.get(here).map(|base| self.base(here, base)) {
            lineage.push(base);
            here = base;
        }
        lineage
    }
}

impl Stage<'_> {
    /// What files are taken from: each `--from` of `COPY`, and `from=` of mounts.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().flat_map(|step| match &step.command {
            Command::Copy(copy) => copy.from.iter().map(|word| word.text.as_str()).collect(),
            Command::Run(mounts) => mounts.iter().filter_map(|mount| mount.from.as_deref()).collect(),
            Command::Add(_) | Command::Arg(_) | Command::Env(_) | Command::Other => vec![],
        })
    }
}

/// What an instruction is to the stages.
enum Meaning<'d> {
    Stage(Stage<'d>),
    Step(Command<'d>),
}

type Checked<T> = Result<T, InstructionProblem>;

/// Checks in the builder's order: of several things that are wrong, it names one.
fn meaning(instruction: &Instruction, channel: Channel) -> Checked<Meaning<'_>> {
    let Some(keyword) = instruction.keyword else { return Err(unknown(&instruction.name.text)) };
    Ok(Meaning::Step(match keyword {
        Keyword::From => return stage(instruction, channel).map(Meaning::Stage),
        Keyword::Add => Command::Add(copy(instruction, keyword, channel)?),
        Keyword::Copy => Command::Copy(copy(instruction, keyword, channel)?),
        Keyword::Run => Command::Run(run(instruction, channel)?),
        Keyword::Arg => Command::Arg(args(instruction.arguments.words())?),
        Keyword::Env => Command::Env(pairs(instruction, keyword, channel)?.to_vec()),
        _ => check(instruction, keyword, channel).map(|()| Command::Other)?,
    }))
}

/// Whether an instruction can be, of those that nothing more is to be known of.
fn check(instruction: &Instruction, keyword: Keyword, channel: Channel) -> Checked<()> {
    let words = instruction.arguments.words();
    match keyword {
        Keyword::Label => pairs(instruction, keyword, channel).map(drop),
        Keyword::Healthcheck => healthcheck(instruction, channel),
        Keyword::Onbuild => onbuild(instruction, channel),
        Keyword::Shell => shell(instruction, channel),
        Keyword::StopSignal | Keyword::Maintainer | Keyword::User | Keyword::Workdir if words.len() != 1 => {
            Err(InstructionProblem::NotOneArgument(keyword))
        }
        // Its flags are not looked at.
        Keyword::StopSignal => Ok(()),
        Keyword::Expose | Keyword::Volume if words.is_empty() => Err(InstructionProblem::NoArguments(keyword)),
        Keyword::Volume => {
            no_flags(instruction, channel)?;
            let is_empty = words.iter().any(|word| word.text.trim().is_empty());
            if is_empty { Err(InstructionProblem::EmptyVolume) } else { Ok(()) }
        }
        _ => no_flags(instruction, channel),
    }
}

fn no_flags(instruction: &Instruction, channel: Channel) -> Checked<()> {
    Flags::read(&instruction.flags, &[], channel)?;
    Ok(())
}

/// Suggests a keyword in the case that was typed, if that was one.
fn unknown(name: &str) -> InstructionProblem {
    let lower = go::to_lower(name);
    let keywords: Vec<String> = Keyword::ALL.iter().map(|keyword| keyword.name().to_ascii_lowercase()).collect();
    let meant = meant(&lower, keywords.iter().map(String::as_str));
    let meant = meant.map(|meant| {
        if name != lower && name == go::to_upper(name) { meant.to_ascii_uppercase() } else { meant.to_owned() }
    });
    InstructionProblem::Unknown { name: name.to_owned(), meant }
}

fn stage(from: &Instruction, channel: Channel) -> Checked<Stage<'_>> {
    let (base, name) = match from.arguments.words() {
        [base] => (base, None),
        [base, as_, name] if go::equal_fold(&as_.text, "as") => (base, Some(stage_name(name)?)),
        _ => return Err(InstructionProblem::FromArguments),
    };
    let flags = Flags::read(&from.flags, &[("platform", Takes::Value)], channel)?;
    Ok(Stage { from, base, name, platform: flags.given("platform"), steps: vec![] })
}

fn stage_name(word: &Word) -> Checked<Word> {
    let name = go::to_lower(&word.text);
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) || !name.bytes().all(is_allowed) {
        return Err(InstructionProblem::StageName(word.text.clone()));
    }
    Ok(Word { text: name, span: word.span.clone() })
}

fn args(words: &[Word]) -> Checked<Vec<Arg>> {
    if words.is_empty() {
        return Err(InstructionProblem::NoArguments(Keyword::Arg));
    }
    let arg = |word: &Word| {
        let (name, default) = match word.text.split_once('=') {
            Some(("", _)) => return Err(InstructionProblem::BlankName(Keyword::Arg)),
            Some((name, default)) => (name, Some(default.to_owned())),
            None => (word.text.as_str(), None),
        };
        Ok(Arg { name: name.to_owned(), default, span: word.span.clone() })
    };
    words.iter().map(arg).collect()
}

fn pairs(instruction: &Instruction, keyword: Keyword, channel: Channel) -> Checked<&[Pair]> {
    no_flags(instruction, channel)?;
    match &instruction.arguments {
        Arguments::Pairs(pairs) if pairs.iter().any(|pair| pair.name.text.is_empty()) => {
            Err(InstructionProblem::BlankName(keyword))
        }
        Arguments::Pairs(pairs) => Ok(pairs),
        _ => Err(InstructionProblem::NoArguments(keyword)),
    }
}

const COPY_FLAGS: [(&str, Takes); 4] =
    [("chown", Takes::Value), ("from", Takes::Value), ("chmod", Takes::Value), ("link", Takes::Boolean)];

const ADD_FLAGS: [(&str, Takes); 5] = [
    ("chown", Takes::Value),
    ("chmod", Takes::Value),
    ("link", Takes::Boolean),
    ("keep-git-dir", Takes::Boolean),
    ("checksum", Takes::Value),
];

fn copy(instruction: &Instruction, keyword: Keyword, channel: Channel) -> Checked<Copy<'_>> {
    let words = instruction.arguments.words();
    let Some((destination, sources)) = words.split_last().filter(|(_, sources)| !sources.is_empty()) else {
        return Err(InstructionProblem::NoDestination(keyword));
    };
    let (stable, labs): (&[_], &[_]) = match keyword {
        Keyword::Add => (&ADD_FLAGS, &[("exclude", Takes::Values)]),
        _ => (&COPY_FLAGS, &[("exclude", Takes::Values), ("parents", Takes::Boolean)]),
    };
    let known = if channel != Channel::Stable { [stable, labs].concat() } else { stable.to_vec() };
    let flags = Flags::read(&instruction.flags, &known, channel)?;
    if heredoc_mark(&destination.text).is_ok_and(|mark| mark.is_some()) {
        return Err(InstructionProblem::HeredocDestination(keyword));
    }
    // Of several with one name the last one counts.
    let heredocs =
        instruction.heredocs.iter().map(|heredoc| (heredoc.name.as_str(), heredoc.content.text.as_str())).collect();
    let options =
        [("link", CopyOption::Link), ("parents", CopyOption::Parents), ("keep-git-dir", CopyOption::KeepGitDir)];
    Ok(Copy {
        sources: sources.iter().map(|word| source(word, &heredocs)).collect(),
        destination: destination.clone(),
        from: flags.given("from").filter(|from| !from.text.is_empty()),
        chown: flags.given("chown"),
        chmod: flags.given("chmod"),
        checksum: flags.given("checksum"),
        exclude: flags.all("exclude").cloned().collect(),
        options: options.into_iter().filter(|(name, _)| flags.is_set(name)).map(|(_, option)| option).collect(),
    })
}

fn source<'d>(word: &Word, heredocs: &HashMap<&str, &'d str>) -> Source<'d> {
    let Ok(Some(mark)) = heredoc_mark(&word.text) else { return Source::Path(word.clone()) };
    let lines = heredocs.get(mark.name.as_str()).copied().unwrap_or_default();
    let Heredoc { name, strip_tabs, expand, .. } = mark;
    Source::Heredoc(InlineFile { name, lines, strip_tabs, expand, span: word.span.clone() })
}

fn run(instruction: &Instruction, channel: Channel) -> Checked<Vec<Mount>> {
    let mut known = vec![("device", Takes::Values), ("mount", Takes::Values), ("network", Takes::Value)];
    if channel != Channel::Stable {
        known.push(("security", Takes::Value));
    }
    let flags = Flags::read(&instruction.flags, &known, channel)?;
    flags.all("device").try_for_each(check_device)?;
    let mounts = flags.all("mount").map(Mount::read).collect::<Result<_, _>>()?;
    let one_of = |name, allowed: &[&str]| {
        flags.given(name).map(|word| word.text).filter(|text| !allowed.contains(&text.as_str()))
    };
    if let Some(network) = one_of("network", &["default", "none", "host"]) {
        return Err(FlagProblem::Network(network).into());
    }
    match one_of("security", &["insecure", "sandbox"]) {
        Some(security) => Err(FlagProblem::Security(security).into()),
        None => Ok(mounts),
    }
}

fn shell(instruction: &Instruction, channel: Channel) -> Checked<()> {
    no_flags(instruction, channel)?;
    match &instruction.arguments {
        arguments if arguments.words().is_empty() => Err(InstructionProblem::NoArguments(Keyword::Shell)),
        Arguments::Json(_) => Ok(()),
        _ => Err(InstructionProblem::ShellForm),
    }
}

fn onbuild(instruction: &Instruction, channel: Channel) -> Checked<()> {
    let Arguments::Trigger(trigger) = &instruction.arguments else {
        return Err(InstructionProblem::NoArguments(Keyword::Onbuild));
    };
    no_flags(instruction, channel)?;
    match go::to_upper(trigger.name.text.trim()).as_str() {
        "ONBUILD" => Err(InstructionProblem::ChainedOnbuild),
        "MAINTAINER" => Err(InstructionProblem::Trigger(Keyword::Maintainer)),
        "FROM" => Err(InstructionProblem::Trigger(Keyword::From)),
        _ => Ok(()),
    }
}

/// The times that `HEALTHCHECK` can be given, in the order in which they are checked.
const HEALTHCHECK_TIMES: [&str; 4] = ["interval", "timeout", "start-period", "start-interval"];

fn healthcheck(instruction: &Instruction, channel: Channel) -> Checked<()> {
    let Some((kind, command)) = instruction.arguments.words().split_first() else {
        return Err(InstructionProblem::NoArguments(Keyword::Healthcheck));
    };
    let kind = go::to_upper(&kind.text);
    if kind == "NONE" {
        return if command.is_empty() { Ok(()) } else { Err(InstructionProblem::HealthcheckNone) };
    }
    let known: Vec<_> = HEALTHCHECK_TIMES.into_iter().chain(["retries"]).map(|name| (name, Takes::Value)).collect();
    let flags = Flags::read(&instruction.flags, &known, channel)?;
    if kind != "CMD" {
        return Err(InstructionProblem::HealthcheckType(kind));
    }
    if command.is_empty() {
        return Err(InstructionProblem::HealthcheckCommand);
    }
    HEALTHCHECK_TIMES.into_iter().try_for_each(|name| time(name, flags.text(name)))?;
    let retries = flags.text("retries");
    let retries = if retries.is_empty() { 0 } else { go::parse_int(retries)? };
    if retries < 0 { Err(InstructionProblem::NegativeRetries(retries)) } else { Ok(()) }
}

/// A time of none is none, and so is nothing; anything else is a millisecond at least.
fn time(flag: &'static str, given: &str) -> Checked<()> {
    const MILLISECOND: i64 = 1_000_000;
    let time = if given.is_empty() { 0 } else { go::parse_duration(given)? };
    if time != 0 && time < MILLISECOND { Err(InstructionProblem::HealthcheckInterval(flag)) } else { Ok(()) }
}

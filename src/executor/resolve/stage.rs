//! A stage of a build, instruction by instruction: kaniko v1.24.0 `pkg/executor/build.go` (`stageBuilder`), `pkg/commands`.
//!
//! Base images and what `RUN` does are not known here. What can be said in spite of that is said: a source is in the
//! context or it is not.

use std::ops::Range;

use super::copies::{self, Copied, FileContext, Like, Resolved, Taken, is_url};
use super::plan::{Plan, channel};
use super::snapshot::{self, Ignored};
use super::variables::{self, BuildArguments, Environment, expand, expand_known};
use super::{Made, Unknown, save, unpack, users};
use crate::dockerfile::{
    self, Arguments, Command, Escape, ExpandError, Expansion, Instruction, Keyword, Pair, Stage, Word,
};
use crate::executor::archive::{Held, held};
use crate::executor::files::{Attributes, Errno, Follow, Kind, Pod};
use crate::executor::image::Way;
use crate::gopath;
use crate::members::{Found, Kind as MemberKind};
use crate::rootfs::{DIRECTORY_MODE, Id, Owner, Set, Setting};

/// What a stage leaves for those that build on it.
#[derive(Debug, Clone, Default)]
pub(super) struct Left<'d> {
    pub environment: Environment,
    /// None if an image's is not known; `/` is empty, as the executor has it.
    pub working_directory: Option<Vec<u8>>,
    /// None if an image's is not known.
    pub user: Option<String>,
    /// Whether there is no image below it.
    pub from_scratch: bool,
    /// Whether nothing is in it but what was copied from the context.
    pub all_known: bool,
    /// Whether something was run in this stage.
    pub has_run: bool,
    /// The last `RUN` of this stage and those that it builds on, by its place in the Dockerfile: what was there by then may
    /// be gone.
    pub last_run: Option<usize>,
    /// Whether there may be anything in it: of an image, of a `RUN`, of the web. What is not known otherwise came out of an
    /// archive of the context.
    pub is_open: bool,
    /// What is in its image.
    pub made: Made,
    /// What `ONBUILD` keeps for stages that build on it.
    pub triggers: Vec<&'d Instruction>,
}

impl Left<'_> {
    pub(super) fn of_image(from_scratch: bool) -> Self {
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
    pub(super) fn holds(&self, path: &[u8]) -> bool {
        let is_newer = |by: usize| self.last_run.is_none_or(|run| run < by);
        [b"/", save::OF_KERNEL].contains(&path) || self.made.rootfs.get(path).is_some_and(|node| is_newer(node.by))
    }
}

/// The pod, and what of it the executor leaves alone.
pub(super) struct Disk<'p, 'f> {
    pub pod: &'p mut Pod<'f>,
    pub ignored: Vec<Ignored>,
    /// Volumes since something was laid out: they come into the next snapshot.
    pub volumes: Vec<Vec<u8>>,
}

/// A stage while it is built.
pub(super) struct State<'a, 'd> {
    pub plan: &'a Plan<'a, 'd>,
    pub index: usize,
    pub arguments: &'a mut BuildArguments,
    pub here: Left<'d>,
    /// What the stages before it left.
    pub left: &'a [Option<Left<'d>>],
    pub copied: &'a mut Vec<Copied>,
    /// The instruction at hand.
    pub at: Range<usize>,
    /// Why the first `COPY` or `ADD` that fails does, and which it is.
    pub failure: Option<(String, Range<usize>)>,
}

/// Why a stage is not built.
pub(super) enum Trouble {
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
    pub(super) fn stage(&mut self, stage: &Stage<'d>, disk: &mut Disk) -> Result<(), Trouble> {
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
                None => self.copy(copy, Keyword::Copy, span.clone(), disk)?,
                Some(from) => self.copy_from(copy, from, span.start, disk)?,
            },
            Command::Add(copy) => self.copy(copy, Keyword::Add, span.clone(), disk)?,
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
        self.expand_word(text).map_err(|why| self.executing(why.to_string()))
    }

    fn expand_word(&self, text: &str) -> Result<Option<String>, ExpandError> {
        let variables = self.arguments.variables(&self.here.environment);
        match expand_known(text, &variables, self.here.from_scratch) {
            (_, false) => Ok(None),
            (expanded, true) => expanded.map(Some),
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
        keyword: Keyword,
        span: Range<usize>,
        disk: &mut Disk,
    ) -> Result<(), Trouble> {
        let variables = self.arguments.variables(&self.here.environment);
        let context = FileContext::new(self.plan.build.root, &self.plan.rules).to(self.plan.build.family);
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
            self.execute(copy, keyword, &mut copied, &context, &variables, disk)
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
        keyword: Keyword,
        copied: &mut Copied,
        context: &FileContext,
        variables: &Environment,
        disk: &mut Disk,
    ) -> Result<(), String> {
        let mut resolved = copies::resolve(&copied.sources, &copied.destination, context, disk.pod)
            .map_err(|why| format!("failed to get files used from context: {why}"))?;
        copied.nothing = resolved.nothing;
        let like = self.like(copy, keyword, variables, disk.pod);
        let like = like.map_err(|why| format!("failed to execute command: {why}"))?;
        let by = copied.span.start;
        let placing = Placing { context, like, by };
        let mut made = Vec::new();
        if keyword == Keyword::Add {
            let unpacked = self.unpack_all(&mut resolved, &placing, disk);
            made = unpacked.map_err(|why| format!("failed to execute command: unpacking local tar: {why}"))?;
            copied.taken.note_whiteouts(&made);
        }
        let wrapped = if keyword == Keyword::Add { "executing copy command: " } else { "" };
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
    fn like(
        &self,
        copy: &dockerfile::Copy,
        keyword: Keyword,
        variables: &Environment,
        pod: &Pod,
    ) -> Result<Like, String> {
        let owner = || self.owner(copy, variables, pod).map_err(|why| format!("getting user group from chown: {why}"));
        Ok(match keyword {
            Keyword::Add => {
                let mode = copies::mode(copy, variables)?;
                Like { owner: owner()?, mode }
            }
            _ => Like { owner: owner()?, mode: copies::mode(copy, variables)? },
        })
    }

    fn owner(&self, copy: &dockerfile::Copy, variables: &Environment, pod: &Pod) -> Result<Option<Owner>, String> {
        let Some(said) = copy.chown.as_ref().filter(|said| !said.text.is_empty()) else { return Ok(None) };
        let said = expand(&said.text, variables).map_err(|why| why.to_string())?;
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
            let like = self.like(copy, Keyword::Copy, &variables, disk.pod).map_err(failed)?;
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
        let expanded = self.expand_word(typed).map_err(|why| why.to_string())?;
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

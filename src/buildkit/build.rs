//! From the Dockerfile to the image: BuildKit v0.34.2 `frontend/dockerfile/dockerfile2llb/convert.go`,
//! `convert_copy.go` and `convert_expose.go`.
//!
//! Images from elsewhere, what `RUN` does and what archives hold is not known. What is put on top of that is told all the
//! same, as if nothing of it were in the way.

use std::collections::BTreeSet;

use super::copies::{Request, Stop, copy, make_directories};
use super::users::owner;
use super::variables::{Globals, Scope, Values};
use super::{Contents, Platform};
use crate::dockerfile::{
    self, Arguments, Channel, Command, CopyOption, Dockerfile, Keyword, Origin, Source, Stages, Step,
};
use crate::gopath;
use crate::rootfs::{Content, DIRECTORY_MODE, Kind, Node, Owner, RootFs, Set, Setting, Settings};

/// What is asked of the builder.
pub struct Asked<'a> {
    /// Build arguments.
    pub given: Values,
    /// `--target`.
    pub target: Option<&'a str>,
    /// What is built for; if that is not known, its arguments are empty.
    pub platform: Option<Platform>,
    /// The build context as it is sent.
    pub context: &'a RootFs,
    /// What is in its files.
    pub contents: &'a dyn Contents,
}

/// Where a build ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With an image.
    Built(Built),
    /// It fails at the instruction at this place, in words that are near the builder's.
    Failed {
        /// In bytes of the Dockerfile.
        by: usize,
        /// Why.
        words: String,
    },
    /// Nobody knows.
    Unknown,
}

/// What is known of the image that a build ends with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Built {
    /// What is in it.
    pub rootfs: RootFs,
    /// What it is run with.
    pub settings: Settings,
    /// Whether there is no image below it, and nothing was run in it.
    pub is_known: bool,
    /// Instructions of which nobody knows what they put there, by their place in the Dockerfile in bytes.
    pub untold: BTreeSet<usize>,
    /// The stages it was made in, one after another, the last one first.
    pub lineage: Vec<usize>,
}

/// Follows a build.
pub fn build(file: &Dockerfile, asked: &Asked) -> End {
    // Flags that are not known here may be known there.
    let Ok(stages) = file.stages(Channel::Any) else { return End::Unknown };
    let Some(target) = stages.target(asked.target) else { return End::Unknown };
    let name =
        asked.target.filter(|name| !name.is_empty()).or(stages.stages[target].name.as_ref().map(|name| &*name.text));
    let globals = Globals::new(asked.given.clone(), &stages.meta_args, asked.platform.as_ref(), name, file.escape);
    let Ok(globals) = globals else { return End::Unknown };
    let bases = stages.stages.iter().map(|stage| globals.expand(&stage.base.text)).collect::<Result<Vec<_>, _>>();
    let Ok(bases) = bases else { return End::Unknown };
    let mut done: Vec<Option<State>> = vec![None; stages.stages.len()];
    for index in stages.needed(target, &bases) {
        let mut state = match stages.base(index, &bases[index]) {
            Origin::Stage(base) => done[base].clone().unwrap_or_else(|| State::new(&globals, false)),
            Origin::Image(name) => State::new(&globals, name == "scratch"),
        };
        state.scope.enter();
        let build = Build { asked, globals: &globals, stages: &stages, index, done: &done };
        if let Err((by, stop)) = build.stage(&mut state) {
            return match stop {
                Stop::Failed(words) => End::Failed { by, words },
                Stop::NotFound(path) => {
                    End::Failed { by, words: format!("{}: not found", String::from_utf8_lossy(&path)) }
                }
                Stop::Unknown => End::Unknown,
            };
        }
        done[index] = Some(state);
    }
    match done.swap_remove(target) {
        Some(state) => {
            let lineage = stages.lineage(target, &bases);
            End::Built(Built { is_known: state.is_known, lineage, ..state.built })
        }
        None => End::Unknown,
    }
}

/// A stage while it is built.
#[derive(Debug, Clone)]
struct State<'d> {
    built: Built,
    scope: Scope,
    /// None if an image's is not known.
    user: Option<String>,
    working_directory: Option<Vec<u8>>,
    /// Whether nothing is in it but what is known.
    is_known: bool,
    /// What `ONBUILD` keeps for stages that build on this one.
    triggers: Vec<&'d dockerfile::Instruction>,
}

impl State<'_> {
    fn new(globals: &Globals, from_scratch: bool) -> Self {
        Self {
            built: Built::default(),
            scope: globals.scope(from_scratch),
            user: from_scratch.then(String::new),
            working_directory: from_scratch.then(|| b"/".to_vec()),
            is_known: from_scratch,
            triggers: vec![],
        }
    }

    fn set(&mut self, setting: Setting, name: String, value: String, by: usize) {
        self.built.settings.insert((setting, name), Set { value, by });
    }

    /// A word, its variables expanded.
    fn word(&self, text: &str) -> Result<String, Stop> {
        self.scope.expand(text)?.ok_or(Stop::Unknown)
    }
}

struct Build<'a, 'd> {
    asked: &'a Asked<'a>,
    globals: &'a Globals,
    stages: &'a Stages<'d>,
    index: usize,
    done: &'a [Option<State<'d>>],
}

impl<'d> Build<'_, 'd> {
    fn stage(&self, state: &mut State<'d>) -> Result<(), (usize, Stop)> {
        let triggers = std::mem::take(&mut state.triggers);
        for trigger in triggers {
            let by = trigger.span.start;
            let step = Step::of_trigger(trigger, Channel::Any).map_err(|_| (by, Stop::Unknown))?;
            self.step(&step, state).map_err(|stop| (by, stop))?;
        }
        for step in &self.stages.stages[self.index].steps {
            self.step(step, state).map_err(|stop| (step.instruction.span.start, stop))?;
        }
        Ok(())
    }

    fn step(&self, step: &Step<'d>, state: &mut State<'d>) -> Result<(), Stop> {
        let by = step.instruction.span.start;
        match &step.command {
            Command::Copy(copy) => self.copy(copy, Keyword::Copy, step, state)?,
            Command::Add(copy) => self.copy(copy, Keyword::Add, step, state)?,
            Command::Run(_) => state.is_known = false,
            Command::Arg(args) => state.scope.declare(args, self.globals)?,
            Command::Env(pairs) => {
                state.scope.set(pairs)?;
                for pair in pairs {
                    let Ok(Some(name)) = state.scope.expand(&pair.name.text) else { continue };
                    match state.scope.environment().get(&name).cloned() {
                        Some(value) => state.set(Setting::Environment, name, value, by),
                        None => drop(state.built.settings.remove(&(Setting::Environment, name))),
                    }
                }
            }
            Command::Other => self.setting(step, state)?,
        }
        Ok(())
    }

    fn setting(&self, step: &Step<'d>, state: &mut State<'d>) -> Result<(), Stop> {
        let by = step.instruction.span.start;
        let words = step.instruction.arguments.words();
        let first = words.first().map_or("", |word| word.text.as_str());
        match step.instruction.keyword {
            Some(Keyword::User) => {
                let user = state.scope.expand(first)?;
                state.user.clone_from(&user);
                state.set(Setting::User, String::new(), user.unwrap_or_default(), by);
            }
            Some(Keyword::Workdir) => self.change_directory(first, state, by)?,
            Some(Keyword::Volume) => {
                for word in words {
                    if let Some(path) = state.scope.expand(&word.text)? {
                        state.set(Setting::Volume, path, String::new(), by);
                    }
                }
            }
            Some(Keyword::Expose) => {
                for word in words {
                    let Some(expanded) = state.scope.expand(&word.text)? else { continue };
                    for port in expanded.split_whitespace().flat_map(ports) {
                        state.set(Setting::Port, port, String::new(), by);
                    }
                }
            }
            Some(Keyword::Label) => {
                let Arguments::Pairs(pairs) = &step.instruction.arguments else { return Ok(()) };
                for pair in pairs {
                    let name = state.scope.expand(&pair.name.text)?;
                    let value = state.scope.expand(&pair.value.text)?;
                    if let (Some(name), Some(value)) = (name, value) {
                        state.set(Setting::Label, name, value, by);
                    }
                }
            }
            Some(Keyword::Healthcheck) => {
                state.built.settings.retain(|(setting, _), _| *setting != Setting::HealthCheck);
                let mut flags =
                    step.instruction.flags.iter().filter_map(|flag| flag.text.strip_prefix("--start-interval="));
                if let Some(time) = flags.next_back() {
                    state.set(Setting::HealthCheck, "start-interval".to_owned(), time.to_owned(), by);
                }
            }
            Some(Keyword::Onbuild) => {
                if let Arguments::Trigger(trigger) = &step.instruction.arguments {
                    state.triggers.push(trigger);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// `dispatchWorkdir`: what it makes belongs to the user.
    fn change_directory(&self, typed: &str, state: &mut State, by: usize) -> Result<(), Stop> {
        let expanded = state.scope.expand(typed)?;
        let said = expanded.clone().filter(|said| said.starts_with('/'));
        let directory = expanded.and_then(|expanded| under(state.working_directory.as_deref(), expanded.as_bytes()));
        state.working_directory.clone_from(&directory);
        let Some(directory) = directory else {
            state.built.untold.insert(by);
            return Ok(());
        };
        // From the root it stays as it is typed.
        let text = said.unwrap_or_else(|| String::from_utf8_lossy(&directory).into_owned());
        // Nobody minds a slash at its end.
        let text = if text.len() > 1 { text.trim_end_matches('/').to_owned() } else { text };
        state.set(Setting::WorkingDirectory, String::new(), text, by);
        let user = match &state.user {
            Some(user) if user.is_empty() => None,
            // Somebody of an image that is not known.
            user => {
                let said = user.as_deref().unwrap_or("?");
                Some(owner(said, &state.built.rootfs, state.is_known, self.asked.contents))
            }
        };
        let path = state.built.rootfs.resolve(&directory)?;
        match make_directories(&mut state.built.rootfs, &path, DIRECTORY_MODE, user, by) {
            // What was taken for a file may have gone into a directory of the image.
            Err(Stop::Failed(_)) if !state.is_known => {
                state.built.untold.insert(by);
                Ok(())
            }
            result => result,
        }
    }

    fn copy(&self, copy: &dockerfile::Copy, keyword: Keyword, step: &Step, state: &mut State<'d>) -> Result<(), Stop> {
        let by = step.instruction.span.start;
        match self.prepare(copy, keyword, step, state) {
            Ok(prepared) => self.execute(&prepared, state, by),
            // What else is in the image may be known all the same.
            Err(Stop::Unknown) => {
                state.built.untold.insert(by);
                Ok(())
            }
            Err(stop) => Err(stop),
        }
    }

    /// What is to be copied.
    fn prepare(&self, copy: &dockerfile::Copy, keyword: Keyword, step: &Step, state: &State) -> Result<Prepared, Stop> {
        let is_beyond = |flag: &dockerfile::Word| {
            ["--parents", "--exclude", "--unpack"].iter().any(|name| flag.text.split('=').next() == Some(name))
        };
        if step.instruction.flags.iter().any(is_beyond) {
            return Err(Stop::Unknown);
        }
        let from = self.from(copy)?;
        let mode = copy.chmod.as_ref().map(|typed| mode(&state.word(&typed.text)?)).transpose()?;
        let destination = destination(copy, state)?;
        let owner = self.owner(copy, state)?;
        let request = |source: &[u8], is_path| Request {
            source: clean_path(source),
            destination: destination.clone(),
            is_path,
            owner,
            mode,
            unpack: is_path && keyword == Keyword::Add,
            by: step.instruction.span.start,
        };
        let mut requests = Vec::new();
        // Those of the Dockerfile itself come last.
        for source in &copy.sources {
            let Source::Path(word) = source else { continue };
            let path = state.word(&word.text)?;
            if is_remote(&path) {
                return Err(Stop::Unknown);
            }
            requests.push((request(path.as_bytes(), true), None));
        }
        for source in &copy.sources {
            let Source::Heredoc(file) = source else { continue };
            let text = match file.expand {
                true => state.scope.expand_text(&file.content())?.ok_or(Stop::Unknown)?,
                false => file.content().into_owned(),
            };
            requests.push((request(file.name.as_bytes(), false), Some(text)));
        }
        let is_linked = copy.options.contains(&CopyOption::Link) && copy.chmod.is_none();
        Ok(Prepared { requests, from, is_linked })
    }

    fn from(&self, copy: &dockerfile::Copy) -> Result<From, Stop> {
        let Some(from) = &copy.from else { return Ok(From::Context) };
        match self.stages.origin(self.index, &from.text) {
            Origin::Stage(stage) => Ok(From::Stage(stage)),
            Origin::Image(_) => Err(Stop::Unknown),
        }
    }

    fn owner(&self, copy: &dockerfile::Copy, state: &State) -> Result<Option<Owner>, Stop> {
        let Some(typed) = &copy.chown else { return Ok(None) };
        let said = Some(state.word(&typed.text)?).filter(|said| !said.is_empty());
        Ok(said.map(|said| owner(&said, &state.built.rootfs, state.is_known, self.asked.contents)))
    }

    fn execute(&self, prepared: &Prepared, state: &mut State, by: usize) -> Result<(), Stop> {
        let mut apart = RootFs::default();
        for (request, text) in &prepared.requests {
            let to = if prepared.is_linked { &mut apart } else { &mut state.built.rootfs };
            let inline;
            let (from, is_known) = match (text, prepared.from) {
                (Some(text), _) => {
                    let mut made = RootFs::default();
                    let kind = Kind::File(Content::Text(text.clone()));
                    made.put(gopath::clean(&request.source), Node { kind, mode: 0o644, ..Node::directory(by) });
                    inline = made;
                    (&inline, true)
                }
                (None, From::Context) => (self.asked.context, true),
                (None, From::Stage(stage)) => match &self.done[stage] {
                    Some(stage) => {
                        state.built.untold.extend(&stage.built.untold);
                        if !stage.is_known {
                            state.built.untold.insert(by);
                        }
                        (&stage.built.rootfs, stage.is_known)
                    }
                    None => return Err(Stop::Unknown),
                },
            };
            match copy(from, to, request, self.asked.contents) {
                Ok(()) => {}
                Err(stop @ (Stop::Failed(_) | Stop::NotFound(_))) if is_known && state.is_known => return Err(stop),
                // What is missing may be in what is not known, and what is in the way may not be there.
                Err(stop @ Stop::NotFound(_)) if is_known => return Err(stop),
                Err(_) => drop(state.built.untold.insert(by)),
            }
        }
        // Over what is there, as a layer lies over others.
        for (path, node) in apart.iter() {
            state.built.rootfs.put(path.to_vec(), node.clone());
        }
        Ok(())
    }
}

/// What `COPY` or `ADD` is about to do.
struct Prepared {
    /// Each source, and what is in it if it is in the Dockerfile.
    requests: Vec<(Request, Option<String>)>,
    from: From,
    /// `--link`: made apart, and laid over what is there.
    is_linked: bool,
}

#[derive(Clone, Copy)]
enum From {
    Context,
    Stage(usize),
}

/// `--chmod`, in numbers.
fn mode(said: &str) -> Result<u32, Stop> {
    u32::from_str_radix(said, 8).ok().filter(|mode| *mode <= 0o7777).ok_or(Stop::Unknown)
}

fn destination(copy: &dockerfile::Copy, state: &State) -> Result<Vec<u8>, Stop> {
    let typed = state.word(&copy.destination.text)?;
    let typed = if typed.is_empty() || typed == "." { "./" } else { &typed };
    under_with_slash(state.working_directory.as_deref(), typed.as_bytes()).ok_or(Stop::Unknown)
}

/// Whether a source is elsewhere than in the context: an address, or a git repository.
pub fn is_remote(source: &str) -> bool {
    source.contains("://") || source.starts_with("git@")
}

/// A path from the working directory; none if that is not known and counts.
fn under(directory: Option<&[u8]>, path: &[u8]) -> Option<Vec<u8>> {
    match gopath::is_absolute(path) {
        true => Some(gopath::clean(path)),
        false => Some(gopath::join(&[directory?, path])),
    }
}

/// The same with what stands at its end (`NormalizePath`, `cleanPath`).
fn under_with_slash(directory: Option<&[u8]>, path: &[u8]) -> Option<Vec<u8>> {
    let end: &[u8] = match path {
        _ if path.ends_with(b"/.") => b"/.",
        _ if path.ends_with(b"/") => b"/",
        _ => b"",
    };
    Some(clean_path(&[&under(directory, path)?, end].concat()))
}

/// From the root, what stands at its end kept (`cleanPath`).
fn clean_path(path: &[u8]) -> Vec<u8> {
    let mut clean = gopath::join(&[b"/", path]);
    let is_root = clean == b"/";
    if path.ends_with(b"/.") {
        clean.extend_from_slice(if is_root { b"." } else { b"/." });
    } else if path.ends_with(b"/") && !is_root {
        clean.push(b'/');
    }
    clean
}

/// The ports that a word of `EXPOSE` names: `[address:][host:]port[-port][/protocol]`.
fn ports(word: &str) -> Vec<String> {
    let (ports, protocol) = word.split_once('/').map_or((word, "tcp"), |(ports, protocol)| (ports, protocol));
    let protocol = if protocol.is_empty() { "tcp".to_owned() } else { protocol.to_lowercase() };
    let container = ports.rsplit(':').next().unwrap_or(ports);
    let (first, last) = container.split_once('-').unwrap_or((container, container));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last)) => (first..=last).map(|port| format!("{port}/{protocol}")).collect(),
        _ => vec![],
    }
}

#[cfg(test)]
mod tests;

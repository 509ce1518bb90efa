//! What is changed so that Kaniko gives the image that `docker build` would: a plan, made from the Dockerfile, the listing
//! of the context, the executor and what was asked of it. Pure.
//!
//! One file for each difference that can be repaired exactly; what cannot is left to the findings. The user's Dockerfile
//! stays as it is: the executor is given a copy. Everything that a plan changes is in it, so that the archive, the
//! executor's arguments and the Pod agree.

mod archive;
mod context;
mod directory_mode;
mod edits;
mod fork;
mod heredoc;
mod link;
pub mod platform;
mod run_heredoc;
mod scopes;
mod unmatched;
mod unused_stages;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::context::listing::{Entry, Kind, Listing};
use crate::dockerfile::{self, Expansion, Origin, Stage, Stages, Word};
use crate::executor::flags::{self, Command, Flags};
use crate::executor::image::Image;
use crate::executor::resolve::channel;
use crate::request::PodRequest;

pub use edits::Edits;
pub use platform::Platforms;

/// Where texts of the Dockerfile are, beside the context.
const INLINE: &str = "inline";

/// What is to be built, and with what.
pub struct Build<'a> {
    /// The Dockerfile.
    pub text: &'a str,
    /// The context as it is sent.
    pub listing: &'a Listing,
    /// The executor.
    pub image: Image,
    /// The stage that was asked for.
    pub target: Option<&'a str>,
    /// Build arguments, each `KEY=VALUE`.
    pub build_args: &'a [String],
    /// The user's own flags for the executor.
    pub executor_flags: &'a [String],
    /// For which platform, and on which.
    pub platforms: Platforms,
    /// What is in the context's files.
    pub contents: &'a dyn Contents,
}

/// Looks into files of the context.
pub trait Contents {
    /// How a file is compressed; none if it is not, or cannot be read.
    fn compressed(&self, entry: &Entry) -> Option<Compressed>;
}

/// A compressed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compressed {
    /// What it is compressed with.
    pub by: Compression,
    /// Whether an archive is in it, if that is known.
    pub holds_archive: Option<bool>,
}

/// What files are compressed with, of what Docker unpacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// gzip.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
}

/// Contents that nobody can look into.
pub struct Unseen;

impl Contents for Unseen {
    fn compressed(&self, _: &Entry) -> Option<Compressed> {
        None
    }
}

/// What is changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the copy of the Dockerfile.
    pub edits: Edits,
    /// Files and directories beside the context, below [`crate::executor::CONTEXT_VOLUME`].
    pub beside: Vec<Entry>,
    /// What takes the place of entries of the context.
    pub replaced: Vec<Replaced>,
    /// Files that are to be sent without their compression.
    pub unpack: Vec<Unpack>,
    /// More build arguments, each `KEY=VALUE`.
    pub build_args: Vec<String>,
    /// More flags for the executor.
    pub flags: Vec<String>,
    /// Variables of the executor's own environment.
    pub environment: Vec<(&'static str, &'static str)>,
    /// Sources of instructions that are not in the copy of the Dockerfile: nothing matches them.
    pub left_out: Vec<LeftOut>,
    /// What the user is told of it.
    pub told: Vec<Repaired>,
    /// Arguments of the platform that stay empty, and where they are used.
    pub empty: Vec<(&'static str, Range<usize>)>,
}

/// A source of an instruction that is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// As it is in the user's Dockerfile.
    pub word: Word,
    /// Its variables expanded.
    pub path: String,
}

/// Entries in the place of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The one.
    pub path: PathBuf,
    /// What is there instead, a directory before what it holds.
    pub with: Vec<Entry>,
}

/// A file that is to be sent without its compression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpack {
    /// The file.
    pub path: PathBuf,
    /// What it is compressed with.
    pub by: Compression,
    /// What takes it.
    pub span: Range<usize>,
}

/// A listing with entries in the place of others.
fn with<'r>(listing: &Listing, replaced: impl Iterator<Item = &'r Replaced>) -> Listing {
    let instead: HashMap<&Path, &[Entry]> =
        replaced.map(|replaced| (replaced.path.as_path(), &replaced.with[..])).collect();
    let entries = listing.entries.iter().flat_map(|entry| match instead.get(entry.path.as_path()) {
        Some(entries) => entries,
        None => std::slice::from_ref(entry),
    });
    Listing { entries: entries.cloned().collect(), ..listing.clone() }
}

/// A difference that is repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// Where in the user's Dockerfile.
    pub span: Range<usize>,
    /// What is done, in a phrase.
    pub what: String,
}

impl Plan {
    /// Nothing, if the Dockerfile or the arguments are none that an executor takes: it will tell.
    pub fn new(build: &Build) -> Self {
        let mut plan = Self::default();
        let Ok(file) = dockerfile::parse(build.text) else { return plan };
        let Ok(stages) = file.stages(channel(build.image.family)) else { return plan };
        let Ok(Command::Build(flags)) = flags::parse(build.executor_flags, build.image.family) else { return plan };
        let Some(mut project) = Project::new(build, &file, &stages, flags) else { return plan };
        platform::repair(&project, &mut plan);
        project.give(&plan.build_args);
        project.skipped = unused_stages::repair(&project, &mut plan);
        unmatched::repair(&project, &mut plan);
        heredoc::repair(&project, &mut plan);
        run_heredoc::repair(&project, &mut plan);
        link::repair(&project, &mut plan);
        archive::repair(&project, &mut plan);
        directory_mode::repair(&project, &mut plan);
        fork::repair(&project, &mut plan);
        plan.told.sort_by_key(|repaired| repaired.span.start);
        plan
    }

    /// Takes note that a file is sent without its compression, as `entry`.
    pub fn unpacked(&mut self, unpack: &Unpack, entry: Entry) {
        self.tell(
            unpack.span.clone(),
            format!("the archive `{}` is sent without its compression", unpack.path.display()),
        );
        self.told.sort_by_key(|repaired| repaired.span.start);
        self.replaced.push(Replaced { path: unpack.path.clone(), with: vec![entry] });
    }

    /// The context as it is packed.
    pub fn listing<'l>(&self, listing: &'l Listing) -> Cow<'l, Listing> {
        match self.replaced.is_empty() {
            true => Cow::Borrowed(listing),
            false => Cow::Owned(with(listing, self.replaced.iter())),
        }
    }

    /// Has the executor asked for what is changed. The user's own flags stay the last.
    pub fn ask(&self, request: &mut PodRequest) {
        request.build_args.extend(self.build_args.iter().cloned());
        request.executor_flags.splice(0..0, self.flags.iter().cloned());
        request.environment.extend(&self.environment);
    }

    /// All of it in one line, if anything is told.
    pub fn summary(&self) -> Option<String> {
        const TOLD: usize = 4;
        let mut phrases: Vec<&str> = Vec::new();
        for repaired in &self.told {
            if !phrases.contains(&repaired.what.as_str()) {
                phrases.push(&repaired.what);
            }
        }
        let more = phrases.len().saturating_sub(TOLD);
        phrases.truncate(TOLD);
        let count = match self.told.len() {
            0 => return None,
            1 => "1 difference".to_owned(),
            count => format!("{count} differences"),
        };
        let more = if more == 0 { String::new() } else { format!(", and {more} more (-v)") };
        Some(format!("repaired {count} to docker build: {}{more}", phrases.join(", ")))
    }

    /// A number for what is put beside the context next.
    fn inline(&self) -> usize {
        let number = |entry: &Entry| entry.path.file_name()?.to_str()?.parse::<usize>().ok();
        let directories = self.beside.iter().filter(|entry| entry.kind == Kind::Directory);
        directories.filter_map(number).count() + 1
    }

    /// Puts entries beside the context, once.
    fn beside(&mut self, entries: Vec<Entry>) {
        if self.beside.is_empty() {
            self.beside.push(Entry::made_directory(INLINE));
        }
        for entry in entries {
            if !self.beside.iter().any(|other| other.path == entry.path) {
                self.beside.push(entry);
            }
        }
    }

    fn tell(&mut self, span: Range<usize>, what: String) {
        self.told.push(Repaired { span, what });
    }
}

/// A [`Build`] that was read.
struct Project<'a> {
    build: &'a Build<'a>,
    file: &'a dockerfile::Dockerfile,
    stages: &'a Stages<'a>,
    flags: Flags,
    /// The stage that is built, from 0.
    target: usize,
    /// Its name, if one was asked for.
    target_name: Option<String>,
    /// Build arguments.
    given: BTreeMap<String, String>,
    /// What each stage builds on, its variables expanded; none if that is not known.
    bases: Vec<Option<String>>,
    /// The stages that the executor passes over.
    skipped: BTreeSet<usize>,
}

impl<'a> Project<'a> {
    fn new(
        build: &'a Build<'a>,
        file: &'a dockerfile::Dockerfile,
        stages: &'a Stages<'a>,
        flags: Flags,
    ) -> Option<Self> {
        let name = flags.last("target").map(|given| given.value.as_str()).or(build.target);
        let target_name = name.filter(|name| !name.is_empty()).map(str::to_owned);
        let target = stages.target(target_name.as_deref())?;
        let of_flags: Vec<String> = flags.all("build-arg").map(str::to_owned).collect();
        let given = BTreeMap::new();
        let mut project =
            Self { build, file, stages, flags, target, target_name, given, bases: vec![], skipped: BTreeSet::new() };
        project.give(build.build_args);
        project.give(&of_flags);
        Some(project)
    }

    /// Gives more build arguments.
    fn give(&mut self, arguments: &[String]) {
        let pairs = arguments.iter().filter_map(|given| given.split_once('='));
        self.given.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        self.bases = self.expand_bases();
    }

    /// BuildKit v0.34.2 `dockerfile2llb/convert.go` `toDispatchState`.
    fn expand_bases(&self) -> Vec<Option<String>> {
        let mut globals: BTreeMap<&str, Option<String>> = BTreeMap::new();
        let how = Expansion::new(self.file.escape);
        let expand = |word: &str, globals: &BTreeMap<&str, Option<String>>| {
            let is_known = std::cell::Cell::new(true);
            let lookup = |name: &str| match globals.get(name) {
                Some(value) => {
                    is_known.set(is_known.get() && value.is_some());
                    value.clone()
                }
                None if platform::is_argument(name) => {
                    let value = self.given.get(name).cloned().or_else(|| platform::value(name, self));
                    is_known.set(is_known.get() && value.is_some());
                    value
                }
                None => None,
            };
            how.word(word, &lookup).ok().filter(|_| is_known.get())
        };
        for arg in &self.stages.meta_args {
            let value = match (self.given.get(&arg.name), &arg.default) {
                (Some(given), _) => Some(given.clone()),
                (None, Some(default)) => expand(default, &globals),
                (None, None) => continue,
            };
            globals.insert(&arg.name, value);
        }
        self.stages.stages.iter().map(|stage| expand(&stage.base.text, &globals)).collect()
    }

    /// The stages up to the one that is built.
    fn built(&self) -> impl Iterator<Item = &'a Stage<'a>> {
        self.stages.stages.iter().take(self.target + 1)
    }

    /// What a stage builds on, if that is known.
    fn base(&self, stage: usize) -> Option<Origin> {
        Some(self.stages.base(stage, self.bases.get(stage)?.as_ref()?))
    }
}

#[cfg(test)]
mod case;

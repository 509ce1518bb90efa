//! What a Dockerfile asks of the build context, and what is sent of it: one file for each kind of mistake.
//!
//! The model of the executor has copied what there is to copy ([`Copied`]); each rule looks at one source that it did not
//! find, or at one instruction, and the first that knows why has the word.

mod dependencies_uncached;
mod destination_no_directory;
mod ignore_weaker;
mod ignored;
mod instruction_flag;
mod letter_case;
mod link_unknown;
mod missing;
mod outside;
pub mod plain;
mod platform_argument;
mod refused;
mod repository;
mod run_heredoc;
mod run_in_mount;
mod run_mount;
mod special_file;
mod symlink;
mod symlink_loop;
mod unmatched;
mod unused_stage;
mod whiteout;

use std::ops::Range;
use std::path::{Path, PathBuf};

pub use ignored::excluding_line;

use super::facts::shown;
use super::{Finding, Place, Severity, Span};
use crate::code::Code;
use crate::context::as_sent;
use crate::context::dockerignore::Rules;
use crate::dockerfile::{self, ParseError, Stage, Stages, Step};
use crate::executor::files::{Follow, Pod, PodFiles};
use crate::executor::image::Family;
use crate::executor::resolve::{Copied, CopySource, End, Resolution, channel};
use crate::gopath;
use crate::repair::Plan;

/// What is known of a project.
#[derive(Clone, Copy)]
pub struct Project<'a> {
    /// The Dockerfile, as a user would name it.
    pub dockerfile: &'a Path,
    /// What is in it.
    pub text: &'a str,
    /// Whose executor it is.
    pub family: Family,
    /// What an executor does that is given what is sent.
    pub resolution: &'a Resolution,
    /// The ignore file, as a user would name it.
    pub ignore_file: Option<&'a Path>,
    /// What is in it.
    pub ignore: &'a [u8],
    /// The same, compiled.
    pub rules: &'a Rules,
    /// The build context as it is on disk: its root is `/`.
    pub disk: &'a dyn PodFiles,
    /// The build context as it is sent, below [`Project::root`].
    pub sent: &'a dyn PodFiles,
    /// Where the context is in the pod.
    pub root: &'a [u8],
    /// The symlinks that are sent, relative to the context.
    pub links: &'a [Vec<u8>],
    /// The Dockerfile's directory, relative to the context, if it is in a directory of it.
    pub above: Option<&'a [u8]>,
    /// Where something is mounted in the pod.
    pub mounts: &'a [Vec<u8>],
    /// The context's directory on this machine, absolute and without symlinks.
    pub here: Option<&'a Path>,
    /// What is changed before it is built.
    pub plan: &'a Plan,
}

/// A source that is not there.
struct Lost<'a> {
    project: &'a Project<'a>,
    copied: &'a Copied,
    source: &'a CopySource,
    /// Relative to the context; none if it leads out of it.
    path: Option<Vec<u8>>,
}

/// Looks at a source that is not there and tells why.
type Rule = fn(&Lost) -> Option<Finding>;

/// In this order: the last ones know no more than that it is not there.
const RULES: &[Rule] = &[outside::find, ignored::find, letter_case::find, missing::find];

/// What there is to say of a project's Dockerfile.
pub fn findings(project: &Project) -> Vec<Finding> {
    let file = match dockerfile::parse(project.text) {
        Ok(file) => file,
        Err(error) => return vec![not_parsed(project, &error)],
    };
    let stages = match file.stages(channel(project.family)) {
        Ok(stages) => stages,
        Err(error) => {
            let flags = instruction_flag::unknown(project, &file, &error);
            return flags.unwrap_or_else(|| vec![not_parsed(project, &error)]);
        }
    };
    let mut findings = run_heredoc::find(project, &stages);
    findings.extend(instruction_flag::ignored(project, &stages));
    findings.extend(platform_argument::find(project, &stages));
    findings.extend(run_mount::find(project, &stages));
    findings.extend(run_in_mount::find(project, &stages));
    findings.extend(dependencies_uncached::find(project, &stages));
    findings.extend(project.resolution.copied.iter().flat_map(|copied| {
        let told = of_instruction(project, &file, copied).into_iter();
        told.map(|finding| unused_stage::told(project, &stages, copied.span.start, finding))
    }));
    findings.extend(unmatched::left_out(project));
    findings.extend(link_unknown::find(project, &stages));
    findings.extend(symlink_loop::find(project));
    findings.extend(ignore_weaker::find(project));
    // What it says before it builds is not the Dockerfile's fault.
    let has_error = findings.iter().any(|finding| finding.severity == Severity::Error);
    if let (End::Failed(words), false) = (&project.resolution.end, has_error)
        && !words.starts_with("Error: ")
        && !project.resolution.copied.iter().any(|copied| copied.failure.is_some())
    {
        let at = project.resolution.failed_at.as_ref();
        let finding = refused::find(project, &file, at, words);
        findings.push(match at {
            Some(at) => unused_stage::told(project, &stages, at.start, finding),
            None => finding,
        });
    }
    findings
}

fn of_instruction(project: &Project, file: &dockerfile::Dockerfile, copied: &Copied) -> Vec<Finding> {
    let repositories = repository::find(project, file, copied);
    let unmatched = unmatched::find(project, file, copied);
    let is_told = |source: &CopySource| {
        let span = project.span(&source.span);
        repositories.iter().any(|finding| finding.spans.contains(&span))
    };
    let others = copied.sources.iter().filter(|source| !is_told(source));
    let lost = others.filter_map(|source| lost(project, copied, source));
    let mut told: Vec<Finding> =
        lost.filter_map(|lost| RULES.iter().find_map(|rule| rule(&lost))).chain(unmatched).collect();
    told.extend(repositories);
    told.extend(special_file::find(project, copied));
    let is_explained = !told.is_empty();
    told.extend(symlink::find(project, copied));
    told.extend(whiteout::find(project, copied));
    let Some(words) = copied.last_words().filter(|_| !is_explained) else { return told };
    let finding = destination_no_directory::find(project, copied);
    told.push(finding.unwrap_or_else(|| refused::find(project, file, Some(&copied.span), &words)));
    told
}

/// A source that names one thing, which is not sent.
fn lost<'a>(project: &'a Project<'a>, copied: &'a Copied, source: &'a CopySource) -> Option<Lost<'a>> {
    if !source.is_known || source.is_url() || source.is_pattern() {
        return None;
    }
    let full = gopath::join(&[project.root, &source.path]);
    let path = gopath::below(&full, project.root).map(<[u8]>::to_vec);
    // Beside our context there is something of ours, which nobody means but us.
    let leaves = path.is_none() && project.is_ours() && !project.plan.edits.touches(&source.span);
    let is_there = Pod::new(project.sent).find(&full, b"/", Follow::NotTheLast).is_ok();
    // A name beside a pattern is dropped where it is not there, and that is no failure.
    (leaves || copied.failure.is_some() && !is_there).then_some(Lost { project, copied, source, path })
}

impl Lost<'_> {
    /// An error about the source, with the executor's words.
    fn error(&self, code: Code, message: String) -> Finding {
        let words = self.copied.last_words();
        Finding {
            code,
            severity: Severity::Error,
            message,
            spans: vec![self.project.span(&self.source.span)],
            notes: words.into_iter().map(|words| format!("the executor would end with `{words}`")).collect(),
            help: None,
        }
    }
}

impl Project<'_> {
    /// A part of the Dockerfile.
    fn span(&self, span: &Range<usize>) -> Span {
        Span { file: self.dockerfile.to_owned(), place: Place::in_text(self.text, span) }
    }

    /// The instructions of the stages that the executor builds: of all of them, where it does not come so far.
    fn steps<'s, 'd>(&self, stages: &'s Stages<'d>) -> impl Iterator<Item = &'s Step<'d>> {
        self.built(stages).flat_map(|(_, stage)| &stage.steps)
    }

    /// Those stages themselves, each with its number from 0.
    fn built<'s, 'd>(&self, stages: &'s Stages<'d>) -> impl Iterator<Item = (usize, &'s Stage<'d>)> {
        let known = self.resolution.stages.as_ref();
        let is_built =
            move |(_, stage): &(usize, &Stage)| known.is_none_or(|known| known.built.contains(&stage.from.span.start));
        stages.stages.iter().enumerate().filter(is_built)
    }

    /// Whether the context lies in the pod as this tool lays it out.
    fn is_ours(&self) -> bool {
        self.root == as_sent::root()
    }

    /// Whether something is at a path of the context as it is sent.
    fn is_sent(&self, path: &[u8]) -> bool {
        Pod::new(self.sent).find(&gopath::join(&[self.root, path]), b"/", Follow::NotTheLast).is_ok()
    }

    /// Whether something is at a path of the context as it is on disk.
    fn is_on_disk(&self, path: &[u8]) -> bool {
        Pod::new(self.disk).find(path, b"/", Follow::NotTheLast).is_ok()
    }

    /// The source that took a path of the context by its own name or by a pattern, in bytes of the Dockerfile; the whole
    /// instruction if it is none of them alone.
    fn span_of(&self, copied: &Copied, path: &[u8]) -> Span {
        let source = copied.sources.iter().find(|source| symlink_loop::is(&source.path, source.is_pattern(), path));
        self.span(source.map_or(&copied.span, |source| &source.span))
    }

    /// The ignore file, for a message.
    fn ignore_file(&self) -> PathBuf {
        self.ignore_file.map_or_else(|| ".dockerignore".into(), Path::to_owned)
    }
}

/// How an ignore file is told to keep a path out, if that takes no more than its name.
fn ignore_help(project: &Project, path: &[u8]) -> Option<String> {
    let name = str::from_utf8(path).ok()?;
    let is_plain =
        name.trim() == name && !name.contains(|letter: char| letter.is_control() || "*?[]\\!#".contains(letter));
    is_plain.then(|| format!("add `{name}` to `{}`", project.ignore_file().display()))
}

/// A Dockerfile that no builder takes.
fn not_parsed(project: &Project, error: &ParseError) -> Finding {
    Finding {
        code: Code::DockerfileSyntax,
        severity: Severity::Error,
        message: format!("`{}` is no Dockerfile that can be built", project.dockerfile.display()),
        spans: vec![project.span(&error.span)],
        notes: vec![error.to_string()],
        help: None,
    }
}

#[cfg(test)]
mod case;

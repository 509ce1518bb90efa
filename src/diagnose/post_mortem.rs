//! Why a build failed, from what is left of it: how its container ended, what its log says, how it was set up, and the
//! build context if it is at hand. Pure.
//!
//! The log tells what failed; that is the base. Why it failed is in the set-up, which the rules of [`super::manifest`]
//! judge, and in the context, which those of [`super::sources`] judge: of what they find, that is a cause which explains
//! what failed.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use super::explains::explains;
use super::{Finding, Place, Severity, Span};
use crate::code::Code;
use crate::executor::Failure;
use crate::executor::log::{Log, Ran};

/// How sure a cause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sure {
    /// It was seen, or nothing else can be.
    Certain,
    /// It fits, and others may too.
    Likely,
    /// It is what failed; why is not known.
    Unknown,
}

impl Sure {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Unknown => "unknown",
        }
    }
}

/// Why a build failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// What, where, the evidence, one action.
    pub finding: Finding,
    /// How sure that is.
    pub sure: Sure,
}

/// What became of a build, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Whose it was, if that is known.
    pub pod: Option<Executor>,
    /// What became of it, in a word or two.
    pub state: &'static str,
    /// Why it failed, the surest first; none if it did not.
    pub causes: Vec<Cause>,
}

/// A container that runs the executor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executor {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
    /// The container's name.
    pub container: String,
}

/// How an executor ended.
#[derive(Debug)]
pub enum Ended {
    /// It failed; its log says over what.
    Failed,
    /// It succeeded, or there is no sign that it did not.
    Well,
    /// It has not ended.
    Running,
    /// It has not begun, and this went wrong so far.
    Waiting(Option<String>),
    /// The cluster says why.
    Told(Finding),
}

/// What is left of a build.
#[derive(Debug)]
pub struct Observed<'a> {
    /// How it ended.
    pub ended: Ended,
    /// Whether this tool made it.
    pub is_ours: bool,
    /// What it wrote.
    pub log: &'a Log,
    /// What there is to say of how it was set up, of which one container is known; none of a log alone.
    pub setup: Option<&'a [Finding]>,
    /// The same, where the build context at hand is taken for what was there.
    pub with_context: &'a [Finding],
    /// Where the executor looked for its context, as far as is known.
    pub roots: &'a [String],
    /// Whether a volume is known to be mounted there: what is on a volume is kept between stages.
    pub is_context_mounted: bool,
    /// The build context, if it is at hand.
    pub project: Option<Project<'a>>,
}

/// A build context at hand.
#[derive(Debug)]
pub struct Project<'a> {
    /// The directory, as typed.
    pub directory: &'a Path,
    /// Its Dockerfile, as a user would name it, and the text of it.
    pub dockerfile: Option<(&'a Path, &'a str)>,
    /// Which line of the ignore file names the Dockerfile, if one does.
    pub kept_out: Option<String>,
    /// What is wrong with it.
    pub findings: &'a [Finding],
}

/// Where contexts are, if nobody says otherwise.
const ROOTS: &[&str] = &["/kaniko/buildcontext/context", "/kaniko/buildcontext", "/workspace"];

/// The causes, the surest first; none if nothing failed.
pub fn causes(observed: &Observed) -> Vec<Cause> {
    let Some(base) = base(observed) else { return vec![] };
    let words = observed.log.words();
    let lost = observed.log.lost_source();
    let judged = observed.with_context.iter().chain(observed.setup.unwrap_or_default());
    let fitting = judged.filter(|finding| explains(finding.code, base.finding.code));
    let mut causes: Vec<Cause> = fitting.map(|finding| promoted(finding, words)).collect();
    // What is seen itself is not merely likely.
    for cause in &mut causes {
        if cause.finding.code == base.finding.code {
            cause.sure = cause.sure.min(base.sure);
        }
    }
    causes.extend(lost.as_ref().and_then(|lost| lost_source(observed, lost)));
    causes.sort_by_key(|cause| cause.sure);
    let mut told = BTreeSet::new();
    causes.retain(|cause| told.insert(cause.finding.code));
    match causes.is_empty() {
        true => vec![hinted(base, lost.as_deref(), observed)],
        false => causes,
    }
}

/// What failed.
fn base(observed: &Observed) -> Option<Cause> {
    let log = observed.log;
    let certain = |finding| Some(Cause { finding, sure: Sure::Certain });
    match &observed.ended {
        Ended::Told(finding) if finding.code == Code::Deadline && log.waits_for_stdin() => waits_for_stdin(),
        Ended::Told(finding) => certain(finding.clone()),
        Ended::Waiting(trouble) => {
            let trouble = trouble.as_ref()?;
            certain(error(Code::ContainerStart, "the executor's container is not started", vec![trouble.clone()]))
        }
        Ended::Well | Ended::Running if log.left_out().is_some() => {
            let said = log.left_out().unwrap_or_default().to_owned();
            let notes = vec![said, "the executor ends with success all the same".to_owned()];
            let finding = error(Code::ImageIncomplete, "the executor left files out of the image", notes);
            certain(finding.with_help(Some("remove the symlink named above, or name it in the ignore file".to_owned())))
        }
        Ended::Running if log.waits_for_stdin() => waits_for_stdin(),
        Ended::Well | Ended::Running => None,
        Ended::Failed => Some(failed(observed)),
    }
}

fn waits_for_stdin() -> Option<Cause> {
    let notes = vec!["`To simulate EOF and exit` is the last line of its log".to_owned()];
    let help = "write `stdinOnce: true`, and close the stream when all is sent".to_owned();
    let finding = error(Code::StdinStaysOpen, "the executor waits for the end of its standard input", notes);
    Some(Cause { finding: finding.with_help(Some(help)), sure: Sure::Certain })
}

/// What the log says of a failure.
fn failed(observed: &Observed) -> Cause {
    let log = observed.log;
    let output = || Some(log.output().collect::<Vec<_>>().join("\n")).filter(|text| !text.is_empty());
    let Some(words) = log.words() else {
        let mut notes: Vec<String> = output().into_iter().collect();
        notes.push("its log has none of the executor's last words".to_owned());
        return Cause { finding: error(Code::BuildFailed, "the executor failed", notes), sure: Sure::Unknown };
    };
    let failure = Failure::read(words);
    let mut finding = error(failure.code, &failure.message(), vec![]);
    let dockerfile = observed.project.as_ref().and_then(|project| project.dockerfile);
    if let Some((ran, found)) = Ran::last_of(log.failed_runs(), dockerfile.map(|(_, text)| text)) {
        finding.notes.extend(output());
        finding.notes.extend(needs_mount(&ran.text).then(|| {
            "upstream's executor passes over `--mount`, and runs the command without it; the fork's does not".to_owned()
        }));
        finding.spans.extend(found.zip(dockerfile).map(|(found, (file, text))| span(file, text, &found)));
        finding.message = format!("`{}` failed", shortened(&ran.text));
    }
    finding.notes.push(format!("the executor ended with `{words}`"));
    finding.help = match observed.is_ours {
        true => failure.help(),
        false => failure.remedy().map(str::to_owned),
    };
    let sure = match failure.code {
        Code::BuildFailed | Code::DockerfileMissing | Code::CopySourceMissing => Sure::Unknown,
        // An archive that is empty, or compressed twice, has the same words (kaniko#1641), and so has a git server that
        // go-git does not understand (kaniko#1932).
        Code::ContextStreamCut | Code::ContextStreamEmpty => Sure::Likely,
        _ => Sure::Certain,
    };
    Cause { finding, sure }
}

/// Whether a `RUN` mounts what its command may not do without.
fn needs_mount(run: &str) -> bool {
    let mut mounts = run.split_whitespace().filter_map(|word| word.strip_prefix("--mount="));
    mounts.any(|mount| !mount.contains("type=cache") && !mount.contains("type=tmpfs"))
}

/// A source that was not there, as the build context at hand explains it.
fn lost_source(observed: &Observed, lost: &str) -> Option<Cause> {
    let roots = || observed.roots.iter().map(String::as_str).chain(ROOTS.iter().copied());
    let below = roots().find_map(|root| lost.strip_prefix(root)?.strip_prefix('/'));
    let project = observed.project.as_ref()?;
    let named = |finding: &Finding| {
        let named = finding.message.split('`').nth(1).unwrap_or_default();
        named.trim_start_matches("./").trim_matches('/').to_owned()
    };
    let mut fitting = project.findings.iter().filter(|finding| explains(finding.code, Code::CopySourceMissing));
    let exactly = fitting.clone().find(|finding| below == Some(&*named(finding)));
    if let Some(finding) = exactly {
        return Some(promoted(finding, observed.log.words()));
    }
    // Where the context was is not known: CI systems have it anywhere.
    let finding =
        fitting.find(|finding| observed.roots.is_empty() && lost.ends_with(&format!("/{}", named(finding))))?;
    Some(Cause { sure: Sure::Likely, ..promoted(finding, observed.log.words()) })
}

/// What failed, with what else is known where nothing explains it.
fn hinted(mut base: Cause, lost: Option<&str>, observed: &Observed) -> Cause {
    let log = observed.log;
    let finding = &mut base.finding;
    match finding.code {
        Code::CopySourceMissing if let Some(lost) = lost.filter(|lost| log.cleared() && !is_kept(lost, observed)) => {
            finding.code = Code::ContextNotKept;
            finding.message = format!("`{lost}` was not kept for a later stage");
            finding.notes.insert(0, "between stages the executor deletes all but its mounts and `/kaniko`".to_owned());
            finding.help = Some("put the context on a volume, or below `/kaniko`".to_owned());
            base.sure = Sure::Likely;
        }
        Code::CopySourceMissing => match &observed.project {
            Some(_) if observed.roots.is_empty() => {}
            Some(project) => finding
                .notes
                .push(format!("nothing in `{}` explains it: the pod had something else", project.directory.display())),
            None => finding.notes.push("give the build context too, and it is looked for there".to_owned()),
        },
        Code::DockerfileMissing if log.cloned() => {
            finding.notes.push("it had cloned a git repository: the branch may have no Dockerfile there".to_owned());
        }
        Code::DockerfileMissing if let Some((project, file)) = at_hand(observed) => {
            finding.notes.push(format!("`{}` is here: what put the context into the pod left it out", file.display()));
            finding.notes.extend(project.kept_out.iter().cloned());
            finding.help =
                Some("send the directory with its Dockerfile: `kaniko-local build DIRECTORY -t REF`".to_owned());
            base.sure = Sure::Likely;
        }
        Code::DockerfileMissing if observed.setup.is_none() => {
            finding.notes.push("the log does not say which path that was".to_owned());
            finding.help = Some("give what has its arguments: `kaniko-local explain pod/NAME`".to_owned());
        }
        _ => {}
    }
    base
}

/// The build context and its Dockerfile, if both are at hand and the set-up is known too.
fn at_hand<'a>(observed: &'a Observed) -> Option<(&'a Project<'a>, &'a Path)> {
    let project = observed.project.as_ref().filter(|_| observed.setup.is_some())?;
    Some((project, project.dockerfile?.0))
}

/// Whether what was lost is where the executor deletes nothing between stages (kaniko v1.24.0 `pkg/util/fs_util.go`
/// `DeleteFilesystem`).
fn is_kept(lost: &str, observed: &Observed) -> bool {
    let mut paths = observed.roots.iter().map(String::as_str).chain([lost]);
    observed.is_context_mounted
        || paths.any(|path| path.strip_prefix("/kaniko").is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// A finding that was a prediction, now that it has come true.
fn promoted(finding: &Finding, words: Option<&str>) -> Cause {
    let sure = if finding.severity == Severity::Error { Sure::Certain } else { Sure::Likely };
    let mut finding = Finding { severity: Severity::Error, ..finding.clone() };
    finding.notes.retain(|note| !note.contains("ends with `") && !note.contains("end with `"));
    finding.notes.extend(words.map(|words| format!("the executor ended with `{words}`")));
    Cause { finding, sure }
}

fn error(code: Code, message: &str, notes: Vec<String>) -> Finding {
    Finding { code, severity: Severity::Error, message: message.to_owned(), spans: vec![], notes, help: None }
}

fn span(file: &Path, text: &str, span: &Range<usize>) -> Span {
    Span { file: file.to_owned(), place: Place::in_text(text, span) }
}

/// An instruction, as much of it as names it.
fn shortened(text: &str) -> String {
    const LENGTH: usize = 100;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LENGTH) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::told;

    /// What is left of a build that failed with this log, and nothing else.
    fn of(log: &Log) -> Observed<'_> {
        Observed {
            ended: Ended::Failed,
            is_ours: false,
            log,
            setup: None,
            with_context: &[],
            roots: &[],
            is_context_mounted: false,
            project: None,
        }
    }

    /// A build context, its Dockerfile's text, and what is wrong with it.
    fn project<'a>(dockerfile: &'a str, findings: &'a [Finding]) -> Option<Project<'a>> {
        Some(Project {
            directory: Path::new("app"),
            dockerfile: Some((Path::new("app/Dockerfile"), dockerfile)),
            kept_out: None,
            findings,
        })
    }

    fn finding(code: Code, severity: Severity, message: &str) -> Finding {
        Finding { severity, ..error(code, message, vec![]) }
    }

    #[track_caller]
    fn the_one(observed: &Observed) -> Cause {
        let mut causes = causes(observed);
        assert_eq!(causes.len(), 1, "{causes:#?}");
        causes.remove(0)
    }

    #[test]
    fn each_signature_of_a_log_has_its_code_and_is_as_sure_as_it_can_be() {
        for (said, code) in told::TEXTS {
            let log = Log::of(&format!(
                "INFO[0000] Resolved base name golang:1 to build\n{said}\nUsage:\n  executor [flags]\n"
            ));
            assert_eq!(log.words(), Some(*said));
            let cause = the_one(&of(&log));
            // Of these the log tells what failed, but not why; or other things have the same words.
            let sure = match code {
                Code::DockerfileMissing | Code::CopySourceMissing => Sure::Unknown,
                Code::ContextStreamCut | Code::ContextStreamEmpty => Sure::Likely,
                _ => Sure::Certain,
            };
            assert_eq!((cause.finding.code, cause.sure), (*code, sure), "{said}");
            assert!(cause.finding.notes.contains(&format!("the executor ended with `{said}`")), "{:?}", cause.finding);
        }
    }

    const NO_DOCKERFILE: &str = "Error: error resolving dockerfile path: please provide a valid path to a Dockerfile within the build context with --dockerfile";
    const LOST: &str = "error building image: error building stage: failed to get files used from context: failed to get fileinfo for /workspace/b: lstat /workspace/b: no such file or directory";

    /// kaniko#1414.
    #[test]
    fn the_set_up_tells_why_there_is_no_dockerfile() {
        let predicted = Finding {
            notes: vec![
                "`hostPath` is a directory of the node".to_owned(),
                "where the node has nothing there, the executor ends with `Error: …`".to_owned(),
            ],
            ..finding(Code::ContextOnNode, Severity::Warning, "the build context `/workspace` is `/src` of the node")
        };
        let unrelated = finding(Code::ExcessPrivileges, Severity::Error, "privileged");
        let (log, setup) = (Log::of(NO_DOCKERFILE), [unrelated, predicted]);
        let cause = the_one(&Observed { setup: Some(&setup), ..of(&log) });
        assert_eq!((cause.finding.code, cause.sure), (Code::ContextOnNode, Sure::Likely));
        assert_eq!(cause.finding.severity, Severity::Error);
        let said = format!("the executor ended with `{NO_DOCKERFILE}`");
        assert_eq!(
            cause.finding.notes,
            ["`hostPath` is a directory of the node", said.as_str()],
            "no prediction is left"
        );
    }

    #[test]
    fn of_several_causes_the_surest_is_first_and_each_is_told_once() {
        let likely = finding(Code::ContextOnNode, Severity::Warning, "on a node");
        let certain = finding(Code::DockerfileLetterCase, Severity::Error, "letter case");
        let log = Log::of(NO_DOCKERFILE);
        let setup = [likely.clone(), likely];
        let found = causes(&Observed { setup: Some(&setup), with_context: &[certain], ..of(&log) });
        let found: Vec<_> = found.iter().map(|cause| (cause.finding.code, cause.sure)).collect();
        assert_eq!(found, [(Code::DockerfileLetterCase, Sure::Certain), (Code::ContextOnNode, Sure::Likely)]);
    }

    /// kaniko#3416.
    #[test]
    fn a_source_that_the_ignore_file_keeps_out_is_certain_with_the_context_at_hand() {
        let log = Log::of(LOST);
        let ignored = finding(Code::CopySourceIgnored, Severity::Error, "`b` is kept out of the build context");
        let other = finding(Code::CopySourceIgnored, Severity::Error, "`dir/b` is kept out of the build context");
        let other_code = finding(Code::SymlinkLoop, Severity::Error, "`b` is a symlink that leads to itself");
        let findings = [other_code.clone(), other.clone(), ignored.clone()];
        let cause = the_one(&Observed { project: project("FROM a\nCOPY b /\n", &findings), ..of(&log) });
        assert_eq!((cause.finding.message, cause.sure), (ignored.message.clone(), Sure::Certain));

        let findings = [other_code, other];
        let cause = the_one(&Observed { project: project("FROM a\nCOPY b /\n", &findings), ..of(&log) });
        assert_eq!((cause.finding.code, cause.sure), (Code::CopySourceMissing, Sure::Unknown), "of other files");

        let elsewhere = LOST.replace("/workspace", "/builds/app");
        let log = Log::of(&elsewhere);
        let findings = [ignored];
        let cause = the_one(&Observed { project: project("FROM a\nCOPY b /\n", &findings), ..of(&log) });
        assert_eq!((cause.finding.code, cause.sure), (Code::CopySourceIgnored, Sure::Likely), "its root is not known");
        let roots = ["/builds/app".to_owned()];
        let observed = Observed { roots: &roots, project: project("FROM a\nCOPY b /\n", &findings), ..of(&log) };
        assert_eq!(the_one(&observed).finding.code, Code::CopySourceIgnored, "its root is known");
    }

    /// kaniko#1210, kaniko#2187.
    #[test]
    fn a_context_is_not_kept_only_if_the_file_system_was_cleared_and_it_was_part_of_it() {
        let cleared = Log::of(&format!("INFO[0002] Deleting filesystem...\n{LOST}"));
        let cause = the_one(&of(&cleared));
        assert_eq!((cause.finding.code, cause.sure), (Code::ContextNotKept, Sure::Likely));
        assert_eq!(cause.finding.message, "`/workspace/b` was not kept for a later stage");

        let roots = |root: &str| [root.to_owned()];
        let not_cleared = Log::of(LOST);
        let below = Log::of(&format!(
            "INFO[0002] Deleting filesystem...\n{}",
            LOST.replace("/workspace", "/kaniko/buildcontext")
        ));
        let near =
            Log::of(&format!("INFO[0002] Deleting filesystem...\n{}", LOST.replace("/workspace", "/kaniko-context")));
        let unpacked = roots("/kaniko/buildcontext");
        for (observed, code) in [
            (Observed { roots: &roots("/workspace"), ..of(&cleared) }, Code::ContextNotKept),
            (of(&near), Code::ContextNotKept),
            (of(&not_cleared), Code::CopySourceMissing),
            (of(&below), Code::CopySourceMissing),
            (Observed { roots: &unpacked, ..of(&cleared) }, Code::CopySourceMissing),
            (Observed { is_context_mounted: true, ..of(&cleared) }, Code::CopySourceMissing),
        ] {
            assert_eq!(the_one(&observed).finding.code, code, "{observed:?}");
        }
    }

    #[test]
    fn nothing_failed_and_there_are_no_causes() {
        let log = Log::of("INFO[0000] Pushed r.example.com/a@sha256:0\n");
        let setup = [finding(Code::ContextOnNode, Severity::Warning, "on a node")];
        for ended in [Ended::Well, Ended::Running, Ended::Waiting(None)] {
            assert_eq!(causes(&Observed { ended, setup: Some(&setup), ..of(&log) }), []);
        }
    }

    #[test]
    fn a_success_and_a_wait_may_be_none() {
        // kaniko v1.24.0 `pkg/snapshot/snapshot.go`.
        let loops = Log::of("ERRO[0003] Couldn't eval /app/self with link /app/self\n");
        let cause = the_one(&Observed { ended: Ended::Well, ..of(&loops) });
        assert_eq!((cause.finding.code, cause.sure), (Code::ImageIncomplete, Sure::Certain));
        // kaniko#1139.
        let waits = Log::of("INFO[0000] To simulate EOF and exit, press 'Ctrl+D'\n");
        let cause = the_one(&Observed { ended: Ended::Running, ..of(&waits) });
        assert_eq!((cause.finding.code, cause.sure), (Code::StdinStaysOpen, Sure::Certain));
        let trouble = Some("FailedMount: secret \"push\" not found".to_owned());
        let cause = the_one(&Observed { ended: Ended::Waiting(trouble), ..of(&Log::default()) });
        assert_eq!((cause.finding.code, cause.sure), (Code::ContainerStart, Sure::Certain));
    }

    #[test]
    fn a_command_that_failed_is_told_with_its_place_and_its_last_words() {
        let log = Log::of(
            "INFO[0000] Building stage 'golang:1' [idx: '0', base-idx: '-1']\nINFO[0000] Unpacking rootfs as cmd RUN make   all requires it.\nINFO[0001] RUN make   all\nINFO[0001] Running: [/bin/sh -c make   all]\nmake: *** No rule\nerror building image: error building stage: failed to execute command: waiting for process to exit: exit status 2",
        );
        let cause =
            the_one(&Observed { project: project("FROM golang:1\nRUN true\nRUN make \\\n  all\n", &[]), ..of(&log) });
        assert_eq!((cause.finding.code, cause.sure), (Code::RunFailed, Sure::Certain));
        assert_eq!(cause.finding.message, "`RUN make all` failed");
        assert_eq!(cause.finding.notes[0], "make: *** No rule");
        let place = Place { line: 3, column: 1, end_line: 4, end_column: 6 };
        assert_eq!(cause.finding.spans, [Span { file: "app/Dockerfile".into(), place }]);

        let other = the_one(&Observed { project: project("FROM golang:1\nRUN other\n", &[]), ..of(&log) });
        assert_eq!(other.finding.spans, [], "another Dockerfile");
        assert_eq!(the_one(&of(&log)).finding.spans, []);
    }

    #[test]
    fn a_command_that_wants_a_mount_may_fail_for_want_of_it() {
        let notes = |run: &str| {
            let log = Log::of(&format!(
                "INFO[0000] Building stage 'node' [idx: '0', base-idx: '-1']\nINFO[0000] Unpacking rootfs as cmd RUN {run} requires it.\nINFO[0001] RUN {run}\nINFO[0001] Running: [/bin/sh -c x]\n\
                 error building image: error building stage: failed to execute command: waiting for process to exit: exit status 1"
            ));
            the_one(&of(&log)).finding.notes.len()
        };
        assert_eq!(notes("--mount=type=secret,id=npmrc npm ci"), 2);
        assert_eq!(notes("--mount=type=cache,target=/root/.npm npm ci"), 1);
        assert_eq!(notes("npm ci"), 1);
    }

    #[test]
    fn unknown_words_and_no_words_are_no_known_cause() {
        let strange = Log::of("error building image: something that nobody has seen");
        let cause = the_one(&of(&strange));
        assert_eq!((cause.finding.code, cause.sure, cause.finding.help), (Code::BuildFailed, Sure::Unknown, None));

        let empty = Log::default();
        let cause = the_one(&of(&empty));
        assert_eq!((cause.finding.code, cause.sure), (Code::BuildFailed, Sure::Unknown));
        assert_eq!(cause.finding.notes, ["its log has none of the executor's last words"]);
        assert_eq!(causes(&Observed { ended: Ended::Well, ..of(&empty) }), []);

        let panicked = Log::of("panic: runtime error\ngoroutine 1 [running]:");
        let cause = the_one(&of(&panicked));
        assert_eq!(cause.finding.notes[0], "panic: runtime error\ngoroutine 1 [running]:");
    }

    #[test]
    fn help_for_a_build_of_this_tool_names_its_flags() {
        let log = Log::of(
            r#"error checking push permissions -- make sure …: Get "https://r.example.com/v2/": http: server gave HTTP response to HTTPS client"#,
        );
        let help = |is_ours| the_one(&Observed { is_ours, ..of(&log) }).finding.help.unwrap_or_default();
        assert_eq!(help(true), "speak plain HTTP to it with `--insecure`");
        assert_eq!(help(false), "add `--insecure` to push, `--insecure-pull` for base images");
    }
}

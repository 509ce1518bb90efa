//! `check`: what can be known before a pod exists.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::sent::{dockerfile_in, stdin_listing};
use super::sources::{Asked, told, with_project};
use super::{plain, repair};
use crate::buildkit::Platform;
use crate::context::advice::{Advice, advice};
use crate::context::content::Files;
use crate::context::dockerignore::{Dialect, Rules};
use crate::context::facts;
use crate::context::listing::Listing;
use crate::context::locate::{self, BuildContext, TextFile};
use crate::context::mounts::{self, Mounts};
use crate::context::scan::scan_naming;
use crate::diagnose::facts::{Facts, Here};
use crate::diagnose::sources::Project;
use crate::diagnose::{Finding, Severity, manifest, rules, sources};
use crate::error::{Error, UsageError};
use crate::executor::files::{self, Mount, Pod, PodFiles};
use crate::executor::resolve::{Resolution, Setup, Stdin, context_directory, resolve};
use crate::gopath;
use crate::repair::{Build, Contents, Plan, Platforms, Unseen};
use crate::report;
use crate::request::{
    CheckRequest, ContextRequest, ContextSource, DockerfileSource, ExecutorSetup, Fidelity, FindingsForm, Mounted,
    PodRequest, Subject,
};
use crate::sys::{OsStrExt, Root, slashed};

/// Writes the findings to standard output and returns how bad the worst is. `ask` asks the cluster, where that is wanted.
///
/// # Errors
/// What was named is not there or cannot be read at all; standard output cannot be written; the cluster gave no answer,
/// which ends nothing else.
pub fn check(
    request: &CheckRequest,
    ask: impl FnOnce(&PodRequest) -> Result<Vec<Finding>, Error>,
) -> Result<Option<Severity>, Error> {
    mounts::check(&request.mounts)?;
    let mut checked = match &request.subject {
        Subject::Context(ContextRequest { context: ContextSource::Directory(root), dockerfile }) => {
            of_directory(root, dockerfile, request)?
        }
        Subject::Context(ContextRequest { context: ContextSource::Stdin, dockerfile }) => of_archive(dockerfile)?,
        Subject::Manifest(file) => of_manifest(file, std::fs::read_to_string(file), &request.mounts)?,
        Subject::ManifestOnStdin => {
            of_manifest(Path::new("-"), std::io::read_to_string(std::io::stdin().lock()), &request.mounts)?
        }
        Subject::Executor(setup) => of_executor(setup, request.fidelity),
    };
    let silence = match request.pod.as_ref().map(ask) {
        Some(Err(error @ Error::Cluster(_))) => Some(error),
        Some(answer) => {
            checked.findings.extend(answer?);
            None
        }
        None => None,
    };
    checked.findings.iter_mut().for_each(Finding::hide_secrets);
    let located = checked.located();
    let all: Vec<Finding> = located.iter().map(|(finding, _)| finding.clone()).collect();
    match request.form {
        FindingsForm::Sarif => report::write_stdout(format!("{:#}\n", report::check_sarif(&located)).as_bytes())?,
        FindingsForm::Json => {
            report::write_stdout(format!("{:#}\n", report::check_json(&all, checked.resolved())).as_bytes())?
        }
        FindingsForm::Text => {
            let findings: String = checked.findings.iter().map(report::finding_text).collect();
            report::write_stdout_coloured(&(findings + &report::advice_text(&checked.advice)))?;
            if silence.is_none() {
                report::print_count(&all);
            }
        }
    }
    match silence {
        Some(error) => Err(error),
        None => Ok(all.iter().map(|finding| finding.severity).max()),
    }
}

/// What was found. Advice about a context is kept apart: told as text, pieces of it share lines.
#[derive(Default)]
struct Checked<'a> {
    findings: Vec<Finding>,
    advice: Vec<Advice>,
    root: Option<&'a Path>,
    /// The file that it is all about, if it is one.
    file: Option<PathBuf>,
    resolution: Option<Resolution>,
    mounts: Vec<Mount>,
}

impl Checked<'_> {
    fn resolved(&self) -> Option<(&Resolution, &[Mount])> {
        Some((self.resolution.as_ref()?, &self.mounts))
    }

    /// All findings, each with the file that it is about.
    fn located(&self) -> Vec<(Finding, Option<PathBuf>)> {
        let advice = self.advice.iter().map(|advice| {
            let is_of_one = !advice.path.as_os_str().is_empty();
            let file = self.root.filter(|_| is_of_one).map(|root| root.join(&advice.path));
            (Finding::of_advice(advice, self.root), file)
        });
        self.findings.iter().map(|finding| (finding.clone(), self.file.clone())).chain(advice).collect()
    }
}

fn of_directory<'a>(
    root: &'a Path,
    dockerfile: &DockerfileSource,
    request: &CheckRequest,
) -> Result<Checked<'a>, Error> {
    let mut checked = Checked { root: Some(root), ..Checked::default() };
    let located = match dockerfile {
        DockerfileSource::Stdin => None,
        DockerfileSource::File(_) | DockerfileSource::Default => Some(locate::dockerfile(root, dockerfile.path())),
    };
    let found = match located.transpose() {
        Ok(found) => found,
        Err(error) => {
            checked.findings.push(error.try_into()?);
            None
        }
    };
    checked.file = match (&found, dockerfile) {
        (Some(found), _) => Some(found.path.clone()),
        (None, DockerfileSource::Default) => Some(root.join("Dockerfile")),
        (None, DockerfileSource::File(typed)) => Some(typed.clone()),
        (None, DockerfileSource::Stdin) => None,
    };
    let context = locate::build_context(root, found.as_ref().map(|found| &*found.path));
    match context.and_then(|context| Ok((scan_naming(&context)?, context))) {
        Ok(((listing, kept_out), context)) => {
            if let Some(file) = &found {
                let findings = of_project(&context, file, dockerfile.path(), (&listing, &kept_out), request);
                checked.findings.extend(findings);
            }
            checked.advice = advice(&listing, &facts::gather(&context, found.as_ref(), &listing));
        }
        Err(error) => checked.findings.push(error.try_into()?),
    }
    Ok(checked)
}

/// What the Dockerfile takes from the context: as it would be sent, and, if nothing is wrong there, in a plain set-up.
/// `typed` is the Dockerfile as typed.
fn of_project(
    context: &BuildContext,
    dockerfile: &TextFile,
    typed: Option<&Path>,
    (listing, kept_out): (&Listing, &[PathBuf]),
    request: &CheckRequest,
) -> Vec<Finding> {
    let asked = Asked {
        target: request.target.as_deref(),
        build_args: &request.build_args,
        cache: request.cache,
        fidelity: request.fidelity,
        ..Asked::default()
    };
    let root = Root::open(&context.root).ok();
    let files = Files { root: root.as_ref(), spool: None };
    let plan = planned(dockerfile, listing, &asked, request.platform.as_deref(), &files);
    with_project(context, dockerfile, listing, &asked, &plan, |project| {
        let mut findings = sources::findings(project);
        if findings.iter().all(|finding| finding.severity != Severity::Error) {
            findings.extend(plain::findings(context, dockerfile, typed, project, (listing, kept_out)));
        }
        findings
    })
}

/// What `build` would change, for the platform that most clusters are of, if nothing else is said: `build` may know better.
fn planned(
    dockerfile: &TextFile,
    listing: &Listing,
    asked: &Asked,
    platform: Option<&str>,
    contents: &dyn Contents,
) -> Plan {
    let target = match platform {
        Some(platform) => platform.parse().ok(),
        None => (asked.fidelity == Fidelity::Repair).then(Platform::default),
    };
    let target_is_known = target.is_some();
    let mut plan = repair::of_fidelity(
        asked.fidelity,
        Build {
            text: str::from_utf8(&dockerfile.content).unwrap_or_default(),
            listing,
            image: asked.image,
            target: asked.target,
            build_args: asked.build_args,
            executor_flags: asked.executor_flags,
            platforms: Platforms { target, own: None },
            contents,
        },
    );
    if asked.fidelity == Fidelity::Repair && target_is_known {
        plan.empty.clear();
    }
    plan
}

/// What the Dockerfile takes from a context that the executor sees without our doing. What an ignore file keeps out there
/// is not missing, but silently not copied.
fn of_sources_in_pod(
    setup: &Setup,
    resolution: &Resolution,
    mounts: &[Mount],
    files: &Mounts,
    fidelity: Fidelity,
) -> Vec<Finding> {
    let (Some(context), Some(dockerfile)) = (&resolution.context, &resolution.dockerfile) else { return vec![] };
    let Some(local) = dockerfile.chosen.as_deref().and_then(|chosen| files::local(mounts, chosen)) else {
        return vec![];
    };
    let text = dockerfile.chosen.as_deref().and_then(|chosen| files.content(chosen));
    let Some(text) = text.and_then(|text| String::from_utf8(text).ok()) else { return vec![] };
    let Ok(rules) = Rules::from_file(b"") else { return vec![] };
    let of_root = gopath::join(&[&context.absolute, b".dockerignore"]);
    let ignore_file = files::local(mounts, resolution.ignore_file.as_ref().unwrap_or(&of_root));
    let above = dockerfile.chosen.as_ref().map(|chosen| gopath::parent(chosen));
    let above = above.as_ref().and_then(|above| gopath::below(above, &context.absolute)).filter(|above| *above != b".");
    let here = files::local(mounts, &context.absolute).and_then(|root| root.canonicalize().ok());
    let at: Vec<Vec<u8>> = mounts.iter().map(|mount| mount.pod.clone()).collect();
    let links = here.as_deref().map(|here| taken_links(here, resolution, files)).unwrap_or_default();
    let plan = repair::of_fidelity(
        Fidelity::Warn,
        Build {
            text: &text,
            listing: &Listing::default(),
            image: setup.image,
            target: None,
            build_args: &[],
            executor_flags: setup.arguments,
            platforms: Platforms::default(),
            contents: &Unseen,
        },
    );
    let findings = sources::findings(&Project {
        dockerfile: &local,
        text: &text,
        family: setup.image.family,
        resolution,
        ignore_file: ignore_file.as_deref(),
        ignore: b"",
        rules: &rules,
        disk: &Mounts::alone(&[]),
        sent: files,
        root: &context.absolute,
        links: &links,
        above,
        mounts: &at,
        here: here.as_deref(),
        plan: &plan,
    });
    told(findings, fidelity)
}

/// The symlinks of a context that is `here`, but for those that the executor's ignore file keeps out.
fn taken_links(here: &Path, resolution: &Resolution, files: &Mounts) -> Vec<Vec<u8>> {
    let ignore = resolution.ignore_file.as_ref().and_then(|file| files.content(file)).unwrap_or_default();
    let Ok(rules) = Rules::from_file(&ignore) else { return vec![] };
    let mut links = mounts::symlinks(here);
    links.retain(|link| !rules.judge(Dialect::Kaniko, link).excluded());
    links
}

fn of_executor<'a>(given: &ExecutorSetup, fidelity: Fidelity) -> Checked<'a> {
    let environment = BTreeMap::new();
    let nothing = Mounts::new(&[]);
    let mounts = match &given.mounts {
        Mounted::At(mounts) => mounts.clone(),
        Mounted::AtContext(local) => context_directory(&setup(given, &environment, &[], &nothing))
            .map(|pod| Mount { local: local.clone(), pod })
            .into_iter()
            .collect(),
    };
    let files = Mounts::new(&mounts);
    let at: Vec<Vec<u8>> = mounts.iter().map(|mount| mount.pod.clone()).collect();
    let setup = setup(given, &environment, &at, &files);
    let resolution = resolve(&setup);
    let here = here(&setup, &resolution, &mounts);
    let facts =
        Facts { setup: &setup, resolution: &resolution, mounts: &mounts, here: &here, places: &BTreeMap::new() };
    let mut findings = rules::findings(&facts);
    findings.extend(of_sources_in_pod(&setup, &resolution, &mounts, &files, fidelity));
    Checked { findings, resolution: Some(resolution), mounts, ..Checked::default() }
}

/// Which paths among the arguments are on this machine, though the executor sees nothing there.
fn here(setup: &Setup, resolution: &Resolution, mounts: &[Mount]) -> Vec<Here> {
    let pod = Pod::new(setup.files);
    let directory = setup.working_directory.unwrap_or_else(|| setup.image.working_directory());
    let is_found = resolution.dockerfile.as_ref().is_some_and(|dockerfile| dockerfile.failure.is_none());
    let here = |flag: &'static str, path: &str| {
        let is_in_pod = pod.exists(path.as_bytes(), directory.as_bytes()) || flag == "dockerfile" && is_found;
        let local = Path::new(path).canonicalize().ok().filter(|_| !is_in_pod)?;
        Some(Here { flag, path: path.to_owned(), in_pod: in_pod(mounts, &local) })
    };
    let value = |flag| resolution.flags.as_ref()?.last(flag).map(|given| given.value.as_str());
    let context = value("context");
    let context = context.map(|given| {
        let path = ["dir://", "tar://"].iter().find_map(|scheme| given.strip_prefix(scheme));
        path.unwrap_or(given)
    });
    [("context", context), ("dockerfile", value("dockerfile"))]
        .into_iter()
        .filter_map(|(flag, path)| here(flag, path?))
        .collect()
}

/// Where a path of this machine is in the pod, if a mount has it.
fn in_pod(mounts: &[Mount], local: &Path) -> Option<Vec<u8>> {
    mounts.iter().find_map(|mount| {
        let below = local.strip_prefix(mount.local.canonicalize().ok()?).ok()?;
        Some(gopath::join(&[&mount.pod, slashed(below.to_owned()).as_os_str().as_bytes()]))
    })
}

/// What comes over standard input is taken for a stream, as whoever asks has one in mind.
fn setup<'a>(
    given: &'a ExecutorSetup,
    environment: &'a BTreeMap<String, String>,
    mounts: &'a [Vec<u8>],
    files: &'a dyn PodFiles,
) -> Setup<'a> {
    Setup {
        image: given.image,
        arguments: &given.arguments,
        working_directory: given.directory.as_deref(),
        environment,
        stdin: Stdin::Stream,
        mounts,
        files,
    }
}

fn of_archive<'a>(dockerfile: &DockerfileSource) -> Result<Checked<'a>, Error> {
    let mut checked = Checked::default();
    let (listing, file) = match stdin_listing() {
        Ok(found) => found,
        Err(error) => {
            checked.findings.push(error.try_into()?);
            return Ok(checked);
        }
    };
    let text = match file.as_ref().map(|file| dockerfile_in(file, &listing, dockerfile.path())).transpose() {
        Ok(text) => text,
        Err(error) => {
            checked.findings.push(error.try_into()?);
            None
        }
    };
    let files = Files { root: None, spool: file.as_ref() };
    checked.advice = advice(&listing, &facts::of_archive(files, text, &listing));
    Ok(checked)
}

fn of_manifest<'a>(file: &Path, text: std::io::Result<String>, mounts: &[Mount]) -> Result<Checked<'a>, Error> {
    let unreadable = |why: String| UsageError::Manifest { file: file.to_owned(), why };
    let text = text.map_err(|error| unreadable(error.to_string()))?;
    let of_helm = if text.contains("{{") { "; a template is read once it is rendered: `helm template`" } else { "" };
    let findings = manifest::findings(file, &text, mounts, &Mounts::new(mounts))
        .map_err(|why| unreadable(format!("{why}{of_helm}")))?;
    Ok(Checked { findings, file: Some(file.to_owned()), ..Checked::default() })
}

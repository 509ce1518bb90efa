//! `explain`: why a build failed, from what is left of it.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::sources::{Asked, of_sources};
use crate::cluster::client::{Cluster, ClusterOptions};
use crate::cluster::manifest::INSTANCE;
use crate::cluster::status::{Stage, stage_of};
use crate::cluster::watch::look_again;
use crate::cluster::{events, observe};
use crate::code::Code;
use crate::context::dockerignore::Rules;
use crate::context::locate::{self, BuildContext, TextFile};
use crate::context::mounts::{self, Mounts};
use crate::context::scan::{Excluded, scan};
use crate::diagnose::manifest::{self, Executor};
use crate::diagnose::post_mortem::{self, Ended, Explained, Observed, Project, causes};
use crate::diagnose::{Finding, sources};
use crate::error::{BuildError, Error, UsageError};
use crate::executor::files::{Mount, local};
use crate::executor::image::Image;
use crate::executor::log::Log;
use crate::repair::Plan;
use crate::report::{self, LogForm, Progress, Style};
use crate::request::{DockerfileSource, ExplainRequest, Fidelity, Remains};
use crate::sys::{OsStrExt, real};

/// Writes the causes to standard output and returns whether anything failed.
///
/// # Errors
/// What was named is not there or cannot be read; a cluster that is not reached; standard output cannot be written.
pub async fn explain(request: &ExplainRequest, options: &ClusterOptions) -> Result<bool, Error> {
    mounts::check(&request.mounts)?;
    let at_hand = request.context.as_ref().map(|(directory, dockerfile)| AtHand::read(directory, dockerfile));
    let at_hand = at_hand.transpose()?;
    let mut explained = match &request.remains {
        Remains::Pod(name) => of_pod(name, request, at_hand.as_ref(), options).await?,
        Remains::Log(file) => vec![of_log(&read_log(file)?, at_hand.as_ref())?],
        Remains::LogOnStdin => vec![of_log(&lines(Path::new("-"), std::io::stdin().lock())?, at_hand.as_ref())?],
    };
    for cause in explained.iter_mut().flat_map(|explained| &mut explained.causes) {
        cause.finding.hide_secrets();
    }
    match request.is_document {
        true => report::write_stdout(format!("{:#}\n", report::explain_json(&explained)).as_bytes())?,
        false => {
            let text: String = explained.iter().map(report::explained_text).collect();
            report::write_stdout_coloured(&text)?;
        }
    }
    Ok(explained.iter().any(|explained| !explained.causes.is_empty()))
}

fn read_log(file: &Path) -> Result<Log, Error> {
    let opened = std::fs::File::open(file);
    let opened = opened.map_err(|source| UsageError::Log { file: file.to_owned(), source })?;
    lines(file, std::io::BufReader::new(opened))
}

fn lines(file: &Path, text: impl BufRead) -> Result<Log, Error> {
    let mut log = Log::default();
    for line in text.split(b'\n') {
        log.line(&line.map_err(|source| UsageError::Log { file: file.to_owned(), source })?);
    }
    Ok(log)
}

/// A log tells nothing of a success but that it has no failure in it.
fn of_log(log: &Log, at_hand: Option<&AtHand>) -> Result<Explained, Error> {
    let findings = at_hand.map(|at_hand| at_hand.findings(log, Image::default())).transpose()?.unwrap_or_default();
    let ended = match log.words() {
        Some(_) => Ended::Failed,
        None if log.waits_for_stdin() => Ended::Running,
        None => Ended::Well,
    };
    let state = match ended {
        _ if log.is_empty() => "empty",
        Ended::Failed => "the build failed",
        _ => "no failure in it that is known",
    };
    let missing_dockerfile: Vec<Finding> =
        findings.iter().filter(|finding| finding.code == Code::DockerfileNotFound).cloned().collect();
    let causes = causes(&Observed {
        ended,
        is_ours: false,
        log,
        setup: None,
        with_context: &missing_dockerfile,
        roots: &[],
        is_context_mounted: false,
        project: at_hand.map(|at_hand| at_hand.project(&findings)),
    });
    Ok(Explained { pod: None, state, causes })
}

async fn of_pod(
    name: &str,
    request: &ExplainRequest,
    at_hand: Option<&AtHand<'_>>,
    options: &ClusterOptions,
) -> Result<Vec<Explained>, Error> {
    let progress = Arc::new(Progress::new(Style::Quiet, LogForm::Text));
    let cluster = Cluster::new(options, progress).await?;
    let Some(pod) = look_again(&cluster, name).await? else {
        return Err(UsageError::NoPod { name: name.to_owned(), namespace: cluster.namespace.clone() }.into());
    };
    let pod = settled(pod);
    let document = serde_json::to_string(&pod).unwrap_or_default();
    let executors = manifest::executors(&document, &Mounts::new(&[])).unwrap_or_default();
    if executors.is_empty() {
        report::print_finding(&manifest::no_kaniko(format!("no container of pod `{name}` runs Kaniko")));
        return Ok(vec![]);
    }
    let warnings = match pod.uid() {
        Some(uid) => events::warnings(&cluster, &uid).await,
        None => vec![],
    };
    let mut explained = vec![];
    for executor in executors {
        let log = match observe::log(&cluster, name, &executor.name).await {
            Ok(log) => log,
            Err(error) => {
                report::print_note(&Error::from(error).one_line());
                Log::default()
            }
        };
        explained.push(of_container(
            &Remnant { pod: &pod, document: &document, log: &log, warnings: &warnings },
            &executor,
            request,
            at_hand,
        )?);
    }
    Ok(explained)
}

/// What is left of a pod, and of one of its containers.
struct Remnant<'a> {
    pod: &'a Pod,
    /// The same, as rules read it.
    document: &'a str,
    log: &'a Log,
    warnings: &'a [String],
}

fn of_container(
    remnant: &Remnant,
    executor: &Executor,
    request: &ExplainRequest,
    at_hand: Option<&AtHand>,
) -> Result<Explained, Error> {
    let Remnant { pod, document, log, warnings } = *remnant;
    let is_ours = pod.labels().contains_key(INSTANCE);
    let stage =
        if executor.is_init { stage_of(&beginning(pod), &executor.name) } else { stage_of(pod, &executor.name) };
    let (state, ended) = ended(stage, warnings, is_ours, executor)?;
    let judged = |mounts: &[Mount]| {
        let name = format!("pod/{}", pod.name_any());
        let found = manifest::findings(Path::new(&name), document, mounts, &Mounts::new(mounts)).unwrap_or_default();
        // Nobody has the text that these places are in.
        found.into_iter().map(|finding| Finding { spans: vec![], ..finding }).collect::<Vec<_>>()
    };
    let setup = judged(&[]);
    let root = executor.context_root.clone();
    let mounts = match (at_hand, &root) {
        _ if !request.mounts.is_empty() => request.mounts.clone(),
        (Some(at_hand), Some(root)) if !is_ours => vec![mounted(at_hand.directory, root)],
        _ => vec![],
    };
    let with_context = if mounts.is_empty() { vec![] } else { judged(&mounts) };
    // What is mounted where the context was is the context.
    let directory = root.as_ref().and_then(|root| local(&request.mounts, root.as_bytes()));
    let from_mount = match (at_hand, &directory) {
        (None, Some(directory)) if directory.is_dir() => Some(AtHand::read(directory, &DockerfileSource::Default)?),
        _ => None,
    };
    let at_hand = at_hand.or(from_mount.as_ref());
    let image = Image::named(&executor.image);
    let findings = at_hand.map(|at_hand| at_hand.findings(log, image)).transpose()?.unwrap_or_default();
    let roots: Vec<String> = root.into_iter().collect();
    let causes = causes(&Observed {
        ended,
        is_ours,
        log,
        setup: Some(&setup),
        with_context: &with_context,
        roots: &roots,
        is_context_mounted: executor.is_context_mounted,
        project: at_hand.map(|at_hand| at_hand.project(&findings)),
    });
    let pod = post_mortem::Executor {
        namespace: pod.namespace().unwrap_or_default(),
        name: pod.name_any(),
        container: executor.name.clone(),
    };
    Ok(Explained { pod: Some(pod), state, causes })
}

/// A build context where the executor looks for it; with what is around it, as far as the names are the same.
fn mounted(directory: &Path, root: &str) -> Mount {
    let directory = real(directory).unwrap_or_else(|_| directory.to_owned());
    let (mut local, mut pod) = (&*directory, Path::new(root));
    while let (Some(above), Some(above_pod)) = (local.parent(), pod.parent())
        && local.file_name() == pod.file_name()
        && above_pod != Path::new("/")
    {
        (local, pod) = (above, above_pod);
    }
    Mount { local: local.to_owned(), pod: pod.as_os_str().as_bytes().to_vec() }
}

/// What a stage says of the end.
fn ended(
    stage: Stage,
    warnings: &[String],
    is_ours: bool,
    executor: &Executor,
) -> Result<(&'static str, Ended), Error> {
    let told = |error: Error| -> Result<_, Error> {
        let mut finding = Finding::try_from(error)?;
        if !is_ours {
            finding.help = (finding.code == Code::ExecutorOomKilled)
                .then(|| format!("raise `resources.limits.memory` of container `{}`", executor.name));
        }
        Ok(Ended::Told(finding))
    };
    Ok(match stage {
        Stage::Built { .. } => ("succeeded", Ended::Well),
        Stage::BuildFailed(BuildError::Failed { .. }) => ("failed", Ended::Failed),
        Stage::BuildFailed(error) => ("failed", told(error.into())?),
        Stage::Broken(error) => ("cannot go on", told(error.into())?),
        Stage::Building => ("runs", Ended::Running),
        Stage::Receiving => ("waits for its context", Ended::Waiting(None)),
        Stage::Waiting(wait) | Stage::Starting(wait) => {
            ("is not started yet", Ended::Waiting(wait.trouble.or_else(|| warnings.first().cloned())))
        }
    })
}

/// A container that is started again and again is as it last ended.
fn settled(mut pod: Pod) -> Pod {
    let statuses = pod.status.iter_mut().flat_map(|status| status.container_statuses.iter_mut().flatten());
    for status in statuses {
        let waiting = status.state.as_ref().and_then(|state| state.waiting.as_ref());
        let is_again = waiting.and_then(|waiting| waiting.reason.as_deref()) == Some("CrashLoopBackOff");
        if is_again && status.last_state.as_ref().is_some_and(|state| state.terminated.is_some()) {
            status.state = status.last_state.take();
        }
    }
    pod
}

/// A pod as if its init containers were all it has.
fn beginning(pod: &Pod) -> Pod {
    let mut pod = pod.clone();
    if let Some(spec) = &mut pod.spec {
        spec.containers = spec.init_containers.take().unwrap_or_default();
    }
    if let Some(status) = &mut pod.status {
        status.container_statuses = status.init_container_statuses.take();
    }
    pod
}

/// A build context at hand.
struct AtHand<'a> {
    context: BuildContext,
    directory: &'a Path,
    dockerfile: Result<TextFile, Finding>,
}

impl<'a> AtHand<'a> {
    fn read(directory: &'a Path, dockerfile: &DockerfileSource) -> Result<Self, Error> {
        locate::check_directory(directory)?;
        let dockerfile = match locate::dockerfile(directory, dockerfile.path()) {
            Ok(found) => Ok(found),
            // What was named has to be there.
            Err(error) if dockerfile.path().is_some() => return Err(error),
            Err(error) => Err(error.try_into()?),
        };
        let context = locate::build_context(directory, dockerfile.as_ref().ok().map(|file| &*file.path))?;
        Ok(Self { context, directory, dockerfile })
    }

    /// What is wrong with it, for an executor of this image, as far as that may explain a log.
    fn findings(&self, log: &Log, image: Image) -> Result<Vec<Finding>, Error> {
        match &self.dockerfile {
            Err(finding) => Ok(vec![finding.clone()]),
            Ok(_) if log.lost_source().is_none() => Ok(vec![]),
            Ok(dockerfile) => {
                let listing = scan(&self.context, Excluded::Prune)?;
                Ok(of_sources(
                    &self.context,
                    dockerfile,
                    &listing,
                    &Asked { image, fidelity: Fidelity::Off, ..Asked::default() },
                    &Plan::default(),
                ))
            }
        }
    }

    fn project<'b>(&'b self, findings: &'b [Finding]) -> Project<'b> {
        let dockerfile = self.dockerfile.as_ref().ok();
        let text = dockerfile.and_then(|file| Some((&*file.path, str::from_utf8(&file.content).ok()?)));
        Project { directory: self.directory, dockerfile: text, kept_out: self.kept_out(), findings }
    }

    /// Which line of the ignore file names the Dockerfile: Docker sends it all the same, and plain archivers do not.
    fn kept_out(&self) -> Option<String> {
        let path = self.dockerfile.as_ref().ok()?.path.strip_prefix(self.directory).ok()?;
        let ignore_file = self.context.ignore_file.as_ref()?;
        let rules = Rules::from_file(&ignore_file.content).ok()?;
        sources::excluding_line(&rules, &ignore_file.path, path.as_os_str().as_bytes())
    }
}

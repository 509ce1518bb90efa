//! `build`: scan, create, upload, follow, print, delete; with another pod where that may help.

use std::path::Path;
use std::sync::Arc;

use super::access::access;
use super::manifest::PodTemplate;
use super::memory;
use super::output::can_be_written;
use super::preflight::Preflight;
use super::run::{Origin, Run, clean_up};
use super::sent::{SentContext, tell_modes};
use super::signals::Signals;
use super::sources::{Asked, of_sources};
use super::steps::Steps;
use super::timing::Timing;
use crate::cluster::client::{Cluster, ClusterOptions};
use crate::cluster::session::Session;
use crate::cluster::ways::Ways;
use crate::context::advice::secret_message;
use crate::context::locate;
use crate::diagnose::{Finding, Place, Severity};
use crate::error::{BuildError, Error};
use crate::event::{Event, Listener};
use crate::executor::image::Image;
use crate::executor::log::Ran;
use crate::reference::Digest;
use crate::registry::Access;
use crate::report::{self, Ending, LogForm, Progress, Style};
use crate::request::{BuildRequest, ContextSource, Fidelity, Keep, PodRequest};
use crate::timeline::Timeline;

/// Secrets that a build tells of, a line each.
const SECRETS_TOLD: usize = 3;

/// Builds and pushes; prints the references by digest.
///
/// # Errors
/// Everything in [`Error`].
pub async fn build(request: BuildRequest, options: ClusterOptions, style: Style, log: LogForm) -> Result<(), Error> {
    let prepared = Prepared::of(request, &options, style, log).await?;
    prepared.build(&mut Signals::listen()?).await
}

/// All that there is to know before a pod exists.
pub(super) struct Prepared {
    request: BuildRequest,
    template: PodTemplate,
    cluster: Cluster,
    kubectl: String,
    sent: Arc<SentContext>,
    access: Access,
    progress: Arc<Progress>,
}

impl Prepared {
    /// Looks whether the build can succeed. Nothing is created, so it can be given up at any time.
    pub(super) async fn of(
        mut request: BuildRequest,
        options: &ClusterOptions,
        style: Style,
        log: LogForm,
    ) -> Result<Self, Error> {
        if let ContextSource::Directory(directory) = &request.pod.context.context {
            locate::check_directory(directory)?;
        }
        request.metadata_file.iter().try_for_each(|file| can_be_written(file))?;
        let template = PodTemplate::read(&request.pod)?;
        let progress = Arc::new(Progress::new(style, log));
        // Before the Dockerfile: a build context given as `--context` is told apart from a missing Dockerfile here.
        let cluster = Cluster::new(options, progress.clone()).await?;
        let preflight =
            Preflight::start(&cluster, request.check, request.pod.registry_secret.iter().cloned().collect());
        let mut sent = SentContext::read(&request.pod.context)?;
        progress.event(Event::Scanned { totals: sent.listing().totals(), special: sent.listing().special.clone() });
        if style != Style::Quiet {
            tell_modes(sent.files().root);
            tell_secrets(&sent);
        }

        let asked = request.pod.clone();
        repair(&mut sent, &mut request.pod, &template, &cluster).await?;
        let sent = Arc::new(sent);
        if request.check {
            let of_memory = memory::of_pod(&template.trial(&request.pod)?);
            check_sources(&sent, &asked, of_memory, style)?;
        }
        if style != Style::Quiet {
            let file = sent.found().map(|(_, file)| &*file.path);
            super::repair::tell(sent.plan(), sent.dockerfile(), file);
        }
        let access = access(&request.pod, sent.dockerfile()).await?;

        preflight.verdict().await?;

        let kubectl = options.kubectl(&cluster.namespace);
        Ok(Self { request, template, cluster, kubectl, sent, access, progress })
    }

    /// Builds and pushes; prints the references by digest.
    pub(super) async fn build(self, signals: &mut Signals) -> Result<(), Error> {
        let Self { request, template, cluster, kubectl, sent, access, progress } = self;
        let built_from = sent.plan().edits.apply(sent.dockerfile());
        let timing = Arc::new(Timing::start(Arc::new(Steps::of(&built_from, progress.clone()))));
        let run = Run {
            cluster: &cluster,
            template: &template,
            request: &request.pod,
            access: &access,
            origin: Origin::Sent(&sent),
            kubectl: &kubectl,
            listener: timing.clone(),
        };
        let (mut session, result) = run.follow(&mut Ways::new(request.pod.transport), signals).await?;
        // The result first: it is there, whatever becomes of the pod.
        let result = match result {
            Ok(digest) => {
                let timeline = timing.timeline(None);
                progress.event(Event::Timed(timeline.clone()));
                publish(&request.pod, &digest, &timeline, request.metadata_file.as_deref())
            }
            Err(Error::Build(BuildError::Failed { code, said, .. })) => {
                let at = instruction(session.failed_runs(), &sent);
                Err(BuildError::Failed { code, said, at }.into())
            }
            Err(error) => Err(error),
        };
        progress.finish(Ending::from(&result));
        let keep = match request.keep {
            Keep::Never => false,
            Keep::OnFailure => result.is_err(),
            Keep::Always => true,
        };
        if keep && session.has_pod() {
            tell_kept(&session, &kubectl);
        } else {
            clean_up(&mut session, signals, &kubectl).await;
        }
        result
    }
}

/// Plans what is changed so that the image is Docker's. The nodes are asked only where it depends on them.
pub(super) async fn repair(
    sent: &mut SentContext,
    request: &mut PodRequest,
    template: &PodTemplate,
    cluster: &Cluster,
) -> Result<(), Error> {
    let own = super::repair::of_pod(&template.trial(request)?);
    let mut plan = super::repair::plan(sent, request, own.clone());
    if request.fidelity == Fidelity::Repair
        && own.is_none()
        && !plan.empty.is_empty()
        && let Some(platform) = super::repair::of_nodes(cluster).await
    {
        plan = super::repair::plan(sent, request, Some(platform));
    }
    sent.repair(plan, request);
    Ok(())
}

/// An instruction that failed, and where it is if the Dockerfile is a file.
fn instruction(runs: &[Ran], sent: &SentContext) -> Option<String> {
    let (text, edits) = (sent.dockerfile(), &sent.plan().edits);
    let (ran, span) = Ran::last_of(runs, Some(&edits.apply(text)))?;
    let place = span.map(|span| Place::in_text(text, &edits.original(&span)));
    Some(match (place, sent.found()) {
        (Some(place), Some((_, file))) => format!("at {}:{}: {}", file.path.display(), place.line, ran.text),
        (Some(place), None) => format!("at line {} of the Dockerfile: {}", place.line, ran.text),
        (None, _) => format!("at {}", ran.text),
    })
}

/// Tells what there is to say before a pod exists; a quiet build is given no advice.
pub(super) fn check_sources(
    sent: &SentContext,
    request: &PodRequest,
    of_memory: Option<Finding>,
    style: Style,
) -> Result<(), Error> {
    let is_told = |finding: &&Finding| finding.severity > Severity::Advice || style != Style::Quiet;
    of_memory.iter().filter(is_told).for_each(report::print_finding);
    let Some((context, dockerfile)) = sent.found() else { return Ok(()) };
    let asked = Asked {
        image: Image::named(&request.executor_image),
        target: request.target.as_deref(),
        build_args: &request.build_args,
        executor_flags: &request.executor_flags,
        cache: request.cache(),
        fidelity: request.fidelity,
    };
    let findings = of_sources(context, dockerfile, sent.listing(), &asked, sent.plan());
    findings.iter().filter(is_told).for_each(report::print_finding);
    match findings.iter().any(|finding| finding.severity == Severity::Error) {
        true => Err(Error::Checked),
        false => Ok(()),
    }
}

fn publish(
    request: &PodRequest,
    digest: &Digest,
    timeline: &Timeline,
    metadata_file: Option<&Path>,
) -> Result<(), Error> {
    let lines: String = if request.no_push {
        format!("{digest}\n")
    } else {
        request.tags.iter().map(|tag| tag.with_digest(digest) + "\n").collect()
    };
    // The image is there: whatever cannot be written must not keep the rest from being written.
    let printed = report::write_stdout(lines.as_bytes());
    let written = metadata_file.map_or(Ok(()), |path| {
        let document = format!("{:#}\n", report::metadata_json(&request.tags, digest, timeline));
        std::fs::write(path, document).map_err(Error::not_written(path))
    });
    printed.and(written)
}

/// Tells of what looks like a secret while there is still time to interrupt; `context ls` has all of it.
fn tell_secrets(sent: &SentContext) {
    let exposed = sent.secrets();
    for exposed in exposed.iter().take(SECRETS_TOLD) {
        report::print_note(&secret_message(sent.listing(), exposed));
    }
    if let more @ 1.. = exposed.len().saturating_sub(SECRETS_TOLD) {
        report::print_note(&format!("and {more} more: `kaniko-local context ls` tells them"));
    }
}

/// Says how to look into a pod that is left, and how to delete it.
fn tell_kept(session: &Session, kubectl: &str) {
    let pod = session.pod();
    let look = match session.running_container() {
        Some(container) => format!("{kubectl} exec -it {pod} -c {container} -- sh"),
        None => format!("{kubectl} logs {pod} --all-containers"),
    };
    report::print_note(&format!(
        "pod `{pod}` is kept\nlook inside: {look}\nwhat became of it: {kubectl} describe pod {pod}\n\
         delete it: {kubectl} delete pod {pod}"
    ));
}

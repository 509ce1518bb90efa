//! `build`: scan, create, upload, follow, print, delete; with another pod where that may help.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::access::access;
use super::manifest::{PodTemplate, context_name};
use super::memory;
use super::preflight::Preflight;
use super::sent::SentContext;
use super::signals::Signals;
use super::sources::{Asked, of_sources};
use crate::cluster::client::{Cluster, ClusterOptions};
use crate::cluster::manifest;
use crate::cluster::receiver::Nonce;
use crate::cluster::session::Session;
use crate::cluster::ways::{Step, Ways};
use crate::context::advice::secret_message;
use crate::context::locate;
use crate::diagnose::{Finding, Place, Severity};
use crate::error::{BuildError, ClusterError, Error, Signal};
use crate::event::{Event, Listener};
use crate::executor::image::Image;
use crate::executor::log::Ran;
use crate::reference::Digest;
use crate::registry::Access;
use crate::report::{self, LogForm, Progress, Style};
use crate::request::{BuildRequest, ContextSource, Fidelity, Keep, PodRequest};

/// A signal within this time after the first is its echo; and a deletion under way gets as much time after a second.
const IMPATIENCE: Duration = Duration::from_secs(1);

/// Secrets that a build tells of, a line each.
const SECRETS_TOLD: usize = 3;

/// Builds and pushes; prints the references by digest.
///
/// # Errors
/// Everything in [`Error`].
pub async fn build(
    mut request: BuildRequest,
    options: ClusterOptions,
    style: Style,
    log: LogForm,
) -> Result<(), Error> {
    if let ContextSource::Directory(directory) = &request.pod.context.context {
        locate::check_directory(directory)?;
    }
    let template = PodTemplate::read(&request.pod)?;
    let progress = Arc::new(Progress::new(style, log));
    // Before the Dockerfile: a build context given as `--context` is told apart from a missing Dockerfile here.
    let cluster = Cluster::new(&options, progress.clone()).await?;
    let preflight = Preflight::start(&cluster, request.check);
    let mut sent = SentContext::read(&request.pod.context)?;
    progress.event(Event::Scanned { totals: sent.listing().totals(), special: sent.listing().special.clone() });
    if style != Style::Quiet {
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

    let mut signals = Signals::listen()?;
    let kubectl = options.kubectl(&cluster.namespace);
    let deadline = Instant::now() + request.pod.timeout;
    let mut ways = Ways::new(request.pod.transport);
    let (mut session, result) = loop {
        let nonce = Nonce::random();
        let left = PodRequest { timeout: deadline.saturating_duration_since(Instant::now()), ..request.pod.clone() };
        let directory = context_name(&request.pod.context.context);
        let pod = template.apply(manifest::pod(&left, &access, ways.current(), &directory, &nonce))?;
        let mut session = Session::start(&cluster, pod, ways.current(), progress.clone());
        let result = tokio::select! {
            result = steps(&mut session, &request.pod, &access, &nonce, &sent) => result,
            signal = signals.next() => Err((Step::Build, Error::Interrupted(signal))),
            () = tokio::time::sleep_until(deadline.into()) => {
                Err((Step::Build, Error::Deadline { timeout: request.pod.timeout, trouble: None }))
            }
        };
        match result {
            Err((step, error)) if ways.another(step, &error) => {
                progress.event(Event::Again { why: error.one_line(), transport: ways.current() });
                // Nobody who wants an end to it waits for another pod.
                if let Some(signal) = clean_up(&mut session, &mut signals, &kubectl).await {
                    break (session, Err(Error::Interrupted(signal)));
                }
            }
            result => break (session, result.map_err(|(_, error)| error)),
        }
    };
    // The result first: it is there, whatever becomes of the pod.
    let result = match result {
        Ok(digest) => publish(&request.pod, &digest, request.metadata_file.as_deref()),
        Err(Error::Cluster(ClusterError::PodEnded { reason, .. })) if reason == "DeadlineExceeded" => {
            Err(Error::Deadline { timeout: request.pod.timeout, trouble: session.trouble() })
        }
        Err(Error::Deadline { timeout, .. }) => Err(Error::Deadline { timeout, trouble: session.trouble() }),
        Err(Error::Build(BuildError::Failed { code, said, .. })) => {
            let at = instruction(session.failed_runs(), &sent);
            Err(BuildError::Failed { code, said, at }.into())
        }
        Err(error) => Err(error),
    };
    progress.finish(result.is_err());
    let keep = match request.keep {
        Keep::Never => false,
        Keep::OnFailure => result.is_err(),
        Keep::Always => true,
    };
    if keep && session.has_pod() {
        tell_kept(&session, &kubectl);
    } else {
        clean_up(&mut session, &mut signals, &kubectl).await;
    }
    result
}

/// Plans what is changed so that the image is Docker's. The nodes are asked only where it depends on them.
async fn repair(
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
fn check_sources(
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

async fn steps(
    session: &mut Session,
    request: &PodRequest,
    access: &Access,
    nonce: &Nonce,
    sent: &Arc<SentContext>,
) -> Result<Digest, (Step, Error)> {
    let at = |step| move |error| (step, error);
    session.wait_until_ready(access).await.map_err(at(Step::Start))?;
    let bytes = sent.plan().listing(sent.listing()).totals().bytes;
    session.upload(nonce, request.compression, sent.clone(), bytes).await.map_err(at(Step::Upload))?;
    session.follow_build().await.map_err(at(Step::Build))
}

fn publish(request: &PodRequest, digest: &Digest, metadata_file: Option<&Path>) -> Result<(), Error> {
    let lines: String = if request.no_push {
        format!("{digest}\n")
    } else {
        request.tags.iter().map(|tag| tag.with_digest(digest) + "\n").collect()
    };
    // The image is there: whatever cannot be written must not keep the rest from being written.
    let printed = report::write_stdout(lines.as_bytes());
    let written = metadata_file.map_or(Ok(()), |path| {
        let document = format!("{:#}\n", report::metadata_json(&request.tags, digest));
        std::fs::write(path, document).map_err(|source| Error::Output { what: format!("`{}`", path.display()), source })
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

/// Deletes the pod; an impatient signal meanwhile ends the wait.
async fn clean_up(session: &mut Session, signals: &mut Signals, kubectl: &str) -> Option<Signal> {
    let command = format!("{kubectl} delete pod {}", session.pod());
    let started = Instant::now();
    let mut delete = std::pin::pin!(session.delete());
    let mut heard = None;
    let failed = loop {
        tokio::select! {
            deleted = &mut delete => break deleted.err().map(|error| Error::from(error).one_line()),
            // A terminal that closes sends two, and so do wrappers that pass Ctrl-C on: only a later one is impatience.
            signal = signals.next() => {
                heard = Some(signal);
                if started.elapsed() > IMPATIENCE {
                    let last_chance = tokio::time::timeout(IMPATIENCE, &mut delete).await;
                    break match last_chance {
                        Ok(deleted) => deleted.err().map(|error| Error::from(error).one_line()),
                        Err(_) => Some(signal.name().to_owned()),
                    };
                }
            }
        }
    };
    if let Some(why) = failed {
        report::print_note(&format!("{why}; the pod may still be there, delete it with `{command}`"));
    }
    heard
}

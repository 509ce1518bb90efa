//! `compare`: the same image from the directory and from a git context, in turns.

mod builds;
mod known;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use builds::Builds;
use known::Known;
use terminal_size::{Width, terminal_size_of};

use super::access::access;
use super::build::{check_sources, repair};
use super::manifest::PodTemplate;
use super::output::can_be_written;
use super::preflight::Preflight;
use super::sent::SentContext;
use super::signals::Signals;
use crate::cluster::client::{Cluster, ClusterOptions};
use crate::code::Code;
use crate::compare::{Comparison, Side, forecast};
use crate::context::advice::{Advice, advice};
use crate::context::{facts, locate};
use crate::error::{Error, UsageError};
use crate::event::Listener;
use crate::executor::GitPlace;
use crate::git::Address;
use crate::report::{self, LogForm, Progress, Style};
use crate::request::{CompareRequest, ComparisonForm};
use crate::sys::slashed;

/// Columns of a comparison that no terminal shows.
const COLUMNS: usize = 80;

/// Builds from both, in turns, and tells what the difference is made of.
///
/// # Errors
/// Everything in [`Error`]: one build that fails ends it, and so does a signal; what was measured before is told.
pub async fn compare(mut request: CompareRequest, options: ClusterOptions) -> Result<(), Error> {
    locate::check_directory(&request.directory)?;
    request.saves.iter().try_for_each(|(file, _)| can_be_written(file))?;
    let template = PodTemplate::read(&request.pod)?;
    let listener: Arc<dyn Listener> = Arc::new(Progress::new(Style::Quiet, LogForm::Text));
    let cluster = Cluster::new(&options, listener).await?;
    let secrets = request.secret.iter().chain(&request.pod.registry_secret).cloned().collect();
    let preflight = Preflight::start(&cluster, true, secrets);
    let mut sent = SentContext::read(&request.pod.context)?;
    let dockerfile = dockerfile_within(&request, &sent)?;
    report::print_note("the directory is compared with the commit, and counted what a clone fetches");
    let signals = Signals::listen()?;
    let (mut signals, known) = signals.or_stop(|stop| Known::of(&request, &sent, &dockerfile, stop)).await?;
    let known = known?;
    known.tell();
    let place = git_place(known.built(), &dockerfile, request.secret.clone());
    let mut comparison = known.comparison(&request, unintended(&sent));
    let asked = request.pod.clone();
    signals.or(repair(&mut sent, &mut request.pod, &template, &cluster)).await?;
    check_sources(&sent, &asked, None, Style::Quiet)?;
    let access = signals.or(access(&request.pod, sent.dockerfile())).await?;
    signals.or(preflight.verdict()).await?;

    let kubectl = options.kubectl(&cluster.namespace);
    let builds = Builds {
        cluster: &cluster,
        template: &template,
        request: &request,
        access: &access,
        sent: &Arc::new(sent),
        place: &place,
        kubectl: &kubectl,
    };
    let (runs, ended) = builds.all(&mut signals).await;
    comparison.runs = runs;
    comparison.unfinished = ended.as_ref().err().map(Error::one_line);
    if Side::BOTH.into_iter().any(|side| comparison.counted(side).next().is_none()) {
        return ended;
    }
    comparison.forecasts = request.links.iter().map(|link| forecast(&comparison, link)).collect();
    let told = tell_result(&comparison, &request);
    // Why it ended early matters more than that this could not be written.
    ended.and(told)
}

/// Prints and saves it.
fn tell_result(comparison: &Comparison, request: &CompareRequest) -> Result<(), Error> {
    let mut result = report::write_stdout(rendered(comparison, request.form, columns())?.as_bytes());
    for (file, form) in &request.saves {
        let text = rendered(comparison, *form, COLUMNS)?;
        // The others are written all the same.
        result = result.and(std::fs::write(file, text).map_err(Error::not_written(file)));
    }
    result
}

fn rendered(comparison: &Comparison, form: ComparisonForm, columns: usize) -> Result<String, Error> {
    match form {
        ComparisonForm::Text => Ok(report::comparison_text(comparison, columns)),
        ComparisonForm::Json => Ok(format!("{:#}\n", report::comparison_json(comparison))),
        ComparisonForm::Html => report::comparison_page(comparison),
    }
}

/// Where the Dockerfile is in the directory; the repository has it at the same place.
fn dockerfile_within(request: &CompareRequest, sent: &SentContext) -> Result<PathBuf, UsageError> {
    let Some((_, file)) = sent.found() else { return Err(UsageError::CompareStdin) };
    let real = |path: &Path| path.canonicalize().ok();
    let within = real(&file.path).zip(real(&request.directory)).and_then(|(file, directory)| {
        let relative = file.strip_prefix(directory).ok()?;
        relative.to_str().map(PathBuf::from).map(slashed)
    });
    within.ok_or_else(|| UsageError::CompareDockerfile { file: file.path.clone() })
}

fn git_place(address: &Address, dockerfile: &Path, secret: Option<String>) -> GitPlace {
    let kaniko = address.kaniko();
    let dockerfile = match &kaniko.sub_path {
        Some(directory) => Path::new(directory).join(dockerfile),
        None => dockerfile.to_owned(),
    };
    GitPlace {
        context: kaniko.context,
        sub_path: kaniko.sub_path,
        dockerfile: dockerfile.to_string_lossy().into_owned(),
        pull_method: kaniko.pull_method.as_str(),
        secret,
    }
}

fn unintended(sent: &SentContext) -> Vec<Advice> {
    let Some((context, file)) = sent.found() else { return vec![] };
    let facts = facts::gather(context, Some(file), sent.listing());
    advice(sent.listing(), &facts).into_iter().filter(|advice| advice.code == Code::ContextUnintended).collect()
}

/// As wide as the terminal.
fn columns() -> usize {
    terminal_size_of(std::io::stdout()).map_or(COLUMNS, |(Width(columns), _)| columns.into())
}

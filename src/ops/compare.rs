//! `compare`: the same image from the directory and from a git context, in turns.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::access::access;
use super::build::{check_sources, repair};
use super::manifest::PodTemplate;
use super::preflight::Preflight;
use super::run::{Origin, Run, clean_up};
use super::sent::SentContext;
use super::signals::Signals;
use super::timing::Timing;
use crate::cluster::client::{Cluster, ClusterOptions};
use crate::cluster::ways::Ways;
use crate::code::Code;
use crate::compare::{Comparison, Content, Run as Measured, Side, forecast, order};
use crate::context::advice::{Advice, advice};
use crate::context::{facts, locate};
use crate::error::{Error, UsageError};
use crate::event::Listener;
use crate::executor::GitPlace;
use crate::git::{
    Address, Committed, Contents, GitError, History, REMOTE, Repository, Source, Stop, Tracked, difference, remote_refs,
};
use crate::registry::Access;
use crate::report::{self, Ending, LogForm, Progress, Style, Ticker};
use crate::request::{CompareRequest, ComparisonForm, Transport};
use crate::words;

/// Columns of a comparison that no terminal shows.
const COLUMNS: usize = 80;

/// Builds from both, in turns, and tells what the difference is made of.
///
/// # Errors
/// Everything in [`Error`]: one build that fails ends it, and so does a signal; what was measured before is told.
pub async fn compare(mut request: CompareRequest, options: ClusterOptions) -> Result<(), Error> {
    locate::check_directory(&request.directory)?;
    for (file, _) in &request.saves {
        // Told before anything is built. What is there stays until there is something new.
        std::fs::OpenOptions::new().append(true).create(true).open(file).map_err(|source| not_written(file, source))?;
    }
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
    tell(&known);
    let built = known.pinned.as_ref().unwrap_or(&known.address);
    let place = git_place(built, &dockerfile, request.secret.clone());
    let mut comparison = Comparison {
        context: request.directory.display().to_string(),
        commit: built.commit().map(|commit| commit.to_string()),
        repository: known.address.to_string(),
        tags: if request.pod.no_push { vec![] } else { request.pod.tags.iter().map(ToString::to_string).collect() },
        runs: vec![],
        content: known.content,
        assumed: known.assumed,
        unfinished: None,
        history: known.history,
        is_single_branch: has_flag(&request, "single-branch"),
        has_init_container: request.pod.transport != Some(Transport::Stdin),
        forecasts: vec![],
        unintended: unintended(&sent),
    };
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
        result = result.and(std::fs::write(file, text).map_err(|source| not_written(file, source)));
    }
    result
}

fn not_written(file: &Path, source: std::io::Error) -> Error {
    Error::Output { what: format!("`{}`", file.display()), source }
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
        relative.to_str().map(PathBuf::from)
    });
    within.ok_or_else(|| UsageError::CompareDockerfile { file: file.path.clone() })
}

/// What is known of the repository before anything is built from it.
struct Known {
    /// The repository, with the directory in it that is the context.
    address: Address,
    /// The same of one commit, if it is known which: a branch may move between two builds.
    pinned: Option<Address>,
    content: Content,
    /// What stands for the server's word, if it was not asked.
    assumed: Option<String>,
    history: Option<History>,
}

impl Known {
    /// # Errors
    /// The address names nothing that is there, or nothing with a Dockerfile.
    fn of(request: &CompareRequest, sent: &SentContext, dockerfile: &Path, stop: &Stop) -> Result<Self, UsageError> {
        let unknown = |address: Address, why: String| Self {
            address,
            pinned: None,
            content: Content::Unknown(why),
            assumed: None,
            history: None,
        };
        let repository = match Repository::find(&request.directory, stop.clone()) {
            Ok(Some(repository)) => repository,
            Ok(None) => {
                let why = "the directory is in no git repository".to_owned();
                return Ok(Self { pinned: on_server(&request.git, stop)?, ..unknown(request.git.clone(), why) });
            }
            Err(error) => return Ok(unknown(request.git.clone(), told(&error))),
        };
        let address = within(&request.git, repository.prefix());
        let clones_submodules = has_flag(request, "recurse-submodules");
        match Self::in_repository(&repository, &address, sent, dockerfile, clones_submodules) {
            Ok(known) => known,
            Err(GitError::NotThere { address, known }) => {
                Err(UsageError::NotInRepository { address: address.to_string(), known })
            }
            Err(error) => Ok(unknown(address, told(&error))),
        }
    }

    fn in_repository(
        repository: &Repository,
        address: &Address,
        sent: &SentContext,
        dockerfile: &Path,
        clones_submodules: bool,
    ) -> Result<Result<Self, UsageError>, GitError> {
        let found = repository.commit_of(address)?;
        let commit = found.named.commit;
        // A commit that the server may not have is none to insist on.
        let reference = found.named.reference.as_ref().filter(|_| found.source.is_of_server());
        let pinned = reference.map(|reference| address.pinned(reference, commit));
        let history = repository.history(&found).ok();
        let without = |file: String| Ok(Err(UsageError::NotCommitted { file, address: address.to_string(), commit }));
        let content = match repository.committed(commit, address, dockerfile)? {
            Tracked::NoCommit => {
                Content::Unknown(format!("commit {commit} is not in the local repository: `git fetch` gets it"))
            }
            Tracked::NoDirectory => return without(address.sub_path().unwrap_or(".").to_owned()),
            Tracked::NoDockerfile => return without(dockerfile.display().to_string()),
            Tracked::Context(there) => {
                let there = Committed { submodules: clones_submodules, ..there };
                let contents = Contents::new(repository, sent.files())?;
                let here = repository.here()?;
                match difference(sent.listing(), &here, &there, &contents) {
                    Ok(found) => Content::Known(found),
                    Err(error) => Content::Unknown(Error::from(error).one_line()),
                }
            }
        };
        let assumed = assumed(&found.source);
        Ok(Ok(Self { address: address.clone(), pinned, content, assumed, history }))
    }
}

/// What is taken for the server's word where it was not asked.
fn assumed(source: &Source) -> Option<String> {
    let Source::Local { remote, why } = source else { return None };
    let of =
        remote.as_ref().map_or("the local branches count".to_owned(), |name| format!("what `{name}` had last counts"));
    Some(format!("the server was not asked from here, {of}: {}", told(why)))
}

/// Whether `--git=NAME=true` is given; the last one counts (kaniko v1.24.0 `pkg/config/args.go` `KanikoGitOptions`).
fn has_flag(request: &CompareRequest, name: &str) -> bool {
    let given = request.pod.executor_flags.iter().rev().find_map(|flag| {
        let (option, value) = flag.strip_prefix("--git=")?.split_once('=')?;
        (option == name).then_some(value)
    });
    given.is_some_and(|value| matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True"))
}

fn told(error: &GitError) -> String {
    std::iter::once(error.to_string()).chain(error.notes()).collect::<Vec<_>>().join(": ")
}

/// The commit that the server says an address names; none if it does not answer.
///
/// # Errors
/// It says that the address names nothing.
fn on_server(address: &Address, stop: &Stop) -> Result<Option<Address>, UsageError> {
    let Ok(references) = remote_refs(&address.url(), REMOTE, stop) else { return Ok(None) };
    let found = references
        .named(address)
        .ok_or_else(|| UsageError::NotInRepository { address: address.to_string(), known: references.names() })?;
    Ok(found.reference.map(|reference| address.pinned(&reference, found.commit)))
}

/// A directory of the repository is the context there, too, unless the address says otherwise.
fn within(address: &Address, prefix: &Path) -> Address {
    let prefix = prefix.to_str().filter(|prefix| address.sub_path().is_none() && !prefix.is_empty());
    prefix.and_then(|prefix| address.below(prefix).ok()).unwrap_or_else(|| address.clone())
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

/// What is to be known before times are taken.
fn tell(known: &Known) {
    known.address.note().iter().chain(&known.assumed).for_each(|note| report::print_note(note));
    match &known.content {
        Content::Known(content) if content.is_same() => report::print_note("both contexts have the same content"),
        Content::Known(content) => {
            report::print_note(&format!("the contexts differ, so the images will:\n{content}"));
        }
        Content::Unknown(why) => {
            report::print_note(&format!("whether both contexts have the same content is not known: {why}"));
        }
    }
}

fn unintended(sent: &SentContext) -> Vec<Advice> {
    let Some((context, file)) = sent.found() else { return vec![] };
    let facts = facts::gather(context, Some(file), sent.listing());
    advice(sent.listing(), &facts).into_iter().filter(|advice| advice.code == Code::ContextUnintended).collect()
}

/// All builds, one after the other.
struct Builds<'a> {
    cluster: &'a Cluster,
    template: &'a PodTemplate,
    request: &'a CompareRequest,
    access: &'a Access,
    sent: &'a Arc<SentContext>,
    place: &'a GitPlace,
    kubectl: &'a str,
}

/// A build that is over.
struct Built {
    side: Side,
    is_warm_up: bool,
    timing: Arc<Timing>,
    digest: String,
}

impl Builds<'_> {
    /// What was built, and whether it was all.
    async fn all(&self, signals: &mut Signals) -> (Vec<Measured>, Result<(), Error>) {
        // The first build fills the layer cache for the other side.
        let warm_ups = if self.request.warm_up || self.request.pod.cache_repo.is_some() { 1 } else { 0 };
        let sides = order(warm_ups).into_iter().map(|side| (side, true));
        let sides: Vec<(Side, bool)> =
            sides.chain(order(self.request.runs).into_iter().map(|side| (side, false))).collect();
        // What works in the first build is what is measured.
        let mut ways = Ways::new(self.request.pod.transport);
        let mut builds = vec![];
        let mut ended = Ok(());
        for (number, (side, is_warm_up)) in (1..).zip(&sides) {
            let count = sides.len();
            let kind = if *is_warm_up { ", not counted" } else { "" };
            report::print_note(&format!("build {number} of {count}: {}{kind}", side.title()));
            match self.one(*side, *is_warm_up, &mut ways, signals).await {
                Ok(built) => {
                    report::print_note(&words::times(&built.timing.timeline(None)));
                    builds.push(built);
                }
                Err(error) => {
                    ended = Err(error);
                    break;
                }
            }
        }
        (measured(builds), ended)
    }

    async fn one(&self, side: Side, is_warm_up: bool, ways: &mut Ways, signals: &mut Signals) -> Result<Built, Error> {
        let progress = Arc::new(Progress::new(Style::Quiet, LogForm::Text));
        let timing = Arc::new(Timing::start(progress.clone()));
        let origin = match side {
            Side::Local => Origin::Sent(self.sent),
            Side::Git => Origin::Git(self.place),
        };
        let run = Run {
            cluster: self.cluster,
            template: self.template,
            request: &self.request.pod,
            access: self.access,
            origin,
            kubectl: self.kubectl,
            listener: timing.clone(),
        };
        let ticker = Ticker::start(side.title());
        let followed = run.follow(ways, signals).await;
        drop(ticker);
        let (mut session, result) = followed?;
        progress.finish(Ending::from(&result));
        timing.pulled(session.pulls().await);
        clean_up(&mut session, signals, self.kubectl).await;
        let digest = result?.to_string();
        Ok(Built { side, is_warm_up, timing, digest })
    }
}

/// Their times, with each node's clock as the build read it that read it best: the one that heard a line soonest.
fn measured(builds: Vec<Built>) -> Vec<Measured> {
    let mut clocks: BTreeMap<String, f64> = BTreeMap::new();
    for built in &builds {
        let timeline = built.timing.timeline(None);
        if let (Some(node), Some(ahead)) = (timeline.node, timeline.clock_ahead) {
            clocks.entry(node).and_modify(|most| *most = most.max(ahead)).or_insert(ahead);
        }
    }
    let run = |Built { side, is_warm_up, timing, digest }: Built| {
        let node = timing.timeline(None).node;
        let timeline = timing.timeline(node.and_then(|node| clocks.get(&node).copied()));
        Measured { side, is_warm_up, timeline, digest }
    };
    builds.into_iter().map(run).collect()
}

/// As wide as the terminal.
fn columns() -> usize {
    let size = std::io::stdout().is_terminal().then(|| rustix::termios::tcgetwinsize(std::io::stdout()).ok()).flatten();
    size.map_or(COLUMNS, |size| usize::from(size.ws_col).max(1))
}

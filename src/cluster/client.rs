//! Finds the cluster as kubectl does, makes the client for it, and asks again where asking again may help.
//!
//! Everything this tool asks for may be asked twice: names are chosen by the client, deletions name a UID. kube's own
//! repeating is off: it knows neither tokens that ran out nor connections that break, and ends without the server's words.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use http::Response;
use kube::client::{AuthError, ClientBuilder};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use tower::util::MapResponseLayer;

use crate::error::{ClusterError, Error, UsageError};
use crate::event::{Event, Listener};

/// Bound on opening a connection. The client tries the addresses of a name in turn, each within it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a cluster that has answered before is asked again: an API server that restarts is back by then.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same for one that has never answered: it is more likely none.
const FIRST_PATIENCE: Duration = Duration::from_secs(2);
/// Wait before a request is repeated: at first, and at most.
const AGAIN: Duration = Duration::from_millis(250);
const AGAIN_AT_MOST: Duration = Duration::from_secs(4);
/// For so long after a connection failed, a missing right may be there a moment later: an API server that has just
/// started takes requests before it has read the RoleBindings.
const JUST_BACK: Duration = Duration::from_secs(20);

/// Which cluster, as asked for.
#[derive(Debug, Clone, Default)]
pub struct ClusterOptions {
    /// Kubeconfig context.
    pub context: Option<String>,
    /// Kubeconfig cluster.
    pub cluster: Option<String>,
    /// Kubeconfig user.
    pub user: Option<String>,
    /// Namespace.
    pub namespace: Option<String>,
    /// Kubeconfig file.
    pub kubeconfig: Option<PathBuf>,
    /// The value of `KUBECONFIG`: a list of kubeconfig files.
    pub kubeconfig_list: Option<OsString>,
    /// User to impersonate.
    pub impersonate: Option<String>,
    /// Bound on one request.
    pub request_timeout: Duration,
}

impl ClusterOptions {
    /// `kubectl` with the flags that reach the same place, for commands that a user may paste.
    pub fn kubectl(&self, namespace: &str) -> String {
        let kubeconfig = self.kubeconfig.as_ref().map(|path| path.display().to_string());
        let given = [
            ("--kubeconfig", kubeconfig.as_ref()),
            ("--context", self.context.as_ref()),
            ("--cluster", self.cluster.as_ref()),
            ("--user", self.user.as_ref()),
            ("--as", self.impersonate.as_ref()),
        ];
        let flags = given.iter().filter_map(|(flag, value)| Some(format!(" {flag} {}", (*value)?)));
        format!("kubectl{} -n {namespace}", flags.collect::<String>())
    }
}

/// A cluster to talk to.
#[derive(Clone)]
pub struct Cluster {
    /// The namespace of everything this tool makes.
    pub namespace: String,
    shared: Arc<Shared>,
}

struct Shared {
    options: ClusterOptions,
    server: String,
    client: RwLock<Client>,
    /// It has answered, so a failure is likely to pass.
    answered: AtomicBool,
    /// Until when the server wants to be left alone: it said `Retry-After`.
    not_before: NotBefore,
    /// When a connection last failed.
    failed: Mutex<Option<Instant>>,
    listener: Arc<dyn Listener>,
}

impl Cluster {
    /// Reads the kubeconfig (named, `KUBECONFIG`, `~/.kube/config`), or the service account of the pod this runs in if
    /// there is none, and makes a client. Nothing is asked of the cluster yet.
    ///
    /// # Errors
    /// Usage errors: no kubeconfig, a context that does not exist, a file that cannot be read.
    pub async fn new(options: &ClusterOptions, listener: Arc<dyn Listener>) -> Result<Self, Error> {
        let config = config(options).await?;
        let namespace = options.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let not_before = Arc::default();
        let shared = Shared {
            options: options.clone(),
            server,
            client: RwLock::new(client(config, options, &not_before)?),
            answered: AtomicBool::new(false),
            not_before,
            failed: Mutex::default(),
            listener,
        };
        Ok(Self { namespace, shared: Arc::new(shared) })
    }

    /// The client as it is now; it may be another one after the next request.
    pub fn client(&self) -> Client {
        self.shared.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the client anew: reads the kubeconfig again and has credential plugins run again.
    pub async fn renew(&self) {
        let options = &self.shared.options;
        let renewed = match config(options).await {
            Ok(config) => client(config, options, &self.shared.not_before),
            Err(error) => Err(error),
        };
        match renewed {
            Ok(client) => *self.shared.client.write().unwrap_or_else(PoisonError::into_inner) = client,
            Err(error) => tracing::debug!(error = error.one_line(), "the client could not be made anew"),
        }
    }

    /// Runs a request and gives its failure a name; `action` completes "cannot …". Each try is bound by
    /// `--request-timeout`. A cluster that has answered before is asked again for a minute where that may help.
    ///
    /// # Errors
    /// The server's refusal, or why no answer came.
    pub async fn request<T, F: Future<Output = kube::Result<T>>>(
        &self,
        action: &str,
        request: impl Fn(Client) -> F,
    ) -> Result<T, ClusterError> {
        let started = Instant::now();
        let mut backoff = AGAIN;
        let (mut renewed, mut told) = (false, false);
        loop {
            let error = match self.request_once(action, &request).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match error {
                ClusterError::Refused { code: 401, .. } if !renewed => {
                    renewed = true;
                    self.renew().await;
                }
                ClusterError::Refused { code: 401, .. } => return Err(error),
                error => {
                    let pause = backoff.max(self.wanted_pause());
                    let has_answered = self.shared.answered.load(Ordering::Relaxed);
                    let patience = if has_answered { PATIENCE } else { FIRST_PATIENCE };
                    if !self.may_pass(&error) || started.elapsed() + pause > patience {
                        return Err(error);
                    }
                    if !std::mem::replace(&mut told, true) {
                        let trouble = Some(Error::from(error).one_line());
                        self.shared.listener.event(Event::Waiting { what: "the cluster".to_owned(), trouble });
                    }
                    tokio::time::sleep(pause).await;
                    backoff = (backoff * 2).min(AGAIN_AT_MOST);
                }
            }
        }
    }

    /// The same, asked once.
    ///
    /// # Errors
    /// The server's refusal, or why no answer came.
    pub(super) async fn request_once<T, F: Future<Output = kube::Result<T>>>(
        &self,
        action: &str,
        request: impl Fn(Client) -> F,
    ) -> Result<T, ClusterError> {
        let bound = self.shared.options.request_timeout;
        let result = match tokio::time::timeout(bound, request(self.client())).await {
            Ok(answer) => answer.map_err(|error| self.named(action, error)),
            Err(_) => Err(ClusterError::Request {
                action: action.to_owned(),
                why: format!("{} did not answer within {} s", self.shared.server, bound.as_secs()),
            }),
        };
        match result {
            Ok(_) | Err(ClusterError::Refused { .. }) => self.shared.answered.store(true, Ordering::Relaxed),
            Err(_) => self.connection_failed(),
        }
        result
    }

    /// Whoever watches or reads a log tells it here: the API server may be about to restart.
    pub(super) fn connection_failed(&self) {
        *self.shared.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a missing right may be there a moment later.
    pub(super) fn is_just_back(&self) -> bool {
        let failed = *self.shared.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|failed| failed.elapsed() < JUST_BACK)
    }

    /// How long the server wants to be left alone.
    pub(super) fn wanted_pause(&self) -> Duration {
        let not_before = *self.shared.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        not_before.map(|time| time.saturating_duration_since(Instant::now())).unwrap_or_default()
    }

    /// Whether asking again may help. A cluster that was never reached is more likely misnamed.
    fn may_pass(&self, error: &ClusterError) -> bool {
        match error {
            ClusterError::Refused { code: 403, .. } => self.is_just_back(),
            ClusterError::Unreachable { .. } => self.shared.answered.load(Ordering::Relaxed),
            _ => error.may_pass(),
        }
    }

    /// Whether nothing came of a request that failed: the server refused it, or never saw it.
    pub(super) fn was_not_done(&self, error: &kube::Error) -> bool {
        match error {
            kube::Error::Api(status) => status.code < 500,
            error => is_connect(error),
        }
    }

    /// Gives a failed request its name.
    pub fn named(&self, action: &str, error: kube::Error) -> ClusterError {
        match error {
            kube::Error::Api(status) => ClusterError::Refused {
                action: action.to_owned(),
                reason: if status.reason.is_empty() { format!("HTTP {}", status.code) } else { status.reason.clone() },
                message: status.message.clone(),
                code: status.code,
            },
            error if is_connect(&error) => {
                ClusterError::Unreachable { server: self.shared.server.clone(), why: causes(&error) }
            }
            error => ClusterError::Request { action: action.to_owned(), why: causes(&error) },
        }
    }
}

type NotBefore = Arc<Mutex<Option<Instant>>>;

fn client(mut config: Config, options: &ClusterOptions, not_before: &NotBefore) -> Result<Client, Error> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    // Logs and watches may be silent for long, and a slow receiver is none that is gone: the upload has a watchdog of
    // its own.
    config.read_timeout = None;
    config.write_timeout = None;
    config.default_retry = false;
    if let Some(user) = &options.impersonate {
        config.auth_info.impersonate = Some(user.clone());
    }
    let plugin = config.auth_info.exec.as_ref().and_then(|exec| exec.command.clone()).unwrap_or_default();
    let builder = ClientBuilder::try_from(config)
        .map_err(|error| UsageError::Kubeconfig { why: credential_causes(&error, &plugin) })?;
    // kube passes the server's words on, but none of its headers.
    let not_before = Arc::clone(not_before);
    let note = MapResponseLayer::new(move |response: Response<_>| {
        if let Some(pause) = retry_after(&response) {
            *not_before.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now().checked_add(pause);
        }
        response
    });
    Ok(builder.with_layer(&note).build())
}

/// RFC 9110, 10.2.3; Kubernetes says seconds.
fn retry_after<B>(response: &Response<B>) -> Option<Duration> {
    let text = response.headers().get("Retry-After")?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

async fn config(options: &ClusterOptions) -> Result<Config, Error> {
    let kubeconfig = match (&options.kubeconfig, &options.kubeconfig_list) {
        (Some(path), _) => Kubeconfig::read_from(path),
        (None, Some(list)) if !list.is_empty() => merged(list),
        _ => Kubeconfig::read(),
    };
    let kubeconfig = match kubeconfig {
        Ok(kubeconfig) => kubeconfig,
        Err(error) => return in_cluster(options, error),
    };
    if let Some(name) = &options.context
        && !kubeconfig.contexts.iter().any(|context| context.name == *name)
    {
        return Err(UsageError::NoKubeContext {
            name: name.clone(),
            known: kubeconfig.contexts.iter().map(|context| context.name.clone()).collect(),
            is_directory: Path::new(name).is_dir(),
        }
        .into());
    }
    let users: Vec<&str> = kubeconfig.auth_infos.iter().map(|user| user.name.as_str()).collect();
    check_named("user", options.user.as_deref(), &users)?;
    let clusters: Vec<&str> = kubeconfig.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    check_named("cluster", options.cluster.as_deref(), &clusters)?;
    let chosen = KubeConfigOptions {
        context: options.context.clone(),
        cluster: options.cluster.clone(),
        user: options.user.clone(),
    };
    Config::from_custom_kubeconfig(kubeconfig, &chosen)
        .await
        .map_err(|error| UsageError::Kubeconfig { why: causes(&error) }.into())
}

/// The files of a list as one. Of several some may be missing, as for kubectl (client-go `tools/clientcmd/loader.go`).
fn merged(list: &OsStr) -> Result<Kubeconfig, KubeconfigError> {
    let files: Vec<PathBuf> = std::env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect();
    let mut whole: Option<Kubeconfig> = None;
    let mut first_missing = None;
    for file in files {
        match Kubeconfig::read_from(file) {
            Ok(next) => whole = Some(whole.unwrap_or_default().merge(next)?),
            Err(error) if is_missing(&error) => first_missing = first_missing.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    whole.ok_or_else(|| first_missing.unwrap_or(KubeconfigError::FindPath))
}

/// Whether there is no such file, as opposed to one that cannot be used.
fn is_missing(error: &KubeconfigError) -> bool {
    match error {
        KubeconfigError::FindPath => true,
        KubeconfigError::ReadConfig(source, _) => source.kind() == ErrorKind::NotFound,
        _ => false,
    }
}

/// kube takes a user that does not exist for an anonymous one.
fn check_named(what: &str, name: Option<&str>, known: &[&str]) -> Result<(), UsageError> {
    match name {
        Some(name) if !known.contains(&name) => {
            let why = format!("it has no {what} `{name}`; there are: {}", known.join(", "));
            Err(UsageError::Kubeconfig { why })
        }
        _ => Ok(()),
    }
}

/// Only where no kubeconfig was asked for does the pod's service account come in.
fn in_cluster(options: &ClusterOptions, error: KubeconfigError) -> Result<Config, Error> {
    let why = match &error {
        KubeconfigError::ReadConfig(source, path) => format!("cannot read `{}`: {source}", path.display()),
        // The parser quotes the lines around the error, and tokens may be in them: only its first line is told.
        KubeconfigError::Parse(error) => {
            let text = error.to_string();
            format!("it cannot be parsed: {}", text.lines().next().unwrap_or_default().trim_start_matches("error: "))
        }
        other => causes(other),
    };
    if let Some(name) = options.context.as_ref().filter(|name| Path::new(name).is_dir()) {
        return Err(UsageError::NoKubeContext { name: name.clone(), known: vec![], is_directory: true }.into());
    }
    let asked_for = options.kubeconfig.is_some() || options.context.is_some();
    if asked_for || !is_missing(&error) {
        return Err(UsageError::Kubeconfig { why }.into());
    }
    Config::incluster().map_err(|_| UsageError::Kubeconfig { why }.into())
}

/// Whether the failure came before the server could have seen the request.
fn is_connect(error: &kube::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if text.contains("client error (Connect)")
            || text.contains("connect timed out")
            || text.contains("deadline has elapsed")
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Why there is no client. A credential plugin's output holds credentials, so of a failed one only its name, its exit
/// status and its complaint are told.
fn credential_causes(error: &kube::Error, plugin: &str) -> String {
    match error {
        kube::Error::Auth(AuthError::AuthExecRun { out, .. }) => {
            let complaint = String::from_utf8_lossy(&out.stderr);
            format!("credential plugin `{plugin}` failed with {}\n{}", out.status, complaint.trim())
        }
        kube::Error::Auth(error @ AuthError::AuthExecStart(_)) => {
            format!("credential plugin `{plugin}`: {}", causes(error))
        }
        error => causes(error),
    }
}

/// The chain of causes in one line, each said once.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

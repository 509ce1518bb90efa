//! One pod's life: made, given its context, followed to its end, deleted.
//!
//! A session emits events and prints nothing. Whatever happens, [`Session::delete`] is for the caller to call: on
//! success, on failure and on Ctrl-C alike.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, PostParams, Preconditions};
use kube::core::Status;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watch_object};
use kube::{Api, ResourceExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::client::Cluster;
use super::events::newest_warning;
use super::logs::{self, Told};
use super::manifest::EXECUTOR;
use super::receiver::Nonce;
use super::status::{Stage, Wait, stage};
use super::upload::{Packer, upload};
use crate::context::Compression;
use crate::error::{BuildError, ClusterError, Error};
use crate::event::{Event, Listener};
use crate::reference::Digest;

/// Bound on the deletion at the end, whatever ended the build.
const DELETE: Duration = Duration::from_secs(10);
/// Wait before a deletion that failed is tried again.
const DELETE_AGAIN: Duration = Duration::from_secs(1);
/// Bound on the rest of the log once the executor has ended.
const REST_OF_LOG: Duration = Duration::from_secs(10);
/// After so long a wait the cluster's events are looked at.
const LONG_WAIT: Duration = Duration::from_secs(5);
/// After so long a silence of the watch the pod is looked at anew.
const WATCH_SILENCE: Duration = Duration::from_secs(20);
/// How long a status may lag behind a broken connection.
const NEWS: Duration = Duration::from_secs(2);
/// Lines of the log that wait for the display.
const LINES_QUEUED: usize = 1024;

/// A pod and everything that watches it.
pub struct Session {
    cluster: Cluster,
    pods: Api<Pod>,
    name: String,
    listener: Arc<dyn Listener>,
    creation: Creation,
    trouble: Option<String>,
    snapshots: watch::Receiver<Snapshot>,
    tasks: Vec<JoinHandle<()>>,
}

/// What became of the request for the pod.
enum Creation {
    /// No answer yet.
    Asked(JoinHandle<Result<Pod, ClusterError>>),
    /// The pod with this UID was made.
    Made(Option<String>),
    /// None was made.
    NotMade,
    /// The answer was lost: there may be a pod.
    Unknown,
}

impl Creation {
    fn uid(&self) -> Option<&str> {
        match self {
            Self::Made(uid) => uid.as_deref(),
            Self::Asked(_) | Self::NotMade | Self::Unknown => None,
        }
    }
}

/// What the watch last said.
#[derive(Debug, Clone, Default)]
enum Snapshot {
    /// Nothing yet.
    #[default]
    Unknown,
    /// The pod as it is.
    Present(Arc<Pod>),
    /// The pod was there and is gone.
    Gone,
    /// The watch was refused from its start.
    Refused(Box<Status>),
}

impl Drop for Session {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Session {
    /// Asks for `pod`. The request runs in a task of its own: a caller that is cancelled meanwhile still learns in
    /// [`Session::delete`] whether there is a pod to delete.
    pub fn start(cluster: &Cluster, pod: Pod, listener: Arc<dyn Listener>) -> Self {
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
        let name = pod.name_any();
        let asked = tokio::spawn({
            let (cluster, pods) = (cluster.clone(), pods.clone());
            async move {
                let action = format!("create a pod in namespace `{}`", cluster.namespace);
                cluster.request(&action, pods.create(&PostParams::default(), &pod)).await
            }
        });
        Self {
            cluster: cluster.clone(),
            pods,
            name,
            listener,
            creation: Creation::Asked(asked),
            trouble: None,
            snapshots: watch::channel(Snapshot::Unknown).1,
            tasks: vec![],
        }
    }

    /// The pod's name.
    pub fn pod(&self) -> &str {
        &self.name
    }

    /// What went wrong in the wait that was told last, if anything.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.clone()
    }

    /// Waits for the pod to exist and for its receiver to run.
    ///
    /// # Errors
    /// Refusals, and whatever keeps the pod from starting, with the cluster's own words.
    pub async fn wait_for_receiver(&mut self) -> Result<(), Error> {
        self.created().await?;
        self.listener.event(Event::PodCreated { namespace: self.cluster.namespace.clone(), pod: self.name.clone() });
        self.watch();
        self.until(|stage| match stage {
            Stage::Waiting(wait) => Step::WaitFor(wait),
            Stage::Receiving | Stage::Starting(_) | Stage::Building => Step::Done(()),
            other => Step::other(other),
        })
        .await
    }

    /// Sends the archive and waits for the proof that it arrived whole.
    ///
    /// # Errors
    /// What cannot be packed, a broken upload, a pod that ends meanwhile.
    pub async fn upload(
        &mut self,
        nonce: &Nonce,
        compression: Compression,
        packer: impl Packer,
        bytes: u64,
    ) -> Result<(), Error> {
        self.listener.event(Event::UploadStarted { total: bytes });
        let listener = Arc::clone(&self.listener);
        let (cluster, name) = (self.cluster.clone(), self.name.clone());
        let result = tokio::select! {
            result = upload(&cluster, &name, nonce, compression, packer, &*listener) => result,
            ended = self.until(Step::<()>::other) => ended,
        };
        match result {
            Err(Error::Cluster(broken @ ClusterError::UploadBroken { .. })) => self.fate_of(broken).await,
            other => other,
        }
    }

    /// A connection to a pod that is being ended breaks a moment before its status tells why. And one that broke at the
    /// very end may have lost no more than the receiver's last word.
    async fn fate_of(&mut self, broken: ClusterError) -> Result<(), Error> {
        let fate = self.until(|stage| match stage {
            Stage::Starting(_) | Stage::Building | Stage::Built { .. } | Stage::BuildFailed(_) => Step::Done(()),
            other => Step::other(other),
        });
        timeout(NEWS, fate).await.unwrap_or(Err(broken.into()))
    }

    /// Follows the executor's log to its end.
    ///
    /// # Errors
    /// The executor failed, or the cluster ended it.
    pub async fn follow_build(&mut self) -> Result<Digest, Error> {
        let released = Instant::now();
        self.until(|stage| match stage {
            Stage::Starting(wait) => Step::WaitFor(wait),
            Stage::Building | Stage::Built { .. } | Stage::BuildFailed(_) => Step::Done(()),
            other => Step::other(other),
        })
        .await?;
        self.listener.event(Event::Building);

        let (sender, mut told) = mpsc::channel(LINES_QUEUED);
        self.tasks.push(tokio::spawn(logs::follow(self.pods.clone(), self.name.clone(), EXECUTOR, sender)));
        let listener = Arc::clone(&self.listener);
        let mut log = Log { listener, last: None, left_out: None, refused: false };
        let end = {
            let end = self.until(|stage| match stage {
                Stage::Built { message } => Step::Done(Ok(message)),
                Stage::BuildFailed(error) => Step::Done(Err(error)),
                other => Step::other(other),
            });
            tokio::pin!(end);
            loop {
                tokio::select! {
                    biased;
                    Some(told) = told.recv() => log.told(told),
                    end = &mut end => break end,
                }
            }
        };
        if timeout(REST_OF_LOG, log.rest(&mut told)).await.is_err() {
            let message = format!("the log of pod `{}` did not end in time, its last lines may be missing", self.name);
            self.listener.event(Event::Warning { message });
        }
        let end = end?;
        if let (Ok(_), Some(said)) = (&end, log.left_out) {
            return Err(BuildError::Incomplete { said }.into());
        }
        match end {
            Ok(message) => {
                self.listener.event(Event::Built { elapsed: released.elapsed() });
                let found = message.trim().to_owned();
                found.parse().map_err(|()| BuildError::NoDigest { found }.into())
            }
            Err(BuildError::Failed { code, said: _ }) => Err(BuildError::Failed { code, said: log.last }.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes the pod: only this very one, by its UID. A pod that is gone already is fine.
    ///
    /// # Errors
    /// The pod may still be there.
    pub async fn delete(&mut self) -> Result<(), ClusterError> {
        self.tasks.drain(..).for_each(|task| task.abort());
        let action = format!("delete pod `{}`", self.name);
        let started = Instant::now();
        let result = timeout(DELETE, async {
            // Why it was not made was told where it was waited for.
            let _ = self.created().await;
            let preconditions = match &self.creation {
                Creation::NotMade => return Ok(false),
                Creation::Made(uid) => Some(Preconditions { uid: uid.clone(), resource_version: None }),
                Creation::Asked(_) | Creation::Unknown => None,
            };
            let params = DeleteParams { grace_period_seconds: Some(0), preconditions, ..Default::default() };
            loop {
                match self.cluster.request(&action, self.pods.delete(&self.name, &params)).await {
                    Ok(_) => return Ok(true),
                    Err(ClusterError::Refused { code: 404 | 409, .. }) => return Ok(false),
                    Err(error @ ClusterError::Refused { code: ..500, .. }) => return Err(error),
                    // An API server that restarts is back in a moment.
                    Err(error) if started.elapsed() + DELETE_AGAIN > DELETE => return Err(error),
                    Err(_) => tokio::time::sleep(DELETE_AGAIN).await,
                }
            }
        })
        .await;
        match result {
            Ok(Ok(true)) => {
                self.listener.event(Event::PodDeleted { pod: self.name.clone() });
                Ok(())
            }
            Ok(Ok(false)) => Ok(()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ClusterError::Request { action, why: format!("not done within {} s", DELETE.as_secs()) }),
        }
    }

    async fn created(&mut self) -> Result<(), Error> {
        let Creation::Asked(asked) = &mut self.creation else { return Ok(()) };
        let (creation, result) = match asked.await {
            Ok(Ok(pod)) => (Creation::Made(pod.metadata.uid), Ok(())),
            Ok(Err(error @ (ClusterError::Refused { code: ..500, .. } | ClusterError::Unreachable { .. }))) => {
                (Creation::NotMade, Err(error.into()))
            }
            Ok(Err(error)) => (Creation::Unknown, Err(error.into())),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        self.creation = creation;
        result
    }

    /// Keeps [`Session::snapshots`] up to date; a broken watch is taken up again.
    fn watch(&mut self) {
        let (sender, snapshots) = watch::channel(Snapshot::Unknown);
        self.snapshots = snapshots;
        let (cluster, pods, name) = (self.cluster.clone(), self.pods.clone(), self.name.clone());
        self.tasks.push(tokio::spawn(async move {
            let mut stream = std::pin::pin!(watch_object(pods.clone(), &name).default_backoff());
            let mut seen_before = false;
            loop {
                let seen = match timeout(WATCH_SILENCE, stream.next()).await {
                    Ok(Some(seen)) => seen,
                    Ok(None) => return,
                    // Silence may be that of a connection that a middlebox has dropped without a word.
                    Err(_) => match look(&cluster, &pods, &name).await {
                        Some(pod) => Ok(Some(pod)),
                        None => continue,
                    },
                };
                let snapshot = match seen {
                    Ok(Some(pod)) => Snapshot::Present(Arc::new(pod)),
                    Ok(None) => Snapshot::Gone,
                    Err(error) => match refusal(&error) {
                        // Once it was allowed, a refusal is a passing one: an API server that restarts, a token that
                        // is being renewed.
                        Some(status) if !seen_before => Snapshot::Refused(status),
                        _ => {
                            tracing::debug!(%error, "watch broke");
                            continue;
                        }
                    },
                };
                seen_before = true;
                if sender.send(snapshot).is_err() {
                    return;
                }
            }
        }));
    }

    /// Waits until `decide` says that a snapshot's stage is what is waited for, and tells what is waited for meanwhile.
    async fn until<T>(&mut self, mut decide: impl FnMut(Stage) -> Step<T>) -> Result<T, Error> {
        let mut told: Option<Wait> = None;
        loop {
            let snapshot = self.snapshots.borrow_and_update().clone();
            let step = match snapshot {
                Snapshot::Unknown => Step::Wait,
                Snapshot::Present(pod) => decide(stage(&pod)),
                Snapshot::Gone => Step::Failed(self.gone().into()),
                Snapshot::Refused(status) => {
                    let action = format!("watch pod `{}`", self.name);
                    Step::Failed(self.cluster.named(&action, kube::Error::Api(status)).into())
                }
            };
            match step {
                Step::Done(value) => return Ok(value),
                Step::Failed(error) => return Err(with_trouble(error, told)),
                Step::WaitFor(wait) => self.tell_wait(&mut told, wait),
                Step::Wait => {}
            }
            tokio::select! {
                changed = self.snapshots.changed() => if changed.is_err() {
                    return Err(self.gone().into());
                },
                Some(trouble) = warning_after(&self.cluster, self.creation.uid(), LONG_WAIT), if told.is_some() => {
                    let what = told.as_ref().map(|wait| wait.what.clone()).unwrap_or_default();
                    self.tell_wait(&mut told, Wait { what, trouble: Some(trouble) });
                }
            }
        }
    }

    fn tell_wait(&mut self, told: &mut Option<Wait>, wait: Wait) {
        // A status that has no trouble to tell does not end the one that an event told.
        let known = told
            .as_ref()
            .is_some_and(|told| told.what == wait.what && (wait.trouble.is_none() || told.trouble == wait.trouble));
        if !known {
            self.trouble.clone_from(&wait.trouble);
            self.listener.event(Event::Waiting { what: wait.what.clone(), trouble: wait.trouble.clone() });
            *told = Some(wait);
        }
    }

    fn gone(&self) -> ClusterError {
        ClusterError::PodEnded {
            pod: self.name.clone(),
            reason: "Deleted".to_owned(),
            message: "somebody deleted it".to_owned(),
        }
    }
}

/// What a stage means to someone who waits.
enum Step<T> {
    Wait,
    WaitFor(Wait),
    Done(T),
    Failed(Error),
}

impl<T> Step<T> {
    /// A stage that is not waited for: the pod's end is an error, anything else is waited out.
    fn other(stage: Stage) -> Self {
        match stage {
            Stage::Broken(error) => Self::Failed(error.into()),
            _ => Self::Wait,
        }
    }
}

/// Passes lines on and remembers the executor's last words.
struct Log {
    listener: Arc<dyn Listener>,
    last: Option<String>,
    /// The executor's word that it left files out of the image. It ends with 0 all the same.
    left_out: Option<String>,
    refused: bool,
}

impl Log {
    /// Nothing more will come, but not all of it may be here.
    async fn rest(&mut self, told: &mut mpsc::Receiver<Told>) {
        while !self.refused {
            match told.recv().await {
                Some(Told::NoMore) | None => return,
                Some(more) => self.told(more),
            }
        }
    }

    fn told(&mut self, told: Told) {
        match told {
            Told::Line(line) => self.line(line),
            Told::NoMore => {}
            Told::Refused(why) => {
                self.refused = true;
                let message = format!("the build goes on, but its log cannot be read: {why}");
                self.listener.event(Event::Warning { message });
            }
        }
    }

    fn line(&mut self, line: Vec<u8>) {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        // The executor ends with one bare line or, for its arguments, with `Error: …` and its usage
        // (kaniko v1.24.0 `cmd/executor/main.go`, `cmd/root.go`).
        if text.starts_with("Error: ") || text.starts_with("error ") {
            self.last = Some(text.to_owned());
        }
        // A symlink that it cannot resolve ends its snapshot early (kaniko v1.24.0 `pkg/snapshot/snapshot.go`).
        if text.contains("ERRO") && text.contains("Couldn't eval ") {
            self.left_out = Some(text.to_owned());
        }
        self.listener.event(Event::Log(line));
    }
}

/// The pod as it is now, asked for anew.
async fn look(cluster: &Cluster, pods: &Api<Pod>, name: &str) -> Option<Pod> {
    let named = ListParams::default().fields(&format!("metadata.name={name}"));
    cluster.request("look at the pod", pods.list(&named)).await.ok()?.items.pop()
}

/// A status says that a container is being created, and nothing of what keeps it from that; events do.
async fn warning_after(cluster: &Cluster, pod_uid: Option<&str>, wait: Duration) -> Option<String> {
    tokio::time::sleep(wait).await;
    newest_warning(cluster, pod_uid?).await
}

/// Before Kubernetes 1.31 the back-off does not say why the pull failed; the failure before it did.
fn with_trouble(error: Error, waited: Option<Wait>) -> Error {
    match (error, waited.and_then(|wait| wait.trouble)) {
        (Error::Cluster(ClusterError::ImagePull { container, image, reason, message }), Some(trouble))
            if !message.contains(&trouble) =>
        {
            ClusterError::ImagePull { container, image, reason, message: format!("{message}\n{trouble}") }.into()
        }
        (error, _) => error,
    }
}

/// A refusal that trying again is not likely to change.
fn refusal(error: &watcher::Error) -> Option<Box<Status>> {
    let status = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status,
        _ => return None,
    };
    matches!(status.code, 401 | 403).then(|| status.clone())
}

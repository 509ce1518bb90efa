//! One pod's life: made, given its context, followed to its end, deleted.
//!
//! A session emits events and prints nothing. Whatever happens, [`Session::delete`] is for the caller to call: on
//! success, on failure and on Ctrl-C alike.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, ResourceExt};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::client::Cluster;
use super::events::{newest_warning, pulls};
use super::logs::{self, Told};
use super::manifest::{EXECUTOR, INSTANCE};
use super::receiver::{Nonce, RECEIVER};
use super::secret;
use super::status::{Stage, Wait, node, running_container, stage};
use super::stream::Ended;
use super::upload::{Delivered, Packer, Upload, Wire};
use super::watch::{Seen, Snapshot, contact_lost, follow, look_again, until_it_answers};
use crate::context::Compression;
use crate::error::{BuildError, ClusterError, Error};
use crate::event::{Event, Listener};
use crate::executor::is_about_context;
use crate::executor::log::{Log, Ran};
use crate::reference::Digest;
use crate::registry::Access;
use crate::request::Transport;

/// Bound on the deletion at the end, whatever ended the build: an API server that restarts is back by then.
const DELETE: Duration = Duration::from_secs(60);
/// Bound on the rest of the log once the executor has ended.
const REST_OF_LOG: Duration = Duration::from_secs(10);
/// After so long a wait the cluster's events are looked at.
const LONG_WAIT: Duration = Duration::from_secs(5);
/// How long a status may lag behind a broken connection.
const NEWS: Duration = Duration::from_secs(2);
/// An upload to a cluster that is silent for so long is broken: what is sent goes nowhere.
const SILENCE: Duration = Duration::from_secs(60);
/// How often an upload is tried on the same pod.
const ATTEMPTS: u32 = 5;
/// Wait before the second attempt; it doubles with each.
const ATTEMPT_AGAIN: Duration = Duration::from_millis(500);
/// Lines of the log that wait for the display.
const LINES_QUEUED: usize = 1024;

/// A pod and everything that watches it.
pub struct Session {
    cluster: Cluster,
    name: String,
    transport: Transport,
    listener: Arc<dyn Listener>,
    creation: Creation,
    trouble: Option<String>,
    seen: watch::Receiver<Seen>,
    tasks: Vec<JoinHandle<()>>,
    /// The connection over which the context went, if it has to stay open.
    stream: JoinSet<Ended>,
    failed_runs: Vec<Ran>,
    /// It was told that the pod has a node.
    scheduled: bool,
}

/// What became of the request for the pod.
enum Creation {
    /// No answer yet.
    Asked(JoinHandle<Result<Pod, NotCreated>>),
    /// This pod was made.
    Made(Box<Pod>),
    /// None was made.
    NotMade,
    /// The answer was lost: there may be a pod.
    Unknown,
}

impl Creation {
    fn uid(&self) -> Option<&str> {
        match self {
            Self::Made(pod) => pod.metadata.uid.as_deref(),
            Self::Asked(_) | Self::NotMade | Self::Unknown => None,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Session {
    /// Asks for `pod`, which takes its context by `transport`. The request runs in a task of its own: a caller that is
    /// cancelled meanwhile still learns in [`Session::delete`] whether there is a pod to delete.
    pub fn start(cluster: &Cluster, pod: Pod, transport: Transport, listener: Arc<dyn Listener>) -> Self {
        let name = pod.name_any();
        let asked = tokio::spawn({
            let cluster = cluster.clone();
            async move { create(&cluster, &pod).await }
        });
        Self {
            cluster: cluster.clone(),
            name,
            transport,
            listener,
            creation: Creation::Asked(asked),
            trouble: None,
            seen: watch::channel(Seen::default()).1,
            tasks: vec![],
            stream: JoinSet::new(),
            failed_runs: vec![],
            scheduled: false,
        }
    }

    /// The pod's name.
    pub fn pod(&self) -> &str {
        &self.name
    }

    /// Whether there is a pod, as far as is known.
    pub fn has_pod(&self) -> bool {
        !matches!(self.creation, Creation::NotMade) && !matches!(self.seen.borrow().snapshot, Snapshot::Gone)
    }

    /// The container that runs now.
    pub fn running_container(&self) -> Option<&'static str> {
        match &self.seen.borrow().snapshot {
            Snapshot::Present(pod) => running_container(pod),
            Snapshot::Unknown | Snapshot::Gone | Snapshot::Refused(_) => None,
        }
    }

    /// What the `RUN` is among at which the build failed, if it did there.
    pub fn failed_runs(&self) -> &[Ran] {
        &self.failed_runs
    }

    /// How long images were pulled for the pod, as far as the kubelet tells.
    pub async fn pulls(&self) -> Duration {
        match self.creation.uid() {
            Some(uid) => pulls(&self.cluster, uid).await,
            None => Duration::ZERO,
        }
    }

    /// What went wrong in the wait that was told last, if anything.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.clone()
    }

    /// Waits for the pod to exist, gives it what it needs for its registries, and waits for whatever takes the context to
    /// run.
    ///
    /// # Errors
    /// Refusals, and whatever keeps the pod from starting, with the cluster's own words.
    pub async fn wait_until_ready(&mut self, access: &Access) -> Result<(), Error> {
        self.created().await?;
        self.listener.event(Event::PodCreated { namespace: self.cluster.namespace.clone(), pod: self.name.clone() });
        if let (Creation::Made(pod), false) = (&self.creation, access.is_empty()) {
            secret::create(&self.cluster, &secret::secret(pod, access)).await?;
        }
        let (sender, seen) = watch::channel(Seen::default());
        self.seen = seen;
        let following = follow(self.cluster.clone(), self.name.clone(), sender, Arc::clone(&self.listener));
        self.tasks.push(tokio::spawn(following));
        self.until(|stage| match stage {
            Stage::Waiting(wait) => Step::WaitFor(wait),
            Stage::Receiving | Stage::Starting(_) | Stage::Building | Stage::Built { .. } | Stage::BuildFailed(_) => {
                Step::Done(())
            }
            Stage::Broken(error) => Step::Failed(error.into()),
        })
        .await
    }

    /// Sends the archive. When this returns without an error, either the pod had proof that all of it arrived, or the
    /// executor has it and can build nothing but all of it.
    ///
    /// # Errors
    /// What cannot be packed, an upload that breaks again and again, a pod that ends meanwhile.
    pub async fn upload(
        &mut self,
        nonce: &Nonce,
        compression: Compression,
        packer: Arc<dyn Packer>,
        bytes: u64,
    ) -> Result<(), Error> {
        self.listener.event(Event::UploadStarted { total: bytes });
        let upload = Upload {
            cluster: self.cluster.clone(),
            pod: self.name.clone(),
            compression,
            packer,
            listener: Arc::clone(&self.listener),
        };
        match self.transport {
            Transport::Exec => self.upload_by_exec(&upload, nonce).await,
            Transport::Attach => {
                let delivered = self.upload_by_attach(&upload, RECEIVER, Wire::Framed(nonce.attempt(1))).await?;
                // It may still be unpacking; its end is the proof, whatever the connection says.
                self.until_over().await?;
                delivered.iter().for_each(|delivered| self.listener.event(delivered.event(true)));
                Ok(())
            }
            Transport::Stdin => {
                let delivered = self.upload_by_attach(&upload, EXECUTOR, Wire::Archive(nonce.clone())).await?;
                delivered.iter().for_each(|delivered| self.listener.event(delivered.event(false)));
                Ok(())
            }
        }
    }

    /// Tries several times: each attempt has a receiver of its own in the same container.
    async fn upload_by_exec(&mut self, upload: &Upload, nonce: &Nonce) -> Result<(), Error> {
        let mut pause = ATTEMPT_AGAIN;
        let mut number = 1;
        loop {
            let attempt = nonce.attempt(number);
            let error = match self.unless_over(upload.exec(&attempt)).await {
                Ok(delivered) => {
                    delivered.iter().for_each(|delivered| self.listener.event(delivered.event(true)));
                    return Ok(());
                }
                Err(error) => error,
            };
            let Error::Cluster(error) = error else { return Err(error) };
            if !error.may_pass() || number == ATTEMPTS {
                return self.unless_fate::<()>(error).await.map(drop);
            }
            number += 1;
            self.listener.event(Event::UploadBroke { why: Error::from(error).one_line(), attempt: number });
            tokio::time::sleep(pause.max(self.cluster.wanted_pause())).await;
            pause *= 2;
            // A token may have run out meanwhile.
            self.cluster.renew().await;
            // Attempts are for uploads that break, not for a cluster that is away.
            let (cluster, name) = (self.cluster.clone(), self.name.clone());
            let answers = async { until_it_answers(&cluster, &name).await.map_err(Error::from) };
            if self.unless_over(answers).await?.is_none() {
                return Ok(());
            }
        }
    }

    /// Tries once: a container's standard input is closed with the first connection to it.
    async fn upload_by_attach(
        &mut self,
        upload: &Upload,
        container: &str,
        wire: Wire,
    ) -> Result<Option<Delivered>, Error> {
        match self.unless_over(upload.attach(container, wire)).await {
            Ok(Some((delivered, stream))) => {
                self.stream = stream;
                Ok(Some(delivered))
            }
            Ok(None) => Ok(None),
            Err(Error::Cluster(error)) => self.unless_fate(error).await,
            Err(error) => Err(error),
        }
    }

    /// Runs an attempt, unless the pod's end, its release, or the cluster's silence comes first. None if it turned out to
    /// be released.
    async fn unless_over<T>(&mut self, attempt: impl Future<Output = Result<T, Error>>) -> Result<Option<T>, Error> {
        let silence = contact_lost(self.seen.clone(), SILENCE);
        tokio::select! {
            result = attempt => result.map(Some),
            over = self.until_over() => over.map(|()| None),
            () = silence => {
                let why = format!("nothing was heard of the cluster for {} s", SILENCE.as_secs());
                Err(ClusterError::UploadBroken { sent: None, why }.into())
            }
        }
    }

    /// A connection to a pod that is being ended breaks a moment before its status tells why. And one that broke at the
    /// very end may have lost no more than the receiver's last word.
    async fn unless_fate<T>(&mut self, error: ClusterError) -> Result<Option<T>, Error> {
        if matches!(error, ClusterError::Refused { code: 403, .. }) {
            return Err(error.into());
        }
        timeout(NEWS, self.until_over()).await.unwrap_or(Err(error.into())).map(|()| None)
    }

    /// Waits until the pod takes no context any more.
    async fn until_over(&mut self) -> Result<(), Error> {
        let is_over = match self.transport {
            Transport::Exec | Transport::Attach => is_released,
            Transport::Stdin => |stage: &Stage| matches!(stage, Stage::Built { .. } | Stage::BuildFailed(_)),
        };
        self.until(|stage| if is_over(&stage) { Step::Done(()) } else { Step::other(stage) }).await
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
        self.tasks.push(tokio::spawn(logs::follow(self.cluster.clone(), self.name.clone(), EXECUTOR, sender)));
        let listener = Arc::clone(&self.listener);
        let mut log = Follower { listener, log: Log::default(), refused: false };
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
        let log = log.log;
        if let (Ok(_), Some(said)) = (&end, log.left_out()) {
            return Err(BuildError::Incomplete { said: said.to_owned() }.into());
        }
        self.failed_runs = log.failed_runs().to_vec();
        match end {
            Ok(message) => {
                self.listener.event(Event::Built { elapsed: released.elapsed() });
                let found = message.trim().to_owned();
                found.parse().map_err(|()| BuildError::NoDigest { found }.into())
            }
            Err(BuildError::Failed { code, .. }) => Err(match log.words().map(str::to_owned) {
                Some(why) if self.transport == Transport::Stdin && is_about_context(&why) => {
                    ClusterError::UploadBroken { sent: None, why }.into()
                }
                said => BuildError::Failed { code, said, at: None }.into(),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes the pod: only this very one, by its UID. A pod that is gone already is fine.
    ///
    /// # Errors
    /// The pod may still be there.
    pub async fn delete(&mut self) -> Result<(), ClusterError> {
        self.tasks.drain(..).for_each(|task| task.abort());
        self.stream.abort_all();
        let action = format!("delete pod `{}`", self.name);
        let result = timeout(DELETE, async {
            // Why it was not made was told where it was waited for.
            let _ = self.created().await;
            let preconditions = match &self.creation {
                Creation::NotMade => return Ok(false),
                Creation::Made(pod) => Some(Preconditions { uid: pod.metadata.uid.clone(), resource_version: None }),
                Creation::Asked(_) | Creation::Unknown => None,
            };
            let params = DeleteParams { grace_period_seconds: Some(0), preconditions, ..Default::default() };
            let deleted = self.cluster.request(&action, |client| async {
                let pods: Api<Pod> = Api::namespaced(client, &self.cluster.namespace);
                pods.delete(&self.name, &params).await.map(drop)
            });
            match deleted.await {
                Ok(()) => Ok(true),
                Err(ClusterError::Refused { code: 404 | 409, .. }) => Ok(false),
                Err(error) => Err(error),
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
            Ok(Ok(pod)) => (Creation::Made(Box::new(pod)), Ok(())),
            Ok(Err(NotCreated { error, in_doubt: false })) => (Creation::NotMade, Err(error.into())),
            Ok(Err(NotCreated { error, in_doubt: true })) => (Creation::Unknown, Err(error.into())),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        self.creation = creation;
        result
    }

    /// Waits until `decide` says that a snapshot's stage is what is waited for, and tells what is waited for meanwhile.
    async fn until<T>(&mut self, mut decide: impl FnMut(Stage) -> Step<T>) -> Result<T, Error> {
        let mut told: Option<Wait> = None;
        loop {
            let snapshot = self.seen.borrow_and_update().snapshot.clone();
            let step = match snapshot {
                Snapshot::Unknown => Step::Wait,
                Snapshot::Present(pod) => {
                    self.tell_scheduled(&pod);
                    decide(stage(&pod))
                }
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
                changed = self.seen.changed() => if changed.is_err() {
                    return Err(self.gone().into());
                },
                Some(trouble) = warning_after(&self.cluster, self.creation.uid(), LONG_WAIT), if told.is_some() => {
                    let what = told.as_ref().map(|wait| wait.what.clone()).unwrap_or_default();
                    self.tell_wait(&mut told, Wait { what, trouble: Some(trouble) });
                }
            }
        }
    }

    fn tell_scheduled(&mut self, pod: &Pod) {
        if let Some(node) = node(pod).filter(|_| !self.scheduled) {
            self.scheduled = true;
            self.listener.event(Event::Scheduled { node: node.to_owned() });
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

/// Why the creation failed, and whether there may be a pod all the same.
struct NotCreated {
    error: ClusterError,
    in_doubt: bool,
}

/// Creates the pod. Asked twice, it is the same pod: its name is ours. Where an answer was lost, a later refusal says
/// nothing of the pod: a quota may be full of it.
async fn create(cluster: &Cluster, pod: &Pod) -> Result<Pod, NotCreated> {
    let action = format!("create a pod in namespace `{}`", cluster.namespace);
    let doubt = AtomicBool::new(false);
    let created = cluster.request(&action, |client| async {
        // Until there is an answer that tells; a request that is given up has none.
        let before = doubt.swap(true, Ordering::Relaxed);
        let result = Api::namespaced(client, &cluster.namespace).create(&PostParams::default(), pod).await;
        if result.as_ref().is_err_and(|error| cluster.was_not_done(error)) {
            doubt.store(before, Ordering::Relaxed);
        }
        result
    });
    let error = match created.await {
        Ok(created) => return Ok(created),
        Err(error) => error,
    };
    let in_doubt = doubt.into_inner();
    let ClusterError::Refused { code, .. } = error else { return Err(NotCreated { error, in_doubt }) };
    if code != 409 && !in_doubt {
        return Err(NotCreated { error, in_doubt });
    }
    match look_again(cluster, &pod.name_any()).await {
        Ok(Some(found)) if found.labels().get(INSTANCE) == pod.labels().get(INSTANCE) => Ok(found),
        Ok(Some(_)) => Err(NotCreated { error, in_doubt: false }),
        Ok(None) | Err(_) => Err(NotCreated { error, in_doubt }),
    }
}

/// Whether the context was proven whole and is out of the receiver's hands.
fn is_released(stage: &Stage) -> bool {
    matches!(stage, Stage::Starting(_) | Stage::Building | Stage::Built { .. } | Stage::BuildFailed(_))
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

/// Passes lines on and reads them.
struct Follower {
    listener: Arc<dyn Listener>,
    log: Log,
    refused: bool,
}

impl Follower {
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
            Told::Line { time, text: line } => {
                let said = self.log.line(&line);
                self.listener.event(Event::Log { line, time, said });
            }
            Told::NoMore => {}
            Told::Refused(why) => {
                self.refused = true;
                let message = format!("the build goes on, but its log cannot be read: {why}");
                self.listener.event(Event::Warning { message });
            }
        }
    }
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

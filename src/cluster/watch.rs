//! Keeps the pod as the cluster last showed it, and knows since when the cluster has not been heard of.
//!
//! A watch ends for many reasons and may be dropped by a middlebox without a word, so it is taken up again, and after a
//! silence the pod is asked for anew.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, ObjectList};
use kube::core::Status;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watch_object};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::timeout;

use super::client::Cluster;
use crate::error::{ClusterError, Error};
use crate::event::{Event, Listener};

/// After so long a silence the pod is looked at anew.
const SILENCE: Duration = Duration::from_secs(20);
/// Wait before a cluster that does not answer is asked again.
const AGAIN: Duration = Duration::from_secs(2);

/// What the cluster last said.
#[derive(Debug, Clone)]
pub struct Seen {
    /// About the pod.
    pub snapshot: Snapshot,
    /// When.
    pub contact: Instant,
}

/// The pod as it was last seen.
#[derive(Debug, Clone, Default)]
pub enum Snapshot {
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

impl Seen {
    fn now(snapshot: Snapshot) -> Self {
        Self { snapshot, contact: Instant::now() }
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self::now(Snapshot::Unknown)
    }
}

/// Tells `seen` of the pod until the task is ended, or there is nobody left to be told.
pub async fn follow(cluster: Cluster, name: String, seen: watch::Sender<Seen>, listener: Arc<dyn Listener>) {
    let mut state = State::default();
    while !seen.is_closed() {
        let pods: Api<Pod> = Api::namespaced(cluster.client(), &cluster.namespace);
        let mut stream = std::pin::pin!(watch_object(pods, &name).default_backoff());
        loop {
            let next = match timeout(SILENCE, stream.next()).await {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(_) => match look(&cluster, &name).await {
                    Ok(Some(pod)) => Ok(Some(pod)),
                    // Whether it is gone is for the watch to say.
                    Ok(None) => break,
                    Err(error) => {
                        state.tell(&*listener, &error);
                        tokio::time::sleep(AGAIN).await;
                        break;
                    }
                },
            };
            let snapshot = match next {
                Ok(Some(pod)) => Snapshot::Present(Arc::new(pod)),
                Ok(None) => Snapshot::Gone,
                Err(error) => match refusal(&error) {
                    Some(status) if status.code == 401 && !state.renewed => {
                        state.renewed = true;
                        cluster.renew().await;
                        break;
                    }
                    // Once both listing and watching were allowed, a refusal is a passing one: an API server that
                    // restarts, a token that is being renewed.
                    Some(status) if state.answers <= 1 => Snapshot::Refused(status),
                    refused => {
                        tracing::debug!(%error, "watch broke");
                        if refused.is_none() {
                            cluster.connection_failed();
                        }
                        continue;
                    }
                },
            };
            state = State { answers: state.answers.saturating_add(1), renewed: false, told: false };
            if seen.send(Seen::now(snapshot)).is_err() {
                return;
            }
        }
    }
}

#[derive(Default)]
struct State {
    /// How often the pod was shown: first by a list, then by a watch.
    answers: u32,
    /// The client was made anew, and nothing has been heard since.
    renewed: bool,
    /// This silence was told of.
    told: bool,
}

impl State {
    fn tell(&mut self, listener: &dyn Listener, error: &ClusterError) {
        if !std::mem::replace(&mut self.told, true) {
            let trouble = Some(Error::from(error.clone()).one_line());
            listener.event(Event::Waiting { what: "the cluster".to_owned(), trouble });
        }
    }
}

/// The pod as it is now, asked for anew; none if there is none.
///
/// # Errors
/// No answer, or a refusal.
pub async fn look(cluster: &Cluster, name: &str) -> Result<Option<Pod>, ClusterError> {
    let found = cluster.request_once(LOOK, |client| list(client, cluster, name)).await?;
    Ok(found.items.into_iter().next())
}

/// The same, asked again where that may help.
///
/// # Errors
/// No answer, or a refusal.
pub async fn look_again(cluster: &Cluster, name: &str) -> Result<Option<Pod>, ClusterError> {
    let found = cluster.request(LOOK, |client| list(client, cluster, name)).await?;
    Ok(found.items.into_iter().next())
}

/// Waits for a cluster that is away.
///
/// # Errors
/// It does not come back, or refuses even to show the pod.
pub(super) async fn until_it_answers(cluster: &Cluster, name: &str) -> Result<(), ClusterError> {
    look_again(cluster, name).await.map(drop)
}

const LOOK: &str = "look at the pod";

async fn list(client: Client, cluster: &Cluster, name: &str) -> kube::Result<ObjectList<Pod>> {
    let pods: Api<Pod> = Api::namespaced(client, &cluster.namespace);
    pods.list(&ListParams::default().fields(&format!("metadata.name={name}"))).await
}

/// Returns when the cluster has not been heard of for `limit`.
pub(super) async fn contact_lost(seen: watch::Receiver<Seen>, limit: Duration) {
    loop {
        let silence = seen.borrow().contact.elapsed();
        match limit.checked_sub(silence) {
            Some(rest) => tokio::time::sleep(rest + Duration::from_millis(1)).await,
            None => return,
        }
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

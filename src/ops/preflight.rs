//! What the cluster would refuse, asked while the context is looked at: nobody waits for it.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::cluster::client::Cluster;
use crate::cluster::{ask, pod_security};
use crate::error::ClusterError;

/// How long an answer is waited for once everything else is ready: the creation has more to say than a guess.
const PATIENCE: Duration = Duration::from_secs(5);

/// There is no such thing (RFC 9110, 15.5.5).
const NOT_FOUND: u16 = 404;

/// An answer that is under way, if any was asked for: what would end the build.
pub(super) struct Preflight(Option<JoinHandle<Option<ClusterError>>>);

impl Preflight {
    /// Asks, unless it is not to be asked; also for the Secrets that the pod is to have.
    pub(super) fn start(cluster: &Cluster, asked_for: bool, secrets: Vec<String>) -> Self {
        Self(asked_for.then(|| {
            let cluster = cluster.clone();
            tokio::spawn(async move { refusal(&cluster, &secrets).await })
        }))
    }

    /// Ends a build that would be refused, and one whose cluster is not reached. Nothing else does: the creation will
    /// tell.
    pub(super) async fn verdict(self) -> Result<(), ClusterError> {
        let Some(asked) = self.0 else { return Ok(()) };
        match timeout(PATIENCE, asked).await {
            Ok(Ok(refusal)) => refusal.map_or(Ok(()), Err),
            Ok(Err(_)) | Err(_) => {
                tracing::debug!("whether the namespace refuses Kaniko was not told in time");
                Ok(())
            }
        }
    }
}

async fn refusal(cluster: &Cluster, secrets: &[String]) -> Option<ClusterError> {
    match pod_security::check(cluster).await {
        Ok(()) => {}
        Err(error @ (ClusterError::PodSecurity { .. } | ClusterError::Unreachable { .. })) => return Some(error),
        // Its creation says it better than a Secret that is not there.
        Err(ClusterError::Refused { code: NOT_FOUND, .. }) => return None,
        Err(error) => tracing::debug!(%error, "whether the namespace refuses Kaniko was not told"),
    }
    for secret in secrets {
        // Who may not read it may use it all the same.
        if let Err(error @ ClusterError::Refused { code: NOT_FOUND, .. }) = ask::secret(cluster, secret).await {
            return Some(error);
        }
    }
    None
}

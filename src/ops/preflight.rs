//! What the cluster would refuse, asked while the context is looked at: nobody waits for it.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::cluster::client::Cluster;
use crate::cluster::pod_security;
use crate::error::ClusterError;

/// How long an answer is waited for once everything else is ready: the creation has more to say than a guess.
const PATIENCE: Duration = Duration::from_secs(5);

/// An answer that is under way, if any was asked for.
pub(super) struct Preflight(Option<JoinHandle<Result<(), ClusterError>>>);

impl Preflight {
    /// Asks, unless it is not to be asked.
    pub(super) fn start(cluster: &Cluster, asked_for: bool) -> Self {
        Self(asked_for.then(|| {
            let cluster = cluster.clone();
            tokio::spawn(async move { pod_security::check(&cluster).await })
        }))
    }

    /// Ends a build that would be refused, and one whose cluster is not reached. Nothing else does: the creation will
    /// tell.
    pub(super) async fn verdict(self) -> Result<(), ClusterError> {
        let Some(asked) = self.0 else { return Ok(()) };
        match timeout(PATIENCE, asked).await {
            Ok(Ok(Err(error @ (ClusterError::PodSecurity { .. } | ClusterError::Unreachable { .. })))) => Err(error),
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => {
                tracing::debug!(%error, "whether the namespace refuses Kaniko was not told");
                Ok(())
            }
            Ok(Err(_)) | Err(_) => {
                tracing::debug!("whether the namespace refuses Kaniko was not told in time");
                Ok(())
            }
        }
    }
}

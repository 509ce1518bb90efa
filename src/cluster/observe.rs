//! What is left of a pod: its status, and the logs of its containers.

use std::time::Duration;

use futures_util::{AsyncBufReadExt, AsyncReadExt, pin_mut};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use tokio::time::timeout;

use super::client::Cluster;
use crate::error::ClusterError;
use crate::executor::log::Log;

/// Bound on reading one log.
const LOG: Duration = Duration::from_secs(120);
/// Longest piece of a line that is read at once.
const PIECE: u64 = 64 * 1024;

/// The pod of this name.
///
/// # Errors
/// There is none, it may not be read, no answer came.
pub async fn pod(cluster: &Cluster, name: &str) -> Result<Pod, ClusterError> {
    let action = format!("read pod `{name}` in namespace `{}`", cluster.namespace);
    cluster
        .request(&action, |client| async {
            let pods: Api<Pod> = Api::namespaced(client, &cluster.namespace);
            pods.get(name).await
        })
        .await
}

/// The log of a container from its top.
///
/// # Errors
/// It may not be read, the container has not begun, no answer came.
pub async fn log(cluster: &Cluster, pod: &str, container: &str) -> Result<Log, ClusterError> {
    let action = format!("read the log of container `{container}` in pod `{pod}`");
    let read = cluster.request_once(&action, |client| async move {
        let pods: Api<Pod> = Api::namespaced(client, &cluster.namespace);
        let params = LogParams { container: Some(container.to_owned()), ..LogParams::default() };
        let stream = pods.log_stream(pod, &params).await?;
        pin_mut!(stream);
        let mut log = Log::default();
        loop {
            let mut line = Vec::new();
            let count =
                (&mut stream).take(PIECE).read_until(b'\n', &mut line).await.map_err(kube::Error::ReadEvents)?;
            if count == 0 {
                return Ok(log);
            }
            log.line(line.strip_suffix(b"\n").unwrap_or(&line));
        }
    });
    timeout(LOG, read).await.unwrap_or_else(|_| {
        Err(ClusterError::Request { action: action.clone(), why: format!("not read within {} s", LOG.as_secs()) })
    })
}

//! Reads the log of a container that has ended, or of one that runs as far as it is.

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

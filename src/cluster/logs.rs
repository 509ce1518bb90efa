//! Follows a container's log.
//!
//! A log stream ends early for many reasons (idle middleboxes, rotation), so its end says nothing about the
//! container's: whoever follows decides by the pod's status when it is over. After a break the log is read again from
//! its start and the lines already told are left out.

use std::time::Duration;

use futures_util::AsyncBufReadExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use tokio::sync::mpsc;

/// Longest line that is told whole; the rest of a longer one follows as lines of its own.
const LINE: usize = 64 * 1024;
/// Wait before a broken stream is opened again.
const AGAIN: Duration = Duration::from_millis(500);

/// Sends each line of `container`'s log, without its line end, until the task is ended. `None` tells that the server has
/// no more for now: the log is whole if the container had ended before.
pub async fn follow(pods: Api<Pod>, pod: String, container: &'static str, lines: mpsc::Sender<Option<Vec<u8>>>) {
    let mut told = 0;
    loop {
        match read(&pods, &pod, container, &mut told, &lines).await {
            Ok(()) if lines.send(None).await.is_err() => return,
            Ok(()) => tracing::debug!(pod, container, "log stream ended"),
            Err(error) => tracing::debug!(pod, container, %error, "log stream broke"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn read(
    pods: &Api<Pod>,
    pod: &str,
    container: &str,
    told: &mut usize,
    lines: &mpsc::Sender<Option<Vec<u8>>>,
) -> Result<(), kube::Error> {
    let params = LogParams { container: Some(container.to_owned()), follow: true, ..Default::default() };
    let stream = pods.log_stream(pod, &params).await?;
    futures_util::pin_mut!(stream);
    let mut seen = 0;
    loop {
        let mut line = Vec::new();
        let mut limited = futures_util::AsyncReadExt::take(&mut stream, LINE as u64);
        let count = limited.read_until(b'\n', &mut line).await.map_err(kube::Error::ReadEvents)?;
        if count == 0 {
            return Ok(());
        }
        match line.pop() {
            Some(b'\n') => {}
            Some(byte) if count == LINE => line.push(byte),
            // The runtime ends every line, so this one was cut: it is read again, whole.
            _ => return Ok(()),
        }
        seen += 1;
        if seen <= *told {
            continue;
        }
        *told = seen;
        if lines.send(Some(line)).await.is_err() {
            return Ok(());
        }
    }
}

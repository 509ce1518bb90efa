//! The exec engine: standard input to a command in a container, its output and its status back.
//!
//! Our own, on [`kube::Client::connect`]: kube's `AttachedProcess` (5.0.0) sends 4 KiB frames, hangs when the remote
//! side is gone, and loses the status of a command that ends while data is being sent. Facts: apimachinery
//! `remotecommand/constants.go` (v5: a message `[255, channel]` closes a channel), apiserver `wsstream/conn.go` (binary
//! messages start with their channel; never fragmented), tungstenite 0.30.
//!
//! Reading and writing never wait for each other. A missing status is never success.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use kube::api::AttachParams;
use kube::core::Status;
use kube::core::response::StatusSummary;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::client::Cluster;
use crate::error::ClusterError;

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
/// v5: closes the channel named by the next byte.
const CLOSE: u8 = 255;

/// Payload of one message: from here on larger ones gain nothing, and the server refuses those over 32 MiB.
const MESSAGE: usize = 128 * 1024;
/// Idle time after which a ping keeps middleboxes from closing the connection.
const PING: Duration = Duration::from_secs(15);
/// No byte accepted for so long means that the other side is gone.
const STALL: Duration = Duration::from_secs(60);
/// After a failed write: time for the command's last words and its status to arrive.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Bytes of standard error that are kept: its end.
const STDERR_KEPT: usize = 8 * 1024;

/// A command to run in a container.
#[derive(Debug)]
pub struct Exec<'a> {
    /// The pod.
    pub pod: &'a str,
    /// The container.
    pub container: &'a str,
    /// Program and arguments.
    pub command: Vec<String>,
}

/// How an exec ended.
#[derive(Debug)]
pub struct Ended {
    /// The command's fate.
    pub outcome: Outcome,
    /// The end of what it wrote to standard error.
    pub stderr: String,
}

/// The command's fate, as far as it is known.
#[derive(Debug)]
pub enum Outcome {
    /// It ended with this code.
    Exited(i32),
    /// The server says that it could not run or watch it.
    Failed(String),
    /// The connection ended without a status: nobody knows.
    Lost(String),
}

/// Runs `exec`: standard input comes from `stdin` until its sender is dropped, each chunk of standard output goes to
/// `stdout`, `sent` counts the input bytes that the socket took.
///
/// # Errors
/// The server's refusal to start it. Whatever happens later is an [`Outcome`].
pub async fn run(
    cluster: &Cluster,
    exec: Exec<'_>,
    stdin: mpsc::Receiver<Bytes>,
    stdout: mpsc::UnboundedSender<Bytes>,
    sent: &AtomicU64,
) -> Result<Ended, ClusterError> {
    let action = format!("run a command in pod `{}`", exec.pod);
    let params = AttachParams { container: Some(exec.container.to_owned()), stdin: true, ..Default::default() };
    let path = format!("/api/v1/namespaces/{}/pods", cluster.namespace);
    let request = kube::core::Request::new(path)
        .exec(exec.pod, exec.command, &params)
        .map_err(|error| cluster.named(&action, kube::Error::BuildRequest(error)))?;
    let connection = cluster.request(&action, cluster.client.connect(request)).await?;
    let can_close = connection.supports_stream_close();
    tracing::debug!(pod = exec.pod, protocol = if can_close { "v5" } else { "v4" }, "exec connected");
    let (sink, source) = connection.into_stream().split();

    let mut heard = Heard::default();
    let outcome = {
        let listen = listen(source, &mut heard, &stdout);
        let speak = speak(sink, stdin, can_close, sent);
        tokio::pin!(listen);
        tokio::select! {
            outcome = &mut listen => outcome,
            broken = speak => match timeout(LAST_WORDS, &mut listen).await {
                Ok(Outcome::Lost(_)) | Err(_) => Outcome::Lost(broken),
                Ok(known) => known,
            },
        }
    };
    Ok(Ended { outcome, stderr: heard.stderr() })
}

#[derive(Default)]
struct Heard {
    stderr: Vec<u8>,
}

impl Heard {
    fn keep_stderr(&mut self, chunk: &[u8]) {
        self.stderr.extend_from_slice(chunk);
        let over = self.stderr.len().saturating_sub(STDERR_KEPT);
        self.stderr.drain(..over);
    }

    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }
}

/// Reads until a status arrives or the connection ends.
async fn listen(
    mut source: impl Stream<Item = Result<Message, SocketError>> + Unpin,
    heard: &mut Heard,
    stdout: &mpsc::UnboundedSender<Bytes>,
) -> Outcome {
    loop {
        let data = match source.next().await {
            Some(Ok(Message::Binary(data))) => data,
            Some(Ok(Message::Close(frame))) => {
                let why = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                return Outcome::Lost(
                    format!("server closed the connection without a status {why}").trim_end().to_owned(),
                );
            }
            Some(Ok(_)) => continue,
            Some(Err(error)) => return Outcome::Lost(format!("connection broke: {error}")),
            None => return Outcome::Lost("connection ended without a status".to_owned()),
        };
        match data.first() {
            // The receiver of our output may be gone when only the status still matters.
            Some(&STDOUT) => drop(stdout.send(data.slice(1..))),
            Some(&STDERR) => heard.keep_stderr(&data[1..]),
            Some(&STATUS) => return status(&data[1..]),
            _ => {}
        }
    }
}

/// Writes the input, then nothing but pings. Ends only when the connection breaks, with the reason.
async fn speak(
    mut sink: impl Sink<Message, Error = SocketError> + Unpin,
    mut stdin: mpsc::Receiver<Bytes>,
    can_close: bool,
    sent: &AtomicU64,
) -> String {
    let mut open = true;
    loop {
        let written = tokio::select! {
            chunk = stdin.recv(), if open => match chunk {
                Some(chunk) => write(&mut sink, chunk, sent).await,
                None => {
                    open = false;
                    if can_close { send(&mut sink, Message::binary(vec![CLOSE, STDIN])).await } else { Ok(()) }
                }
            },
            () = tokio::time::sleep(PING) => send(&mut sink, Message::Ping(Bytes::new())).await,
        };
        if let Err(broken) = written {
            return broken;
        }
    }
}

async fn write(
    sink: &mut (impl Sink<Message, Error = SocketError> + Unpin),
    chunk: Bytes,
    sent: &AtomicU64,
) -> Result<(), String> {
    for payload in chunk.chunks(MESSAGE) {
        let mut message = BytesMut::with_capacity(payload.len() + 1);
        message.put_u8(STDIN);
        message.put_slice(payload);
        send(sink, Message::Binary(message.freeze())).await?;
        sent.fetch_add(payload.len() as u64, Ordering::Relaxed);
    }
    Ok(())
}

async fn send(sink: &mut (impl Sink<Message, Error = SocketError> + Unpin), message: Message) -> Result<(), String> {
    match timeout(STALL, sink.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("connection broke: {error}")),
        Err(_) => Err(format!("no byte was accepted for {} s", STALL.as_secs())),
    }
}

/// Reads the `metav1.Status` that ends an exec: kubelet `cri-streaming` `remotecommand/exec.go`.
fn status(json: &[u8]) -> Outcome {
    let status: Status = match serde_json::from_slice(json) {
        Ok(status) => status,
        Err(error) => return Outcome::Lost(format!("status of the command is unreadable: {error}")),
    };
    if status.status == Some(StatusSummary::Success) {
        return Outcome::Exited(0);
    }
    let code = status
        .details
        .iter()
        .flat_map(|details| &details.causes)
        .find(|cause| cause.reason == "ExitCode")
        .and_then(|cause| cause.message.parse().ok());
    match code {
        Some(code) if status.reason == "NonZeroExitCode" => Outcome::Exited(code),
        _ => Outcome::Failed(status.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_tells_success_exit_codes_and_failures() {
        assert!(matches!(status(br#"{"status":"Success"}"#), Outcome::Exited(0)));
        let nonzero = br#"{"status":"Failure","reason":"NonZeroExitCode","message":"m","details":{"causes":[{"reason":"ExitCode","message":"75"}]}}"#;
        assert!(matches!(status(nonzero), Outcome::Exited(75)));
        let internal = br#"{"status":"Failure","reason":"InternalError","message":"container not found","code":500}"#;
        assert!(matches!(status(internal), Outcome::Failed(message) if message == "container not found"));
    }

    #[test]
    fn an_unreadable_status_is_never_success() {
        for json in [&b""[..], b"{", b"{}", b"null", br#"{"status":"Failure","reason":"NonZeroExitCode"}"#] {
            assert!(!matches!(status(json), Outcome::Exited(_)), "{json:?}");
        }
    }

    #[test]
    fn the_end_of_standard_error_is_kept() {
        let mut heard = Heard::default();
        (0..1000).for_each(|_| heard.keep_stderr(&[b'x'; 100]));
        heard.keep_stderr(b"last words");
        assert!(heard.stderr().len() <= STDERR_KEPT && heard.stderr().ends_with("last words"));
    }
}

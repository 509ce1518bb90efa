//! The engine: standard input to a container, or to a command in one, and its output and status back.
//!
//! Our own, on [`kube::Client::connect`]: kube's `AttachedProcess` (5.0.0) sends 4 KiB frames, hangs when the remote
//! side is gone, and loses the status of a command that ends while data is being sent. Facts: apimachinery
//! `remotecommand/constants.go` (v5: a message `[255, channel]` closes a channel), apiserver `wsstream/conn.go` (binary
//! messages start with their channel; never fragmented), tungstenite 0.30.
//!
//! Reading and writing never wait for each other. A missing status is never success.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{Sink, SinkExt, StreamExt};
use kube::Client;
use kube::api::AttachParams;
use kube::client::Connection;
use kube::core::Status;
use kube::core::response::StatusSummary;
use tokio::sync::{mpsc, oneshot};
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
/// Payload while a message takes long: on a slow link a large one would look like a stall.
const SMALL_MESSAGE: usize = 16 * 1024;
/// A message that took this long took long.
const SLOW: Duration = Duration::from_secs(1);
/// Idle time after which a ping keeps middleboxes from closing the connection.
const PING: Duration = Duration::from_secs(15);
/// No byte accepted for so long means that the other side is gone.
const STALL: Duration = Duration::from_secs(60);
/// After a failed write: time for the command's last words and its status to arrive.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Bytes of standard error that are kept: its end.
const STDERR_KEPT: usize = 8 * 1024;

/// What the input goes to.
#[derive(Debug)]
pub enum Target {
    /// A command of our own in a container that runs.
    Exec(Vec<String>),
    /// What runs in the container, whose standard input was left open.
    Attach,
}

/// The input of a stream.
#[derive(Debug)]
pub struct Input {
    /// Its bytes; it ends when the sender is dropped.
    pub chunks: mpsc::Receiver<Bytes>,
    /// Told once the socket took all of them.
    pub handed_over: oneshot::Sender<()>,
}

/// How a stream ended.
#[derive(Debug)]
pub struct Ended {
    /// The command's fate, as far as this stream tells it.
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

/// A stream that was started.
pub struct Stream(Connection);

/// Starts a stream to `container` of `pod`. It is asked for once: whoever calls knows whether to try again.
///
/// # Errors
/// The server's refusal to start it. Whatever happens later is an [`Outcome`].
pub async fn connect(cluster: &Cluster, pod: &str, container: &str, target: &Target) -> Result<Stream, ClusterError> {
    let path = kube::core::Request::new(format!("/api/v1/namespaces/{}/pods", cluster.namespace));
    let params = AttachParams { container: Some(container.to_owned()), stdin: true, ..Default::default() };
    let (action, request) = match target {
        Target::Exec(command) => {
            (format!("run a command in pod `{pod}`"), path.exec(pod, command.iter().map(String::as_str), &params))
        }
        // What it writes is in its log; where the runtime sends it along, the status comes only at the container's end.
        Target::Attach => (
            format!("attach to pod `{pod}`"),
            path.attach(pod, &AttachParams { stdout: false, stderr: false, ..params }),
        ),
    };
    let request = request.map_err(|error| cluster.named(&action, kube::Error::BuildRequest(error)))?;
    let connect = |client: Client| {
        let request = request.clone();
        async move { client.connect(request).await }
    };
    let connection = cluster.request_once(&action, connect).await?;
    let protocol = if connection.supports_stream_close() { "v5" } else { "v4" };
    tracing::debug!(pod, container, protocol, "stream connected");
    Ok(Stream(connection))
}

/// Carries `input` until its end, each chunk of standard output goes to `stdout`, `sent` counts the input bytes that the
/// socket took. Ends with the status, or with the connection.
pub async fn run(
    Stream(connection): Stream,
    input: Input,
    stdout: mpsc::UnboundedSender<Bytes>,
    sent: Arc<AtomicU64>,
    heard: Arc<Heard>,
) -> Ended {
    let can_close = connection.supports_stream_close();
    let (sink, source) = connection.into_stream().split();
    let outcome = {
        let listen = listen(source, &heard, &stdout);
        let speak = speak(sink, input, can_close, &sent);
        tokio::pin!(listen);
        tokio::select! {
            outcome = &mut listen => outcome,
            broken = speak => match timeout(LAST_WORDS, &mut listen).await {
                Ok(Outcome::Lost(_)) | Err(_) => Outcome::Lost(broken),
                Ok(known) => known,
            },
        }
    };
    Ended { outcome, stderr: heard.stderr() }
}

/// What was heard of a command so far. Its words are there before its status, which may never come.
#[derive(Debug, Default)]
pub struct Heard {
    stderr: Mutex<Vec<u8>>,
}

impl Heard {
    fn keep_stderr(&self, chunk: &[u8]) {
        let mut stderr = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        stderr.extend_from_slice(chunk);
        let over = stderr.len().saturating_sub(STDERR_KEPT);
        stderr.drain(..over);
    }

    /// The end of what it wrote to standard error.
    pub fn stderr(&self) -> String {
        let stderr = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&stderr).trim().to_owned()
    }
}

/// Reads until a status arrives or the connection ends.
async fn listen(
    mut source: impl futures_util::Stream<Item = Result<Message, SocketError>> + Unpin,
    heard: &Heard,
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
            // Without standard output, the server's greeting comes here: an empty message (apiserver
            // `pkg/util/proxy/websocket.go`).
            Some(&STATUS) if data.len() > 1 => return status(&data[1..]),
            _ => {}
        }
    }
}

/// Writes the input, then nothing but pings. Ends only when the connection breaks, with the reason.
async fn speak(
    mut sink: impl Sink<Message, Error = SocketError> + Unpin,
    mut input: Input,
    can_close: bool,
    sent: &AtomicU64,
) -> String {
    let mut pings = tokio::time::interval_at(tokio::time::Instant::now() + PING, PING);
    let mut writer = Writer { sink: &mut sink, payload: MESSAGE, sent };
    loop {
        let written = tokio::select! {
            chunk = input.chunks.recv() => match chunk {
                Some(chunk) => writer.all_there_is(chunk, &mut input.chunks).await,
                None => break,
            },
            _ = pings.tick() => writer.now(Message::Ping(Bytes::new())).await,
        };
        if let Err(broken) = written {
            return broken;
        }
    }
    let closed = if can_close { writer.now(Message::binary(vec![CLOSE, STDIN])).await } else { Ok(()) };
    if let Err(broken) = closed {
        return broken;
    }
    // Nobody may be waiting for it.
    let _ = input.handed_over.send(());
    loop {
        pings.tick().await;
        if let Err(broken) = writer.now(Message::Ping(Bytes::new())).await {
            return broken;
        }
    }
}

/// Puts input into messages and knows when the other side takes none.
struct Writer<'a, S> {
    sink: &'a mut S,
    payload: usize,
    sent: &'a AtomicU64,
}

impl<S: Sink<Message, Error = SocketError> + Unpin> Writer<'_, S> {
    /// What is there is written together: a small message behind a large one would wait for its acknowledgement.
    async fn all_there_is(&mut self, first: Bytes, rest: &mut mpsc::Receiver<Bytes>) -> Result<(), String> {
        self.input(first).await?;
        while let Ok(chunk) = rest.try_recv() {
            self.input(chunk).await?;
        }
        accepted(self.sink.flush()).await
    }

    async fn input(&mut self, mut chunk: Bytes) -> Result<(), String> {
        while !chunk.is_empty() {
            let payload = chunk.split_to(chunk.len().min(self.payload));
            let mut message = BytesMut::with_capacity(payload.len() + 1);
            message.put_u8(STDIN);
            message.put_slice(&payload);
            let started = Instant::now();
            accepted(self.sink.feed(Message::Binary(message.freeze()))).await?;
            self.payload = if started.elapsed() > SLOW { SMALL_MESSAGE } else { MESSAGE };
            self.sent.fetch_add(payload.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn now(&mut self, message: Message) -> Result<(), String> {
        accepted(self.sink.send(message)).await
    }
}

/// A slow receiver is waited for, one that takes nothing at all is gone.
async fn accepted(written: impl Future<Output = Result<(), SocketError>>) -> Result<(), String> {
    match timeout(STALL, written).await {
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
        let heard = Heard::default();
        (0..1000).for_each(|_| heard.keep_stderr(&[b'x'; 100]));
        heard.keep_stderr(b"last words");
        assert!(heard.stderr().len() <= STDERR_KEPT && heard.stderr().ends_with("last words"));
    }
}

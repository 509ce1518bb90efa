//! The receiver in the pod: two shell scripts and the framing they understand. Pure.
//!
//! A connection that breaks looks like a clean end of input to the process in the container, on every Kubernetes
//! version, and plain `tar` cut at an entry boundary ends with 0. So the proof is in the stream: frames with their
//! sizes and hashes, then an end marker with the attempt's name, the count of entries and the hash of all frame lines. The
//! frames also make the upload independent of half-close, which servers before Kubernetes 1.30 do not have, and let what
//! cannot be compressed travel as it is: busybox decompresses at 150 MB/s.

use sha2::{Digest, Sha256};

use crate::context::pack::Coding;
use crate::executor::CONTEXT_VOLUME;

/// Container that receives the context.
pub const RECEIVER: &str = "receive-context";

/// Seconds without a frame after which the receiver ends by itself.
const IDLE_SECONDS: u32 = 300;

const WAIT: &str = include_str!("wait.sh");
const RECEIVE: &str = include_str!("receive.sh");

/// Names one build: random, so that nothing else can release it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// A fresh one.
    pub fn random() -> Self {
        Self(format!("k{:015x}", rand::random::<u64>() >> 4))
    }

    /// A letter, so that YAML never takes it for a number, and fifteen hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the upload's attempt `number`.
    pub fn attempt(&self, number: u32) -> Attempt {
        Attempt { nonce: self.clone(), name: format!("{}-{number}", self.0) }
    }
}

/// One attempt to upload the context of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    nonce: Nonce,
    name: String,
}

/// The init container's command: waits for the release.
pub fn wait_command(nonce: &Nonce) -> Vec<String> {
    script(WAIT, &[CONTEXT_VOLUME, nonce.as_str(), &IDLE_SECONDS.to_string()])
}

/// The init container's command that takes the one upload of `attempt` on its own standard input.
pub fn wait_and_receive_command(attempt: &Attempt) -> Vec<String> {
    let idle = IDLE_SECONDS.to_string();
    script(WAIT, &[CONTEXT_VOLUME, attempt.nonce.as_str(), &idle, &code(RECEIVE), &attempt.name])
}

/// The command that takes one upload on its standard input.
pub fn receive_command(attempt: &Attempt) -> Vec<String> {
    script(RECEIVE, &[CONTEXT_VOLUME, attempt.nonce.as_str(), &attempt.name])
}

fn script(text: &str, arguments: &[&str]) -> Vec<String> {
    let code = code(text);
    ["sh", "-c", &code, "sh"].iter().chain(arguments).map(|word| (*word).to_owned()).collect()
}

/// A script without its comments.
fn code(text: &str) -> String {
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    code.join("\n").trim().to_owned()
}

/// Frames one archive: what stands before each piece of it, and the proof at its end.
#[derive(Debug, Default)]
pub struct Framing {
    lines: Sha256,
}

impl Framing {
    /// The line that stands before `frame`. Every frame needs one, in order.
    pub fn header(&mut self, coding: Coding, frame: &[u8]) -> String {
        let coding = match coding {
            Coding::Plain => "plain",
            Coding::Gzip => "gzip",
        };
        let line = format!("{} {coding} {}\n", frame.len(), hex(Sha256::digest(frame)));
        self.lines.update(&line);
        line
    }

    /// What stands after the last frame of an archive with so many `entries`.
    pub fn end_marker(self, attempt: &Attempt, entries: u64) -> String {
        format!("end\n{} {entries} {}\n", attempt.name, hex(self.lines.finalize()))
    }
}

fn hex(digest: impl IntoIterator<Item = u8>) -> String {
    digest.into_iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the receiver says on its standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Frames may come.
    Ready,
    /// Everything arrived; the build starts.
    Whole,
    /// It gave up with this exit code; the reason is on its standard error.
    Failed(i32),
}

impl Reply {
    /// Reads one line; anything that is not of this `attempt` is none.
    pub fn parse(line: &[u8], attempt: &Attempt) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let words: Vec<&str> = line.trim_end().split(' ').collect();
        match words[..] {
            ["ready", of] if of == attempt.name => Some(Self::Ready),
            ["whole", of] if of == attempt.name => Some(Self::Whole),
            ["failed", of, code] if of == attempt.name => code.parse().ok().map(Self::Failed),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;

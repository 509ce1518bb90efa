//! The receiver in the pod: two shell scripts and the framing they understand. Pure.
//!
//! A connection that breaks looks like a clean end of input to the process in the container, on every Kubernetes
//! version, and plain `tar` cut at an entry boundary ends with 0. So the proof is in the stream: frames with their
//! sizes and hashes, then an end marker with a nonce, the count of entries and the hash of all frame lines. The frames
//! also make the upload independent of half-close, which servers before Kubernetes 1.30 do not have.

use sha2::{Digest, Sha256};

use crate::context::Compression;
use crate::executor::CONTEXT_VOLUME;

/// Container that receives the context.
pub const RECEIVER: &str = "receive-context";

/// Seconds without an upload after which the receiver ends by itself.
const IDLE_SECONDS: u32 = 300;

const WAIT: &str = include_str!("wait.sh");
const RECEIVE: &str = include_str!("receive.sh");

/// Names one upload: random, so that nothing else can release it.
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
}

/// The init container's command: waits for the release.
pub fn wait_command(nonce: &Nonce) -> Vec<String> {
    script(WAIT, [CONTEXT_VOLUME, nonce.as_str(), &IDLE_SECONDS.to_string()])
}

/// The command that takes one upload on its standard input.
pub fn receive_command(nonce: &Nonce, compression: Compression) -> Vec<String> {
    let flags = match compression {
        Compression::None => "-xf",
        Compression::Auto | Compression::Gzip(_) => "-xzf",
    };
    script(RECEIVE, [CONTEXT_VOLUME, nonce.as_str(), flags])
}

fn script(text: &str, arguments: [&str; 3]) -> Vec<String> {
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    ["sh", "-c", code.join("\n").trim(), "sh"].into_iter().chain(arguments).map(str::to_owned).collect()
}

/// Frames one archive: what stands before each piece of it, and the proof at its end.
#[derive(Debug, Default)]
pub struct Framing {
    lines: Sha256,
}

impl Framing {
    /// The line that stands before `frame`. Every frame needs one, in order.
    pub fn header(&mut self, frame: &[u8]) -> String {
        let line = format!("{} {}\n", frame.len(), hex(Sha256::digest(frame)));
        self.lines.update(&line);
        line
    }

    /// What stands after the last frame of an archive with so many `entries`.
    pub fn end_marker(self, nonce: &Nonce, entries: u64) -> String {
        format!("end\n{} {entries} {}\n", nonce.as_str(), hex(self.lines.finalize()))
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
    /// Reads one line; anything that is not of the upload `nonce` is none.
    pub fn parse(line: &[u8], nonce: &Nonce) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let words: Vec<&str> = line.trim_end().split(' ').collect();
        match words[..] {
            ["ready", of] if of == nonce.as_str() => Some(Self::Ready),
            ["whole", of] if of == nonce.as_str() => Some(Self::Whole),
            ["failed", of, code] if of == nonce.as_str() => code.parse().ok().map(Self::Failed),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;

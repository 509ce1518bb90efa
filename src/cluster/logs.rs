//! Follows a container's log without losing or repeating a line.
//!
//! A log stream ends early for many reasons (idle middleboxes, a restarting API server, rotation), so its end says
//! nothing about the container's: whoever follows decides by the pod's status when it is over. After a break the log is
//! read again from the second of the last line, by the timestamps the kubelet puts before each; counting lines would not
//! do, for a rotated log starts anew.

use std::io;
use std::time::Duration;

use futures_util::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::client::Cluster;

/// Longest piece that is told at once; a longer line is told in pieces.
const PIECE: usize = 64 * 1024;
/// A silent stream may be one that a middlebox has dropped without a word: it is opened again. Load balancers do so
/// after 4 minutes and more.
const SILENCE: Duration = Duration::from_secs(230);
/// Wait before a stream that ended is opened again.
const AGAIN: Duration = Duration::from_millis(500);

/// What following tells.
#[derive(Debug)]
pub enum Told {
    /// A line, or a piece of a long one.
    Line {
        /// When it was written, by the node's clock; of the first piece alone.
        time: Option<Timestamp>,
        /// Without its line end; any bytes.
        text: Vec<u8>,
    },
    /// The server has no more for now: the log is whole if the container had ended before.
    NoMore,
    /// The server refuses the log, in its own words; nothing follows.
    Refused(String),
}

/// Follows `container`'s log until the task is ended or the log is refused.
pub async fn follow(cluster: Cluster, pod: String, container: &'static str, listener: mpsc::Sender<Told>) {
    let mut position = Position::default();
    let mut renewed = false;
    loop {
        let pods: Api<Pod> = Api::namespaced(cluster.client(), &cluster.namespace);
        let result = read(&pods, &pod, container, &mut position, &listener).await;
        if let Err(kube::Error::Api(status)) = &result
            && status.code == 401
            && !renewed
        {
            renewed = true;
            cluster.renew().await;
            continue;
        }
        renewed &= result.is_err();
        let told = match result {
            Ok(()) => Some(Told::NoMore),
            Err(kube::Error::Api(status)) if status.code == 404 => Some(Told::NoMore),
            Err(kube::Error::Api(status)) if status.code == 401 || status.code == 403 && !cluster.is_just_back() => {
                Some(Told::Refused(status.message))
            }
            Err(error) => {
                if !matches!(error, kube::Error::Api(_)) {
                    cluster.connection_failed();
                }
                tracing::debug!(pod, container, %error, "log stream broke");
                None
            }
        };
        if let Some(told) = told {
            let over = matches!(told, Told::Refused(_));
            if listener.send(told).await.is_err() || over {
                return;
            }
        }
        tokio::time::sleep(AGAIN.max(cluster.wanted_pause())).await;
    }
}

async fn read(
    pods: &Api<Pod>,
    pod: &str,
    container: &str,
    position: &mut Position,
    listener: &mpsc::Sender<Told>,
) -> Result<(), kube::Error> {
    let params = LogParams {
        container: Some(container.to_owned()),
        follow: true,
        timestamps: true,
        since_time: position.since(),
        ..Default::default()
    };
    let stream = pods.log_stream(pod, &params).await?;
    futures_util::pin_mut!(stream);
    let mut resume = position.resume();
    // The line that the piece before began, if it had no line end.
    let mut begun: Option<Line> = None;
    loop {
        let mut piece = next_piece(&mut stream).await.map_err(kube::Error::ReadEvents)?;
        let ended = piece.last() == Some(&b'\n');
        if !ended && piece.len() < PIECE {
            // The end, or a line that was cut: the runtime ends every line, so this one is read again, whole.
            return Ok(());
        }
        if ended {
            piece.pop();
        }
        let is_first = begun.is_none();
        let (mut line, mut text) = match begun.take() {
            Some(line) => (line, piece),
            None => {
                let (time, text) = split_time(piece);
                (resume.line(time), text)
            }
        };
        let skipped = line.skip.min(text.len());
        text.drain(..skipped);
        line.skip -= skipped;
        let tell = line.is_new && (skipped == 0 || !text.is_empty());
        if line.is_new {
            position.told(line.time, text.len());
        }
        if line.is_new && ended {
            position.advance(line.time);
        }
        let time = line.time.filter(|_| is_first);
        if !ended {
            begun = Some(line);
        }
        if tell && listener.send(Told::Line { time, text }).await.is_err() {
            return Ok(());
        }
    }
}

/// The next line with its end, or as much of it as is told at once.
async fn next_piece(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut piece = Vec::new();
    let mut limited = stream.take(PIECE as u64);
    timeout(SILENCE, limited.read_until(b'\n', &mut piece)).await??;
    Ok(piece)
}

/// A line that is being read.
struct Line {
    time: Option<Timestamp>,
    /// It has not been told, or not to its end.
    is_new: bool,
    /// Bytes that were told before the log broke.
    skip: usize,
}

/// The kubelet's timestamp and what follows it. A line without one is told as it is.
fn split_time(mut line: Vec<u8>) -> (Option<Timestamp>, Vec<u8>) {
    let Some(blank) = line.iter().position(|byte| *byte == b' ') else { return (None, line) };
    match std::str::from_utf8(&line[..blank]).ok().and_then(|time| time.parse().ok()) {
        Some(time) => (Some(time), line.split_off(blank + 1)),
        None => (None, line),
    }
}

/// Where in the log the telling is: the time of the last line, how many lines of that very time were told, and how much
/// of the one after it.
#[derive(Debug, Clone, Default)]
struct Position {
    time: Option<Timestamp>,
    told: usize,
    part: Option<(Timestamp, usize)>,
}

impl Position {
    /// What to ask the server for: it takes whole seconds, and rounding up would skip lines (kube-core `LogParams`).
    fn since(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.time?.as_second()).ok()
    }

    fn resume(&self) -> Resume {
        Resume { part: self.part, from: self.clone(), seen: 0 }
    }

    /// Some of a line was told.
    fn told(&mut self, time: Option<Timestamp>, bytes: usize) {
        let before = self.part.filter(|(begun, _)| Some(*begun) == time).map_or(0, |(_, before)| before);
        self.part = time.map(|time| (time, before + bytes));
    }

    /// A line was told to its end.
    fn advance(&mut self, time: Option<Timestamp>) {
        self.part = None;
        if time.is_some() && self.time == time {
            self.told += 1;
        } else if time.is_some() {
            (self.time, self.told) = (time, 1);
        }
    }
}

/// One reading that starts before where the telling is.
#[derive(Debug)]
struct Resume {
    from: Position,
    seen: usize,
    /// What was told of the first line that is new, if it is of this time.
    part: Option<(Timestamp, usize)>,
}

impl Resume {
    /// The next line, of that time.
    fn line(&mut self, time: Option<Timestamp>) -> Line {
        let is_new = self.is_new(time);
        let part = if is_new { self.part.take() } else { None };
        let skip = part.filter(|(begun, _)| Some(*begun) == time).map_or(0, |(_, told)| told);
        Line { time, is_new, skip }
    }

    /// Whether a line of that time has not been told to its end yet.
    fn is_new(&mut self, time: Option<Timestamp>) -> bool {
        let old = match (time, self.from.time) {
            (Some(time), Some(last)) if time == last => {
                self.seen += 1;
                self.seen <= self.from.told
            }
            (Some(time), Some(last)) => time < last,
            _ => false,
        };
        !old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads lines `TIME TEXT` and returns the texts that are told.
    fn told(position: &mut Position, lines: &[&str]) -> Vec<String> {
        let mut resume = position.resume();
        let mut texts = Vec::new();
        for line in lines {
            let (time, text) = split_time(line.as_bytes().to_vec());
            if resume.is_new(time) {
                position.advance(time);
                texts.push(String::from_utf8(text).unwrap());
            }
        }
        texts
    }

    const A: &str = "2026-01-02T03:04:05.100000000Z a";
    const B: &str = "2026-01-02T03:04:05.200000000Z b";
    const C: &str = "2026-01-02T03:04:05.200000000Z c";
    const D: &str = "2026-01-02T03:04:06.000000000Z d";

    #[test]
    fn a_first_reading_tells_every_line() {
        assert_eq!(told(&mut Position::default(), &[A, B, B, C, D]), ["a", "b", "b", "c", "d"]);
    }

    #[test]
    fn a_second_reading_goes_on_in_the_middle_of_lines_of_the_same_time() {
        let mut position = Position::default();
        assert_eq!(told(&mut position, &[A, B]), ["a", "b"]);
        assert_eq!(position.since().unwrap().to_string(), "2026-01-02T03:04:05Z");
        assert_eq!(told(&mut position, &[A, B, C, D]), ["c", "d"]);
        assert_eq!(told(&mut position, &[D]), Vec::<String>::new());
    }

    #[test]
    fn a_rotated_log_goes_on_though_its_first_lines_are_gone() {
        let mut position = Position::default();
        assert_eq!(told(&mut position, &[A, B, C]), ["a", "b", "c"]);
        assert_eq!(told(&mut position, &[D, D]), ["d", "d"]);
    }

    #[test]
    fn a_line_without_a_time_is_told_as_it_is() {
        assert_eq!(told(&mut Position::default(), &["no time", "", "x"]), ["no time", "", "x"]);
    }
}

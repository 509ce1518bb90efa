//! What the time of a build went into: spans that follow each other from the request for the pod to the executor's end.
//! Pure.
//!
//! Three clocks tell of it: ours of what we did, the API server's by when we heard of it, and the node's in the log.
//! [`Recorder`] brings them onto one line.

mod recorder;

use std::time::Duration;

use serde::{Serialize, Serializer};

pub use recorder::Recorder;

/// A kind of work, in the order in which it mostly comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Until the pod has a node.
    Schedule,
    /// Images of the pod are pulled.
    Images,
    /// Containers are made and started.
    Start,
    /// The context gets into the pod: an upload, or a clone.
    Context,
    /// Base images are looked up, pulled and unpacked.
    Base,
    /// Instructions.
    Step,
    /// The file system is looked through for what an instruction changed, and a layer is made of it.
    Snapshot,
    /// The layer cache is asked, and given layers.
    Cache,
    /// Between stages: what a later one copies is kept, the rest is deleted.
    Stage,
    /// The image is pushed.
    Push,
    /// From the executor's last line until the cluster says that it has ended.
    End,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Schedule,
        Self::Images,
        Self::Start,
        Self::Context,
        Self::Base,
        Self::Step,
        Self::Snapshot,
        Self::Cache,
        Self::Stage,
        Self::Push,
        Self::End,
    ];

    /// What it is called in a table.
    pub fn title(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Images => "pod's images",
            Self::Start => "start",
            Self::Context => "context",
            Self::Base => "base image",
            Self::Step => "instructions",
            Self::Snapshot => "snapshots",
            Self::Cache => "layer cache",
            Self::Stage => "between stages",
            Self::Push => "push",
            Self::End => "end of pod",
        }
    }
}

/// Work of one kind without a break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Which kind.
    pub phase: Phase,
    /// The instruction, as the executor repeats it.
    pub name: Option<String>,
    /// Which of the build's instructions it is, from 1: two may have the same text.
    pub instruction: Option<usize>,
    /// When it began, since the pod was asked for.
    #[serde(rename = "start", serialize_with = "seconds")]
    pub from: Duration,
    /// How long it took.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub took: Duration,
}

/// What a build's time went into: the spans follow each other without a gap.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// In their order.
    pub spans: Vec<Span>,
    /// Bytes of the context on the wire, if it was uploaded.
    pub sent: Option<u64>,
    /// How long bytes of the context travelled, while work on them went on; none if nobody told.
    pub sending: Option<Duration>,
    /// The node that the pod ran on, if that was told.
    pub node: Option<String>,
    /// How far the node's clock is ahead of ours, in seconds, as far as lines of its log tell.
    pub clock_ahead: Option<f64>,
}

impl Timeline {
    /// All of it.
    pub fn total(&self) -> Duration {
        self.spans.iter().map(|span| span.took).sum()
    }

    /// What each instruction took: its text, how many of the same came before it, and the time of all its parts.
    pub fn steps(&self) -> Vec<(String, usize, Duration)> {
        let mut steps: Vec<(String, usize, Duration)> = vec![];
        let mut last = None;
        for span in &self.spans {
            let Some(name) = &span.name else { continue };
            match steps.last_mut() {
                Some(step) if last == Some(span.instruction) => step.2 += span.took,
                _ => {
                    let before = steps.iter().filter(|(other, ..)| other == name).count();
                    steps.push((name.clone(), before, span.took));
                }
            }
            last = Some(span.instruction);
        }
        steps
    }

    /// What one kind of work took.
    pub fn of(&self, phase: Phase) -> Duration {
        self.spans.iter().filter(|span| span.phase == phase).map(|span| span.took).sum()
    }
}

/// Seconds to the millisecond.
///
/// # Errors
/// The serializer's.
pub fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(rounded(*time))
}

/// Seconds to the millisecond.
pub fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

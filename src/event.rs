//! What happens during a build, as data: the only thing the work and its display have in common.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::context::listing::Totals;
use crate::executor::steps::Step;
use crate::request::Transport;
use crate::timeline::Timeline;

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The walk is done: this is what will be sent.
    Scanned {
        /// What is sent.
        totals: Totals,
        /// Sockets, FIFOs and devices that are left out.
        special: Vec<PathBuf>,
    },
    /// The pod exists.
    PodCreated {
        /// Its namespace.
        namespace: String,
        /// Its name.
        pod: String,
    },
    /// The pod has a node.
    Scheduled {
        /// Its name.
        node: String,
    },
    /// Nothing to do but wait.
    Waiting {
        /// For what.
        what: String,
        /// What went wrong so far and is tried again.
        trouble: Option<String>,
    },
    /// The receiver is ready.
    UploadStarted {
        /// Bytes of content to pack.
        total: u64,
    },
    /// The upload goes on.
    UploadProgress {
        /// Bytes of content packed so far.
        packed: u64,
        /// Bytes handed to the connection so far.
        sent: u64,
    },
    /// The upload broke and begins anew.
    UploadBroke {
        /// Why.
        why: String,
        /// The number of the attempt that comes.
        attempt: u32,
    },
    /// Another pod is tried.
    Again {
        /// Why.
        why: String,
        /// The way that the context takes into it.
        transport: Transport,
    },
    /// Everything arrived; or was handed over, where only the executor can tell.
    Uploaded {
        /// Bytes of content.
        packed: u64,
        /// Bytes on the wire.
        sent: u64,
        /// Since the receiver was ready.
        elapsed: Duration,
        /// The pod has proof.
        proven: bool,
    },
    /// The executor runs.
    Building,
    /// A line of the executor's log.
    Log {
        /// Without its line end; any bytes.
        line: Vec<u8>,
        /// When the node's clock says it was written, if the kubelet told.
        time: Option<Timestamp>,
        /// What the executor itself says with it.
        said: Option<String>,
    },
    /// The executor begins something.
    StepStarted {
        /// What.
        step: Step,
    },
    /// It is over, and well.
    StepEnded {
        /// What.
        step: Step,
        /// How long it took.
        took: Duration,
        /// Its layer was in the cache.
        cached: bool,
    },
    /// The executor ended well.
    Built {
        /// Since the receiver released it.
        elapsed: Duration,
    },
    /// What the build's time went into, once it is known.
    Timed(Timeline),
    /// The pod is gone, or asked to go.
    PodDeleted {
        /// Its name.
        pod: String,
    },
    /// Something that needs the user's eye but ends nothing.
    Warning {
        /// One phrase.
        message: String,
    },
}

/// Takes events. Called from the thread that does the work: it must not block for long.
pub trait Listener: Send + Sync {
    /// Takes one event.
    fn event(&self, event: Event);
}

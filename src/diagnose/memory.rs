//! Whether a memory limit leaves the executor what the layer cache takes. Pure.

use crate::code::Code;
use crate::executor::flags::Flags;
use crate::quantity;

use super::{Finding, Severity};

/// What it takes at least: a layer is compressed in memory before it is pushed (kaniko v1.24.0 `pkg/executor/push.go`
/// `pushLayerToCache`). docs/flink.md has what was seen below that.
const ENOUGH: u64 = 1 << 30;

/// That a limit, as Kubernetes writes it, is less; `help` says what to change.
pub fn finding(limit: &str, flags: &Flags, help: String) -> Option<Finding> {
    let is_compressed = flags.last("compressed-caching").is_none_or(|given| given.value == "true");
    let is_cached = flags.is_on("cache") && !flags.is_on("no-push-cache") && is_compressed;
    let is_little = is_cached && quantity::bytes(limit).is_some_and(|bytes| bytes < ENOUGH);
    is_little.then(|| Finding {
        code: Code::MemoryForCache,
        severity: Severity::Advice,
        message: format!("a memory limit of `{limit}` is little for the layer cache"),
        spans: vec![],
        notes: vec![
            "a layer of 130 MB was too much for 512Mi: the executor was killed, with nothing in its log".to_owned(),
            "`--compressed-caching=false` takes less".to_owned(),
        ],
        help: Some(help),
    })
}

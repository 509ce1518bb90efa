//! A memory limit below what the layer cache takes: the executor is killed, and its log does not say so.

use super::super::{Finding, memory};
use super::container::Running;

pub(super) fn find(running: &Running) -> Option<Finding> {
    let flags = running.resolution()?.flags.as_ref()?;
    let limits = &running.container.get("resources")?.value.get("limits")?.value;
    let limit = limits.get("memory")?.value.scalar()?;
    let finding = memory::finding(&limit, flags, "write `memory: 2Gi`".to_owned())?;
    let spans = limits.place_of("memory").map(|place| running.container.span(place)).into_iter().collect();
    Some(Finding { spans, ..finding })
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::told::{none_of, the_one};
    use super::super::case::in_pod;
    use super::*;
    use crate::code::Code;
    use crate::diagnose::Severity;

    fn found(flags: &str, limits: &str) -> Vec<Finding> {
        in_pod(
            &format!(
                "args: [\"--context=git://example.com/a/b.git\", \"--destination=r.example.com/a/b\", {flags}]\nresources:\n  \
                 limits: {limits}\n"
            ),
            "",
        )
    }

    #[test]
    fn little_memory_and_a_cache_is_told() {
        for limits in ["{memory: 512Mi}", "{memory: 900M}", "{cpu: 2, memory: 536870912}"] {
            let finding = the_one(&found("\"--cache\"", limits), Code::MemoryForCache);
            assert_eq!((finding.severity, finding.spans[0].place.line), (Severity::Advice, 8));
        }
    }

    #[test]
    fn enough_memory_or_no_cache_is_fine() {
        for (flags, limits) in [
            ("\"--cache\"", "{memory: 1Gi}"),
            ("\"--cache\"", "{memory: 2G}"),
            ("\"--cache\"", "{memory: much}"),
            ("\"--cache\"", "{cpu: 2}"),
            ("\"--cache=false\"", "{memory: 512Mi}"),
            ("\"--cache\", \"--compressed-caching=false\"", "{memory: 512Mi}"),
            ("\"--cache\", \"--no-push-cache\"", "{memory: 512Mi}"),
        ] {
            none_of(&found(flags, limits), Code::MemoryForCache);
        }
    }
}

//! Capabilities are taken away that the executor cannot do without.

use super::super::{Finding, Severity};
use super::container::Running;
use super::members;
use crate::cluster::privileges::capability;
use crate::code::Code;

/// kaniko-executor C-D18 (kaniko#2122, #2146), C-S10, C-K18 (kaniko#1171, #1200). `SETFCAP` is for few images only.
const NEEDED: [&str; 5] = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"];

pub(super) fn find(running: &Running) -> Option<Finding> {
    let container = running.container;
    let (context, capabilities) = container.own_security("capabilities").filter(|_| container.holds_executor())?;
    let is_privileged = context.get("privileged").is_some_and(|node| node.value.scalar().as_deref() == Some("true"));
    let names = |field: &str| -> Vec<String> {
        members(&capabilities.value, field).filter_map(|node| Some(capability(node.value.text()?))).collect()
    };
    let (dropped, added) = (names("drop"), names("add"));
    let has = |list: &[String], name: &str| list.iter().any(|member| member == name || member == "ALL");
    let missing: Vec<&str> =
        NEEDED.into_iter().filter(|name| has(&dropped, name) && !has(&added, name) && !is_privileged).collect();
    if missing.is_empty() {
        return None;
    }
    let named: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
    let all: Vec<&str> = added.iter().map(String::as_str).chain(missing).collect();
    let place = capabilities.value.place_of("drop");
    let message = format!("the executor is without {}", named.join(", "));
    Some(
        running
            .finding(Code::CapabilityMissing, Severity::Warning, place, message)
            .because([
                "the executor gives files their owners and modes, and starts programs as other users".to_owned(),
                "what it may not do ends with `operation not permitted` or `permission denied`".to_owned(),
            ])
            .with_help(Some(format!("write below `capabilities`: `add: [{}]`", all.join(", ")))),
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::told::{none_of, the_one};
    use super::super::case::in_pod;
    use super::*;

    fn found(security: &str) -> Vec<Finding> {
        in_pod(&format!("securityContext: {{{security}}}"), "")
    }

    #[test]
    fn what_is_dropped_and_not_given_back_is_named() {
        let one = the_one(&found("capabilities: {drop: [CAP_CHOWN, MKNOD]}"), Code::CapabilityMissing);
        assert_eq!(one.message, "the executor is without `CHOWN`");
        let rest = the_one(
            &found("capabilities: {drop: [all], add: [CHOWN, SETFCAP, SETUID, SETGID]}"),
            Code::CapabilityMissing,
        );
        assert_eq!(rest.message, "the executor is without `DAC_OVERRIDE`, `FOWNER`");
        let help = "write below `capabilities`: `add: [CHOWN, SETFCAP, SETUID, SETGID, DAC_OVERRIDE, FOWNER]`";
        assert_eq!(rest.help.as_deref(), Some(help));
    }

    #[test]
    fn what_is_left_or_given_back_is_enough() {
        for security in [
            "capabilities: {drop: [ALL], add: [CHOWN, DAC_OVERRIDE, FOWNER, SETUID, SETGID]}",
            "capabilities: {drop: [MKNOD, NET_RAW, AUDIT_WRITE]}",
            "capabilities: {drop: [ALL], add: [ALL]}",
            "capabilities: {add: [SYS_PTRACE]}",
            "privileged: true, capabilities: {drop: [ALL]}",
            "allowPrivilegeEscalation: false",
        ] {
            none_of(&found(security), Code::CapabilityMissing);
        }
        let other = "image: r.example.com/tools/kaniko-operator\nsecurityContext: {capabilities: {drop: [ALL]}}";
        none_of(&in_pod(other, ""), Code::CapabilityMissing);
    }
}

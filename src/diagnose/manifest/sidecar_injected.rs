//! A service mesh puts a proxy into the pod, beside an executor that is there before it and gone after it.

use super::super::tree::Tree;
use super::super::{Finding, Severity};
use super::container::Running;
use super::group::{Form, Role};
use crate::code::Code;

/// Who puts it there, when, and the value that says so.
const INJECTED: [(&str, &str, &str); 2] =
    [("Istio", "sidecar.istio.io/inject", "true"), ("Linkerd", "linkerd.io/inject", "enabled")];

/// kaniko-executor C-K17 (apache/camel-k#1706, skaffold#3442, kaniko#753).
pub(super) fn find(running: &Running) -> Option<Finding> {
    let container = running.container;
    // Argo and Tekton end proxies themselves, and what a shell does first is not known.
    if container.group.form != Form::Pod || container.role != Role::Main || !running.is_executor() {
        return None;
    }
    let metadata = container.group.metadata()?;
    let maps = || ["labels", "annotations"].into_iter().filter_map(|field| Some(&metadata.get(field)?.value));
    // A proxy that is an init container is there first, and does not keep the pod from ending.
    if maps().any(has_native) {
        return None;
    }
    let (mesh, key, map) = maps().find_map(|map| {
        let says = |(_, key, value): &&(&str, &str, &str)| {
            map.get(key).and_then(|node| node.value.scalar()).as_deref() == Some(*value)
        };
        INJECTED.iter().find(says).map(|(mesh, key, _)| (mesh, key, map))
    })?;
    let off = if *mesh == "Istio" { "sidecar.istio.io/inject: \"false\"" } else { "linkerd.io/inject: disabled" };
    Some(
        running
            .finding(
                Code::SidecarInjected,
                Severity::Warning,
                map.place_of(key),
                format!("`{key}` puts a proxy of {mesh} beside the executor"),
            )
            .because([
                "before the proxy is ready, the executor's connections end with `connection refused`".to_owned(),
                "after the build it goes on, and the pod never ends".to_owned(),
            ])
            .with_help(Some(format!("write `{off}`"))),
    )
}

fn has_native(map: &Tree) -> bool {
    let Tree::Map(entries) = map else { return false };
    entries.iter().any(|(key, _)| key.value.to_ascii_lowercase().contains("native"))
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::told::{none_of, the_one};
    use super::super::case::{found, pod};
    use super::*;

    fn with(metadata: &str) -> Vec<Finding> {
        found(&pod("", "").replace("metadata: {name: build}", &format!("metadata: {{name: build, {metadata}}}")))
    }

    #[test]
    fn a_proxy_that_is_asked_for_is_told() {
        for (metadata, key) in [
            ("annotations: {sidecar.istio.io/inject: \"true\"}", "sidecar.istio.io/inject"),
            ("labels: {sidecar.istio.io/inject: \"true\"}", "sidecar.istio.io/inject"),
            ("annotations: {linkerd.io/inject: enabled}", "linkerd.io/inject"),
        ] {
            let finding = the_one(&with(metadata), Code::SidecarInjected);
            assert!(finding.message.contains(key));
        }
    }

    #[test]
    fn a_proxy_that_is_kept_out_or_comes_first_is_none() {
        for metadata in [
            "annotations: {sidecar.istio.io/inject: \"false\"}",
            "annotations: {linkerd.io/inject: disabled}",
            "labels: {sidecar.istio.io/inject: \"true\"}, annotations: {sidecar.istio.io/nativeSidecar: \"true\"}",
            "labels: {app: build}",
        ] {
            none_of(&with(metadata), Code::SidecarInjected);
        }
        let waits = pod("image: gcr.io/kaniko-project/executor:debug\ncommand: [sleep]\nargs: [infinity]", "");
        let waits = waits.replace("metadata: {", "metadata: {annotations: {linkerd.io/inject: enabled}, ");
        none_of(&found(&waits), Code::SidecarInjected);
    }
}

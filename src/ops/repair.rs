//! Where a plan of repairs comes from and how it is told: one place for every command that needs it.

use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use tokio::time::timeout;

use super::sent::SentContext;
use crate::buildkit::Platform;
use crate::cluster::ask;
use crate::cluster::client::Cluster;
use crate::diagnose::Place;
use crate::executor::image::Image;
use crate::repair::platform::of_node;
use crate::repair::{Build, Plan, Platforms};
use crate::report;
use crate::request::{Fidelity, PodRequest};

/// How long the nodes are waited for: without them some arguments stay empty, which is told.
const PATIENCE: Duration = Duration::from_secs(5);

/// The label with a node's architecture.
const ARCHITECTURE: &str = "kubernetes.io/arch";

/// What is changed for the build of `request`, where `own` is the node's platform, if that is known.
pub(super) fn plan(sent: &SentContext, request: &PodRequest, own: Option<Platform>) -> Plan {
    let platform = |own| Platforms { target: request.platform.as_ref().and_then(|asked| asked.parse().ok()), own };
    let files = sent.files();
    let build = |platforms| Build {
        text: sent.dockerfile(),
        listing: sent.listing(),
        image: Image::named(&request.executor_image),
        target: request.target.as_deref(),
        build_args: &request.build_args,
        executor_flags: &request.executor_flags,
        platforms,
        contents: &files,
    };
    of_fidelity(request.fidelity, build(platform(own)))
}

/// A plan, as far as it is wanted.
pub(super) fn of_fidelity(fidelity: Fidelity, build: Build) -> Plan {
    match fidelity {
        Fidelity::Repair => Plan::new(&build),
        Fidelity::Warn => {
            let nothing = Plan::new(&Build { platforms: Platforms::default(), ..build });
            Plan { empty: nothing.empty, ..Plan::default() }
        }
        Fidelity::Off => Plan::default(),
    }
}

/// The platform of the nodes that `pod` may run on, as far as itself says so.
pub(super) fn of_pod(pod: &Pod) -> Option<Platform> {
    let selector = pod.spec.as_ref()?.node_selector.as_ref()?;
    let os = selector.get("kubernetes.io/os").map_or("linux", String::as_str);
    of_node(os, selector.get(ARCHITECTURE)?)
}

/// The platform of all nodes there are, if they have but one. It takes a right that not everybody has.
pub(super) async fn of_nodes(cluster: &Cluster) -> Option<Platform> {
    match timeout(PATIENCE, ask::nodes(cluster)).await {
        Ok(Ok(nodes)) => of_all(&nodes),
        Ok(Err(error)) => {
            tracing::debug!(%error, "the nodes' platform is not known");
            None
        }
        Err(_) => {
            tracing::debug!("the nodes' platform was not told in time");
            None
        }
    }
}

fn of_all(nodes: &[Node]) -> Option<Platform> {
    let info = |node: &Node| {
        let info = node.status.as_ref()?.node_info.as_ref()?;
        of_node(&info.operating_system, &info.architecture)
    };
    let (first, rest) = nodes.split_first()?;
    let first = info(first)?;
    rest.iter().all(|node| info(node).as_ref() == Some(&first)).then_some(first)
}

/// Says what is changed: in one line, and each with its place where more is wanted.
pub(super) fn tell(plan: &Plan, text: &str, file: Option<&Path>) {
    let Some(summary) = plan.summary() else { return };
    report::print_note(&summary);
    let file = file.map_or_else(|| "Dockerfile".into(), |file| file.display().to_string());
    for repaired in &plan.told {
        let place = Place::in_text(text, &repaired.span);
        tracing::debug!("repaired at {file}:{}: {}", place.line, repaired.what);
    }
    if !plan.edits.is_empty() {
        tracing::debug!("the executor's copy of {file}:\n{}", plan.edits.apply(text));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(architecture: &str) -> Node {
        let info = json!({
            "architecture": architecture, "operatingSystem": "linux", "bootID": "", "containerRuntimeVersion": "",
            "kernelVersion": "", "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "", "osImage": "",
            "systemUUID": "",
        });
        serde_json::from_value(json!({"metadata": {}, "status": {"nodeInfo": info}})).unwrap()
    }

    #[test]
    fn nodes_of_one_platform_tell_that_of_the_build() {
        let all = |nodes: &[Node]| of_all(nodes).map(|platform| platform.to_string());
        assert_eq!(all(&[node("arm64"), node("arm64")]).as_deref(), Some("linux/arm64"));
        assert_eq!(all(&[node("amd64"), node("arm64")]), None);
        assert_eq!(all(&[node("amd64"), Node::default()]), None);
        assert_eq!(all(&[]), None);
    }

    #[test]
    fn a_selector_tells_the_platform_of_the_build() {
        let pod = |selector: serde_json::Value| -> Pod {
            serde_json::from_value(json!({"metadata": {}, "spec": {"containers": [], "nodeSelector": selector}}))
                .unwrap()
        };
        let platform = |selector| of_pod(&pod(selector)).map(|platform| platform.to_string());
        assert_eq!(platform(json!({"kubernetes.io/arch": "arm64", "disk": "ssd"})).as_deref(), Some("linux/arm64"));
        assert_eq!(platform(json!({"disk": "ssd"})), None);
        assert_eq!(of_pod(&Pod::default()), None);
    }
}

//! A pod's status as one word: what is waited for, what runs, or why it ended. Pure.
//!
//! Everything is derived from one snapshot, because watch events can be missed. Reason strings: kubelet
//! `pkg/kubelet/images/types.go`, `kuberuntime_container.go`, `eviction/helpers.go`; conditions: core/v1 `types.go`.
//! They carry no promise of compatibility: an unknown waiting reason means to go on waiting.

use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus, Pod, PodStatus,
};
use kube::ResourceExt;

use super::manifest::EXECUTOR;
use super::receiver::RECEIVER;
use crate::error::{BuildError, CUT_OFF, ClusterError};

/// Where a pod stands.
#[derive(Debug)]
pub enum Stage {
    /// The receiver does not run yet.
    Waiting(Wait),
    /// The receiver runs: the upload may start or is under way.
    Receiving,
    /// The receiver has proof and ended; the executor does not run yet.
    Starting(Wait),
    /// The executor runs.
    Building,
    /// The executor ended with 0.
    Built {
        /// Its termination message.
        message: String,
    },
    /// The executor ended otherwise.
    BuildFailed(BuildError),
    /// The pod cannot go on.
    Broken(ClusterError),
}

/// What a pod waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// A node, an image, a container.
    pub what: String,
    /// What went wrong so far and is tried again.
    pub trouble: Option<String>,
}

impl Wait {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), trouble: None }
    }
}

/// Reads a snapshot of a pod of this tool.
pub fn stage(pod: &Pod) -> Stage {
    stage_of(pod, EXECUTOR)
}

/// Reads a snapshot of any pod, whose executor is in the container of this name.
pub fn stage_of(pod: &Pod, name_of_executor: &str) -> Stage {
    let name = pod.name_any();
    let status = pod.status.clone().unwrap_or_default();
    // An image that is there is there, whatever becomes of the pod.
    if let built @ Stage::Built { .. } = executor(pod, &status, name_of_executor) {
        return built;
    }
    if let Some(ended) = ended_from_outside(pod, &status, &name) {
        return Stage::Broken(ended);
    }
    if let Some(message) = unschedulable(&status) {
        return Stage::Broken(ClusterError::Unschedulable { pod: name, message });
    }
    let stage = match has_receiver(pod) {
        true => receiver(pod, &status, name_of_executor),
        false => match executor(pod, &status, name_of_executor) {
            Stage::Starting(_) if status.container_statuses.is_none() => Stage::Waiting(Wait::new("a node")),
            Stage::Starting(wait) => Stage::Waiting(wait),
            stage => stage,
        },
    };
    match (stage, in_the_way(pod, &status)) {
        (Stage::Waiting(_), Some(Ok(wait))) => Stage::Waiting(wait),
        (Stage::Starting(_), Some(Ok(wait))) => Stage::Starting(wait),
        (Stage::Waiting(_) | Stage::Starting(_), Some(Err(error))) => Stage::Broken(error),
        (stage, _) => stage,
    }
}

fn receiver(pod: &Pod, status: &PodStatus, name_of_executor: &str) -> Stage {
    match state(status.init_container_statuses.as_deref(), RECEIVER) {
        None => Stage::Waiting(Wait::new("a node")),
        Some((receiver, state)) => match state {
            ContainerState { terminated: Some(ended), .. } if ended.exit_code == 0 => {
                executor(pod, status, name_of_executor)
            }
            ContainerState { terminated: Some(ended), .. } => Stage::Broken(receiver_ended(receiver, ended)),
            ContainerState { running: Some(_), .. } => Stage::Receiving,
            ContainerState { waiting, .. } => match waiting_for(receiver, waiting) {
                Ok(wait) => Stage::Waiting(wait),
                Err(error) => Stage::Broken(error),
            },
        },
    }
}

/// An init container of the user's whose turn it is, or that ended the pod. Containers that have not had their turn wait
/// with the reason `PodInitializing`, and sidecars need not end.
fn in_the_way(pod: &Pod, status: &PodStatus) -> Option<Result<Wait, ClusterError>> {
    let containers = || pod.spec.iter().flat_map(|spec| spec.init_containers.iter().flatten());
    let is_sidecar = |name: &str| {
        containers().any(|container| container.name == name && container.restart_policy.as_deref() == Some("Always"))
    };
    let others = status.init_container_statuses.iter().flatten().filter(|container| container.name != RECEIVER);
    others.into_iter().find_map(|container| match container.state.clone().unwrap_or_default() {
        ContainerState { waiting: Some(waiting), .. } if waiting.reason.as_deref() != Some("PodInitializing") => {
            Some(waiting_for(container, Some(waiting)))
        }
        _ if is_sidecar(&container.name) => None,
        ContainerState { running: Some(_), .. } => {
            Some(Ok(Wait::new(format!("init container `{}` to end", container.name))))
        }
        ContainerState { terminated: Some(ended), .. } if ended.exit_code != 0 => {
            Some(Err(ClusterError::ContainerEnded {
                container: container.name.clone(),
                code: ended.exit_code,
                reason: ended.reason.unwrap_or_default(),
                message: ended.message.unwrap_or_default(),
            }))
        }
        _ => None,
    })
}

/// Without one the executor itself takes the context on its standard input.
fn has_receiver(pod: &Pod) -> bool {
    let containers = pod.spec.iter().flat_map(|spec| spec.init_containers.iter().flatten());
    containers.into_iter().any(|container| container.name == RECEIVER)
}

/// Which of this tool's containers runs now.
pub fn running_container(pod: &Pod) -> Option<&'static str> {
    let status = pod.status.as_ref()?;
    let runs = |statuses: Option<&[ContainerStatus]>, name| state(statuses, name)?.1.running.map(|_| name);
    runs(status.container_statuses.as_deref(), EXECUTOR)
        .or_else(|| runs(status.init_container_statuses.as_deref(), RECEIVER))
}

/// Its own codes are below 126; beyond that the shell, the runtime or the kernel ended it.
fn receiver_ended(receiver: &ContainerStatus, ended: ContainerStateTerminated) -> ClusterError {
    let reason = ended.reason.unwrap_or_default();
    let message = ended.message.unwrap_or_default();
    match (ended.exit_code, reason.as_str()) {
        (CUT_OFF, "Error") => ClusterError::UploadBroken { sent: None, why: message.trim().to_owned() },
        (code @ 1..126, "Error") => ClusterError::Receiver { code, said: message },
        (code, _) => ClusterError::ContainerEnded { container: receiver.name.clone(), code, reason, message },
    }
}

fn executor(pod: &Pod, status: &PodStatus, name: &str) -> Stage {
    let Some((container, state)) = state(status.container_statuses.as_deref(), name) else {
        return Stage::Starting(Wait::new("the executor"));
    };
    match state {
        ContainerState { terminated: Some(ended), .. } => match (ended.exit_code, ended.reason.as_deref()) {
            (0, _) => Stage::Built { message: ended.message.unwrap_or_default() },
            (_, Some("OOMKilled")) => Stage::BuildFailed(BuildError::OutOfMemory { limit: memory_limit(pod, name) }),
            (_, Some(reason @ ("StartError" | "ContainerCannotRun" | "ContainerStatusUnknown"))) => {
                Stage::Broken(ClusterError::ContainerStart {
                    container: container.name.clone(),
                    reason: reason.to_owned(),
                    message: ended.message.unwrap_or_default(),
                })
            }
            (code, _) => Stage::BuildFailed(BuildError::Failed { code, said: None, at: None }),
        },
        ContainerState { running: Some(_), .. } => Stage::Building,
        ContainerState { waiting, .. } => match waiting_for(container, waiting) {
            Ok(wait) => Stage::Starting(wait),
            Err(error) => Stage::Broken(error),
        },
    }
}

fn state<'a>(statuses: Option<&'a [ContainerStatus]>, name: &str) -> Option<(&'a ContainerStatus, ContainerState)> {
    let container = statuses?.iter().find(|container| container.name == name)?;
    Some((container, container.state.clone().unwrap_or_default()))
}

/// What a container that does not run yet waits for, or why it never will.
fn waiting_for(container: &ContainerStatus, waiting: Option<ContainerStateWaiting>) -> Result<Wait, ClusterError> {
    let waiting = waiting.unwrap_or_default();
    let reason = waiting.reason.unwrap_or_default();
    let message = waiting.message.unwrap_or_default();
    let (name, image) = (container.name.clone(), container.image.clone());
    match reason.as_str() {
        // The kubelet tries again by itself: a lost packet must not end a build. The back-off does.
        "ErrImagePull" => Ok(Wait { what: format!("image `{image}`"), trouble: Some(message) }),
        "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "ImageInspectError"
        | "RegistryUnavailable"
        | "SignatureValidationFailed" => Err(ClusterError::ImagePull { container: name, image, reason, message }),
        "CreateContainerConfigError"
        | "CreateContainerError"
        | "RunContainerError"
        | "PostStartHookError"
        | "CrashLoopBackOff" => Err(ClusterError::ContainerStart { container: name, reason, message }),
        _ => Ok(Wait::new(format!("container `{name}` with image `{image}`"))),
    }
}

/// Evicted, over its deadline, its node gone, or deleted by someone.
fn ended_from_outside(pod: &Pod, status: &PodStatus, name: &str) -> Option<ClusterError> {
    let ended = |reason: &str, message: &str| ClusterError::PodEnded {
        pod: name.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
    };
    if let Some(reason) = &status.reason {
        return Some(ended(reason, status.message.as_deref().unwrap_or_default()));
    }
    if pod.metadata.deletion_timestamp.is_some() {
        let disruption = status
            .conditions
            .iter()
            .flatten()
            .find(|condition| condition.type_ == "DisruptionTarget" && condition.status == "True");
        return Some(match disruption {
            Some(condition) => ended(
                condition.reason.as_deref().unwrap_or("Disruption"),
                condition.message.as_deref().unwrap_or_default(),
            ),
            None => ended("Deleted", "somebody deleted it"),
        });
    }
    None
}

/// The node that it has.
pub fn node(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

fn unschedulable(status: &PodStatus) -> Option<String> {
    let condition = status.conditions.iter().flatten().find(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some("Unschedulable")
    })?;
    Some(condition.message.clone().unwrap_or_default())
}

/// The limit that the executor was admitted with: the user's, or a LimitRange's.
fn memory_limit(pod: &Pod, name: &str) -> Option<String> {
    let executor = pod.spec.as_ref()?.containers.iter().find(|container| container.name == name)?;
    Some(executor.resources.as_ref()?.limits.as_ref()?.get("memory")?.0.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn stage_of(status: Value) -> Stage {
        let spec = json!({"containers": [], "initContainers": [{"name": RECEIVER}]});
        stage(&serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": spec, "status": status})).unwrap())
    }

    #[test]
    fn without_a_receiver_the_executor_is_waited_for_and_takes_the_context_as_soon_as_it_runs() {
        let stage = |status: Value| {
            let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": []}, "status": status});
            stage(&serde_json::from_value(pod).unwrap())
        };
        let executor = |state: Value| stage(json!({"containerStatuses": [container(EXECUTOR, state)]}));
        assert!(matches!(stage(json!({})), Stage::Waiting(wait) if wait.what == "a node"));
        assert!(matches!(executor(json!({"waiting": {"reason": "ContainerCreating"}})), Stage::Waiting(_)));
        assert!(matches!(executor(json!({"running": {}})), Stage::Building));
    }

    fn receiver(state: Value) -> Stage {
        stage_of(json!({"initContainerStatuses": [container(RECEIVER, state)]}))
    }

    fn executor(state: Value) -> Stage {
        stage_of(json!({
            "initContainerStatuses": [container(RECEIVER, json!({"terminated": {"exitCode": 0}}))],
            "containerStatuses": [container(EXECUTOR, state)],
        }))
    }

    fn container(name: &str, state: Value) -> Value {
        json!({"name": name, "image": "i:1", "imageID": "", "ready": false, "restartCount": 0, "state": state})
    }

    #[test]
    fn a_pod_without_a_status_waits_for_a_node() {
        assert!(matches!(stage_of(json!({})), Stage::Waiting(wait) if wait.what == "a node"));
    }

    #[test]
    fn an_unschedulable_pod_ends_with_the_schedulers_words() {
        let stage = stage_of(json!({"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}
        ]}));
        assert!(
            matches!(stage, Stage::Broken(ClusterError::Unschedulable { message, .. }) if message.starts_with("0/3"))
        );
    }

    #[test]
    fn a_scheduling_gate_is_waited_for() {
        let stage = stage_of(json!({"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
        ]}));
        assert!(matches!(stage, Stage::Waiting(_)));
    }

    #[test]
    fn the_first_failed_pull_is_waited_out_and_the_back_off_ends_it() {
        let first = receiver(json!({"waiting": {"reason": "ErrImagePull", "message": "dial tcp"}}));
        assert!(matches!(first, Stage::Waiting(wait) if wait.trouble.as_deref() == Some("dial tcp")));
        let again = receiver(json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off"}}));
        assert!(matches!(again, Stage::Broken(ClusterError::ImagePull { container, .. }) if container == RECEIVER));
    }

    #[test]
    fn an_unknown_waiting_reason_is_waited_for() {
        assert!(matches!(receiver(json!({"waiting": {"reason": "NewInSomeRelease"}})), Stage::Waiting(_)));
    }

    #[test]
    fn the_executor_counts_only_after_the_receiver_ended_with_0() {
        assert!(matches!(receiver(json!({"running": {}})), Stage::Receiving));
        assert!(matches!(
            receiver(json!({"terminated": {"exitCode": 75, "reason": "Error", "message": "no upload"}})),
            Stage::Broken(ClusterError::UploadBroken { why, .. }) if why == "no upload"
        ));
        assert!(matches!(executor(json!({"waiting": {"reason": "PodInitializing"}})), Stage::Starting(_)));
        assert!(matches!(executor(json!({"running": {}})), Stage::Building));
    }

    #[test]
    fn the_executors_end_is_told_by_its_code_and_reason() {
        let built = executor(json!({"terminated": {"exitCode": 0, "message": "sha256:x"}}));
        assert!(matches!(built, Stage::Built { message } if message == "sha256:x"));
        let failed = executor(json!({"terminated": {"exitCode": 127, "reason": "Error"}}));
        assert!(matches!(failed, Stage::BuildFailed(BuildError::Failed { code: 127, .. })));
        let memory = executor(json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}));
        assert!(matches!(memory, Stage::BuildFailed(BuildError::OutOfMemory { limit: None })));
    }

    /// With an init container of the user's and a sidecar before the receiver, and one of the user's after it.
    fn among_others(states: [Value; 4], executor: &Value) -> Stage {
        let names = ["before", "sidecar", RECEIVER, "after"];
        let init: Vec<Value> = names.iter().zip(states).map(|(name, state)| container(name, state)).collect();
        let pod = json!({
            "metadata": {"name": "p"},
            "spec": {
                "containers": [{"name": "beside"}, {"name": EXECUTOR}],
                "initContainers": [
                    {"name": "before"}, {"name": "sidecar", "restartPolicy": "Always"}, {"name": RECEIVER}, {"name": "after"},
                ],
            },
            "status": {
                "initContainerStatuses": init,
                "containerStatuses": [
                    container("beside", json!({"waiting": {"reason": "ImagePullBackOff"}})),
                    container(EXECUTOR, executor.clone()),
                ],
            },
        });
        stage(&serde_json::from_value(pod).unwrap())
    }

    #[test]
    fn other_init_containers_are_waited_for_and_one_that_fails_ends_the_wait() {
        let later = || json!({"waiting": {"reason": "PodInitializing"}});
        let running = || json!({"running": {}});
        let done = || json!({"terminated": {"exitCode": 0}});
        let failed = || json!({"terminated": {"exitCode": 3, "reason": "Error", "message": "no cache"}});
        let not_yet = later();
        let stage = among_others([later(), later(), later(), later()], &not_yet);
        assert!(matches!(stage, Stage::Waiting(wait) if wait.what.contains(RECEIVER)));
        let stage = among_others([running(), later(), later(), later()], &not_yet);
        assert!(matches!(stage, Stage::Waiting(wait) if wait.what == "init container `before` to end"));
        let stage = among_others([failed(), later(), later(), later()], &not_yet);
        assert!(
            matches!(stage, Stage::Broken(ClusterError::ContainerEnded { container, code: 3, .. }) if container == "before")
        );
        let no_image = json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}});
        let stage = among_others([done(), no_image, later(), later()], &not_yet);
        assert!(matches!(stage, Stage::Broken(ClusterError::ImagePull { container, .. }) if container == "sidecar"));
        let stage = among_others([done(), running(), running(), later()], &not_yet);
        assert!(matches!(stage, Stage::Receiving));
        let stage = among_others([done(), running(), done(), running()], &not_yet);
        assert!(matches!(stage, Stage::Starting(wait) if wait.what == "init container `after` to end"));
        let stage = among_others([done(), running(), done(), failed()], &not_yet);
        assert!(matches!(stage, Stage::Broken(ClusterError::ContainerEnded { container, .. }) if container == "after"));
        let stage = among_others([done(), running(), done(), done()], &running());
        assert!(matches!(stage, Stage::Building), "what becomes of a sidecar does not matter");
    }

    #[test]
    fn the_memory_limit_is_the_one_the_executor_was_admitted_with() {
        let pod = json!({
            "metadata": {"name": "p"},
            "spec": {"containers": [
                {"name": "beside", "resources": {"limits": {"memory": "1Mi"}}},
                {"name": EXECUTOR, "resources": {"limits": {"memory": "64Mi"}}},
            ]},
            "status": {"containerStatuses": [
                container(EXECUTOR, json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}})),
            ]},
        });
        let stage = stage(&serde_json::from_value(pod).unwrap());
        assert!(matches!(stage, Stage::BuildFailed(BuildError::OutOfMemory { limit: Some(limit) }) if limit == "64Mi"));
    }

    #[test]
    fn a_receiver_that_was_killed_is_not_said_to_have_refused() {
        let killed = receiver(json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}));
        assert!(matches!(killed, Stage::Broken(ClusterError::ContainerEnded { code: 137, .. })));
        let no_shell = receiver(json!({"terminated": {"exitCode": 128, "reason": "StartError", "message": "no sh"}}));
        assert!(matches!(no_shell, Stage::Broken(ClusterError::ContainerEnded { message, .. }) if message == "no sh"));
    }

    #[test]
    fn a_built_image_counts_even_if_the_pod_is_deleted_or_evicted_afterwards() {
        let stage = stage_of(json!({
            "phase": "Failed", "reason": "Evicted",
            "containerStatuses": [container(EXECUTOR, json!({"terminated": {"exitCode": 0, "message": "sha256:x"}}))],
        }));
        assert!(matches!(stage, Stage::Built { .. }));
    }

    #[test]
    fn eviction_wins_over_what_the_containers_say() {
        let stage = stage_of(json!({
            "phase": "Failed", "reason": "Evicted", "message": "low on ephemeral-storage",
            "containerStatuses": [container(EXECUTOR, json!({"terminated": {"exitCode": 137}}))],
        }));
        assert!(matches!(stage, Stage::Broken(ClusterError::PodEnded { reason, .. }) if reason == "Evicted"));
    }
}

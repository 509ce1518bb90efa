//! What a template may not change: everything that the build, the proof of its context and its end depend on. Pure.
//!
//! The merged Pod is compared with the tool's own, so it does not matter by which way a template would break it.

use k8s_openapi::api::core::v1::{Capabilities, Container, Pod, PodSecurityContext, PodSpec, SecurityContext, Volume};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::manifest::{EXECUTOR, EXECUTOR_CAPABILITIES, INSTANCE, MANAGED_BY, RECEIVER_CAPABILITIES};
use super::super::privileges::{capability, components};
use super::TemplateError;
use crate::executor::CONTEXT_VOLUME;

/// Why something has to stay as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Name of the pod.
    Name,
    /// Namespace of the pod.
    Namespace,
    /// No finalizers.
    Deletion,
    /// Labels by which the pod is found.
    Labels,
    /// It runs once.
    RunsOnce,
    /// It ends in time.
    Deadline,
    /// Volumes of the tool.
    OwnVolume,
    /// Containers of the tool.
    OwnContainer,
    /// What runs in the receiver.
    ReceiverCommand,
    /// What runs in the executor.
    ExecutorCommand,
    /// Standard input.
    Stdin,
    /// `container`.
    InContainer,
    /// `KANIKO_DIR`.
    KanikoDir,
    /// `KANIKO_NO_PUSH`.
    NoPush,
    /// Where the digest is written.
    Digest,
    /// Mounts of the tool.
    OwnMount,
    /// What nothing may be mounted over.
    Unhidden,
    /// User 0.
    Root,
    /// A file system that can be written.
    Writable,
    /// A capability.
    Capability(&'static str),
}

impl Need {
    /// The reason.
    pub fn why(self) -> String {
        let why = match self {
            Self::Name => "the tool names the pod, so that no other is taken for it",
            Self::Namespace => "the namespace is said for the tool, not for the pod",
            Self::Deletion => "a finalizer keeps the pod from being deleted at the end",
            Self::Labels => "pods of the tool are found by it",
            Self::RunsOnce => "what has ended must not begin again, and nothing may begin before the context is there",
            Self::Deadline => "the pod ends when `--timeout` is over, whatever becomes of the tool",
            Self::OwnVolume => "it is the tool's own: a volume of yours needs another name",
            Self::OwnContainer => "there is no build without it",
            Self::ReceiverCommand => "what runs there takes the context and proves that it is whole",
            Self::ExecutorCommand => "what is built, and where it goes, is said on the tool's command line",
            Self::Stdin => "the context may come that way",
            Self::InContainer => "without it the executor may not know that it is in a container",
            Self::KanikoDir => "context and credentials are mounted where the executor is",
            Self::NoPush => "the tool would print references of an image that was not pushed",
            Self::Digest => "the image's digest comes that way",
            Self::OwnMount => "the executor finds context and credentials there, or the receiver puts them there",
            Self::Unhidden => "it would hide, or lie in, what the executor needs as it is",
            Self::Root => "Kaniko works as root, and the context is unpacked as root",
            Self::Writable => "Kaniko unpacks images over its own root directory",
            Self::Capability(name) => return format!("without the capability {name} files cannot be unpacked"),
        };
        why.to_owned()
    }

    /// How to say it instead.
    pub fn help(self) -> Option<&'static str> {
        match self {
            Self::Namespace => Some("name the namespace with `-n NAMESPACE`"),
            Self::Deadline => Some("bound the build with `--timeout DURATION`"),
            Self::ExecutorCommand => Some("give flags of the executor after `--`"),
            Self::NoPush => Some("build without a push with `--no-push`"),
            _ => None,
        }
    }
}

type Checked = Result<(), TemplateError>;

fn keep(is_kept: bool, need: Need, path: impl FnOnce() -> String) -> Checked {
    if is_kept { Ok(()) } else { Err(TemplateError::Change { path: path(), need }) }
}

/// Whether `after` still does what `before` was made for.
pub(super) fn check(before: &Pod, after: &Pod) -> Checked {
    check_metadata(&before.metadata, &after.metadata)?;
    let (none, other) = (PodSpec::default(), PodSpec::default());
    check_spec(before.spec.as_ref().unwrap_or(&none), after.spec.as_ref().unwrap_or(&other))
}

fn check_metadata(before: &ObjectMeta, after: &ObjectMeta) -> Checked {
    keep(before.name == after.name, Need::Name, || "metadata.name".to_owned())?;
    keep(after.generate_name.is_none(), Need::Name, || "metadata.generateName".to_owned())?;
    keep(before.namespace == after.namespace, Need::Namespace, || "metadata.namespace".to_owned())?;
    keep(after.finalizers.is_none(), Need::Deletion, || "metadata.finalizers".to_owned())?;
    [MANAGED_BY.0, INSTANCE].into_iter().try_for_each(|label| {
        let value = |metadata: &ObjectMeta| metadata.labels.as_ref()?.get(label).cloned();
        keep(value(before) == value(after), Need::Labels, || format!("metadata.labels.{label}"))
    })
}

fn check_spec(before: &PodSpec, after: &PodSpec) -> Checked {
    keep(before.restart_policy == after.restart_policy, Need::RunsOnce, || "spec.restartPolicy".to_owned())?;
    keep(before.active_deadline_seconds == after.active_deadline_seconds, Need::Deadline, || {
        "spec.activeDeadlineSeconds".to_owned()
    })?;
    before.volumes.iter().flatten().try_for_each(|volume| {
        let same = after.volumes.iter().flatten().find(|other| other.name == volume.name);
        keep(same.is_some_and(|other| is_kept(volume, other)), Need::OwnVolume, || {
            format!("spec.volumes[{}]", volume.name)
        })
    })?;
    for (list, before, own) in [
        ("initContainers", before.init_containers.as_deref(), after.init_containers.as_deref()),
        ("containers", Some(&*before.containers), Some(&*after.containers)),
    ] {
        for container in before.into_iter().flatten() {
            let path = format!("spec.{list}[{}]", container.name);
            let same = own.into_iter().flatten().find(|other| other.name == container.name);
            let Some(same) = same else { return keep(false, Need::OwnContainer, || path) };
            check_container(&path, container, same)?;
            check_rights(&path, container, same.security_context.as_ref(), after.security_context.as_ref())?;
        }
    }
    Ok(())
}

/// The context's volume may get a limit or another medium.
fn is_kept(before: &Volume, after: &Volume) -> bool {
    let same = Volume { empty_dir: before.empty_dir.clone(), ..after.clone() };
    *before == same && before.empty_dir.is_some() == after.empty_dir.is_some()
}

fn check_container(path: &str, before: &Container, after: &Container) -> Checked {
    let at = |field: &str| format!("{path}.{field}");
    let is_executor = before.name == EXECUTOR;
    let command = if is_executor { Need::ExecutorCommand } else { Need::ReceiverCommand };
    keep(before.command == after.command, command, || at("command"))?;
    keep(before.args == after.args, command, || at("args"))?;
    keep(before.stdin == after.stdin, Need::Stdin, || at("stdin"))?;
    keep(before.stdin_once == after.stdin_once, Need::Stdin, || at("stdinOnce"))?;
    keep(after.tty != Some(true), Need::Stdin, || at("tty"))?;
    keep(before.restart_policy == after.restart_policy, Need::RunsOnce, || at("restartPolicy"))?;
    for variable in before.env.iter().flatten() {
        let is_kept = after.env.iter().flatten().any(|other| other == variable);
        keep(is_kept, Need::InContainer, || at(&format!("env[{}]", variable.name)))?;
    }
    if is_executor {
        let path = &after.termination_message_path;
        keep(before.termination_message_path == *path, Need::Digest, || at("terminationMessagePath"))?;
        // kaniko v1.24.0 `pkg/config/init.go`, `cmd/executor/cmd/root.go`
        for (name, need) in [("KANIKO_DIR", Need::KanikoDir), ("KANIKO_NO_PUSH", Need::NoPush)] {
            let is_set = after.env.iter().flatten().any(|variable| variable.name == name);
            keep(!is_set, need, || at(&format!("env[{name}]")))?;
        }
    }
    check_mounts(path, before, after)
}

/// Nothing may be mounted at, over or in what is the tool's or the executor's own.
fn check_mounts(path: &str, before: &Container, after: &Container) -> Checked {
    let own: Vec<_> = before.volume_mounts.iter().flatten().collect();
    let at = |place: &str| format!("{path}.volumeMounts[{place}]");
    let needed = own.iter().map(|mount| mount.mount_path.as_str());
    // The executor copies the Dockerfile to the last one (kaniko v1.24.0 `pkg/config/init.go` `DockerfilePath`).
    let needed = needed.chain([CONTEXT_VOLUME, "/kaniko/executor", "/kaniko/Dockerfile"]).map(components);
    let needed: Vec<_> = needed.collect();
    for mount in &own {
        let is_kept = after.volume_mounts.iter().flatten().any(|other| other == *mount);
        keep(is_kept, Need::OwnMount, || at(&mount.mount_path))?;
    }
    for mount in after.volume_mounts.iter().flatten().filter(|mount| !own.contains(mount)) {
        let place = components(&mount.mount_path);
        let hides = needed.iter().any(|needed| needed.starts_with(&place) || place.starts_with(needed));
        keep(!hides, Need::Unhidden, || at(&mount.mount_path))?;
    }
    Ok(())
}

/// Where container and pod say different things, the container's word counts.
fn check_rights(
    path: &str,
    before: &Container,
    own: Option<&SecurityContext>,
    pod: Option<&PodSecurityContext>,
) -> Checked {
    let is_executor = before.name == EXECUTOR;
    let (none, all) = (SecurityContext::default(), PodSecurityContext::default());
    let (own, pod) = (own.unwrap_or(&none), pod.unwrap_or(&all));
    let at = |is_own: bool, field: &str| format!("{}.securityContext.{field}", if is_own { path } else { "spec" });
    keep(own.run_as_user.or(pod.run_as_user).is_none_or(|user| user == 0), Need::Root, || {
        at(own.run_as_user.is_some(), "runAsUser")
    })?;
    keep(own.run_as_non_root.or(pod.run_as_non_root) != Some(true), Need::Root, || {
        at(own.run_as_non_root.is_some(), "runAsNonRoot")
    })?;
    if is_executor {
        keep(own.read_only_root_filesystem != Some(true), Need::Writable, || at(true, "readOnlyRootFilesystem"))?;
    }
    let needed: &[&str] = if is_executor { &EXECUTOR_CAPABILITIES } else { &RECEIVER_CAPABILITIES };
    match own.capabilities.as_ref().and_then(|capabilities| missing(capabilities, needed)) {
        Some(missing) => keep(false, Need::Capability(missing), || at(true, "capabilities")),
        None => Ok(()),
    }
}

/// A capability that is dropped and not added again.
fn missing(capabilities: &Capabilities, needed: &[&'static str]) -> Option<&'static str> {
    let names = |list: &Option<Vec<String>>, name: &str| {
        list.iter().flatten().any(|other| [name, "ALL"].contains(&&*capability(other)))
    };
    needed.iter().copied().find(|name| names(&capabilities.drop, name) && !names(&capabilities.add, name))
}

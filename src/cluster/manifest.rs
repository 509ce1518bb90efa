//! A build request as a Pod. Pure: the same request gives the same Pod, and `manifest` prints what `build` creates.
//!
//! An init container takes the context into a volume at `/kaniko/buildcontext`, the one path that is safe in every
//! Kaniko; the executor starts when it ends with 0. Or, with [`Transport::Stdin`], the executor takes it itself. The pod
//! ends itself when its deadline is over, gets no service-account token, and asks for no more rights than the runtime's
//! default.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{
    Capabilities, Container, EmptyDirVolumeSource, EnvVar, EnvVarSource, KeyToPath, Pod, PodSecurityContext, PodSpec,
    ResourceRequirements, SeccompProfile, SecretKeySelector, SecretVolumeSource, SecurityContext, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::ObjectMeta;

use super::receiver::{Nonce, RECEIVER, wait_and_receive_command, wait_command};
use crate::executor::{CONTEXT_VOLUME, ContextPlace, GIT_CREDENTIALS, GitPlace, executor_args};
use crate::registry::Access;
use crate::request::{PodRequest, Security, Transport};

/// Container that builds.
pub const EXECUTOR: &str = "kaniko";

/// Label that every pod of this tool has.
pub(super) const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "kaniko-local");

/// Label with the version of this tool.
const VERSION: (&str, &str) = ("app.kubernetes.io/version", env!("CARGO_PKG_VERSION"));

/// Annotation with the user and the machine that started the build.
const STARTED_BY: &str = "kaniko-local/started-by";

/// Capabilities without which Kaniko fails on ordinary images (v1.24.0: unpacking a Debian base and running its package
/// manager with all others dropped).
pub(super) const EXECUTOR_CAPABILITIES: [&str; 5] = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"];

/// Capabilities without which a context is not unpacked: its directories need not let their owner write. All of it is
/// root's, so owners are not changed.
pub(super) const RECEIVER_CAPABILITIES: [&str; 1] = ["DAC_OVERRIDE"];

/// Label with the nonce of the build.
pub const INSTANCE: &str = "app.kubernetes.io/instance";

/// Where the executor looks for registry credentials (`DOCKER_CONFIG` of its image).
const DOCKER_CONFIG: &str = "/kaniko/.docker";

/// Key of logins in a Secret of type `kubernetes.io/dockerconfigjson`.
pub const LOGINS_KEY: &str = ".dockerconfigjson";

/// Key of certificates in this tool's Secret.
pub(super) const CERTIFICATES_KEY: &str = "ca.crt";

/// Where the certificates are mounted: below `/kaniko` the executor records nothing of what it finds.
const CERTIFICATES: &str = "/kaniko/registry-ca";

/// Kubernetes' bound on a pod's name as a label value.
const NAME_LENGTH: usize = 63;

/// The Pod that builds `request`. `directory` is the name of the context's directory: it makes the pod's name
/// readable. The client chooses the name, so that a repeated create cannot make a second pod.
///
/// What it needs for its registries is in a Secret of its own name, see [`super::secret`].
pub fn pod(request: &PodRequest, access: &Access, transport: Transport, directory: &str, nonce: &Nonce) -> Pod {
    with_spec(spec(request, transport, nonce), request, access, directory, nonce)
}

/// The same Pod, but that the executor clones its context.
pub fn pod_of_git(request: &PodRequest, access: &Access, git: &GitPlace, directory: &str, nonce: &Nonce) -> Pod {
    let mut executor = executor(request, &ContextPlace::Git(git.clone()));
    let secret = git.secret.iter().flat_map(|secret| GIT_CREDENTIALS.map(|name| credential(secret, name)));
    let method = variable(("GIT_PULL_METHOD", git.pull_method));
    executor.env.get_or_insert_default().extend([method].into_iter().chain(secret));
    with_spec(around(request, None, executor), request, access, directory, nonce)
}

fn with_spec(mut spec: PodSpec, request: &PodRequest, access: &Access, directory: &str, nonce: &Nonce) -> Pod {
    let name = pod_name(directory, nonce);
    let logins = access.logins.as_ref().map(|_| name.as_str()).or(request.registry_secret.as_deref());
    if let Some(secret) = logins {
        mount_secret(&mut spec, "credentials", DOCKER_CONFIG, (secret, LOGINS_KEY, "config.json"));
    }
    if let Some(authority) = &access.authority {
        mount_secret(&mut spec, "registry-ca", CERTIFICATES, (&name, CERTIFICATES_KEY, CERTIFICATES_KEY));
        let trusted = authority.registries.iter();
        let trusted = trusted.map(|host| format!("--registry-certificate={host}={CERTIFICATES}/{CERTIFICATES_KEY}"));
        spec.containers[0].args.get_or_insert_default().extend(literal(trusted.collect()));
    }

    let labels = BTreeMap::from(
        [("app.kubernetes.io/name", "kaniko"), VERSION, MANAGED_BY, (INSTANCE, nonce.as_str())]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    let annotations =
        request.started_by.as_ref().map(|user| BTreeMap::from([(STARTED_BY.to_owned(), user.to_owned())]));
    Pod {
        metadata: ObjectMeta { name: Some(name), labels: Some(labels), annotations, ..Default::default() },
        spec: Some(spec),
        status: None,
    }
}

fn spec(request: &PodRequest, transport: Transport, nonce: &Nonce) -> PodSpec {
    let (receiver, executor) = match transport {
        Transport::Exec => (Some(receiver(request, wait_command(nonce))), from_volume(request)),
        Transport::Attach => {
            let receiver = receiver(request, wait_and_receive_command(&nonce.attempt(1)));
            (Some(with_stdin(receiver)), from_volume(request))
        }
        Transport::Stdin => (None, with_stdin(executor(request, &ContextPlace::stdin(nonce.as_str())))),
    };
    around(request, receiver, executor)
}

/// What is the same whatever way the context takes.
fn around(request: &PodRequest, receiver: Option<Container>, executor: Container) -> PodSpec {
    let mut volumes = Vec::new();
    if receiver.is_some() {
        let empty_dir = Some(EmptyDirVolumeSource::default());
        volumes.push(Volume { name: "context".to_owned(), empty_dir, ..Default::default() });
    }
    let resources = resources(request);
    let bounded = |container, capabilities: &[&str]| Container {
        resources: resources.clone(),
        security_context: rights(request.security, capabilities),
        ..container
    };
    PodSpec {
        init_containers: receiver.map(|receiver| vec![bounded(receiver, &RECEIVER_CAPABILITIES)]),
        containers: vec![bounded(executor, &EXECUTOR_CAPABILITIES)],
        service_account_name: request.service_account.clone(),
        volumes: (!volumes.is_empty()).then_some(volumes),
        restart_policy: Some("Never".to_owned()),
        active_deadline_seconds: Some(deadline(request.timeout)),
        termination_grace_period_seconds: Some(5),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        security_context: Some(PodSecurityContext {
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// What was asked for, as requests and as limits, for every container: a quota wants them of each. The receiver ends
/// before the executor starts, so the pod costs no more than one of them.
fn resources(request: &PodRequest) -> Option<ResourceRequirements> {
    let asked = [("cpu", &request.cpu), ("memory", &request.memory)];
    let asked = asked.into_iter().filter_map(|(name, quantity)| Some((name.to_owned(), Quantity(quantity.clone()?))));
    let asked: BTreeMap<String, Quantity> = asked.collect();
    (!asked.is_empty()).then(|| ResourceRequirements {
        requests: Some(asked.clone()),
        limits: Some(asked),
        ..Default::default()
    })
}

fn rights(security: Security, capabilities: &[&str]) -> Option<SecurityContext> {
    match security {
        Security::Default => None,
        Security::Hardened => Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                add: Some(capabilities.iter().map(|name| (*name).to_owned()).collect()),
            }),
            ..Default::default()
        }),
    }
}

fn receiver(request: &PodRequest, command: Vec<String>) -> Container {
    Container {
        name: RECEIVER.to_owned(),
        image: Some(request.helper_image.clone()),
        command: Some(literal(command)),
        // Its last words are the reason if it ends by itself.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(vec![mount("context", CONTEXT_VOLUME, false)]),
        ..Default::default()
    }
}

fn from_volume(request: &PodRequest) -> Container {
    let mounts = Some(vec![mount("context", CONTEXT_VOLUME, true)]);
    Container { volume_mounts: mounts, ..executor(request, &ContextPlace::Volume) }
}

fn executor(request: &PodRequest, place: &ContextPlace) -> Container {
    Container {
        name: EXECUTOR.to_owned(),
        image: Some(request.executor_image.clone()),
        args: Some(literal(executor_args(request, place))),
        // Without a service-account token the executor takes some runtimes for no container at all
        // (kaniko v1.24.0 `pkg/util/proc/proc.go`); this variable settles it.
        env: Some(
            [("container", "kube")].into_iter().chain(request.environment.iter().copied()).map(variable).collect(),
        ),
        ..Default::default()
    }
}

fn variable((name, value): (&str, &str)) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None }
}

/// A variable whose value is in a Secret, if it is.
fn credential(secret: &str, name: &str) -> EnvVar {
    let key = SecretKeySelector { name: secret.to_owned(), key: name.to_owned(), optional: Some(true) };
    let value_from = Some(EnvVarSource { secret_key_ref: Some(key), ..Default::default() });
    EnvVar { name: name.to_owned(), value: None, value_from }
}

/// What waits on its standard input for the one client that may come.
fn with_stdin(container: Container) -> Container {
    Container { stdin: Some(true), stdin_once: Some(true), ..container }
}

/// Whole seconds, rounded up; Kubernetes takes no more than an `int32`.
fn deadline(timeout: Duration) -> i64 {
    i64::from(i32::try_from(timeout.as_millis().div_ceil(1000)).unwrap_or(i32::MAX))
}

/// Kubernetes replaces `$(NAME)` in commands and arguments and halves `$$`
/// (`third_party/forked/golang/expansion/expand.go`): doubled, each `$` arrives as typed.
fn literal(words: Vec<String>) -> Vec<String> {
    words.into_iter().map(|word| word.replace('$', "$$")).collect()
}

/// One key of a Secret as a file in a directory of the executor, and of nobody else.
fn mount_secret(spec: &mut PodSpec, volume: &str, directory: &str, (secret, key, file): (&str, &str, &str)) {
    let item = KeyToPath { key: key.to_owned(), path: file.to_owned(), mode: None };
    spec.volumes.get_or_insert_default().push(Volume {
        name: volume.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret.to_owned()),
            items: Some(vec![item]),
            ..Default::default()
        }),
        ..Default::default()
    });
    spec.containers[0].volume_mounts.get_or_insert_default().push(mount(volume, directory, true));
}

fn mount(volume: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..Default::default()
    }
}

/// `user@machine`, as far as they are known: so that whoever finds the pod knows whom to ask. Without characters that a
/// terminal would obey.
pub fn started_by(user: &str, machine: &str) -> Option<String> {
    let is_plain = |character: &char| character.is_alphanumeric() || "-_.+@$\\".contains(*character);
    let [user, machine] =
        [user, machine].map(|text| text.chars().filter(is_plain).take(NAME_LENGTH).collect::<String>());
    match (&*user, &*machine) {
        ("", "") => None,
        (user, "") => Some(user.to_owned()),
        ("", machine) => Some(machine.to_owned()),
        (user, machine) => Some(format!("{user}@{machine}")),
    }
}

/// `kaniko-<directory>-<nonce>`: an RFC 1123 label, cut to what Kubernetes takes.
fn pod_name(directory: &str, nonce: &Nonce) -> String {
    let suffix = &nonce.as_str()[8..];
    let room = NAME_LENGTH - "kaniko--".len() - suffix.len();
    let word: String = directory
        .chars()
        .map(|character| character.to_ascii_lowercase())
        .map(|character| if character.is_ascii_lowercase() || character.is_ascii_digit() { character } else { '-' })
        .take(room)
        .collect();
    match word.trim_matches('-') {
        "" => format!("kaniko-{suffix}"),
        word => format!("kaniko-{word}-{suffix}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pod_names_are_dns_labels_whatever_the_directory_is_called() {
        let nonce = Nonce::random();
        for (directory, prefix) in [
            ("Flink Job", "kaniko-flink-job-"),
            ("", "kaniko-"),
            ("...", "kaniko-"),
            ("größe", "kaniko-gr--e-"),
            (&"a".repeat(200), "kaniko-aaaa"),
            ("_x_", "kaniko-x-"),
        ] {
            let name = pod_name(directory, &nonce);
            assert!(name.starts_with(prefix), "{name}");
            assert!(name.len() <= NAME_LENGTH && name.ends_with(&nonce.as_str()[8..]), "{name}");
            assert!(
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
                "{name}"
            );
        }
    }

    #[test]
    fn registry_credentials_are_mounted_where_the_executor_reads_them() {
        let request = PodRequest { registry_secret: Some("push".into()), ..PodRequest::for_tests() };
        let spec = pod(&request, &Access::default(), Transport::Exec, "app", &Nonce::random()).spec.unwrap();
        let mounts = spec.containers[0].volume_mounts.as_ref().unwrap();
        assert!(mounts.iter().any(|mount| mount.mount_path == "/kaniko/.docker" && mount.read_only == Some(true)));
        let receiver = &spec.init_containers.unwrap()[0];
        assert_eq!(receiver.volume_mounts.as_ref().unwrap().len(), 1, "the receiver sees no credentials");
    }

    #[test]
    fn resources_are_requested_and_limited_for_every_container() {
        let spec_of = |cpu: Option<&str>, memory: Option<&str>| {
            let (cpu, memory) = (cpu.map(str::to_owned), memory.map(str::to_owned));
            let request = PodRequest { cpu, memory, ..PodRequest::for_tests() };
            pod(&request, &Access::default(), Transport::Exec, "app", &Nonce::random()).spec.unwrap()
        };
        let spec = spec_of(Some("500m"), Some("1Gi"));
        for container in spec.init_containers.iter().flatten().chain(&spec.containers) {
            let resources = container.resources.as_ref().unwrap();
            assert_eq!(resources.requests, resources.limits);
            let limits = resources.limits.as_ref().unwrap();
            assert_eq!((&*limits["cpu"].0, &*limits["memory"].0), ("500m", "1Gi"));
        }
        let memory_alone = spec_of(None, Some("1Gi")).containers[0].resources.clone().unwrap();
        assert_eq!(memory_alone.limits.unwrap().into_keys().collect::<Vec<_>>(), ["memory"]);
        assert_eq!(spec_of(None, None).containers[0].resources, None);
    }

    #[test]
    fn a_hardened_container_has_no_capabilities_but_those_it_needs_and_no_way_to_more() {
        let request = PodRequest { security: Security::Hardened, ..PodRequest::for_tests() };
        let spec = pod(&request, &Access::default(), Transport::Exec, "app", &Nonce::random()).spec.unwrap();
        let receiver = &spec.init_containers.as_ref().unwrap()[0];
        for (container, needed) in
            [(receiver, &RECEIVER_CAPABILITIES[..]), (&spec.containers[0], &EXECUTOR_CAPABILITIES)]
        {
            let context = container.security_context.as_ref().unwrap();
            assert_eq!(context.allow_privilege_escalation, Some(false));
            let capabilities = context.capabilities.as_ref().unwrap();
            assert_eq!(capabilities.drop.as_deref(), Some(&["ALL".to_owned()][..]));
            assert_eq!(capabilities.add.as_deref().unwrap(), needed);
        }
        let default =
            pod(&PodRequest::for_tests(), &Access::default(), Transport::Exec, "app", &Nonce::random()).spec.unwrap();
        assert_eq!(default.containers[0].security_context, None);
    }

    #[test]
    fn who_started_a_build_is_told_as_far_as_it_is_known_and_in_plain_characters() {
        for (user, machine, told) in [
            ("alice", "laptop", Some("alice@laptop")),
            ("", "runner-7", Some("runner-7")),
            ("root", "", Some("root")),
            ("CORP\\jörg", "pc.example.com", Some("CORP\\jörg@pc.example.com")),
            ("\u{1b}[2Jbob\n", "\u{202e}pc", Some("2Jbob@pc")),
            ("", "", None),
        ] {
            assert_eq!(started_by(user, machine).as_deref(), told);
        }
        assert_eq!(started_by(&"a".repeat(1000), "").map(|told| told.len()), Some(63));
    }

    #[test]
    fn the_version_is_a_label() {
        let is_word = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        assert!(VERSION.1.len() <= 63 && VERSION.1.chars().all(is_word), "{}", VERSION.1);
    }
}

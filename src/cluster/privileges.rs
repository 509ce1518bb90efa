//! What a pod asks for beyond what a container of `docker build` has. Pure.
//!
//! A container of `docker build` is root in its own namespaces, with the runtime's default capabilities, seccomp and
//! AppArmor profiles, and sees nothing of its host. Kaniko needs no more. Only what is asked for by name counts: what a
//! cluster adds or takes by default is its own affair.

use std::fmt;

use serde_json::Value;

/// Capabilities that Docker, containerd and CRI-O give by default (moby `daemon/pkg/oci/caps/defaults.go`, containerd
/// `pkg/oci/spec.go` `defaultUnixCaps`).
const DEFAULT_CAPABILITIES: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Sockets of container runtimes, wherever they lie: who can write to one is root on the node.
const RUNTIME_SOCKETS: [&str; 5] = ["docker.sock", "containerd.sock", "cri-dockerd.sock", "crio.sock", "podman.sock"];

/// What gives the node away together with every directory above it.
const KEYS: [&str; 9] = [
    "/dev",
    "/etc/shadow",
    "/root",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/docker.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/usr/bin",
];

/// What gives the node away together with every directory above it and everything below it.
const VAULTS: [&str; 6] =
    ["/etc/kubernetes", "/proc", "/var/lib/containerd", "/var/lib/docker", "/var/lib/etcd", "/var/lib/kubelet"];

/// One thing too much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excess {
    /// Where in the pod's spec it is, such as `containers[kaniko].securityContext.privileged`.
    pub path: String,
    /// What it gives.
    pub kind: ExcessKind,
}

impl fmt::Display for Excess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`: {}", self.path, self.kind)
    }
}

/// What a pod gets too much of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExcessKind {
    /// Everything that root on the node may.
    Privileged,
    /// A namespace of the node: its processes, its network, its shared memory.
    HostNamespace,
    /// A part of the node's file system that gives the node away.
    HostPath(String),
    /// A capability that runtimes do not give by default.
    Capability(String),
    /// No seccomp or AppArmor profile at all.
    Unconfined,
    /// `/proc` with the parts that runtimes hide.
    UnmaskedProc,
    /// A service account's token.
    Token,
}

impl fmt::Display for ExcessKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Privileged => formatter.write_str("a privileged container is root on its node"),
            Self::HostNamespace => formatter.write_str("the pod shares a namespace with its node"),
            Self::HostPath(path) => write!(formatter, "who reaches `{path}` of the node is root on it"),
            Self::Capability(name) => write!(formatter, "no container of `docker build` has the capability {name}"),
            Self::Unconfined => formatter.write_str("a container of `docker build` has the runtime's default profile"),
            Self::UnmaskedProc => formatter.write_str("a container of `docker build` does not see all of `/proc`"),
            Self::Token => formatter.write_str("whatever is built can read the service account's token"),
        }
    }
}

/// What the pod with this `spec` asks for too much, in a fixed order. A spec of a wrong shape asks for nothing.
pub fn excess(pod_spec: &Value) -> Vec<Excess> {
    let mut found = Vec::new();
    let mut add = |path: String, kind| found.push(Excess { path, kind });
    for namespace in ["hostNetwork", "hostPID", "hostIPC"] {
        if pod_spec[namespace] == true {
            add(namespace.to_owned(), ExcessKind::HostNamespace);
        }
    }
    if pod_spec["automountServiceAccountToken"] == true {
        add("automountServiceAccountToken".to_owned(), ExcessKind::Token);
    }
    for volume in list(&pod_spec["volumes"]) {
        if let Some(path) = volume["hostPath"]["path"].as_str().filter(|path| gives_node_away(path)) {
            add(format!("volumes[{}].hostPath", name(volume)), ExcessKind::HostPath(path.to_owned()));
        }
    }
    unconfined("securityContext", &pod_spec["securityContext"], &mut add);
    for field in ["initContainers", "containers", "ephemeralContainers"] {
        for container in list(&pod_spec[field]) {
            let path = format!("{field}[{}].securityContext", name(container));
            of_container(&path, &container["securityContext"], &mut add);
        }
    }
    found
}

fn of_container(path: &str, context: &Value, add: &mut impl FnMut(String, ExcessKind)) {
    if context["privileged"] == true {
        add(format!("{path}.privileged"), ExcessKind::Privileged);
    }
    for added in list(&context["capabilities"]["add"]).iter().filter_map(Value::as_str).map(capability) {
        if !DEFAULT_CAPABILITIES.contains(&&*added) {
            add(format!("{path}.capabilities.add"), ExcessKind::Capability(added));
        }
    }
    if context["procMount"] == "Unmasked" {
        add(format!("{path}.procMount"), ExcessKind::UnmaskedProc);
    }
    unconfined(path, context, add);
}

fn unconfined(path: &str, context: &Value, add: &mut impl FnMut(String, ExcessKind)) {
    for profile in ["seccompProfile", "appArmorProfile"] {
        if context[profile]["type"] == "Unconfined" {
            add(format!("{path}.{profile}"), ExcessKind::Unconfined);
        }
    }
}

/// A capability's name as Kubernetes writes it: in capitals, without `CAP_`. Runtimes take other spellings too.
pub fn capability(name: &str) -> String {
    let name = name.to_ascii_uppercase();
    name.strip_prefix("CAP_").map(str::to_owned).unwrap_or(name)
}

/// The directories and the name that `path` leads through, whatever the working directory, slashes and dots.
pub fn components(path: &str) -> Vec<&str> {
    let mut components = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => drop(components.pop()),
            name => components.push(name),
        }
    }
    components
}

fn gives_node_away(path: &str) -> bool {
    let mut path = components(path);
    if path.starts_with(&["var", "run"]) {
        path.remove(0);
    }
    if path.last().is_some_and(|name| RUNTIME_SOCKETS.contains(name)) {
        return true;
    }
    KEYS.iter().any(|key| components(key).starts_with(&path))
        || VAULTS
            .iter()
            .map(|vault| components(vault))
            .any(|vault| vault.starts_with(&path) || path.starts_with(&vault))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(spec: &Value) -> Vec<String> {
        excess(spec).iter().map(Excess::to_string).collect()
    }

    #[test]
    fn what_no_container_of_docker_build_has_is_found_wherever_it_is() {
        let spec = json!({
            "hostPID": true,
            "hostNetwork": false,
            "automountServiceAccountToken": true,
            "securityContext": {"appArmorProfile": {"type": "Unconfined"}, "seccompProfile": {"type": "RuntimeDefault"}},
            "volumes": [
                {"name": "root", "hostPath": {"path": "/"}},
                {"name": "cache", "hostPath": {"path": "/mnt/cache"}},
            ],
            "initContainers": [{"name": "a", "securityContext": {"privileged": true, "procMount": "Unmasked"}}],
            "containers": [
                {"name": "b", "securityContext": {"capabilities": {"add": ["SYS_ADMIN", "CAP_CHOWN", "all"]}}},
                {"name": "c", "securityContext": {"seccompProfile": {"type": "Unconfined"}}},
            ],
        });
        assert_eq!(
            found(&spec),
            [
                "`hostPID`: the pod shares a namespace with its node",
                "`automountServiceAccountToken`: whatever is built can read the service account's token",
                "`volumes[root].hostPath`: who reaches `/` of the node is root on it",
                "`securityContext.appArmorProfile`: a container of `docker build` has the runtime's default profile",
                "`initContainers[a].securityContext.privileged`: a privileged container is root on its node",
                "`initContainers[a].securityContext.procMount`: a container of `docker build` does not see all of `/proc`",
                "`containers[b].securityContext.capabilities.add`: no container of `docker build` has the capability SYS_ADMIN",
                "`containers[b].securityContext.capabilities.add`: no container of `docker build` has the capability ALL",
                "`containers[c].securityContext.seccompProfile`: a container of `docker build` has the runtime's default profile",
            ]
        );
    }

    #[test]
    fn a_path_of_the_node_gives_it_away_if_it_leads_to_a_runtime_to_secrets_or_to_everything() {
        for path in [
            "/",
            "//",
            "/var",
            "/var/run",
            "/run/",
            "/var/run/docker.sock",
            "/run/containerd",
            "/run/containerd/containerd.sock",
            "/home/user/podman.sock",
            "/etc",
            "/etc/kubernetes/pki",
            "/var/lib",
            "/var/lib/kubelet/pods",
            "/mnt/../etc",
            "/proc/1/root",
            "/dev",
        ] {
            assert!(gives_node_away(path), "{path}");
        }
        for path in ["/mnt/cache", "/etc/ssl/certs", "/root/.m2", "/dev/fuse", "/var/lib/cache", "/run/cache", "/data"]
        {
            assert!(!gives_node_away(path), "{path}");
        }
    }

    #[test]
    fn what_every_container_has_is_not_too_much() {
        for spec in [
            json!({}),
            json!(null),
            json!({"containers": "no list", "volumes": 7}),
            json!({"containers": [{"securityContext": {"runAsUser": 0, "allowPrivilegeEscalation": true}}]}),
            json!({"containers": [{"securityContext": {"capabilities": {"add": ["NET_RAW", "cap_setfcap"]}}}]}),
            json!({"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}),
            json!({"volumes": [{"name": "x", "emptyDir": {}}, {"hostPath": {"path": "/data"}}, {"hostPath": {}}]}),
        ] {
            assert_eq!(found(&spec), Vec::<String>::new(), "{spec}");
        }
    }
}

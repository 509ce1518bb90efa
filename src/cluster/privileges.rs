//! What a pod may do beyond what a container of `docker build` may. Pure.
//!
//! A container of `docker build` runs as root with the runtime's default capabilities and seccomp profile, and sees
//! nothing of its host. Kaniko needs no more than that.

use std::fmt;

use serde_json::Value;

/// Capabilities that containerd, CRI-O and Docker give by default (containerd `pkg/oci/spec.go`
/// `defaultUnixCaps`).
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

/// Sockets of container runtimes: who can write to one is root on the node.
const RUNTIME_SOCKETS: [&str; 4] = ["docker.sock", "containerd.sock", "crio.sock", "podman.sock"];

/// Directories whose mount gives the node away: they hold the sockets, or everything.
const NODE_DIRECTORIES: [&str; 9] =
    ["/", "/run", "/var", "/var/run", "/run/containerd", "/run/crio", "/var/lib", "/var/lib/kubelet", "/etc"];

/// One thing too much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excess {
    /// Where in the pod's spec it is, as `containers[kaniko].securityContext.privileged`.
    pub path: String,
    /// What it gives.
    pub kind: ExcessKind,
}

/// What a pod gets too much of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExcessKind {
    /// Everything that root on the node may.
    Privileged,
    /// A namespace of the node: its processes, its network, its memory.
    HostNamespace,
    /// A part of the node's file system that gives the node away.
    HostPath(String),
    /// A capability that the runtime does not give by default.
    Capability(String),
    /// A profile of seccomp or AppArmor that confines nothing.
    Unconfined,
    /// The parts of `/proc` that the runtime hides.
    Unmasked,
    /// A service account's token, which `RUN` can read and use.
    Token,
}

impl fmt::Display for ExcessKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Privileged => formatter.write_str("it makes whatever is built root on the node"),
            Self::HostNamespace => formatter.write_str("it shares a namespace with the node"),
            Self::HostPath(path) => write!(formatter, "it mounts `{path}` of the node, which gives the node away"),
            Self::Capability(name) => write!(formatter, "no container of `docker build` has the capability {name}"),
            Self::Unconfined => {
                formatter.write_str("nothing confines what is built: containers have a default profile")
            }
            Self::Unmasked => formatter.write_str("it shows the parts of `/proc` that are hidden from containers"),
            Self::Token => formatter.write_str("what is built can read the service account's token"),
        }
    }
}

/// What the pod with this spec gets too much of, in the order of its fields.
pub fn excess(spec: &Value) -> Vec<Excess> {
    let mut found = Vec::new();
    for name in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec[name] == true {
            found.push(Excess { path: name.to_owned(), kind: ExcessKind::HostNamespace });
        }
    }
    if spec["automountServiceAccountToken"] == true {
        found.push(Excess { path: "automountServiceAccountToken".to_owned(), kind: ExcessKind::Token });
    }
    unconfined("securityContext", &spec["securityContext"], &mut found);
    for volume in list(&spec["volumes"]) {
        if let Some(path) = volume["hostPath"]["path"].as_str()
            && gives_node_away(path)
        {
            let kind = ExcessKind::HostPath(path.to_owned());
            found.push(Excess { path: format!("volumes[{}].hostPath", name(volume)), kind });
        }
    }
    for field in ["initContainers", "containers"] {
        for container in list(&spec[field]) {
            of_container(&format!("{field}[{}].securityContext", name(container)), container, &mut found);
        }
    }
    found
}

fn of_container(path: &str, container: &Value, found: &mut Vec<Excess>) {
    let context = &container["securityContext"];
    if context["privileged"] == true {
        found.push(Excess { path: format!("{path}.privileged"), kind: ExcessKind::Privileged });
    }
    unconfined(path, context, found);
    if context["procMount"] == "Unmasked" {
        found.push(Excess { path: format!("{path}.procMount"), kind: ExcessKind::Unmasked });
    }
    for added in list(&context["capabilities"]["add"]).iter().filter_map(Value::as_str) {
        let plain = added.to_ascii_uppercase();
        let plain = plain.strip_prefix("CAP_").unwrap_or(&plain);
        if !DEFAULT_CAPABILITIES.contains(&plain) {
            let kind = ExcessKind::Capability(plain.to_owned());
            found.push(Excess { path: format!("{path}.capabilities.add"), kind });
        }
    }
}

fn unconfined(path: &str, context: &Value, found: &mut Vec<Excess>) {
    for profile in ["seccompProfile", "appArmorProfile"] {
        if context[profile]["type"] == "Unconfined" {
            found.push(Excess { path: format!("{path}.{profile}.type"), kind: ExcessKind::Unconfined });
        }
    }
}

fn gives_node_away(path: &str) -> bool {
    let path = match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    };
    NODE_DIRECTORIES.contains(&path) || RUNTIME_SOCKETS.iter().any(|socket| path.ends_with(&format!("/{socket}")))
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

    fn paths(spec: &Value) -> Vec<String> {
        excess(spec).into_iter().map(|excess| format!("{}: {}", excess.path, excess.kind)).collect()
    }

    #[test]
    fn what_gives_the_node_away_is_found_wherever_it_is() {
        let spec = json!({
            "hostPID": true,
            "hostNetwork": false,
            "automountServiceAccountToken": true,
            "volumes": [
                {"name": "root", "hostPath": {"path": "/"}},
                {"name": "socket", "hostPath": {"path": "/var/run/docker.sock"}},
                {"name": "run", "hostPath": {"path": "/run/containerd/"}},
                {"name": "cache", "hostPath": {"path": "/mnt/cache"}},
            ],
            "securityContext": {"seccompProfile": {"type": "Unconfined"}},
            "initContainers": [{"name": "a", "securityContext": {"privileged": true, "procMount": "Unmasked"}}],
            "containers": [{"name": "b", "securityContext": {"capabilities": {"add": ["SYS_ADMIN", "CAP_CHOWN", "all"]}}}],
        });
        assert_eq!(
            paths(&spec),
            [
                "hostPID: it shares a namespace with the node",
                "automountServiceAccountToken: what is built can read the service account's token",
                "securityContext.seccompProfile.type: nothing confines what is built: containers have a default profile",
                "volumes[root].hostPath: it mounts `/` of the node, which gives the node away",
                "volumes[socket].hostPath: it mounts `/var/run/docker.sock` of the node, which gives the node away",
                "volumes[run].hostPath: it mounts `/run/containerd/` of the node, which gives the node away",
                "initContainers[a].securityContext.privileged: it makes whatever is built root on the node",
                "initContainers[a].securityContext.procMount: it shows the parts of `/proc` that are hidden from containers",
                "containers[b].securityContext.capabilities.add: no container of `docker build` has the capability SYS_ADMIN",
                "containers[b].securityContext.capabilities.add: no container of `docker build` has the capability ALL",
            ]
        );
    }

    #[test]
    fn what_every_container_has_is_not_too_much() {
        for spec in [
            json!({}),
            json!({"containers": "no list", "volumes": 7}),
            json!({"containers": [{"securityContext": {"runAsUser": 0, "capabilities": {"add": ["CHOWN"]}}}]}),
            json!({"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}),
            json!({"volumes": [{"name": "x", "emptyDir": {}}, {"hostPath": {"path": "/data"}}]}),
        ] {
            assert_eq!(paths(&spec), Vec::<String>::new(), "{spec}");
        }
    }
}

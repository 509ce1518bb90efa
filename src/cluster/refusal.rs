//! What the cluster's words mean: the one place that reads the texts of refusals, evictions and failed starts. Pure.
//!
//! The reason words are too coarse (`Forbidden` is a missing right, a full quota and a policy alike), so the texts
//! decide. They carry no promise of compatibility: what is not known has a code of its own, and every text is shown as it
//! came. Kubernetes v1.34: RBAC `apiserver/pkg/endpoints/handlers/responsewriters/errors.go`; admission
//! `apiserver/pkg/admission/plugin/{resourcequota,namespace/lifecycle,policy,webhook}`,
//! `plugin/pkg/admission/{limitranger,serviceaccount}`, `pod-security-admission/admission/admission.go`.

use super::receiver::RECEIVER;
use crate::code::Code;

/// The Role that this tool needs; README.md shows the same.
pub(super) const ROLE: &str = include_str!("role.yaml");

/// Why the API server refused a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal<'a> {
    /// It does not know who asks.
    NotAuthenticated,
    /// This right is missing.
    AccessDenied(Option<Right<'a>>),
    /// There is no such namespace.
    NamespaceNotFound,
    /// The namespace is being deleted.
    NamespaceTerminating,
    /// There is no such service account: namespace and name.
    ServiceAccountNotFound(Option<(&'a str, &'a str)>),
    /// A quota is used up.
    QuotaExceeded,
    /// A quota wants every container to say what it needs.
    QuotaNeedsResources,
    /// A LimitRange.
    LimitRange,
    /// The Pod Security Standard `restricted`.
    PodSecurityRestricted,
    /// The Pod Security Standard `baseline`.
    PodSecurityBaseline,
    /// OpenShift's constraints.
    SecurityContextConstraint,
    /// A webhook or a policy says no.
    AdmissionDenied,
    /// A webhook that has to be asked gives no answer.
    AdmissionUnavailable,
    /// A field has a value that is not taken.
    PodFieldRefused,
    /// Anything else.
    Other,
}

/// A right in Kubernetes' words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right<'a> {
    /// `create`.
    pub verb: &'a str,
    /// `pods/exec`.
    pub resource: &'a str,
    /// The API group; the core group has no name.
    pub group: &'a str,
    /// The namespace; none for the whole cluster.
    pub namespace: Option<&'a str>,
}

impl<'a> Refusal<'a> {
    /// Reads the answer's status code and message. A webhook may say anything: whether it was one comes first.
    pub fn read(status: u16, message: &'a str) -> Self {
        let says = |words: &str| message.contains(words);
        if says("admission webhook \"") || says("ValidatingAdmissionPolicy '") || says("' denied request: ") {
            return Self::AdmissionDenied;
        }
        if says("failed calling webhook \"") {
            return Self::AdmissionUnavailable;
        }
        match status {
            401 => Self::NotAuthenticated,
            404 if message.starts_with("namespaces \"") => Self::NamespaceNotFound,
            422 => Self::PodFieldRefused,
            403 if says("exceeded quota: ") => Self::QuotaExceeded,
            403 if says("failed quota: ") && says("must specify ") => Self::QuotaNeedsResources,
            403 if says(" usage per ") || says(" max limit to request ratio per ") => Self::LimitRange,
            403 if says("violates PodSecurity \"restricted:") => Self::PodSecurityRestricted,
            403 if says("violates PodSecurity \"baseline:") => Self::PodSecurityBaseline,
            403 if says("unable to validate against any security context constraint") => {
                Self::SecurityContextConstraint
            }
            403 if says("because it is being terminated") => Self::NamespaceTerminating,
            403 if says("error looking up service account ") => Self::ServiceAccountNotFound(service_account(message)),
            403 if says("\" cannot ") => Self::AccessDenied(Right::read(message)),
            _ => Self::Other,
        }
    }

    /// Its code.
    pub fn code(&self) -> Code {
        match self {
            Self::NotAuthenticated => Code::NotAuthenticated,
            Self::AccessDenied(_) => Code::AccessDenied,
            Self::NamespaceNotFound => Code::NamespaceNotFound,
            Self::NamespaceTerminating => Code::NamespaceTerminating,
            Self::ServiceAccountNotFound(_) => Code::ServiceAccountNotFound,
            Self::QuotaExceeded => Code::QuotaExceeded,
            Self::QuotaNeedsResources => Code::QuotaNeedsResources,
            Self::LimitRange => Code::LimitRange,
            Self::PodSecurityRestricted => Code::PodSecurityRestricted,
            Self::PodSecurityBaseline => Code::PodSecurityBaseline,
            Self::SecurityContextConstraint => Code::SecurityContextConstraint,
            Self::AdmissionDenied => Code::AdmissionDenied,
            Self::AdmissionUnavailable => Code::AdmissionUnavailable,
            Self::PodFieldRefused => Code::PodFieldRefused,
            Self::Other => Code::RequestRefused,
        }
    }

    /// What else is known of it.
    pub fn note(&self) -> Option<String> {
        match self {
            Self::AccessDenied(Some(right)) => Some(right.grant()),
            _ => None,
        }
    }

    /// What to do about it, if one action is sure to help.
    pub fn help(&self, message: &str) -> Option<String> {
        match self {
            Self::AccessDenied(Some(Right { resource: "secrets", verb: "create", .. })) => Some(
                "name a Secret that is there: `--registry-secret NAME`, or send no logins: `--registry-auth none`"
                    .to_owned(),
            ),
            Self::AccessDenied(Some(Right { namespace: Some(_), .. })) => {
                Some("the Role in README.md, \"In your own cluster\", grants what is needed".to_owned())
            }
            Self::NamespaceNotFound => Some("name one that is there: `-n NAMESPACE`".to_owned()),
            Self::ServiceAccountNotFound(Some((namespace, name))) if *name != "default" => {
                Some(format!("create it: `kubectl -n {namespace} create serviceaccount {name}`"))
            }
            Self::QuotaNeedsResources => Some(what_a_quota_wants(message)),
            Self::LimitRange => within_limits(message),
            Self::PodSecurityRestricted => Some(ANOTHER_NAMESPACE.to_owned()),
            Self::NotAuthenticated
            | Self::AccessDenied(_)
            | Self::NamespaceTerminating
            | Self::ServiceAccountNotFound(_)
            | Self::QuotaExceeded
            | Self::PodSecurityBaseline
            | Self::SecurityContextConstraint
            | Self::AdmissionDenied
            | Self::AdmissionUnavailable
            | Self::PodFieldRefused
            | Self::Other => None,
        }
    }
}

/// Kaniko cannot do what `restricted` wants.
pub const ANOTHER_NAMESPACE: &str = "build in a namespace that enforces `baseline`: `-n NAMESPACE`";

impl<'a> Right<'a> {
    /// From `User "x" cannot create resource "pods" in API group "" in the namespace "y"`, wherever it stands.
    fn read(message: &'a str) -> Option<Self> {
        let (verb, rest) = message.split_once("\" cannot ")?.1.split_once(" resource \"")?;
        let (resource, rest) = rest.split_once("\" in API group \"")?;
        let (group, rest) = rest.split_once('"')?;
        let namespace = rest.strip_prefix(" in the namespace \"").and_then(|rest| Some(rest.split_once('"')?.0));
        Some(Self { verb, resource, group, namespace })
    }

    /// The rule that grants it: the documented one, if there is one, as the next missing right is likely in it too.
    fn grant(&self) -> String {
        let Self { verb, resource, group, namespace } = self;
        let kind = if namespace.is_some() { "Role" } else { "ClusterRole" };
        let rule = self
            .documented()
            .unwrap_or_else(|| format!("- apiGroups: [\"{group}\"]\n  resources: [{resource}]\n  verbs: [{verb}]"));
        format!("a {kind} with this rule allows it\n{rule}")
    }

    fn documented(&self) -> Option<String> {
        self.namespace.filter(|_| self.group.is_empty())?;
        let names = |line: &str, field: &str, name: &str| {
            let list = line.trim_start().strip_prefix(field).and_then(|rest| rest.split(['[', ']']).nth(1));
            list.is_some_and(|list| list.split(", ").any(|listed| listed == name))
        };
        let is_meant = |rule: &&str| {
            rule.lines().any(|line| names(line, "resources:", self.resource))
                && rule.lines().any(|line| names(line, "verbs:", self.verb))
        };
        let rule = ROLE.split("\n  - ").skip(1).find(is_meant)?;
        let lines: Vec<&str> = rule.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
        Some(format!("- {}", lines.join("\n")))
    }
}

/// From `error looking up service account ns/name: …`.
fn service_account(message: &str) -> Option<(&str, &str)> {
    let (_, rest) = message.split_once("error looking up service account ")?;
    rest.split_once(": ")?.0.split_once('/')
}

/// From `must specify limits.cpu for: kaniko; requests.memory for: kaniko`, or `must specify limits.cpu,limits.memory`.
fn what_a_quota_wants(message: &str) -> String {
    let (_, wanted) = message.split_once("must specify ").unwrap_or_default();
    let resources = wanted.split(';').filter_map(|part| part.split(" for: ").next()).flat_map(|part| part.split(','));
    let mut flags: Vec<&str> = resources
        .map(|resource| match resource.trim() {
            "cpu" | "limits.cpu" | "requests.cpu" => "--cpu 2",
            "memory" | "limits.memory" | "requests.memory" => "--memory 4Gi",
            _ => "--pod-template FILE",
        })
        .collect();
    flags.sort_unstable();
    flags.dedup();
    format!("say what its containers need, such as `{}`", flags.join(" "))
}

/// From `maximum memory usage per Container is 64Mi, but limit is 1Gi`, and the like for a minimum.
fn within_limits(message: &str) -> Option<String> {
    let bound = |resource: &str| {
        let of = |kind: &str| message.split_once(&format!("{kind} {resource} usage per Container is "));
        let (_, rest) = of("maximum").or_else(|| of("minimum"))?;
        let quantity = rest.split(|next: char| !next.is_ascii_alphanumeric() && next != '.').next()?;
        Some(format!("--{resource} {}", quantity.trim_end_matches('.')))
    };
    let flags: Vec<String> = ["cpu", "memory"].into_iter().filter_map(bound).collect();
    (!flags.is_empty()).then(|| format!("stay within its limits: `{}`", flags.join(" ")))
}

/// Whether a webhook has side effects that it cannot leave out, so that nothing can be tried (apiserver
/// `pkg/admission/plugin/webhook/errors/statuserror.go`). That is no refusal of the pod.
pub fn takes_no_dry_run(message: &str) -> bool {
    message.contains(" does not support dry run")
}

/// Why the cluster ended a pod (kubelet `pkg/kubelet/eviction/helpers.go`, `pkg/kubelet/active_deadline.go`).
pub fn pod_end(reason: &str, message: &str) -> Code {
    let of_disk = ["ephemeral", "EmptyDir volume", "DiskPressure", "inodes"];
    match reason {
        "Evicted" if of_disk.iter().any(|words| message.contains(words)) => Code::OutOfDisk,
        "Evicted" => Code::Evicted,
        "DeadlineExceeded" => Code::Deadline,
        "Deleted" => Code::PodDeleted,
        _ => Code::PodEnded,
    }
}

/// Whether a container did not start because its image has no shell (runc and crun).
pub fn has_no_shell(container: &str, message: &str) -> bool {
    let of_runc = message.contains("exec: \"sh\": ");
    let of_crun = message.contains("executable file `sh` not found");
    container == RECEIVER && (of_runc || of_crun)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As kube-apiserver v1.34.4 said them, but for OpenShift's (kaniko#601) and the first form of `must specify`
    /// (skaffold#2159).
    #[test]
    fn real_messages_are_told_apart() {
        for (status, message, code) in [
            (401, "Unauthorized", Code::NotAuthenticated),
            (
                403,
                r#"pods is forbidden: User "dev" cannot create resource "pods" in API group "" in the namespace "a""#,
                Code::AccessDenied,
            ),
            (
                403,
                r#"pods "x" is forbidden: User "dev" cannot get resource "pods/exec" in API group "" in the namespace "a""#,
                Code::AccessDenied,
            ),
            (
                403,
                r#"users "dev" is forbidden: User "ci" cannot impersonate resource "users" in API group "" at the cluster scope"#,
                Code::AccessDenied,
            ),
            (404, r#"namespaces "no" not found"#, Code::NamespaceNotFound),
            (404, r#"pods "no" not found"#, Code::RequestRefused),
            (
                403,
                r#"pods "q" is forbidden: unable to create new content in namespace a because it is being terminated"#,
                Code::NamespaceTerminating,
            ),
            (
                403,
                r#"pods "q" is forbidden: error looking up service account a/nobody: serviceaccount "nobody" not found"#,
                Code::ServiceAccountNotFound,
            ),
            (
                403,
                r#"pods "q" is forbidden: exceeded quota: compute-resources, requested: pods=1, used: pods=0, limited: pods=0"#,
                Code::QuotaExceeded,
            ),
            (
                403,
                r#"pods "q" is forbidden: failed quota: compute-resources: must specify limits.cpu for: kaniko,receive-context; limits.memory for: kaniko,receive-context"#,
                Code::QuotaNeedsResources,
            ),
            (
                403,
                r#"pods "q" is forbidden: failed quota: compute-resources: must specify limits.cpu,limits.memory,requests.cpu"#,
                Code::QuotaNeedsResources,
            ),
            (
                403,
                r#"pods "q" is forbidden: [maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Pod is 128Mi, but limit is 1Gi]"#,
                Code::LimitRange,
            ),
            (
                403,
                r#"pods "q" is forbidden: memory max limit to request ratio per Container is 2, but provided ratio is 4.000000"#,
                Code::LimitRange,
            ),
            (
                403,
                r#"pods "q" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (containers "receive-context", "kaniko" must set securityContext.allowPrivilegeEscalation=false)"#,
                Code::PodSecurityRestricted,
            ),
            (
                403,
                r#"pods "q" is forbidden: violates PodSecurity "baseline:v1.30": hostPath volumes (volume "h")"#,
                Code::PodSecurityBaseline,
            ),
            (
                403,
                r#"pods "q" is forbidden: unable to validate against any security context constraint: [spec.containers[0].securityContext.runAsUser: Invalid value: 0: must be in the ranges: [1000000000, 1000009999]]"#,
                Code::SecurityContextConstraint,
            ),
            (
                422,
                "pods \"q\" is forbidden: ValidatingAdmissionPolicy 'owner.example.com' with binding 'owner' denied request: every pod needs an owner",
                Code::AdmissionDenied,
            ),
            (
                403,
                r#"admission webhook "pods.example.com" denied the request: [must-have-owner] every pod needs an owner"#,
                Code::AdmissionDenied,
            ),
            (
                400,
                r#"admission webhook "quota.example.com" denied the request: exceeded quota: x"#,
                Code::AdmissionDenied,
            ),
            (
                500,
                r#"Internal error occurred: failed calling webhook "pods.example.com": failed to call webhook: Post "https://10.0.0.1:9443/x?timeout=2s": dial tcp 10.0.0.1:9443: connect: connection refused"#,
                Code::AdmissionUnavailable,
            ),
            (
                422,
                r#"Pod "q" is invalid: spec.containers[0].image: Invalid value: " x:1": must not have leading or trailing whitespace"#,
                Code::PodFieldRefused,
            ),
            (409, r#"pods "q" already exists"#, Code::RequestRefused),
            (500, "Internal error occurred: etcdserver: request timed out", Code::RequestRefused),
        ] {
            assert_eq!(Refusal::read(status, message).code(), code, "{status} {message}");
        }
    }

    #[test]
    fn the_rule_that_grants_a_right_is_the_documented_one_if_there_is_one() {
        let grant = |message| Refusal::read(403, message).note();
        let pods = r#"pods is forbidden: User "dev" cannot watch resource "pods" in API group "" in the namespace "a""#;
        assert_eq!(
            grant(pods).unwrap(),
            "a Role with this rule allows it\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [create, list, watch, delete]"
        );
        let logs = r#"pods "x" is forbidden: User "dev" cannot get resource "pods/log" in API group "" in the namespace "a": no RBAC policy matched"#;
        assert!(grant(logs).unwrap().ends_with("resources: [pods/log]\n  verbs: [get]"), "{:?}", grant(logs));
        let other =
            r#"pods is forbidden: User "dev" cannot patch resource "pods" in API group "" in the namespace "a""#;
        assert!(grant(other).unwrap().ends_with("resources: [pods]\n  verbs: [patch]"), "{:?}", grant(other));
        let cluster = r#"users "dev" is forbidden: User "ci" cannot impersonate resource "users" in API group "" at the cluster scope"#;
        assert_eq!(
            grant(cluster).unwrap(),
            "a ClusterRole with this rule allows it\n- apiGroups: [\"\"]\n  resources: [users]\n  verbs: [impersonate]"
        );
        assert_eq!(Refusal::read(403, r#"forbidden: User "dev" cannot get path "/x""#), Refusal::AccessDenied(None));
    }

    #[test]
    fn the_role_is_that_of_the_readme() {
        assert!(include_str!("../../README.md").contains(&format!("```yaml\n{ROLE}```\n")), "README.md shows another");
    }

    #[test]
    fn the_help_says_what_a_namespace_wants() {
        let help = |message: &str| Refusal::read(403, message).help(message);
        for (message, expected) in [
            (
                "failed quota: q: must specify limits.cpu for: kaniko,receive-context; requests.memory for: kaniko",
                Some("say what its containers need, such as `--cpu 2 --memory 4Gi`"),
            ),
            (
                "failed quota: q: must specify limits.memory",
                Some("say what its containers need, such as `--memory 4Gi`"),
            ),
            (
                "failed quota: q: must specify limits.cpu,limits.ephemeral-storage",
                Some("say what its containers need, such as `--cpu 2 --pod-template FILE`"),
            ),
            (
                "[maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Container is 64Mi, but limit is 1Gi]",
                Some("stay within its limits: `--cpu 1 --memory 64Mi`"),
            ),
            (
                "minimum memory usage per Container is 16Mi, but request is 1Mi",
                Some("stay within its limits: `--memory 16Mi`"),
            ),
            (
                "maximum cpu usage per Container is 500m.  No limit is specified",
                Some("stay within its limits: `--cpu 500m`"),
            ),
            ("maximum cpu usage per Container is 1.5, but limit is 2", Some("stay within its limits: `--cpu 1.5`")),
            ("maximum memory usage per Pod is 128Mi, but limit is 1Gi", None),
            ("memory max limit to request ratio per Container is 2, but provided ratio is 4.000000", None),
            (
                "error looking up service account a/ci: serviceaccount \"ci\" not found",
                Some("create it: `kubectl -n a create serviceaccount ci`"),
            ),
            ("error looking up service account a/default: serviceaccount \"default\" not found", None),
        ] {
            assert_eq!(help(message).as_deref(), expected, "{message}");
        }
    }

    #[test]
    fn an_eviction_for_the_disks_sake_is_told_apart() {
        for (message, code) in [
            (
                "The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 900Mi. ",
                Code::OutOfDisk,
            ),
            ("Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ", Code::OutOfDisk),
            ("Usage of EmptyDir volume \"context\" exceeds the limit \"1Gi\". ", Code::OutOfDisk),
            ("Container kaniko exceeded its local ephemeral storage limit \"1Gi\". ", Code::OutOfDisk),
            ("The node was low on resource: inodes. ", Code::OutOfDisk),
            ("The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi. ", Code::Evicted),
        ] {
            assert_eq!(pod_end("Evicted", message), code, "{message}");
        }
        assert_eq!(pod_end("Deleted", "somebody deleted it"), Code::PodDeleted);
        assert_eq!(pod_end("Preempting", ""), Code::PodEnded);
    }

    #[test]
    fn an_image_without_a_shell_is_known_by_the_runtimes_words() {
        for message in [
            r#"failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "sh": executable file not found in $PATH: unknown"#,
            "executable file `sh` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found",
        ] {
            assert!(has_no_shell(RECEIVER, message), "{message}");
            assert!(!has_no_shell("kaniko", message), "{message}");
        }
        assert!(!has_no_shell(
            RECEIVER,
            r#"exec: "/kaniko/executor": stat /kaniko/executor: no such file or directory"#
        ));
    }
}

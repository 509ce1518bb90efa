//! `check --ask-cluster`: what the cluster would say to the pod that `build` creates.
//!
//! A dry run tells most of it, in the cluster's own words: quotas, limits, the service account, Pod Security, webhooks.
//! The rest is what no creation tells: rights to what comes after it, and whether the pod would start.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Node, Pod, Secret};
use kube::ResourceExt;

use super::manifest::PodTemplate;
use crate::cluster::client::{Cluster, ClusterOptions};
use crate::cluster::manifest::LOGINS_KEY;
use crate::cluster::refusal::{Refusal, takes_no_dry_run};
use crate::cluster::rights::{self, Asker, CREATE_POD, Right};
use crate::cluster::{ask, pod_security};
use crate::code::Code;
use crate::diagnose::{Finding, Severity};
use crate::error::{ClusterError, Error};
use crate::report::{self, LogForm, Progress, Style};
use crate::request::PodRequest;

/// What the cluster refuses. Nothing is created.
///
/// # Errors
/// A template or a kubeconfig that cannot be used; a cluster that is not reached, or gives no answer.
pub async fn refusals(request: &PodRequest, options: &ClusterOptions) -> Result<Vec<Finding>, Error> {
    let pod = PodTemplate::read(request)?.trial(request)?;
    let cluster = Cluster::new(options, Arc::new(Progress::new(Style::Quiet, LogForm::Text))).await?;
    let namespace = match namespace(&cluster).await? {
        Ok(namespace) => namespace,
        // All the rest would be about that.
        Err(finding) => return Ok(vec![finding]),
    };
    let missing = missing_rights(&cluster).await?;
    let mut findings = vec![];
    findings.extend(of_rights(&cluster, &missing, request).await);
    match missing.contains(&CREATE_POD) {
        true => findings.extend(of_labels(namespace.as_ref())),
        false => findings.extend(of_trial(&cluster, &pod, namespace.as_ref()).await?),
    }
    if let Some(name) = &request.registry_secret {
        findings.extend(of_secret(&cluster, name).await?);
    }
    if let Some(platform) = &request.platform {
        findings.extend(of_nodes(&cluster, platform, &pod).await);
    }
    Ok(findings)
}

/// The namespace, if it may be read; or what is wrong with it.
async fn namespace(cluster: &Cluster) -> Result<Result<Option<Namespace>, Finding>, Error> {
    match ask::namespace(cluster).await {
        Ok(namespace) if is_terminating(&namespace) => Ok(Err(Finding {
            code: Code::NamespaceTerminating,
            severity: Severity::Error,
            message: format!("namespace `{}` is being deleted", cluster.namespace),
            spans: vec![],
            notes: vec!["its phase is `Terminating`".to_owned()],
            help: None,
        })),
        Ok(namespace) => Ok(Ok(Some(namespace))),
        Err(error) => match refusal(&error) {
            Some(Refusal::NamespaceNotFound) => Ok(Err(Error::from(error).try_into()?)),
            Some(Refusal::AccessDenied(_)) => Ok(Ok(None)),
            _ => Err(error.into()),
        },
    }
}

fn is_terminating(namespace: &Namespace) -> bool {
    let phase = namespace.status.as_ref().and_then(|status| status.phase.as_deref());
    phase == Some("Terminating") || namespace.metadata.deletion_timestamp.is_some()
}

fn refusal(error: &ClusterError) -> Option<Refusal<'_>> {
    match error {
        ClusterError::Refused { code, message, .. } => Some(Refusal::read(*code, message)),
        _ => None,
    }
}

/// Those that the cluster says are missing: none where it does not answer such questions.
async fn missing_rights(cluster: &Cluster) -> Result<Vec<Right>, Error> {
    match ask::missing_rights(cluster).await {
        Ok(missing) => Ok(missing),
        Err(ClusterError::Refused { code: 403 | 404, message, .. }) => {
            tracing::debug!(message, "which rights there are was not told");
            Ok(vec![])
        }
        Err(error) => Err(error.into()),
    }
}

async fn of_rights(cluster: &Cluster, missing: &[Right], request: &PodRequest) -> Option<Finding> {
    if missing.is_empty() {
        return None;
    }
    let user = ask::user(cluster).await;
    let asker = Asker {
        user: user.as_deref(),
        namespace: &cluster.namespace,
        websockets_are_created: ask::websockets_are_created(cluster).await,
    };
    rights::judge(&asker, missing, request.registry_secret.is_some())
}

async fn of_trial(cluster: &Cluster, pod: &Pod, namespace: Option<&Namespace>) -> Result<Option<Finding>, Error> {
    match ask::try_pod(cluster, pod).await {
        Ok(()) => Ok(None),
        Err(ClusterError::Refused { message, .. }) if takes_no_dry_run(&message) => {
            report::print_note(&format!("whether the cluster takes the pod is not known: {message}"));
            Ok(of_labels(namespace))
        }
        // An answer of the moment is no finding, but for that of a webhook which is not there.
        Err(error) if error.may_pass() && !matches!(refusal(&error), Some(Refusal::AdmissionUnavailable)) => {
            Err(error.into())
        }
        Err(error) => Ok(Some(Error::from(error).try_into()?)),
    }
}

/// What the namespace says of itself, where nobody could try.
fn of_labels(namespace: Option<&Namespace>) -> Option<Finding> {
    let namespace = namespace?;
    let error = pod_security::judge(&namespace.name_any(), namespace.labels()).err()?;
    Error::from(error).try_into().ok()
}

async fn of_secret(cluster: &Cluster, name: &str) -> Result<Option<Finding>, Error> {
    let finding =
        |code, severity, message, notes, help| Finding { code, severity, message, spans: vec![], notes, help };
    match ask::secret(cluster, name).await {
        Ok(secret) => Ok(unusable(&secret).map(|why| {
            let message = format!("Secret `{name}` has no key `{LOGINS_KEY}`");
            finding(Code::RegistrySecretUnusable, Severity::Error, message, vec![why], None)
        })),
        Err(ClusterError::Refused { code: 404, message, .. }) => {
            let title = format!("Secret `{name}` is not in namespace `{}`", cluster.namespace);
            let help = format!(
                "create it: `kubectl -n {} create secret docker-registry {name} --from-file=.dockerconfigjson=config.json`",
                cluster.namespace
            );
            Ok(Some(finding(Code::RegistrySecretNotFound, Severity::Error, title, vec![message], Some(help))))
        }
        Err(ClusterError::Refused { code: 403, message, .. }) => {
            let title = format!("whether Secret `{name}` can be used is not known: you may not read it");
            Ok(Some(finding(Code::AccessDenied, Severity::Advice, title, vec![message], None)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Why the kubelet would not mount it. Names alone are told, as what is behind them is secret.
fn unusable(secret: &Secret) -> Option<String> {
    let keys: Vec<&String> = secret.data.iter().flatten().map(|(key, _)| key).collect();
    if keys.iter().any(|key| *key == LOGINS_KEY) {
        return None;
    }
    let kind = secret.type_.as_deref().unwrap_or("Opaque");
    let keys: Vec<String> = keys.into_iter().map(|key| format!("`{key}`")).collect();
    let keys = if keys.is_empty() { "it has no keys".to_owned() } else { format!("its keys: {}", keys.join(", ")) };
    Some(format!("its type is `{kind}`, not `kubernetes.io/dockerconfigjson`; {keys}"))
}

/// Silent where nodes may not be listed, and where something chooses among nodes that may yet come.
async fn of_nodes(cluster: &Cluster, platform: &str, pod: &Pod) -> Option<Finding> {
    let spec = pod.spec.as_ref()?;
    if spec.node_selector.is_some() || spec.affinity.is_some() || spec.node_name.is_some() {
        return None;
    }
    let nodes = ask::nodes(cluster).await.ok()?;
    without_node(platform, &nodes).map(|there_are| Finding {
        code: Code::PlatformWithoutNode,
        severity: Severity::Warning,
        message: format!("no node of the cluster runs `{platform}`"),
        spans: vec![],
        notes: vec![
            format!("its nodes run {there_are}"),
            "what `RUN` starts takes a node of that platform, or one that emulates it".to_owned(),
        ],
        help: None,
    })
}

/// The platforms there are, if that one is not among them.
fn without_node(platform: &str, nodes: &[Node]) -> Option<String> {
    let mut parts = platform.split('/');
    let wanted = format!("{}/{}", parts.next()?, parts.next()?);
    let info = |node: &Node| {
        let info = node.status.as_ref()?.node_info.as_ref()?;
        Some(format!("{}/{}", info.operating_system, info.architecture))
    };
    // A node that does not tell may be the one.
    let mut there: Vec<String> = nodes.iter().map(info).collect::<Option<_>>()?;
    there.sort();
    there.dedup();
    let is_missing = !there.is_empty() && !there.contains(&wanted);
    is_missing.then(|| there.iter().map(|platform| format!("`{platform}`")).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_platform_without_a_node_is_told_where_all_nodes_tell_theirs() {
        let node = |os: &str, architecture: &str| -> Node {
            let info = json!({
                "architecture": architecture, "operatingSystem": os, "bootID": "", "containerRuntimeVersion": "",
                "kernelVersion": "", "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "", "osImage": "",
                "systemUUID": "",
            });
            serde_json::from_value(json!({"metadata": {}, "status": {"nodeInfo": info}})).unwrap()
        };
        let mixed = [node("linux", "amd64"), node("linux", "arm64"), node("linux", "amd64")];
        assert_eq!(without_node("linux/s390x", &mixed).as_deref(), Some("`linux/amd64`, `linux/arm64`"));
        for platform in ["linux/amd64", "linux/arm64/v8", "arm64", ""] {
            assert_eq!(without_node(platform, &mixed), None, "{platform}");
        }
        assert_eq!(without_node("linux/arm64", &[]), None);
        assert_eq!(without_node("linux/arm64", &[node("linux", "amd64"), Node::default()]), None);
    }

    #[test]
    fn a_secret_is_judged_by_its_key_and_its_values_are_not_told() {
        let secret = |value: serde_json::Value| serde_json::from_value::<Secret>(value).unwrap();
        let docker = json!({"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "e30="}});
        assert_eq!(unusable(&secret(docker)), None);
        let opaque_with_key = json!({"type": "Opaque", "data": {".dockerconfigjson": "e30="}});
        assert_eq!(unusable(&secret(opaque_with_key)), None, "the pod mounts the key");
        let basic = json!({"type": "kubernetes.io/basic-auth", "data": {"username": "bWU=", "password": "c2VjcmV0"}});
        assert_eq!(
            unusable(&secret(basic)).as_deref(),
            Some(
                "its type is `kubernetes.io/basic-auth`, not `kubernetes.io/dockerconfigjson`; its keys: `password`, `username`"
            )
        );
        assert!(unusable(&secret(json!({}))).unwrap().ends_with("; it has no keys"));
    }
}

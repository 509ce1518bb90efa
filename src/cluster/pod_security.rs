//! Whether a namespace's labels say that it refuses Kaniko.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};

use super::client::Cluster;
use crate::error::ClusterError;

/// The label by which a namespace enforces a Pod Security Standard (k8s.io/pod-security-admission `api/constants.go`).
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// Reads the namespace.
///
/// # Errors
/// It refuses Kaniko; or it cannot be read, which says nothing.
pub async fn check(cluster: &Cluster) -> Result<(), ClusterError> {
    let name = &cluster.namespace;
    let action = format!("read namespace `{name}`");
    let namespace = cluster.request_once(&action, |client| async {
        let namespaces: Api<Namespace> = Api::all(client);
        namespaces.get(name).await
    });
    judge(name, namespace.await?.labels())
}

/// Looks at the labels: `restricted` wants a user that is not root. `baseline` is met, whatever its version.
///
/// # Errors
/// The namespace refuses Kaniko.
pub fn judge(namespace: &str, labels: &BTreeMap<String, String>) -> Result<(), ClusterError> {
    match labels.get(ENFORCE).map(String::as_str) {
        Some(level @ "restricted") => {
            Err(ClusterError::PodSecurity { namespace: namespace.to_owned(), label: format!("{ENFORCE}: {level}") })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_enforced_restricted_level_refuses() {
        let judge = |labels: &[(&str, &str)]| {
            let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            judge("a", &labels)
        };
        assert!(matches!(judge(&[(ENFORCE, "restricted")]), Err(ClusterError::PodSecurity { .. })));
        for labels in [
            &[][..],
            &[(ENFORCE, "baseline"), ("pod-security.kubernetes.io/enforce-version", "v1.30")],
            &[(ENFORCE, "privileged")],
            &[("pod-security.kubernetes.io/warn", "restricted"), ("pod-security.kubernetes.io/audit", "restricted")],
        ] {
            assert!(judge(labels).is_ok(), "{labels:?}");
        }
    }
}

//! The Secret with what a pod needs for its registries.
//!
//! It belongs to the pod: Kubernetes deletes it with the pod, whatever becomes of this tool. So the pod comes first, and
//! waits for it.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, ResourceExt};

use super::client::Cluster;
use super::manifest::{CERTIFICATES_KEY, LOGINS_KEY};
use crate::error::ClusterError;
use crate::registry::Access;

/// The Secret for `pod` with this `access`. Pure.
pub fn secret(pod: &Pod, access: &Access) -> Secret {
    let logins = access.logins.as_ref().map(|logins| (LOGINS_KEY, logins.reveal().to_vec()));
    let certificates = access.authority.as_ref().map(|authority| (CERTIFICATES_KEY, authority.pem.clone()));
    // The type demands the key.
    let kind = if logins.is_some() { "kubernetes.io/dockerconfigjson" } else { "Opaque" };
    let data = logins.into_iter().chain(certificates).map(|(key, value)| (key.to_owned(), ByteString(value)));
    Secret {
        metadata: ObjectMeta {
            name: Some(pod.name_any()),
            labels: pod.metadata.labels.clone(),
            owner_references: Some(vec![OwnerReference {
                api_version: "v1".to_owned(),
                kind: "Pod".to_owned(),
                name: pod.name_any(),
                uid: pod.metadata.uid.clone().unwrap_or_default(),
                ..Default::default()
            }]),
            ..Default::default()
        },
        type_: Some(kind.to_owned()),
        immutable: Some(true),
        data: Some(data.collect()),
        ..Default::default()
    }
}

/// Creates it. Asked twice, it is the same Secret: its name is the pod's.
///
/// # Errors
/// The server's refusal, or why no answer came.
pub async fn create(cluster: &Cluster, secret: &Secret) -> Result<(), ClusterError> {
    let action = format!("create a Secret in namespace `{}`", cluster.namespace);
    let created = cluster.request(&action, |client| async {
        let secrets: Api<Secret> = Api::namespaced(client, &cluster.namespace);
        secrets.create(&PostParams::default(), secret).await.map(drop)
    });
    match created.await {
        // The answer to the first try was lost. Nobody else takes a name with this nonce.
        Err(ClusterError::Refused { code: 409, .. }) => Ok(()),
        other => other,
    }
}

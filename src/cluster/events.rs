//! What the cluster says about a pod beside its status: a volume that cannot be mounted, a sandbox that cannot be made.
//!
//! Events are lossy and may be forbidden: they make a message better and decide nothing.

use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;

use super::client::Cluster;

/// The newest warning about the pod with this UID: reason and message. `None` if there is none or it may not be read.
pub async fn newest_warning(cluster: &Cluster, pod_uid: &str) -> Option<String> {
    let about = ListParams::default().fields(&format!("involvedObject.uid={pod_uid},type=Warning"));
    let found = cluster
        .request_once("list events", |client| async {
            let events: Api<Event> = Api::namespaced(client, &cluster.namespace);
            events.list(&about).await
        })
        .await
        .ok()?;
    let newest = found.items.into_iter().max_by_key(|event| event.last_timestamp.clone())?;
    Some(format!("{}: {}", newest.reason?, newest.message.unwrap_or_default()))
}

//! What the cluster says about a pod beside its status: a volume that cannot be mounted, a sandbox that cannot be made.
//!
//! Events are lossy and may be forbidden: they make a message better and decide nothing.

use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;

use super::client::Cluster;

/// The newest warning about the pod with this UID: reason and message. `None` if there is none or it may not be read.
pub async fn newest_warning(cluster: &Cluster, pod_uid: &str) -> Option<String> {
    warnings(cluster, pod_uid).await.into_iter().next()
}

/// What the cluster warned of about a pod, the newest first, each kind once; nothing if it may not be read.
pub async fn warnings(cluster: &Cluster, pod_uid: &str) -> Vec<String> {
    let about = ListParams::default().fields(&format!("involvedObject.uid={pod_uid},type=Warning"));
    let listed = cluster.request_once("list events", |client| async {
        let events: Api<Event> = Api::namespaced(client, &cluster.namespace);
        events.list(&about).await
    });
    let mut events = listed.await.map(|list| list.items).unwrap_or_default();
    events.sort_by(|left, right| right.last_timestamp.cmp(&left.last_timestamp));
    let mut told: Vec<String> = vec![];
    for event in events {
        let Some(reason) = event.reason else { continue };
        let text = format!("{reason}: {}", event.message.unwrap_or_default());
        if !told.contains(&text) {
            told.push(text);
        }
    }
    told
}

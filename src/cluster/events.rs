//! What the cluster says about a pod beside its status: a volume that cannot be mounted, a sandbox that cannot be made.
//!
//! Events are lossy and may be forbidden: they make a message better and decide nothing.

use std::time::Duration;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;

use super::client::Cluster;

/// The newest warning about the pod with this UID: reason and message. `None` if there is none or it may not be read.
pub(super) async fn newest_warning(cluster: &Cluster, pod_uid: &str) -> Option<String> {
    warnings(cluster, pod_uid).await.into_iter().next()
}

/// What the cluster warned of about a pod, the newest first, each kind once; nothing if it may not be read.
pub async fn warnings(cluster: &Cluster, pod_uid: &str) -> Vec<String> {
    let mut events = list(cluster, &format!("involvedObject.uid={pod_uid},type=Warning")).await;
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

/// How long the kubelet was at pulling images for the pod; none of it if they were there, or if that may not be read.
pub async fn pulls(cluster: &Cluster, pod_uid: &str) -> Duration {
    let events = list(cluster, &format!("involvedObject.uid={pod_uid},reason=Pulled")).await;
    events.iter().filter_map(|event| pull(event.message.as_deref()?)).sum()
}

/// `Successfully pulled image "x" in 1.2s (1.3s including waiting). …`, with the time as Go writes it (Kubernetes v1.33
/// `pkg/kubelet/images/image_manager.go`).
fn pull(message: &str) -> Option<Duration> {
    let time = message.strip_prefix("Successfully pulled image ")?.split_once(" in ")?.1;
    let time: SignedDuration = time.split([' ', ',']).next()?.parse().ok()?;
    time.try_into().ok()
}

async fn list(cluster: &Cluster, which: &str) -> Vec<Event> {
    let about = ListParams::default().fields(which);
    let listed = cluster.request_once("list events", |client| async {
        let events: Api<Event> = Api::namespaced(client, &cluster.namespace);
        events.list(&about).await
    });
    listed.await.map(|list| list.items).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kubelet_says_how_long_it_pulled() {
        let said = |time: &str| {
            format!("Successfully pulled image \"r/a:1\" in {time} (2s including waiting). Image size: 5 bytes.")
        };
        for (time, milliseconds) in [("1.25s", 1250), ("1m2.5s", 62_500), ("345.6ms", 345), ("2s", 2000)] {
            assert_eq!(pull(&said(time)).map(|took| took.as_millis()), Some(milliseconds), "{time}");
        }
        assert_eq!(pull("Container image \"r/a:1\" already present on machine"), None);
        assert_eq!(pull(&said("long")), None);
    }
}

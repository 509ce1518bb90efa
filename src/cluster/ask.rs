//! Questions to the cluster that change nothing.

use futures_util::future::try_join_all;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::api::core::v1::{Namespace, Node, Pod, Secret};
use kube::Api;
use kube::api::{ListParams, PostParams};

use super::client::Cluster;
use super::rights::{self, Right};
use crate::error::ClusterError;

/// The first minor version of Kubernetes 1 that wants `create` for a websocket, too.
const WEBSOCKETS_ARE_CREATED: u32 = 35;

/// The namespace.
///
/// # Errors
/// It is not there or may not be read; or why no answer came.
pub async fn namespace(cluster: &Cluster) -> Result<Namespace, ClusterError> {
    let name = &cluster.namespace;
    let read = |client| async {
        let namespaces: Api<Namespace> = Api::all(client);
        namespaces.get(name).await
    };
    cluster.request(&format!("read namespace `{name}`"), read).await
}

/// The rights of a build that whoever asks does not have.
///
/// # Errors
/// The server's refusal, or why no answer came.
pub async fn missing_rights(cluster: &Cluster) -> Result<Vec<Right>, ClusterError> {
    let answers = try_join_all(rights::all().map(|right| is_allowed(cluster, right))).await?;
    Ok(rights::all().zip(answers).filter(|(_, allowed)| !allowed).map(|(right, _)| right).collect())
}

async fn is_allowed(cluster: &Cluster, right: Right) -> Result<bool, ClusterError> {
    let attributes = ResourceAttributes {
        namespace: Some(cluster.namespace.clone()),
        verb: Some(right.verb.to_owned()),
        resource: Some(right.resource.to_owned()),
        subresource: right.subresource.map(str::to_owned),
        ..Default::default()
    };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..Default::default() };
    let ask = |client| async {
        let reviews: Api<SelfSubjectAccessReview> = Api::all(client);
        reviews.create(&PostParams::default(), &review).await
    };
    let answer = cluster.request("ask which rights there are", ask).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

/// The name that the cluster has for whoever asks, if it tells.
pub async fn user(cluster: &Cluster) -> Option<String> {
    let ask = |client| async {
        let reviews: Api<SelfSubjectReview> = Api::all(client);
        reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await
    };
    let answer = cluster.request_once("ask who asks", ask).await.ok()?;
    answer.status?.user_info?.username
}

/// Whether the API server wants the right to create for a websocket, too. One that does not tell its version is none of
/// the newest.
pub async fn websockets_are_created(cluster: &Cluster) -> bool {
    let ask = |client: kube::Client| async move { client.apiserver_version().await };
    let Ok(version) = cluster.request_once("ask for the version", ask).await else { return false };
    let digits: String = version.minor.chars().take_while(char::is_ascii_digit).collect();
    digits.parse::<u32>().is_ok_and(|minor| minor >= WEBSOCKETS_ARE_CREATED)
}

/// Has the API server do all that it does when a pod is created, but for creating it. Asked once: a webhook that does
/// not answer is what is looked for.
///
/// # Errors
/// The server's refusal, or why no answer came.
pub async fn try_pod(cluster: &Cluster, pod: &Pod) -> Result<(), ClusterError> {
    let action = format!("create a pod in namespace `{}`", cluster.namespace);
    let tried = |client| async {
        let pods: Api<Pod> = Api::namespaced(client, &cluster.namespace);
        pods.create(&PostParams { dry_run: true, ..Default::default() }, pod).await.map(drop)
    };
    cluster.request_once(&action, tried).await
}

/// A Secret of the namespace.
///
/// # Errors
/// It is not there or may not be read; or why no answer came.
pub async fn secret(cluster: &Cluster, name: &str) -> Result<Secret, ClusterError> {
    let read = |client| async {
        let secrets: Api<Secret> = Api::namespaced(client, &cluster.namespace);
        secrets.get(name).await
    };
    cluster.request(&format!("read Secret `{name}`"), read).await
}

/// The cluster's nodes.
///
/// # Errors
/// They may not be listed; or why no answer came.
pub async fn nodes(cluster: &Cluster) -> Result<Vec<Node>, ClusterError> {
    let list = |client| async {
        let nodes: Api<Node> = Api::all(client);
        nodes.list(&ListParams::default()).await
    };
    Ok(cluster.request("list the nodes", list).await?.items)
}

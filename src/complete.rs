//! What a shell completes: beside flags, which clap knows, names that only this machine or its cluster know.
//!
//! A completion must not keep anybody waiting, and has nobody to tell an error to: what cannot be had soon is left out.

use std::ffi::OsStr;
use std::time::Duration;

use clap_complete::engine::{CompletionCandidate, ValueCompleter};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::config::Kubeconfig;
use kube::{Api, Client, ResourceExt};

use crate::dockerfile;
use crate::executor::image::Family;
use crate::executor::resolve::channel;

/// How long a cluster is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Names of one kind.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Names {
    /// Contexts of the kubeconfig.
    KubeContexts,
    /// Clusters of the kubeconfig.
    KubeClusters,
    /// Users of the kubeconfig.
    KubeUsers,
    /// Namespaces of the current cluster.
    Namespaces,
    /// Stages of the Dockerfile in this directory.
    Stages,
}

impl ValueCompleter for Names {
    fn complete(&self, current: &OsStr) -> Vec<CompletionCandidate> {
        let current = current.to_string_lossy();
        let names = match self {
            Self::KubeContexts => kubeconfig(|config| config.contexts.iter().map(|one| one.name.clone()).collect()),
            Self::KubeClusters => kubeconfig(|config| config.clusters.iter().map(|one| one.name.clone()).collect()),
            Self::KubeUsers => kubeconfig(|config| config.auth_infos.iter().map(|one| one.name.clone()).collect()),
            Self::Namespaces => namespaces().unwrap_or_default(),
            Self::Stages => stages().unwrap_or_default(),
        };
        names.into_iter().filter(|name| name.starts_with(&*current)).map(CompletionCandidate::new).collect()
    }
}

fn kubeconfig(names: impl Fn(&Kubeconfig) -> Vec<String>) -> Vec<String> {
    Kubeconfig::read().map(|config| names(&config)).unwrap_or_default()
}

fn namespaces() -> Option<Vec<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let listed = runtime.block_on(async {
        let client = Client::try_default().await.ok()?;
        let all: Api<Namespace> = Api::all(client);
        tokio::time::timeout(PATIENCE, all.list(&ListParams::default())).await.ok()?.ok()
    });
    Some(listed?.iter().map(ResourceExt::name_any).collect())
}

/// Those that have a name: the others are numbers, which nobody types.
fn stages() -> Option<Vec<String>> {
    let text = ["Dockerfile", "dockerfile"].iter().find_map(|name| std::fs::read_to_string(name).ok())?;
    let file = dockerfile::parse(&text).ok()?;
    let stages = file.stages(channel(Family::Upstream)).ok()?;
    Some(stages.stages.iter().filter_map(|stage| Some(stage.name.as_ref()?.text.clone())).collect())
}

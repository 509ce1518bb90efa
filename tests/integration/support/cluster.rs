//! The cluster that `scripts/test` brought up, and a namespace of one's own in it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, LimitRange, Namespace as NamespaceObject, Pod, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{DeleteParams, ListParams, LogParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::proxy::Proxy;
use super::tool::Tool;
use super::tree::Tree;
use super::{wait_at_most, wait_for};

/// What `scripts/cluster env` exports.
#[track_caller]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with scripts/test"))
}

/// Registry that pods push to and this machine pulls from.
pub fn registry() -> String {
    variable("KANIKO_LOCAL_TEST_REGISTRY")
}

/// A base image with a shell.
pub fn base_image() -> String {
    variable("KANIKO_LOCAL_TEST_BASE_IMAGE")
}

/// Images that `scripts/scenario flink images` has made.
pub struct FlinkImages {
    /// A JDK and Maven.
    pub maven: String,
    /// Flink's distribution.
    pub flink: String,
    /// Serves the job's git repository, and what Maven downloads for it.
    pub servers: String,
}

pub fn flink_images() -> FlinkImages {
    FlinkImages {
        maven: variable("KANIKO_LOCAL_TEST_MAVEN_IMAGE"),
        flink: variable("KANIKO_LOCAL_TEST_FLINK_IMAGE"),
        servers: variable("KANIKO_LOCAL_TEST_SERVERS_IMAGE"),
    }
}

/// A registry that wants a password and has a certificate of a private authority.
pub struct TlsRegistry {
    pub address: String,
    pub user: String,
    pub password: String,
    /// File with the authority's certificate.
    pub authority: PathBuf,
    pub base_image: String,
}

pub fn tls_registry() -> TlsRegistry {
    let address = variable("KANIKO_LOCAL_TEST_TLS_REGISTRY");
    TlsRegistry {
        base_image: format!("{address}/library/busybox:1"),
        authority: variable("KANIKO_LOCAL_TEST_TLS_REGISTRY_CA").into(),
        address,
        user: variable("KANIKO_LOCAL_TEST_TLS_REGISTRY_USER"),
        password: variable("KANIKO_LOCAL_TEST_TLS_REGISTRY_PASSWORD"),
    }
}

/// The Role that README.md tells users to make.
fn documented_role() -> Role {
    let readme = include_str!("../../../README.md");
    let yaml = readme
        .split("```yaml\n")
        .filter_map(|rest| rest.split_once("\n```").map(|(yaml, _)| yaml))
        .find(|yaml| yaml.contains("kind: Role\n"))
        .expect("README.md has a Role");
    serde_saphyr::from_str(yaml).unwrap()
}

/// Rights that a namespace gives to the user `dev`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// The documented Role.
    Documented,
    /// The documented Role without its rule for this resource.
    Without(&'static str),
    /// None.
    None,
}

/// A namespace of one test, and what the user `dev` may do there. When it goes, it must hold no pods.
pub struct Namespace {
    pub name: String,
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Namespace {
    /// The documented Role, and the Pod Security Standard that the documentation says is enough.
    pub fn new() -> Self {
        Self::with(Rights::Documented, json!({"pod-security.kubernetes.io/enforce": "baseline"}))
    }

    /// With these labels on the namespace.
    pub fn with(rights: Rights, labels: Value) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("kaniko-local-test-{}-{count}", std::process::id());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(admin());
        let namespace = Self { name, client, runtime };
        let object = json!({"metadata": {"name": namespace.name, "labels": labels}});
        namespace
            .block_on(Api::all(namespace.client()).create(&PostParams::default(), &from::<NamespaceObject>(object)));
        if rights != Rights::None {
            let mut role = documented_role();
            if let Rights::Without(resource) = rights {
                let rules = role.rules.get_or_insert_default();
                let before = rules.len();
                rules.retain(|rule| !rule.resources.iter().flatten().any(|name| name == resource));
                assert_eq!(rules.len() + 1, before, "no rule for {resource}");
            }
            let binding = json!({
                "metadata": {"name": "dev"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role.name_any()},
                "subjects": [
                    {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "dev"},
                    {"kind": "ServiceAccount", "name": "default", "namespace": namespace.name},
                ],
            });
            namespace.create(&role);
            namespace.create(&from::<RoleBinding>(binding));
        }
        namespace.wait_for_service_account();
        namespace
    }

    fn client(&self) -> Client {
        self.client.clone()
    }

    #[track_caller]
    fn block_on<T>(&self, request: impl Future<Output = kube::Result<T>>) -> T {
        self.runtime.block_on(request).unwrap()
    }

    /// Creates an object in the namespace, as admin.
    #[track_caller]
    pub fn create<K>(&self, object: &K)
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope> + serde::Serialize + DeserializeOwned,
        K: Clone + std::fmt::Debug,
        K::DynamicType: Default,
    {
        let api: Api<K> = Api::namespaced(self.client(), &self.name);
        self.block_on(api.create(&PostParams::default(), object));
    }

    /// Deletes an object of the namespace, as admin, and what belongs to it at some time.
    #[track_caller]
    pub fn delete<K>(&self, name: &str)
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope> + DeserializeOwned + Clone + std::fmt::Debug,
        K::DynamicType: Default,
    {
        let api: Api<K> = Api::namespaced(self.client(), &self.name);
        self.block_on(async { api.delete(name, &DeleteParams::background()).await.map(drop) });
    }

    /// A kubeconfig with which `dev` is who one is, and this namespace where. It holds a token: `directory` must not be a
    /// build context.
    pub fn kubeconfig_of_dev(&self, directory: &Path) -> PathBuf {
        let mut kubeconfig: Value =
            serde_saphyr::from_str(&std::fs::read_to_string(variable("KUBECONFIG")).unwrap()).unwrap();
        if std::env::var("KANIKO_LOCAL_TEST_DEV").as_deref() == Ok("impersonate") {
            kubeconfig["users"].as_array_mut().unwrap().iter_mut().for_each(|user| user["user"]["as"] = json!("dev"));
        } else {
            kubeconfig["current-context"] = json!("dev");
        }
        let contexts = kubeconfig["contexts"].as_array_mut().unwrap();
        contexts.iter_mut().for_each(|context| context["context"]["namespace"] = json!(self.name));
        let path = directory.join("kubeconfig");
        std::fs::write(&path, serde_json::to_vec(&kubeconfig).unwrap()).unwrap();
        path
    }

    /// Creates an object of the whole cluster, as admin; it goes with what is returned.
    #[track_caller]
    pub fn create_global<K>(&self, object: &K) -> Global<'_, K>
    where
        K: kube::Resource<Scope = kube::core::ClusterResourceScope> + serde::Serialize + DeserializeOwned,
        K: Clone + std::fmt::Debug,
        K::DynamicType: Default,
    {
        let api: Api<K> = Api::all(self.client());
        self.block_on(api.create(&PostParams::default(), object));
        Global { namespace: self, api, name: object.name_any() }
    }

    /// The pods in it.
    pub fn pods(&self) -> Vec<Pod> {
        let api: Api<Pod> = Api::namespaced(self.client(), &self.name);
        self.block_on(api.list(&ListParams::default())).items
    }

    /// What a container of the pod has written so far, if it has one container.
    #[track_caller]
    pub fn log(&self, pod: &str) -> String {
        let api: Api<Pod> = Api::namespaced(self.client(), &self.name);
        self.block_on(api.logs(pod, &LogParams::default()))
    }

    /// Names of the Secrets in it.
    pub fn secrets(&self) -> Vec<String> {
        let api: Api<Secret> = Api::namespaced(self.client(), &self.name);
        self.block_on(api.list(&ListParams::default())).iter().map(ResourceExt::name_any).collect()
    }

    /// Changes the one pod there is, as admin.
    #[track_caller]
    pub fn patch_pod(&self, patch: &Value) {
        let api: Api<Pod> = Api::namespaced(self.client(), &self.name);
        let name = self.pods()[0].name_any();
        self.block_on(api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)));
    }

    /// No pod and no Secret is left within a minute.
    #[track_caller]
    pub fn assert_empty_soon(&self) {
        wait_for("the namespace is empty", || self.pods().is_empty() && self.secrets().is_empty());
    }

    /// The one pod there is has ended, and is there to be looked at.
    #[track_caller]
    pub fn ended_pod(&self, limit: Duration) -> Pod {
        let ended = |pod: &Pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            matches!(phase, Some("Succeeded" | "Failed")) && running_containers(pod).is_empty()
        };
        wait_at_most(limit, "the pod has ended", || self.pods().iter().all(ended));
        self.pods().pop().expect("a pod")
    }

    /// Gives every container these limits, as a LimitRange does.
    #[track_caller]
    pub fn limit_containers(&self, limits: &Value) {
        self.create(&from::<LimitRange>(json!({
            "metadata": {"name": "limits"},
            "spec": {"limits": [{"type": "Container", "default": limits, "defaultRequest": limits}]},
        })));
    }

    /// Deletes all pods as `kubectl delete` does, as admin: their containers are asked to end first.
    pub fn delete_pods_gracefully(&self) {
        let api: Api<Pod> = Api::namespaced(self.client(), &self.name);
        for pod in self.pods() {
            self.block_on(async { api.delete(&pod.name_any(), &DeleteParams::default()).await.map(drop) });
        }
    }

    /// Deletes all pods at once, as admin. One may go by itself meanwhile.
    #[track_caller]
    pub fn delete_pods(&self) {
        let api: Api<Pod> = Api::namespaced(self.client(), &self.name);
        for pod in self.pods() {
            let now = DeleteParams::default().grace_period(0);
            match self.runtime.block_on(api.delete(&pod.name_any(), &now)) {
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                deleted => drop(deleted.unwrap()),
            }
        }
    }

    /// Admission refuses pods until the controller has made the default service account.
    fn wait_for_service_account(&self) {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), &self.name);
        let started = Instant::now();
        while self.block_on(accounts.get_opt("default")).is_none() {
            assert!(started.elapsed() < Duration::from_secs(30), "no default service account in {}", self.name);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Writes what a pod of the namespace finds under `/var/run/secrets/kubernetes.io/serviceaccount`.
    pub fn write_service_account(&self, directory: &Path) {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), &self.name);
        let request = from(json!({"spec": {"audiences": [], "expirationSeconds": 600}}));
        let token = self.block_on(accounts.create_token_request("default", &PostParams::default(), &request));
        let maps: Api<ConfigMap> = Api::namespaced(self.client(), &self.name);
        let root = self.block_on(maps.get("kube-root-ca.crt")).data.unwrap();
        std::fs::write(directory.join("token"), token.status.unwrap().token).unwrap();
        std::fs::write(directory.join("ca.crt"), &root["ca.crt"]).unwrap();
        std::fs::write(directory.join("namespace"), &self.name).unwrap();
    }

    /// The tool in this namespace as the user `dev`.
    pub fn tool(&self, arguments: &[&str]) -> Tool {
        let user = match std::env::var("KANIKO_LOCAL_TEST_DEV").as_deref() {
            Ok("impersonate") => "--as",
            _ => "--context",
        };
        let who_and_where = [user, "dev", "--namespace", &self.name];
        Tool::new(&[&who_and_where, arguments].concat()).env("KUBECONFIG", variable("KUBECONFIG"))
    }

    /// `build` of `tree` in this namespace, pushed under the namespace's name.
    pub fn build(&self, tree: &Tree) -> Tool {
        self.build_from(tree.path())
    }

    pub fn build_from(&self, context: impl AsRef<OsStr>) -> Tool {
        self.tool(&["build", "--insecure", "-t"]).arg(self.destination()).arg(context)
    }

    /// A repository that no other test uses.
    pub fn destination(&self) -> String {
        format!("{}/{}:v1", registry(), self.name)
    }

    /// A kubeconfig like the given one whose server is reached through `proxy`. It holds an admin's token: `directory`
    /// must not be a build context.
    pub fn kubeconfig_through(&self, proxy: &Proxy, directory: &Path) -> PathBuf {
        let mut kubeconfig = Kubeconfig::read_from(variable("KUBECONFIG")).unwrap();
        for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
            let server: http::Uri = cluster.server.as_deref().unwrap().parse().unwrap();
            cluster.tls_server_name = server.host().map(str::to_owned);
            cluster.server = Some(format!("https://{}", proxy.address));
        }
        let path = directory.join("kubeconfig");
        std::fs::write(&path, serde_json::to_vec(&kubeconfig_value(&kubeconfig)).unwrap()).unwrap();
        path
    }
}

/// Containers of `pod` that run.
pub fn running_containers(pod: &Pod) -> Vec<&str> {
    let status = pod.status.iter();
    let containers = status.flat_map(|status| status.init_container_statuses.iter().chain(&status.container_statuses));
    let running =
        containers.flatten().filter(|container| container.state.as_ref().is_some_and(|state| state.running.is_some()));
    running.map(|container| container.name.as_str()).collect()
}

/// An object of the whole cluster that a test has made for its namespace.
pub struct Global<'a, K: Clone + std::fmt::Debug + DeserializeOwned> {
    namespace: &'a Namespace,
    api: Api<K>,
    name: String,
}

impl<K: Clone + std::fmt::Debug + DeserializeOwned> Drop for Global<'_, K> {
    fn drop(&mut self) {
        let deleted = self.namespace.runtime.block_on(self.api.delete(&self.name, &DeleteParams::default()));
        assert!(deleted.is_ok() || std::thread::panicking(), "{:?}", deleted.err());
    }
}

/// `host:port` of the API server.
pub fn server() -> String {
    let kubeconfig = Kubeconfig::read_from(variable("KUBECONFIG")).unwrap();
    let server = kubeconfig.clusters[0].cluster.as_ref().unwrap().server.clone().unwrap();
    let server: http::Uri = server.parse().unwrap();
    format!("{}:{}", server.host().unwrap(), server.port_u16().unwrap_or(443))
}

/// kube hides tokens when it writes a kubeconfig; this one is a test's.
fn kubeconfig_value(kubeconfig: &Kubeconfig) -> Value {
    let text = std::fs::read_to_string(variable("KUBECONFIG")).unwrap();
    let mut value: Value = serde_saphyr::from_str(&text).unwrap();
    value["clusters"] = serde_json::to_value(&kubeconfig.clusters).unwrap();
    value
}

async fn admin() -> Client {
    let kubeconfig = Kubeconfig::read_from(variable("KUBECONFIG")).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// An object from its JSON form.
pub fn from<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

/// Every pod of this tool in the default namespace and in those of tests; a user's cluster may have builds elsewhere.
pub fn pods_of_the_tool() -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let pods: Api<Pod> = Api::all(admin().await);
        let managed = ListParams::default().labels("app.kubernetes.io/managed-by=kaniko-local");
        let pods = pods.list(&managed).await.unwrap();
        let of_tests = |pod: &&Pod| {
            pod.namespace().is_some_and(|name| name == "default" || name.starts_with("kaniko-local-test-"))
        };
        pods.iter().filter(of_tests).map(ResourceExt::name_any).collect()
    })
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        let pods: Api<Pod> = Api::namespaced(self.client(), &self.name);
        let left = self.runtime.block_on(pods.list(&ListParams::default()));
        // A finalizer of a test that has failed would keep the namespace for ever.
        for pod in left.iter().flat_map(|left| left.iter()).filter(|pod| !pod.finalizers().is_empty()) {
            let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
            let _ = self.runtime.block_on(pods.patch(&pod.name_any(), &PatchParams::default(), &free));
        }
        let namespaces: Api<NamespaceObject> = Api::all(self.client());
        let deleted = self.runtime.block_on(namespaces.delete(&self.name, &DeleteParams::default()));
        // A test that has failed already has said why.
        if !failed {
            let left: Vec<String> = left.unwrap().iter().map(ResourceExt::name_any).collect();
            assert!(left.is_empty(), "pods left in namespace {}: {left:?}", self.name);
            assert!(deleted.is_ok(), "{:?}", deleted.err());
        }
    }
}

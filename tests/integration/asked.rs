//! `check --ask-cluster`: what a cluster would say to a pod, on the double for each answer, and on a real cluster.

use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota, Secret};
use serde_json::{Value, json};

use crate::sarif::results;
use crate::support::cluster::{Namespace, Rights, from};
use crate::support::double::{Ask, Double, Fault, What};
use crate::support::tool::{Finished, Tool, ends_with};
use crate::support::tree::Tree;
use crate::support::wait_for;

const NO_FINDINGS: &str = "exit code: 0\n--- stdout ---\n--- stderr ---\ncheck: no findings\n";

fn asked(faults: Vec<Fault>, arguments: &[&str]) -> (Double, Finished) {
    let double = Double::start(faults);
    let finished = double.check(&Tree::small()).args(arguments).run();
    assert_eq!((double.asked(Ask::Create), double.asked(Ask::Secret)), (0, 0), "nothing is created");
    (double, finished)
}

fn denied() -> Fault {
    Fault::always(Ask::Review, What::Answers(json!({"spec": {}, "status": {"allowed": false}})))
}

fn tried(message: &'static str) -> Vec<Fault> {
    vec![Fault::always(Ask::Try, What::Says(403, message))]
}

/// One finding with this code, and an exit code that goes with it.
#[track_caller]
fn assert_one(finished: &Finished, label: &str) {
    let stdout = finished.stdout();
    assert!(stdout.starts_with(&format!("{label}]: ")), "{label}: {finished:?}");
    assert_eq!(finished.stderr.lines().last().map(|line| line.starts_with("check: 1 ")), Some(true), "{finished:?}");
    assert_eq!(finished.code, Some(i32::from(label.starts_with("error"))), "{finished:?}");
}

#[test]
fn a_cluster_that_takes_the_pod_is_not_spoken_of() {
    let all = ["--registry-secret", "push", "--platform", "linux/arm64", "--memory", "1Gi", "--security", "hardened"];
    for arguments in [&[][..], &all] {
        let (double, finished) = asked(vec![], arguments);
        assert_eq!(finished.transcript(), NO_FINDINGS);
        assert_eq!((double.asked(Ask::Namespace), double.asked(Ask::Try)), (1, 1));
        assert_eq!(double.asked(Ask::ReadSecret), usize::from(!arguments.is_empty()));
    }
}

#[test]
fn nobody_is_asked_unless_it_is_wanted() {
    let double = Double::start(vec![]);
    let finished = double.check(&Tree::small()).args(&["--", "--no-push"]).run();
    assert_eq!(finished.code, Some(2), "an executor's arguments have no pod: {finished:?}");
    let unasked = Tool::new(&["check", "--memory", "1Gi"]).within(Tree::small().path()).run();
    assert!(unasked.code == Some(2) && unasked.stderr.contains("--ask-cluster"), "{unasked:?}");
    let quantity = double.check(&Tree::small()).args(&["--memory", "much"]).run();
    assert_eq!((quantity.code, double.asked(Ask::Namespace)), (Some(2), 0));
}

#[test]
fn what_the_cluster_says_is_a_finding_of_the_code_that_a_build_would_have() {
    for (message, code) in [
        (
            r#"pods "q" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0"#,
            "quota-exceeded",
        ),
        (
            r#"pods "q" is forbidden: failed quota: small: must specify limits.memory for: kaniko,receive-context"#,
            "quota-needs-resources",
        ),
        (r#"pods "q" is forbidden: maximum memory usage per Container is 2Gi, but limit is 4Gi"#, "limit-range"),
        (
            r#"pods "q" is forbidden: error looking up service account ns/no: serviceaccount "no" not found"#,
            "service-account-not-found",
        ),
        (
            r#"pods "q" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false"#,
            "pod-security-restricted",
        ),
        (r#"admission webhook "w.example.com" denied the request: no"#, "admission-denied"),
    ] {
        let (_, finished) = asked(tried(message), &[]);
        assert_one(&finished, &format!("error[{code}"));
        assert!(finished.stdout().contains(&format!("\nnote: {message}\n")), "{}", finished.stdout());
    }
    let gone = "Internal error occurred: failed calling webhook \"w.example.com\": failed to call webhook: no route";
    let (_, finished) = asked(vec![Fault::always(Ask::Try, What::Says(500, gone))], &[]);
    assert_one(&finished, "error[admission-unavailable");
}

/// Findings of the disk are told all the same; an error is the cluster's, and not a finding.
#[test]
fn a_cluster_that_gives_no_answer_is_no_finding() {
    let broken = Tree::new().file("Dockerfile", "FROM scratch\nCOPY missing /x\n");
    let nowhere = Tool::new(&["check", "--ask-cluster"]).kubeconfig_nowhere().within(broken.path()).run();
    assert_eq!(nowhere.code, Some(3), "{nowhere:?}");
    assert!(nowhere.stdout().starts_with("error[copy-source-missing]: "), "{nowhere:?}");
    assert!(nowhere.stderr.starts_with("error[cluster-unreachable]: "), "{nowhere:?}");
    let busy = Fault::always(Ask::Try, What::Says(429, "too many requests"));
    let unknown = Fault::always(Ask::Namespace, What::Says(401, "Unauthorized"));
    for fault in [unknown, busy] {
        let double = Double::start(vec![fault]);
        let finished = double.check(&Tree::small()).run();
        assert_eq!((finished.code, &*finished.stdout), (Some(3), &b""[..]), "{finished:?}");
    }
}

#[test]
fn a_namespace_that_is_not_there_or_goes_is_the_only_finding() {
    let missing = Fault::always(Ask::Namespace, What::Says(404, "namespaces \"ns\" not found"));
    let (double, finished) = asked(vec![missing, denied()], &[]);
    assert_one(&finished, "error[namespace-not-found");
    assert_eq!((double.asked(Ask::Review), double.asked(Ask::Try)), (0, 0));
    let going = json!({"metadata": {"name": "ns"}, "status": {"phase": "Terminating"}});
    let (_, finished) = asked(vec![Fault::always(Ask::Namespace, What::Answers(going))], &[]);
    assert_one(&finished, "error[namespace-terminating");
}

#[test]
fn missing_rights_are_one_finding_and_nothing_is_tried() {
    let (double, finished) = asked(vec![denied()], &[]);
    assert_one(&finished, "error[access-denied");
    let stdout = finished.stdout();
    assert!(stdout.contains("\nnote: missing: `create`, `list`, `watch`, `delete` of `pods`\n"), "{stdout}");
    assert!(
        stdout.contains("note: the cluster knows you as `dev`\n") && stdout.contains("kind: RoleBinding"),
        "{stdout}"
    );
    assert_eq!(double.asked(Ask::Try), 0);

    let restricted =
        json!({"metadata": {"name": "ns", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    let (_, finished) = asked(vec![denied(), Fault::always(Ask::Namespace, What::Answers(restricted.clone()))], &[]);
    assert!(finished.stdout().contains("\nerror[pod-security-restricted]: "), "the label tells: {finished:?}");
    let (_, exempt) = asked(vec![Fault::always(Ask::Namespace, What::Answers(restricted))], &[]);
    assert_eq!(exempt.transcript(), NO_FINDINGS, "who could try knows better");
}

/// A namespace that may not be read, rights that are not told, nodes that may not be listed.
#[test]
fn what_may_not_be_asked_is_passed_over() {
    let forbidden = |ask, message| Fault::always(ask, What::Says(403, message));
    let faults = vec![
        forbidden(
            Ask::Namespace,
            r#"namespaces "ns" is forbidden: User "dev" cannot get resource "namespaces" in API group "" in the namespace "ns""#,
        ),
        forbidden(Ask::Review, "no"),
        forbidden(Ask::Nodes, "no"),
    ];
    let (double, finished) = asked(faults, &["--platform", "linux/arm64"]);
    assert_eq!(finished.transcript(), NO_FINDINGS);
    assert_eq!((double.asked(Ask::Try), double.asked(Ask::Nodes)), (1, 1));
}

#[test]
fn a_webhook_that_takes_no_dry_run_is_no_refusal() {
    let message = r#"admission webhook "w.example.com" does not support dry run"#;
    let (_, finished) = asked(vec![Fault::always(Ask::Try, What::Says(400, message))], &[]);
    assert_eq!((finished.code, finished.stdout()), (Some(0), ""));
    assert!(finished.stderr.contains(&format!("note: whether the cluster takes the pod is not known: {message}\n")));
}

#[test]
fn a_secret_is_looked_at_and_its_values_are_not_told() {
    let named = &["--registry-secret", "push"];
    let missing = Fault::always(Ask::ReadSecret, What::Says(404, "secrets \"push\" not found"));
    let (_, finished) = asked(vec![missing], named);
    assert_one(&finished, "error[registry-secret-not-found");
    let basic = json!({"type": "kubernetes.io/basic-auth", "data": {"password": "Y29ycmVjdA=="}});
    let (_, finished) = asked(vec![Fault::always(Ask::ReadSecret, What::Answers(basic))], named);
    assert_one(&finished, "error[registry-secret-unusable");
    assert!(!finished.stdout().contains("Y29y") && !finished.stdout().contains("correct"), "{finished:?}");
    let forbidden = Fault::always(Ask::ReadSecret, What::Says(403, "no"));
    let (_, finished) = asked(vec![forbidden], named);
    assert_one(&finished, "advice[access-denied");
}

fn node(architecture: &str) -> Value {
    json!({"metadata": {"name": architecture}, "status": {"nodeInfo": {
        "architecture": architecture, "operatingSystem": "linux", "bootID": "", "containerRuntimeVersion": "",
        "kernelVersion": "", "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "", "osImage": "", "systemUUID": "",
    }}})
}

#[test]
fn a_platform_that_no_node_runs_is_a_warning() {
    let nodes = || Fault::always(Ask::Nodes, What::Answers(json!({"metadata": {}, "items": [node("amd64")]})));
    let (_, finished) = asked(vec![nodes()], &["--platform", "linux/arm64"]);
    assert_one(&finished, "warning[platform-without-node");
    let (_, finished) = asked(vec![nodes()], &["--platform", "linux/amd64"]);
    assert_eq!(finished.transcript(), NO_FINDINGS);
    let elsewhere = Tree::new();
    let template = elsewhere.write("pod.yaml", "spec: {nodeSelector: {kubernetes.io/arch: arm64}}\n");
    let (_, finished) =
        asked(vec![nodes()], &["--platform", "linux/arm64", "--pod-template", template.to_str().unwrap()]);
    assert_eq!(finished.transcript(), NO_FINDINGS, "such a node may yet come");
}

#[test]
fn documents_carry_what_the_cluster_says() {
    let quota = r#"pods "q" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0"#;
    let (_, finished) = asked(tried(quota), &["-o", "json"]);
    let document: Value = serde_json::from_slice(&finished.stdout).unwrap();
    assert_eq!((finished.code, &document["findings"][0]["code"]), (Some(1), &json!("quota-exceeded")));
    let (_, finished) = asked(tried(quota), &["-o", "sarif"]);
    let [result] = &results(&finished)[..] else { panic!("{finished:?}") };
    assert_eq!((finished.code, &result["ruleId"]), (Some(1), &json!("quota-exceeded")));
    assert_eq!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "Dockerfile");
}

fn check(namespace: &Namespace, arguments: &[&str]) -> Finished {
    namespace.tool(&["check", "--ask-cluster"]).args(arguments).within(Tree::small().path()).run()
}

/// As soon as the cluster's controllers have seen what a test has made.
fn refused(namespace: &Namespace, arguments: &[&str]) -> Finished {
    let last = ends_with(1, || check(namespace, arguments));
    assert!(namespace.pods().is_empty() && namespace.secrets().is_empty(), "nothing is created");
    last
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_healthy_namespace_has_no_findings() {
    let namespace = Namespace::new();
    assert_eq!(check(&namespace, &[]).transcript(), NO_FINDINGS);
    let asked = ["--memory", "64Mi", "--security", "hardened", "--service-account", "default"];
    assert_eq!(check(&namespace, &asked).transcript(), NO_FINDINGS);
    let attach = Namespace::with(Rights::Without("pods/exec"), json!({}));
    assert_eq!(check(&attach, &[]).transcript(), NO_FINDINGS, "another way is open");
    assert!(namespace.pods().is_empty());
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_namespace_that_is_not_there() {
    let admin =
        Tool::new(&["check", "--ask-cluster", "-n", "nowhere"]).env("KUBECONFIG", std::env::var("KUBECONFIG").unwrap());
    let finished = admin.within(Tree::small().path()).run();
    assert_one(&finished, "error[namespace-not-found");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_service_account_without_rights() {
    let namespace = Namespace::with(Rights::None, json!({}));
    let directory = Tree::new();
    namespace.write_service_account(directory.path());
    let file = directory.path().join("config");
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {
            "server": format!("https://{}", crate::support::cluster::server()),
            "certificate-authority": directory.path().join("ca.crt"),
        }}],
        "users": [{"name": "c", "user": {"tokenFile": directory.path().join("token")}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c", "namespace": namespace.name}}],
    });
    std::fs::write(&file, kubeconfig.to_string()).unwrap();
    let finished = Tool::new(&["check", "--ask-cluster"]).env("KUBECONFIG", &file).within(Tree::small().path()).run();
    assert_one(&finished, "error[access-denied");
    let user = format!("note: the cluster knows you as `system:serviceaccount:{}:default`\n", namespace.name);
    assert!(finished.stdout().contains(&user) && finished.stdout().contains("kind: ServiceAccount\n"), "{finished:?}");
}

/// What is printed grants what is missing.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn what_is_to_be_pasted_helps() {
    let namespace = Namespace::with(Rights::None, json!({}));
    let finished = refused(&namespace, &["-o", "json"]);
    let document: Value = serde_json::from_slice(&finished.stdout).unwrap();
    let notes = document["findings"][0]["notes"].as_array().unwrap();
    let (_, yaml) = notes.last().unwrap().as_str().unwrap().split_once('\n').unwrap();
    let list: Value = serde_saphyr::from_str(yaml).unwrap();
    namespace.create(&from::<k8s_openapi::api::rbac::v1::Role>(list["items"][0].clone()));
    namespace.create(&from::<k8s_openapi::api::rbac::v1::RoleBinding>(list["items"][1].clone()));
    wait_for("the rights are there", || check(&namespace, &[]).code == Some(0));
    assert_eq!(check(&namespace, &[]).transcript(), NO_FINDINGS);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_namespace_that_enforces_restricted() {
    let namespace = Namespace::with(Rights::Documented, json!({"pod-security.kubernetes.io/enforce": "restricted"}));
    assert_one(&refused(&namespace, &[]), "error[pod-security-restricted");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_full_quota_and_one_that_wants_limits() {
    let quota = |hard: Value| from::<ResourceQuota>(json!({"metadata": {"name": "small"}, "spec": {"hard": hard}}));
    let full = Namespace::new();
    full.create(&quota(json!({"pods": "0"})));
    assert_one(&refused(&full, &[]), "error[quota-exceeded");
    let strict = Namespace::new();
    strict.create(&quota(json!({"limits.memory": "4Gi"})));
    assert_one(&refused(&strict, &[]), "error[quota-needs-resources");
    assert_eq!(check(&strict, &["--memory", "1Gi"]).transcript(), NO_FINDINGS, "as the help says");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_limit_range_that_allows_less() {
    let namespace = Namespace::new();
    namespace.create(&from::<LimitRange>(json!({
        "metadata": {"name": "small"},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "256Mi"}}]},
    })));
    assert_one(&refused(&namespace, &["--memory", "1Gi"]), "error[limit-range");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn accounts_and_secrets_that_are_not_there_or_of_another_kind() {
    let namespace = Namespace::new();
    assert_one(&refused(&namespace, &["--service-account", "nobody"]), "error[service-account-not-found");
    let named = check(&namespace, &["--registry-secret", "push"]);
    assert_one(&named, "advice[access-denied");

    let reader = json!({
        "metadata": {"name": "reader"},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}],
    });
    namespace.create(&from::<k8s_openapi::api::rbac::v1::Role>(reader));
    namespace.create(&from::<k8s_openapi::api::rbac::v1::RoleBinding>(json!({
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "dev"}],
    })));
    assert_one(&refused(&namespace, &["--registry-secret", "push"]), "error[registry-secret-not-found");
    let secret = |name: &str, kind: &str, key: &str, value: &str| {
        from::<Secret>(json!({"metadata": {"name": name}, "type": kind, "stringData": {key: value}}))
    };
    namespace.create(&secret("wrong", "kubernetes.io/basic-auth", "password", "correct-horse"));
    namespace.create(&secret("push", "kubernetes.io/dockerconfigjson", ".dockerconfigjson", r#"{"auths":{}}"#));
    let wrong = check(&namespace, &["--registry-secret", "wrong"]);
    assert_one(&wrong, "error[registry-secret-unusable");
    assert!(!wrong.stdout().contains("correct-horse"), "{wrong:?}");
    assert_eq!(check(&namespace, &["--registry-secret", "push"]).transcript(), NO_FINDINGS);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_platform_that_the_clusters_node_is_not() {
    let admin = || {
        Tool::new(&["check", "--ask-cluster", "-n", "default"]).env("KUBECONFIG", std::env::var("KUBECONFIG").unwrap())
    };
    let finished = admin().args(&["--platform", "linux/s390x"]).within(Tree::small().path()).run();
    assert_one(&finished, "warning[platform-without-node");
    let namespace = Namespace::new();
    let unseen = check(&namespace, &["--platform", "linux/s390x"]);
    assert_eq!(unseen.transcript(), NO_FINDINGS, "who may not list nodes is told nothing of them");
}

//! What a cluster refuses, as findings: the code, the cluster's own words, and one action where one is sure to help.

use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota};
use serde_json::{Value, json};

use crate::support::cluster::{Namespace, Rights, from};
use crate::support::tool::{Finished, ends_with};
use crate::support::tree::Tree;

const RESTRICTED: &str = "pod-security.kubernetes.io/enforce";

fn build(namespace: &Namespace, arguments: &[&str]) -> Finished {
    namespace.build(&Tree::small()).args(arguments).run()
}

/// A build that is refused as soon as the cluster's controllers have seen what a test has made.
fn refused(namespace: &Namespace, arguments: &[&str]) -> Finished {
    ends_with(3, || build(namespace, arguments))
}

/// Asserts the code in the title, these words in a note, and the help.
#[track_caller]
fn assert_finding(namespace: &Namespace, finished: &Finished, code: &str, words: &str, help: Option<&str>) {
    let stderr = &finished.stderr;
    assert_eq!((finished.code, finished.stdout()), (Some(3), ""), "{stderr}");
    let (_, error) = stderr.split_once("error[").unwrap_or_else(|| panic!("{stderr}"));
    assert!(error.starts_with(&format!("{code}]: ")), "{stderr}");
    assert!(error.lines().any(|line| line.starts_with("note: ") && line.contains(words)), "{words}\n{stderr}");
    assert_eq!(error.lines().find_map(|line| line.strip_prefix("help: ")), help, "{stderr}");
    assert!(namespace.pods().is_empty(), "{stderr}");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_quota_that_is_used_up() {
    let namespace = Namespace::new();
    namespace.create(&quota(json!({"pods": "0"})));
    let finished = refused(&namespace, &[]);
    assert_finding(
        &namespace,
        &finished,
        "quota-exceeded",
        "exceeded quota: small, requested: pods=1, used: pods=0",
        None,
    );
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_quota_that_wants_limits_names_the_flags_that_meet_it() {
    let namespace = Namespace::new();
    namespace.create(&quota(json!({"limits.memory": "4Gi"})));
    let finished = refused(&namespace, &[]);
    let words = "failed quota: small: must specify limits.memory for: kaniko,receive-context";
    let help = "say what its containers need, such as `--memory 4Gi`";
    assert_finding(&namespace, &finished, "quota-needs-resources", words, Some(help));
}

fn quota(hard: Value) -> ResourceQuota {
    from(json!({"metadata": {"name": "small"}, "spec": {"hard": hard}}))
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_limit_range_that_allows_less_names_what_it_allows() {
    let namespace = Namespace::new();
    namespace.create(&from::<LimitRange>(json!({
        "metadata": {"name": "small"},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "256Mi"}}]},
    })));
    let finished = refused(&namespace, &["--memory", "1Gi"]);
    let words = "maximum memory usage per Container is 256Mi, but limit is 1Gi";
    let help = "stay within its limits: `--memory 256Mi`";
    assert_finding(&namespace, &finished, "limit-range", words, Some(help));
    build(&namespace, &["--memory", "256Mi"]).reference();
}

/// A user who may not create pods gets the same answer: nobody was asked to create one.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_restricted_namespace_is_told_before_anything_is_created() {
    let label = json!({RESTRICTED: "restricted"});
    for rights in [Rights::Documented, Rights::Without("pods")] {
        let namespace = Namespace::with(rights, label.clone());
        let finished = build(&namespace, &[]);
        let words = "its label: `pod-security.kubernetes.io/enforce: restricted`";
        let help = "build in a namespace that enforces `baseline`: `-n NAMESPACE`";
        assert_finding(&namespace, &finished, "pod-security-restricted", words, Some(help));
        let title = format!("]: namespace `{}` enforces the Pod Security Standard `restricted`, and", namespace.name);
        assert!(finished.stderr.contains(&title), "{}", finished.stderr);
    }
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn where_the_label_is_not_looked_at_the_clusters_own_refusal_has_the_same_code() {
    let words = "is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false";
    let help = Some("build in a namespace that enforces `baseline`: `-n NAMESPACE`");
    let namespace = Namespace::with(Rights::Documented, json!({RESTRICTED: "restricted"}));
    let finished = build(&namespace, &["--no-check"]);
    assert_finding(&namespace, &finished, "pod-security-restricted", words, help);

    let namespace = Namespace::with(Rights::Without("namespaces"), json!({RESTRICTED: "restricted"}));
    let finished = build(&namespace, &[]);
    assert_finding(&namespace, &finished, "pod-security-restricted", words, help);
    assert!(!finished.stderr.contains("namespaces"), "nothing is said of the check: {}", finished.stderr);
    let verbose = build(&namespace, &["-v"]);
    assert!(verbose.stderr.contains("whether the namespace refuses Kaniko was not told"), "{}", verbose.stderr);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_baseline_namespace_takes_the_tools_pod_and_refuses_a_templates_node_path() {
    let namespace = Namespace::new();
    build(&namespace, &[]).reference();
    let elsewhere = Tree::new();
    let template = elsewhere.write("pod.yaml", "spec: {volumes: [{name: cache, hostPath: {path: /mnt/cache}}]}\n");
    let finished = build(&namespace, &["--pod-template", template.to_str().unwrap()]);
    let words = "violates PodSecurity \"baseline:latest\": hostPath volumes (volume \"cache\")";
    assert_finding(&namespace, &finished, "pod-security-baseline", words, None);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_policy_that_denies_the_pod_is_shown_in_its_own_words() {
    let namespace = Namespace::new();
    let name = format!("{}.kaniko-local.test", namespace.name);
    let _policy = namespace.create_global(&from::<ValidatingAdmissionPolicy>(json!({
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]},
            ]},
            "validations": [{
                "expression": "has(object.metadata.labels) && 'cost-center' in object.metadata.labels",
                "message": "every pod needs the label cost-center",
            }],
        },
    })));
    let _binding = namespace.create_global(&from::<ValidatingAdmissionPolicyBinding>(json!({
        "metadata": {"name": name},
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace.name}}},
        },
    })));
    let finished = refused(&namespace, &[]);
    let words = format!("'{name}' with binding '{name}' denied request: every pod needs the label cost-center");
    assert_finding(&namespace, &finished, "admission-denied", &words, None);

    let elsewhere = Tree::new();
    let template = elsewhere.write("pod.yaml", "metadata: {labels: {cost-center: blue}}\n");
    build(&namespace, &["--pod-template", template.to_str().unwrap()]).reference();
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_missing_right_is_told_with_the_rule_that_grants_it() {
    let help = Some("the Role in README.md, \"In your own cluster\", grants what is needed");
    let nothing = Namespace::with(Rights::None, json!({}));
    let finished = build(&nothing, &[]);
    assert_finding(&nothing, &finished, "access-denied", "User \"dev\" cannot create resource \"pods\"", help);
    let rule = "note: a Role with this rule allows it\n  - apiGroups: [\"\"]\n    resources: [pods]\n    \
                verbs: [create, list, watch, delete]\n";
    assert!(finished.stderr.contains(rule), "{}", finished.stderr);

    let without = Namespace::with(Rights::Without("pods/exec"), json!({}));
    let finished = build(&without, &["--transport", "exec"]);
    assert_finding(&without, &finished, "access-denied", "resource \"pods/exec\" in API group \"\"", help);
    assert!(finished.stderr.contains("    resources: [pods/exec]"), "{}", finished.stderr);
    assert!(finished.stderr.contains("    verbs: [get, create]\n"), "{}", finished.stderr);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_service_account_that_is_not_there() {
    let namespace = Namespace::new();
    let finished = build(&namespace, &["--service-account", "nobody"]);
    let help = format!("create it: `kubectl -n {} create serviceaccount nobody`", namespace.name);
    let words = "serviceaccount \"nobody\" not found";
    assert_finding(&namespace, &finished, "service-account-not-found", words, Some(&help));
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_pod_that_no_node_takes() {
    let namespace = Namespace::new();
    let finished = build(&namespace, &["--cpu", "1000"]);
    assert_finding(&namespace, &finished, "unschedulable", "Insufficient cpu", None);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_helper_image_without_a_shell() {
    let namespace = Namespace::new();
    let executor = "gcr.io/kaniko-project/executor:v1.24.0";
    for transport in ["exec", "attach"] {
        let finished = build(&namespace, &["--transport", transport, "--helper-image", executor]);
        let help = "use an image that has a shell: `--helper-image IMAGE`";
        assert_finding(&namespace, &finished, "no-shell", "exec: \"sh\": executable file not found", Some(help));
    }
}

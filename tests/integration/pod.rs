//! What users say about the Pod, in a real cluster.

use k8s_openapi::api::core::v1::{LimitRange, Pod, ResourceQuota, ServiceAccount};
use serde_json::json;

use crate::support::cluster::{Namespace, base_image, from};
use crate::support::image::{Image, Node};
use crate::support::tree::Tree;
use crate::support::wait_for;

fn small() -> Tree {
    Tree::new().file("Dockerfile", "FROM scratch\nCOPY x /x\n").file("x", "x\n")
}

/// The one pod there is, once the executor runs.
fn building(namespace: &Namespace) -> Pod {
    let runs = |pod: &Pod| {
        let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        containers.filter(|container| container.name == "kaniko").any(|container| {
            container.state.as_ref().is_some_and(|state| state.running.is_some() || state.terminated.is_some())
        })
    };
    let mut found = None;
    wait_for("the executor runs", || {
        found = namespace.pods().into_iter().find(runs);
        found.is_some()
    });
    found.unwrap()
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_template_adds_a_cache_a_toleration_an_annotation_and_a_sidecar_that_never_ends() {
    let namespace = Namespace::new();
    let elsewhere = Tree::new();
    let template = elsewhere.write(
        "pod.yaml",
        format!(
            "metadata:\n  annotations: {{example.com/team: blue}}\nspec:\n  tolerations: [{{key: build, operator: Exists}}]\n  \
             volumes: [{{name: cache, emptyDir: {{}}}}]\n  containers:\n  - name: kaniko\n    \
             volumeMounts: [{{name: cache, mountPath: /cache}}]\n  - name: beside\n    image: {}\n    \
             command: [sleep, '600']\n",
            base_image()
        ),
    );
    let dockerfile =
        format!("FROM {}\nRUN grep -q ' /cache ' /proc/mounts && echo kept > /cache/x && sleep 4\n", base_image());
    let tree = Tree::new().file("Dockerfile", dockerfile);
    for transport in ["exec", "stdin"] {
        let running = namespace.build(&tree).args(&["--transport", transport, "--pod-template"]).arg(&template).spawn();
        let pod = building(&namespace);
        let spec = pod.spec.as_ref().unwrap();
        assert!(spec.tolerations.iter().flatten().any(|toleration| toleration.key.as_deref() == Some("build")));
        assert_eq!(pod.metadata.annotations.as_ref().unwrap()["example.com/team"], "blue");
        assert_eq!(spec.containers.len(), 2);
        // The sidecar goes on; the executor's end is the build's.
        let finished = running.wait();
        let image = Image::pull(finished.reference());
        assert!(!image.paths().contains(&"cache/x"), "a mount is no part of the image");
    }
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_hardened_executor_changes_owners_and_modes_and_users_in_run() {
    let namespace = Namespace::new();
    let dockerfile = format!(
        "FROM {}\nCOPY --chown=1000:1000 data /data\nRUN mkdir -m 700 /private && chown 1000:1000 /private && \
         touch /private/x && chmod 4755 /bin/busybox && su nobody -s /bin/sh -c 'id -u' > /uid && \
         ! mount -t tmpfs none /mnt 2>/dev/null\n",
        base_image()
    );
    let tree = Tree::new().file("Dockerfile", dockerfile).file("data/a", "a\n").executable("data/run", "#!/bin/sh\n");
    let finished = namespace.build(&tree).args(&["--security", "hardened"]).run();
    let image = Image::pull(finished.reference());
    assert!(matches!(image.node("data/a"), Node::File { uid: 1000, .. }), "{:?}", image.node("data/a"));
    assert_eq!(image.text("uid"), "65534\n");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_quota_that_wants_limits_is_met_with_cpu_and_memory() {
    let namespace = Namespace::new();
    namespace.create(&from::<ResourceQuota>(json!({
        "metadata": {"name": "compute-resources"},
        "spec": {"hard": {"limits.cpu": "4", "limits.memory": "4Gi", "requests.cpu": "4", "requests.memory": "4Gi"}},
    })));
    // The quota is enforced once its controller has seen it.
    let refused = || namespace.build(&small()).run();
    let mut last = refused();
    wait_for("the quota refuses a pod without limits", || {
        last = refused();
        last.code == Some(3)
    });
    assert!(last.stderr.contains("must specify limits.cpu"), "{}", last.stderr);
    let finished = namespace.build(&small()).args(&["--cpu", "500m", "--memory", "512Mi"]).run();
    assert_eq!(Image::pull(finished.reference()).text("x"), "x\n");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn memory_wins_over_the_namespaces_default() {
    let namespace = Namespace::new();
    namespace.create(&from::<LimitRange>(json!({
        "metadata": {"name": "small"},
        "spec": {"limits": [{"type": "Container", "default": {"memory": "32Mi"}, "defaultRequest": {"memory": "32Mi"}}]},
    })));
    let eater = "head -c 200000000 /dev/zero | tail -c 150000000 | wc -c";
    let tree = Tree::new().file("Dockerfile", format!("FROM {}\nRUN {eater}\n", base_image()));
    let small = namespace.build(&tree).run();
    assert_eq!(small.code, Some(1), "{}", small.stderr);
    assert!(small.stderr.contains("executor was out of memory\nnote: its memory limit is 32Mi"), "{}", small.stderr);
    assert!(small.stderr.contains("help: give it more with `--memory"), "{}", small.stderr);
    namespace.build(&tree).args(&["--memory", "1Gi"]).run().reference();
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_service_account_is_the_pods_and_its_token_is_not_there() {
    let namespace = Namespace::new();
    namespace.create(&from::<ServiceAccount>(json!({"metadata": {"name": "builder"}})));
    let dockerfile = format!("FROM {}\nRUN ! test -e /var/run/secrets/kubernetes.io && sleep 2\n", base_image());
    let tree = Tree::new().file("Dockerfile", dockerfile);
    let running = namespace.build(&tree).env("USER", "alice").args(&["--service-account", "builder"]).spawn();
    let pod = building(&namespace);
    assert_eq!(pod.spec.unwrap().service_account_name.as_deref(), Some("builder"));
    let started_by = &pod.metadata.annotations.unwrap()["kaniko-local/started-by"];
    assert!(started_by.starts_with("alice@"), "{started_by}");
    running.wait().reference();
}

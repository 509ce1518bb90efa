//! What users say about the Pod, in a real cluster.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{LimitRange, Pod, ResourceQuota, ServiceAccount};
use serde_json::json;

use crate::support::cluster::{Namespace, base_image, from};
use crate::support::image::{Image, Node};
use crate::support::tool::ends_with;
use crate::support::tree::Tree;
use crate::support::wait_for;

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
fn a_hardened_receiver_unpacks_directories_and_files_that_nobody_may_write_or_read() {
    let namespace = Namespace::new();
    let tree = Tree::new()
        .file("Dockerfile", "FROM scratch\nCOPY c /c\n")
        .file("c/locked/deep/x", "behind a directory that cannot be written\n")
        .file("c/secret", "nobody may read it\n")
        .executable("c/set", "#!/bin/sh\n");
    let modes = [("c/locked/deep", 0o500), ("c/locked", 0o555), ("c/secret", 0o400), ("c/set", 0o6755)];
    for (path, mode) in modes {
        fs::set_permissions(tree.path().join(path), Permissions::from_mode(mode)).unwrap();
    }
    for transport in ["exec", "attach", "stdin"] {
        let arguments = ["--security", "hardened", "--transport", transport];
        let finished = namespace.build(&tree).args(&arguments).run();
        let plain = Image::pull(namespace.build(&tree).args(&["--transport", transport]).run().reference());
        let image = Image::pull(finished.reference());
        assert_eq!(image.text("c/locked/deep/x"), "behind a directory that cannot be written\n", "{transport}");
        assert!(image.nodes() == plain.nodes(), "{transport}: the image is the one without --security hardened");
    }
    // So that it can be deleted by those who are not root.
    for (path, _) in modes.iter().rev() {
        fs::set_permissions(tree.path().join(path), Permissions::from_mode(0o755)).unwrap();
    }
}

/// A template with init containers around the receiver, which run these commands.
fn around_the_receiver(before: &str, after: &str) -> String {
    let image = base_image();
    let container = |name: &str, command: &str| {
        json!({
            "name": name, "image": image, "command": ["sh", "-c", command],
            "volumeMounts": [{"name": "context", "mountPath": "/seen"}],
        })
    };
    let sidecar = json!({
        "name": "sidecar", "image": image, "command": ["sleep", "600"], "restartPolicy": "Always",
    });
    let receiver = json!({"name": "receive-context"});
    let containers = [container("before", before), sidecar, receiver, container("after", after)];
    json!({"spec": {"initContainers": containers, "nodeSelector": {"kubernetes.io/os": "linux"}}}).to_string()
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn init_containers_run_where_the_template_puts_them_and_are_waited_for_by_name() {
    let namespace = Namespace::new();
    let elsewhere = Tree::new();
    let template = elsewhere.write(
        "pod.json",
        around_the_receiver(
            "sleep 3; ! test -e /seen/context",
            "sleep 3; test -f /seen/context/x && echo changed >/seen/context/x",
        ),
    );
    for transport in ["exec", "attach"] {
        let arguments = ["--transport", transport, "--pod-template"];
        let finished = namespace.build(&Tree::small()).args(&arguments).arg(&template).run();
        assert_eq!(Image::pull(finished.reference()).text("x"), "changed\n", "{transport}");
        for name in ["before", "after"] {
            let line = format!("waiting for init container `{name}` to end");
            assert!(finished.stderr.contains(&line), "{transport} {line}: {}", finished.stderr);
        }
    }
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn an_init_container_that_fails_ends_the_build_at_once() {
    let namespace = Namespace::new();
    let elsewhere = Tree::new();
    for (before, after, failed) in [("exit 3", "true", "before"), ("true", "exit 3", "after")] {
        let template = elsewhere.write("pod.json", around_the_receiver(before, after));
        let started = Instant::now();
        let finished = namespace.build(&Tree::small()).arg("--pod-template").arg(&template).run();
        assert_eq!((finished.code, finished.stdout()), (Some(3), ""), "{}", finished.stderr);
        assert!(
            finished.without_codes().contains(&format!("error: container `{failed}` ended with 3: Error\n")),
            "{}",
            finished.stderr
        );
        assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
        assert!(namespace.pods().is_empty(), "{}", finished.stderr);
    }
}

/// What the findings `run-in-mount` and `run-mount` rest upon.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn what_run_writes_to_a_mount_is_not_in_the_image_and_what_copy_puts_there_is() {
    let namespace = Namespace::new();
    let elsewhere = Tree::new();
    let template = elsewhere.write(
        "pod.yaml",
        "spec:\n  containers:\n  - name: kaniko\n    volumeMounts: [{name: out, mountPath: /out}]\n  volumes: [{name: out, emptyDir: {}}]\n",
    );
    let dockerfile = format!(
        "FROM {}\nWORKDIR /out\nCOPY x copied\nRUN cp copied made && cp copied /beside\n\
         RUN --mount=type=bind,source=x,target=/there test ! -e /there\n",
        base_image()
    );
    let tree = Tree::small().file("Dockerfile", dockerfile);
    let finished = namespace.build(&tree).arg("--pod-template").arg(&template).run();
    let image = Image::pull(finished.reference());
    assert_eq!((image.text("out/copied"), image.text("beside")), ("x\n", "x\n"));
    assert!(!image.paths().contains(&"out/made"), "{:?}", image.paths());
    assert!(finished.stderr.contains("warning[run-mount]: "), "{}", finished.stderr);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_template_that_breaks_the_build_makes_no_pod() {
    let namespace = Namespace::new();
    let elsewhere = Tree::new();
    let template = elsewhere.write("pod.yaml", "spec: {hostNetwork: true}\n");
    let finished = namespace.build(&Tree::small()).arg("--pod-template").arg(&template).run();
    assert_eq!((finished.code, finished.stdout()), (Some(2), ""), "{}", finished.stderr);
    assert!(finished.stderr.contains("may not ask for `spec.hostNetwork`"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("pod: "), "{}", finished.stderr);
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
    let last = ends_with(3, || namespace.build(&Tree::small()).run());
    assert!(last.stderr.contains("must specify limits.cpu"), "{}", last.stderr);
    let finished = namespace.build(&Tree::small()).args(&["--cpu", "500m", "--memory", "512Mi"]).run();
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
fn a_template_may_ask_for_the_service_accounts_token() {
    let namespace = Namespace::new();
    let elsewhere = Tree::new();
    let template = elsewhere.write("pod.yaml", "spec: {automountServiceAccountToken: true}\n");
    let token = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    let tree = Tree::new().file("Dockerfile", format!("FROM {}\nRUN wc -c <{token} >/size\n", base_image()));
    let finished = namespace.build(&tree).arg("--pod-template").arg(&template).run();
    let image = Image::pull(finished.reference());
    assert!(image.text("size").trim().parse::<u32>().unwrap() > 100, "{}", image.text("size"));
    assert!(!image.paths().iter().any(|path| path.ends_with("/token")), "a mount is no part of the image");
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

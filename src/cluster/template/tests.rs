//! Templates: how they merge, what is wrong with them, what they may not do.

use serde_json::{Value, json};

use super::super::manifest;
use super::super::receiver::Nonce;
use super::merge::merge;
use super::*;
use crate::registry::Access;
use crate::request::{PodRequest, Transport};

/// Without fields that are null: where Kubernetes leaves them in, they mean the same as if they were not there.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(field, value)| (field.clone(), plain(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(elements) => elements.iter().map(plain).collect(),
        other => other.clone(),
    }
}

#[test]
fn merges_as_kubernetes_does() {
    let vectors = include_str!("../../../fixtures/strategic-merge/merges.jsonl");
    let mut count = 0;
    for line in vectors.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let merged = merge(vector["base"].clone(), vector["patch"].clone()).unwrap();
        assert_eq!(plain(&merged), plain(&vector["merged"]), "{line}");
        count += 1;
    }
    assert!(count >= 100, "{count} vectors");
}

const TRANSPORTS: [Transport; 3] = [Transport::Exec, Transport::Attach, Transport::Stdin];

fn base(transport: Transport) -> Pod {
    let request = PodRequest { registry_secret: Some("push".into()), ..PodRequest::for_tests() };
    manifest::pod(&request, &Access::default(), transport, "app", &Nonce::random())
}

fn applied(template: &Value) -> Result<Value, TemplateError> {
    let pod = Template::parse(&template.to_string())?.apply(&base(Transport::Exec))?;
    Ok(serde_json::to_value(pod).unwrap())
}

/// A template that says this of one container.
fn of_container(list: &str, name: &str, fields: &Value) -> Value {
    let mut container = json!({"name": name});
    container.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({"spec": {list: [container]}})
}

fn of_executor(fields: &Value) -> Value {
    of_container("containers", "kaniko", fields)
}

fn of_receiver(fields: &Value) -> Value {
    of_container("initContainers", "receive-context", fields)
}

#[track_caller]
fn assert_change(template: &Value, path: &str, need: Need) {
    let path = path.to_owned();
    assert_eq!(applied(template), Err(TemplateError::Change { path, need }), "{template}");
}

#[test]
fn a_template_that_says_nothing_changes_nothing() {
    for transport in TRANSPORTS {
        let pod = base(transport);
        for empty in [
            "{}",
            "kind: Pod\napiVersion: v1\n",
            "metadata: {}\nspec: {containers: [], initContainers: []}",
            "metadata: {creationTimestamp: null}\nstatus: {}",
            "spec: {containers: [{name: kaniko}], initContainers: [{name: receive-context}]}",
            "--- # a comment\nspec: {nodeName: null}",
        ] {
            assert_eq!(Template::parse(empty).unwrap().apply(&pod).unwrap(), pod, "{transport:?} {empty}");
        }
    }
}

#[test]
fn what_users_want_of_a_pod_is_there_for_every_transport() {
    let template = Template::parse(
        r#"
apiVersion: v1
kind: Pod
metadata:
  labels: {team: blue}
  annotations: {sidecar.istio.io/inject: "false"}
spec:
  serviceAccountName: builder
  automountServiceAccountToken: true
  nodeSelector: {disk: ssd}
  tolerations: [{key: builds, operator: Exists}]
  imagePullSecrets: [{name: pull}]
  volumes:
  - {name: m2, persistentVolumeClaim: {claimName: maven}}
  - {name: settings, configMap: {name: maven, defaultMode: 0640}}
  initContainers:
  - {name: receive-context, resources: {limits: {memory: 64Mi}}}
  - {name: after, image: busybox}
  containers:
  - name: kaniko
    env: [{name: HTTPS_PROXY, value: "http://proxy:3128"}]
    resources: {requests: {cpu: 2}, limits: {memory: 4Gi, cpu: 2.5}}
    volumeMounts:
    - {name: m2, mountPath: /root/.m2}
    - {name: settings, mountPath: /kaniko/ssl/extra}
    securityContext: {capabilities: {drop: [NET_RAW]}}
  - {name: beside, image: busybox, command: [sleep, inf]}
"#,
    )
    .unwrap();
    for transport in TRANSPORTS {
        let pod = serde_json::to_value(template.apply(&base(transport)).unwrap()).unwrap();
        let spec = &pod["spec"];
        assert_eq!(pod["metadata"]["labels"]["team"], "blue");
        assert_eq!(pod["metadata"]["labels"]["app.kubernetes.io/name"], "kaniko");
        assert_eq!(pod["metadata"]["annotations"]["sidecar.istio.io/inject"], "false");
        assert_eq!(spec["serviceAccountName"], "builder");
        assert_eq!(spec["automountServiceAccountToken"], true);
        assert_eq!(spec["nodeSelector"], json!({"disk": "ssd"}));
        assert_eq!(spec["tolerations"], json!([{"key": "builds", "operator": "Exists"}]));
        assert_eq!(spec["volumes"][1]["configMap"]["defaultMode"], 0o640, "octal, as kubectl reads it");
        assert_eq!(names(&spec["containers"], "name"), ["kaniko", "beside"]);
        let executor = &spec["containers"][0];
        assert_eq!(names(&executor["env"], "name"), ["HTTPS_PROXY", "container"]);
        assert_eq!(executor["resources"]["limits"], json!({"memory": "4Gi", "cpu": "2.5"}), "numbers are quantities");
        assert_eq!(executor["resources"]["requests"], json!({"cpu": "2"}));
        let own = if transport == Transport::Stdin { 1 } else { 2 };
        assert_eq!(names(&executor["volumeMounts"], "mountPath").len(), own + 2);
        let init: &[&str] = if transport == Transport::Stdin { &["after"] } else { &["receive-context", "after"] };
        assert_eq!(names(&spec["initContainers"], "name"), init);
    }
}

fn names<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|element| element[key].as_str().unwrap()).collect()
}

#[test]
fn init_containers_run_before_the_receiver_unless_it_is_named_before_them() {
    let first = applied(&json!({"spec": {"initContainers": [{"name": "warm"}]}})).unwrap();
    assert_eq!(names(&first["spec"]["initContainers"], "name"), ["warm", "receive-context"]);
    let then = applied(&json!({"spec": {"initContainers": [{"name": "receive-context"}, {"name": "warm"}]}})).unwrap();
    assert_eq!(names(&then["spec"]["initContainers"], "name"), ["receive-context", "warm"]);
}

#[test]
fn the_contexts_volume_may_be_limited_or_in_memory() {
    let pod = applied(&json!({"spec": {"volumes": [
        {"name": "context", "emptyDir": {"sizeLimit": "1Gi", "medium": "Memory"}},
    ]}}))
    .unwrap();
    assert_eq!(pod["spec"]["volumes"][0]["emptyDir"], json!({"sizeLimit": "1Gi", "medium": "Memory"}));
}

#[test]
fn a_field_that_no_pod_has_is_named_and_so_is_the_one_that_was_meant() {
    for (template, path, alike) in [
        (json!({"spec": {"tolerationss": []}}), "spec.tolerationss", Some("spec.tolerations")),
        (json!({"spec": {"NodeSelector": {}}}), "spec.NodeSelector", Some("spec.nodeSelector")),
        (json!({"spec": {"serviceAccoutName": null}}), "spec.serviceAccoutName", Some("spec.serviceAccountName")),
        (json!({"sepc": {}}), "sepc", Some("spec")),
        (json!({"tolerations": []}), "tolerations", None),
        (
            of_executor(&json!({"resource": {}})),
            "spec.containers[kaniko].resource",
            Some("spec.containers[kaniko].resources"),
        ),
        (
            json!({"spec": {"tolerations": [{"operator": "Exists"}, {"keys": "x"}]}}),
            "spec.tolerations[1].keys",
            Some("spec.tolerations[1].key"),
        ),
        (
            of_executor(&json!({"volumeMounts": [{"mountPath": "/m", "readonly": true}]})),
            "spec.containers[kaniko].volumeMounts[/m].readonly",
            Some("spec.containers[kaniko].volumeMounts[/m].readOnly"),
        ),
        (json!({"spec": {"replicas": 3}}), "spec.replicas", None),
    ] {
        let (path, alike) = (path.to_owned(), alike.map(str::to_owned));
        assert_eq!(applied(&template), Err(TemplateError::Unknown { path, alike }), "{template}");
    }
}

#[test]
fn a_value_of_a_wrong_type_is_named_with_what_it_should_be() {
    for (template, path, why) in [
        ("spec: {nodeSelector: [a]}", "spec.nodeSelector", "found sequence, expected a map"),
        (
            "metadata: {annotations: {sidecar.istio.io/inject: false}}",
            "metadata.annotations.sidecar.istio.io/inject",
            "found boolean `false`, expected a string",
        ),
        (
            "spec: {containers: [{name: kaniko, volumeMounts: {name: x}}]}",
            "spec.containers[kaniko].volumeMounts",
            "found map, expected a sequence",
        ),
        ("spec: {containers: [kaniko]}", "spec.containers[0]", "found a string, expected Container"),
        ("spec: {hostNetwork: 1}", "spec.hostNetwork", "found integer `1`, expected a boolean"),
        ("", "", "found nothing, expected Pod"),
        ("# only a comment", "", "found nothing, expected Pod"),
        ("- a\n- b", "", "found sequence, expected Pod"),
        ("just text", "", "found a string, expected Pod"),
    ] {
        let (path, why) = (path.to_owned(), why.to_owned());
        assert_eq!(Template::parse(template).unwrap_err(), TemplateError::Type { path, why }, "{template}");
    }
}

#[test]
fn what_is_no_pod_is_refused() {
    for (template, field, value) in [
        ("kind: Deployment\napiVersion: apps/v1", "apiVersion", "apps/v1"),
        ("kind: PodTemplate\napiVersion: v1", "kind", "PodTemplate"),
    ] {
        let value = value.to_owned();
        assert_eq!(Template::parse(template).unwrap_err(), TemplateError::Kind { field, value });
    }
    for template in ["a: [", "a: 1\na: 2", "a: &a [*a]", "spec: {}\n---\nspec: {}\n", "password: s3cret: x"] {
        let Err(TemplateError::Syntax { why }) = Template::parse(template) else { panic!("{template}") };
        assert!(!why.contains("s3cret") && !why.contains('\n'), "{template}: {why}");
    }
}

#[test]
fn directives_that_are_not_understood_and_elements_without_their_key_are_refused() {
    for (template, directive) in [
        (json!({"spec": {"$setElementOrder/containers": [{"name": "kaniko"}]}}), "$setElementOrder/containers"),
        (json!({"spec": {"$retainKeys": ["containers"]}}), "$retainKeys"),
        (json!({"spec": {"nodeSelector": {"$patch": "merge"}}}), "$patch: \"merge\""),
        (json!({"spec": {"tolerations": [{"$patch": "replace"}]}}), "$patch"),
    ] {
        assert_eq!(applied(&template), Err(TemplateError::Directive(directive.to_owned())), "{template}");
    }
    for (template, path, key) in [
        (json!({"spec": {"containers": [{"image": "busybox"}]}}), "spec.containers", "name"),
        (of_executor(&json!({"volumeMounts": [{"name": "x"}]})), "spec.containers[kaniko].volumeMounts", "mountPath"),
        (json!({"spec": {"volumes": [{"$patch": "delete"}]}}), "spec.volumes", "name"),
    ] {
        let (path, key) = (path.to_owned(), key.to_owned());
        assert_eq!(applied(&template), Err(TemplateError::NoKey { path, key }), "{template}");
    }
}

#[test]
fn name_namespace_labels_and_life_of_the_pod_stay() {
    for (template, path, need) in [
        (json!({"metadata": {"name": "mine"}}), "metadata.name", Need::Name),
        (json!({"metadata": null}), "metadata.name", Need::Name),
        (json!({"metadata": {"generateName": "mine-"}}), "metadata.generateName", Need::Name),
        (json!({"metadata": {"namespace": "other"}}), "metadata.namespace", Need::Namespace),
        (json!({"metadata": {"finalizers": ["example.com/x"]}}), "metadata.finalizers", Need::Deletion),
        (
            json!({"metadata": {"labels": {"app.kubernetes.io/instance": null}}}),
            "metadata.labels.app.kubernetes.io/instance",
            Need::Labels,
        ),
        (
            json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "helm"}}}),
            "metadata.labels.app.kubernetes.io/managed-by",
            Need::Labels,
        ),
        (json!({"spec": {"restartPolicy": "Always"}}), "spec.restartPolicy", Need::RunsOnce),
        (json!({"spec": {"activeDeadlineSeconds": null}}), "spec.activeDeadlineSeconds", Need::Deadline),
        (json!({"spec": {"activeDeadlineSeconds": 60}}), "spec.activeDeadlineSeconds", Need::Deadline),
    ] {
        assert_change(&template, path, need);
    }
}

#[test]
fn the_tools_containers_do_what_they_did() {
    let (k, r) = ("spec.containers[kaniko]", "spec.initContainers[receive-context]");
    for (template, path, need) in [
        (of_executor(&json!({"$patch": "delete"})), k.to_owned(), Need::OwnContainer),
        (json!({"spec": {"containers": [{"$patch": "replace"}]}}), k.to_owned(), Need::OwnContainer),
        (json!({"spec": {"initContainers": null}}), r.to_owned(), Need::OwnContainer),
        (of_executor(&json!({"command": ["sh"]})), format!("{k}.command"), Need::ExecutorCommand),
        (of_executor(&json!({"args": null})), format!("{k}.args"), Need::ExecutorCommand),
        (of_executor(&json!({"args": ["--no-push"]})), format!("{k}.args"), Need::ExecutorCommand),
        (of_receiver(&json!({"command": ["sleep", "9"]})), format!("{r}.command"), Need::ReceiverCommand),
        (of_receiver(&json!({"args": ["x"]})), format!("{r}.args"), Need::ReceiverCommand),
        (of_executor(&json!({"stdin": true})), format!("{k}.stdin"), Need::Stdin),
        (of_receiver(&json!({"stdinOnce": true})), format!("{r}.stdinOnce"), Need::Stdin),
        (of_executor(&json!({"tty": true})), format!("{k}.tty"), Need::Stdin),
        // As a sidecar it would let the executor start before the context is there.
        (of_receiver(&json!({"restartPolicy": "Always"})), format!("{r}.restartPolicy"), Need::RunsOnce),
        (
            of_executor(&json!({"env": [{"name": "container", "value": "no"}]})),
            format!("{k}.env[container]"),
            Need::InContainer,
        ),
        (
            of_executor(&json!({"env": [{"name": "KANIKO_DIR", "value": "/k"}]})),
            format!("{k}.env[KANIKO_DIR]"),
            Need::KanikoDir,
        ),
        (
            of_executor(&json!({"env": [{"name": "KANIKO_NO_PUSH", "value": "1"}]})),
            format!("{k}.env[KANIKO_NO_PUSH]"),
            Need::NoPush,
        ),
        (
            of_executor(&json!({"terminationMessagePath": "/tmp/x"})),
            format!("{k}.terminationMessagePath"),
            Need::Digest,
        ),
    ] {
        assert_change(&template, &path, need);
    }
}

#[test]
fn nothing_is_mounted_over_what_the_build_needs() {
    for (list, name) in [("containers", "kaniko"), ("initContainers", "receive-context")] {
        let mounted =
            |path: &str| of_container(list, name, &json!({"volumeMounts": [{"name": "x", "mountPath": path}]}));
        let at = |path: &str| format!("spec.{list}[{name}].volumeMounts[{path}]");
        for path in [
            "/",
            "/kaniko",
            "/kaniko/",
            "kaniko",
            "/x/../kaniko/.",
            "/kaniko/buildcontext/",
            "/kaniko/buildcontext/context/src",
            "/kaniko/executor",
            "/kaniko/Dockerfile",
        ] {
            assert_change(&mounted(path), &at(path), Need::Unhidden);
        }
        assert_change(&mounted("/kaniko/buildcontext"), &at("/kaniko/buildcontext"), Need::OwnMount);
        for path in ["/root/.m2", "/cache", "/kaniko/ssl/certs", "/kaniko/buildcontexts"] {
            assert!(applied(&mounted(path)).is_ok(), "{path}");
        }
    }
    let own = of_executor(&json!({"volumeMounts": [{"name": "x", "mountPath": "/kaniko/.docker"}]}));
    assert_change(&own, "spec.containers[kaniko].volumeMounts[/kaniko/.docker]", Need::OwnMount);
    let gone = of_executor(&json!({"volumeMounts": null}));
    assert_change(&gone, "spec.containers[kaniko].volumeMounts[/kaniko/buildcontext]", Need::OwnMount);
    let writable = of_executor(&json!({"volumeMounts": [{"mountPath": "/kaniko/buildcontext", "readOnly": false}]}));
    assert_change(&writable, "spec.containers[kaniko].volumeMounts[/kaniko/buildcontext]", Need::OwnMount);
    for volumes in [
        json!([{"name": "context", "emptyDir": null, "persistentVolumeClaim": {"claimName": "c"}}]),
        json!([{"name": "context", "hostPath": {"path": "/c"}}]),
        json!([{"name": "context", "$patch": "delete"}]),
        json!(null),
    ] {
        assert_change(&json!({"spec": {"volumes": volumes}}), "spec.volumes[context]", Need::OwnVolume);
    }
    let credentials = json!({"spec": {"volumes": [{"name": "credentials", "secret": {"secretName": "mine"}}]}});
    assert_change(&credentials, "spec.volumes[credentials]", Need::OwnVolume);
}

#[test]
fn the_context_is_mounted_nowhere_else_even_if_it_is_not_mounted_at_all() {
    let mounted = of_executor(&json!({"volumeMounts": [{"name": "x", "mountPath": "/kaniko/buildcontext"}]}));
    let result = Template::parse(&mounted.to_string()).unwrap().apply(&base(Transport::Stdin));
    assert!(matches!(result, Err(TemplateError::Change { need: Need::Unhidden, .. })), "{result:?}");
}

#[test]
fn kaniko_is_root_with_a_file_system_and_the_capabilities_it_needs() {
    let (k, r) = ("spec.containers[kaniko].securityContext", "spec.initContainers[receive-context].securityContext");
    let of_pod = |context: Value| json!({"spec": {"securityContext": context}});
    let executor = |context: Value| of_executor(&json!({"securityContext": context}));
    let receiver = |context: Value| of_receiver(&json!({"securityContext": context}));
    for (template, path, need) in [
        (of_pod(json!({"runAsUser": 1000})), "spec.securityContext.runAsUser".to_owned(), Need::Root),
        (of_pod(json!({"runAsNonRoot": true})), "spec.securityContext.runAsNonRoot".to_owned(), Need::Root),
        (executor(json!({"runAsUser": 1000})), format!("{k}.runAsUser"), Need::Root),
        (receiver(json!({"runAsNonRoot": true})), format!("{r}.runAsNonRoot"), Need::Root),
        (executor(json!({"readOnlyRootFilesystem": true})), format!("{k}.readOnlyRootFilesystem"), Need::Writable),
        (
            executor(json!({"capabilities": {"drop": ["all"], "add": ["CHOWN"]}})),
            format!("{k}.capabilities"),
            Need::Capability("DAC_OVERRIDE"),
        ),
        (
            executor(json!({"capabilities": {"drop": ["CAP_SETUID"]}})),
            format!("{k}.capabilities"),
            Need::Capability("SETUID"),
        ),
        (
            receiver(json!({"capabilities": {"drop": ["ALL"]}})),
            format!("{r}.capabilities"),
            Need::Capability("DAC_OVERRIDE"),
        ),
    ] {
        assert_change(&template, &path, need);
    }
    let others = json!({"spec": {
        "securityContext": {"runAsUser": 1000, "runAsNonRoot": true},
        "initContainers": [{"name": "receive-context", "securityContext": {"runAsUser": 0, "runAsNonRoot": false}}],
        "containers": [
            {"name": "kaniko", "securityContext": {"runAsUser": 0, "runAsNonRoot": false}},
            {"name": "beside", "securityContext": {"readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}}},
        ],
    }});
    assert!(applied(&others).is_ok(), "a sidecar may have less: {:?}", applied(&others));
}

#[test]
fn no_container_gets_more_than_one_of_docker_build_has() {
    for (template, path) in [
        (json!({"spec": {"hostNetwork": true}}), "hostNetwork"),
        (
            of_executor(&json!({"securityContext": {"privileged": true}})),
            "containers[kaniko].securityContext.privileged",
        ),
        (
            json!({"spec": {"containers": [{"name": "dind", "securityContext": {"privileged": true}}]}}),
            "containers[dind].securityContext.privileged",
        ),
        (json!({"spec": {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]}}), "volumes[x].hostPath"),
        (
            json!({"spec": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}}}),
            "securityContext.seccompProfile",
        ),
    ] {
        match applied(&template) {
            Err(TemplateError::Excess(excess)) => assert_eq!(excess.path, path, "{template}"),
            other => panic!("{template}: {other:?}"),
        }
    }
}

//! The user's template over the tool's Pod: Kubernetes' strategic merge, and what it must not break. Pure.
//!
//! Objects merge by field, lists by the key that Kubernetes merges them by, other lists are replaced, `null` removes
//! (k8s.io/api core/v1 `types.go`, the tags `patchStrategy` and `patchMergeKey`). What the build depends on has to
//! come out as it went in: that is looked at in the result, so it does not matter how a template would break it.

use k8s_openapi::api::core::v1::{Capabilities, Container, Pod, PodSpec, Volume};
use kube::ResourceExt;
use serde_json::{Map, Value};

use super::manifest::{EXECUTOR, INSTANCE, MANAGED_BY, NEEDED_CAPABILITIES};
use super::privileges::{ExcessKind, excess};
use super::receiver::RECEIVER;
use crate::executor::CONTEXT_VOLUME;

/// By which key Kubernetes merges a list; lists that are not here are replaced.
const MERGE_KEYS: [(&str, &str); 12] = [
    ("containers", "name"),
    ("env", "name"),
    ("ephemeralContainers", "name"),
    ("hostAliases", "ip"),
    ("imagePullSecrets", "name"),
    ("initContainers", "name"),
    ("ports", "containerPort"),
    ("schedulingGates", "name"),
    ("topologySpreadConstraints", "topologyKey"),
    ("volumeDevices", "devicePath"),
    ("volumeMounts", "mountPath"),
    ("volumes", "name"),
];

/// Where the executor's own files are.
const KANIKO: &str = "/kaniko";

/// Why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is no document, or not one object.
    #[error("{0}")]
    Document(String),
    /// It is a manifest of something else.
    #[error("it is of kind `{0}`, not `Pod`")]
    Kind(String),
    /// No field of a Pod.
    #[error("`{0}` is no field of a Pod")]
    Unknown(String),
    /// A directive of patches that is not understood.
    #[error("`{0}` is not supported: `$patch` takes `delete` or `replace`")]
    Directive(String),
    /// A value of a wrong type.
    #[error("it makes no Pod: {0}")]
    Type(String),
    /// The build would not work, or do more than it may.
    #[error("`{path}`: {why}")]
    Breaks {
        /// Where.
        path: String,
        /// What would break.
        why: String,
    },
}

/// A template: a Pod, or a part of one.
#[derive(Debug, Clone)]
pub struct Template(Value);

impl Template {
    /// Reads YAML or JSON.
    ///
    /// # Errors
    /// It is no object, or names a kind that is no Pod.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let document: Value = serde_saphyr::from_str(text).map_err(|error| {
            let text = error.to_string();
            TemplateError::Document(text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned())
        })?;
        let Value::Object(fields) = &document else {
            return Err(TemplateError::Document("it is no object with `metadata` or `spec`".to_owned()));
        };
        match fields.get("kind").and_then(Value::as_str) {
            Some(kind) if kind != "Pod" => Err(TemplateError::Kind(kind.to_owned())),
            _ => Ok(Self(document)),
        }
    }

    /// Merges it over `pod`.
    ///
    /// # Errors
    /// A field that no Pod has; anything that the build needs as it is; more than a build may.
    pub fn apply(&self, pod: &Pod) -> Result<Pod, TemplateError> {
        let typed = |error: serde_json::Error| TemplateError::Type(error.to_string());
        let base = serde_json::to_value(pod).map_err(typed)?;
        let merged = merge("", base, self.0.clone())?.unwrap_or_default();
        let result: Pod = serde_json::from_value(merged.clone()).map_err(typed)?;
        let known = serde_json::to_value(&result).map_err(typed)?;
        if let Some(path) = unknown("", &merged, &known) {
            return Err(TemplateError::Unknown(path));
        }
        check(pod, &result)?;
        check_privileges(&known["spec"])?;
        Ok(result)
    }
}

/// `patch` over `base`; none if it says that nothing is to be left.
fn merge(field: &str, base: Value, patch: Value) -> Result<Option<Value>, TemplateError> {
    match (base, patch) {
        (_, Value::Null) => Ok(None),
        (Value::Object(base), Value::Object(patch)) => merge_objects(base, patch),
        (Value::Array(base), Value::Array(patch)) => match merge_key(field) {
            Some(key) => merge_lists(key, base, patch).map(Some),
            None => Ok(Some(Value::Array(patch))),
        },
        // What is new may hold directives and nulls of its own.
        (_, Value::Object(patch)) => merge_objects(Map::new(), patch),
        (_, Value::Array(patch)) if merge_key(field).is_some() => {
            merge(field, Value::Array(Vec::new()), Value::Array(patch))
        }
        (_, patch) => Ok(Some(patch)),
    }
}

fn merge_key(field: &str) -> Option<&'static str> {
    MERGE_KEYS.iter().find(|(list, _)| *list == field).map(|(_, key)| *key)
}

fn merge_objects(mut base: Map<String, Value>, mut patch: Map<String, Value>) -> Result<Option<Value>, TemplateError> {
    match patch.remove("$patch").as_ref().map(Value::as_str) {
        None => {}
        Some(Some("delete")) => return Ok(None),
        Some(Some("replace")) => base = Map::new(),
        Some(_) => return Err(TemplateError::Directive("$patch".to_owned())),
    }
    for (field, value) in patch {
        if field.starts_with('$') {
            return Err(TemplateError::Directive(field));
        }
        let before = base.remove(&field).unwrap_or_default();
        if let Some(value) = merge(&field, before, value)? {
            base.insert(field, value);
        }
    }
    Ok(Some(Value::Object(base)))
}

fn merge_lists(key: &str, mut base: Vec<Value>, patch: Vec<Value>) -> Result<Value, TemplateError> {
    for element in patch {
        let same = |other: &&mut Value| element.get(key).is_some() && other.get(key) == element.get(key);
        match base.iter_mut().find(same) {
            Some(place) => *place = merge("", place.take(), element)?.unwrap_or_default(),
            None => base.extend(merge("", Value::Null, element)?),
        }
    }
    base.retain(|element| !element.is_null());
    Ok(Value::Array(base))
}

/// The path of a field that was given and did not survive being read as a Pod.
fn unknown(path: &str, given: &Value, known: &Value) -> Option<String> {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => given.iter().find_map(|(field, value)| {
            let path = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
            match known.get(field) {
                Some(known) => unknown(&path, value, known),
                None => (!value.is_null()).then_some(path),
            }
        }),
        (Value::Array(given), Value::Array(known)) => {
            given.iter().zip(known).enumerate().find_map(|(index, (given, known))| {
                let index = given["name"].as_str().map_or_else(|| index.to_string(), str::to_owned);
                unknown(&format!("{path}[{index}]"), given, known)
            })
        }
        _ => None,
    }
}

fn breaks<T>(path: impl Into<String>, why: impl Into<String>) -> Result<T, TemplateError> {
    Err(TemplateError::Breaks { path: path.into(), why: why.into() })
}

fn check(before: &Pod, after: &Pod) -> Result<(), TemplateError> {
    if before.metadata.name != after.metadata.name || after.metadata.generate_name.is_some() {
        return breaks("metadata.name", "the tool names the pod, so that no other is taken for it");
    }
    if after.metadata.namespace.is_some() {
        return breaks("metadata.namespace", "the namespace is said with `-n`");
    }
    for label in [MANAGED_BY.0, INSTANCE] {
        if before.labels().get(label) != after.labels().get(label) {
            return breaks(format!("metadata.labels.{label}"), "the tool finds its pods by it");
        }
    }
    match (&before.spec, &after.spec) {
        (Some(before), Some(after)) => check_spec(before, after),
        _ => breaks("spec", "nothing is left of it"),
    }
}

fn check_spec(before: &PodSpec, after: &PodSpec) -> Result<(), TemplateError> {
    if after.restart_policy.as_deref() != Some("Never") {
        return breaks("spec.restartPolicy", "a build that has ended must not begin again");
    }
    let bound = |spec: &PodSpec| spec.active_deadline_seconds.unwrap_or(i64::MAX);
    if bound(after) > bound(before) {
        return breaks("spec.activeDeadlineSeconds", "the pod has to end when `--timeout` is over");
    }
    let pod = after.security_context.as_ref();
    check_root("spec", pod.and_then(|context| context.run_as_user), pod.and_then(|context| context.run_as_non_root))?;
    for volume in before.volumes.iter().flatten() {
        let found = after.volumes.iter().flatten().find(|other| other.name == volume.name);
        if !found.is_some_and(|found| found == volume || is_context(volume, found)) {
            return breaks(format!("spec.volumes[{}]", volume.name), "the build reads from it");
        }
    }
    for (field, before, after) in [
        ("initContainers", before.init_containers.as_deref(), after.init_containers.as_deref()),
        ("containers", Some(&*before.containers), Some(&*after.containers)),
    ] {
        for container in before.into_iter().flatten() {
            let path = format!("spec.{field}[{}]", container.name);
            match after.into_iter().flatten().find(|other| other.name == container.name) {
                Some(after) => check_container(&path, container, after)?,
                None => return breaks(path, "the build needs it"),
            }
        }
    }
    let names = after.init_containers.iter().flatten().chain(&after.containers);
    if names.filter(|container| [RECEIVER, EXECUTOR].contains(&&*container.name)).count()
        != before.init_containers.iter().flatten().chain(&before.containers).count()
    {
        return breaks(format!("spec.initContainers[{RECEIVER}]"), "with this `--transport` there is none");
    }
    Ok(())
}

/// The context's volume may get a limit or another medium, and nothing else.
fn is_context(before: &Volume, after: &Volume) -> bool {
    let plain = |volume: &Volume| Volume { empty_dir: None, ..volume.clone() };
    before.empty_dir.is_some() && after.empty_dir.is_some() && plain(before) == plain(after)
}

fn check_container(path: &str, before: &Container, after: &Container) -> Result<(), TemplateError> {
    if before.command != after.command || before.args != after.args {
        let field = if before.command != after.command { "command" } else { "args" };
        return breaks(
            format!("{path}.{field}"),
            "what runs there is said with the tool's own flags and, for the executor, behind `--`",
        );
    }
    if (before.stdin, before.stdin_once) != (after.stdin, after.stdin_once) || after.tty == Some(true) {
        return breaks(format!("{path}.stdin"), "the context goes through it");
    }
    for variable in before.env.iter().flatten() {
        if !after.env.iter().flatten().any(|other| other == variable) {
            return breaks(
                format!("{path}.env[{}]", variable.name),
                "the executor needs it to know that it is in a container",
            );
        }
    }
    for mount in before.volume_mounts.iter().flatten() {
        if !after.volume_mounts.iter().flatten().any(|other| other == mount) {
            return breaks(format!("{path}.volumeMounts[{}]", mount.mount_path), "the build reads from it");
        }
    }
    for mount in after.volume_mounts.iter().flatten() {
        let is_own = before.volume_mounts.iter().flatten().any(|other| other == mount);
        if !is_own && hides(&mount.mount_path) {
            let why = "a mount there hides what the build needs: mount single directories elsewhere";
            return breaks(format!("{path}.volumeMounts[{}]", mount.mount_path), why);
        }
    }
    let Some(context) = &after.security_context else { return Ok(()) };
    check_root(path, context.run_as_user, context.run_as_non_root)?;
    if context.read_only_root_filesystem == Some(true) && before.name == EXECUTOR {
        return breaks(
            format!("{path}.securityContext.readOnlyRootFilesystem"),
            "Kaniko unpacks images into its own root file system",
        );
    }
    match context.capabilities.as_ref().and_then(missing_capability) {
        Some(missing) if before.name == EXECUTOR => {
            breaks(format!("{path}.securityContext.capabilities"), format!("Kaniko needs {missing}"))
        }
        _ => Ok(()),
    }
}

fn check_root(path: &str, user: Option<i64>, non_root: Option<bool>) -> Result<(), TemplateError> {
    let why = "Kaniko has to be root in its container";
    match (user, non_root) {
        (Some(user), _) if user != 0 => breaks(format!("{path}.securityContext.runAsUser"), why),
        (_, Some(true)) => breaks(format!("{path}.securityContext.runAsNonRoot"), why),
        _ => Ok(()),
    }
}

/// A capability that is dropped and not added again.
fn missing_capability(capabilities: &Capabilities) -> Option<&'static str> {
    let plain = |name: &String| {
        let upper = name.to_ascii_uppercase();
        upper.strip_prefix("CAP_").map(str::to_owned).unwrap_or(upper)
    };
    let all = |names: &Option<Vec<String>>| -> Vec<String> { names.iter().flatten().map(plain).collect() };
    let (dropped, added) = (all(&capabilities.drop), all(&capabilities.add));
    let names = |list: &[String], name: &str| list.iter().any(|other| other == name || other == "ALL");
    NEEDED_CAPABILITIES.into_iter().find(|needed| names(&dropped, needed) && !names(&added, needed))
}

/// Whether a mount at `path` lies over the executor's files or in the context.
fn hides(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let is_below = |path: &str, directory: &str| path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
    path.is_empty() || path == KANIKO || path == CONTEXT_VOLUME || is_below(path, CONTEXT_VOLUME)
}

/// A token is the user's to give: it is asked for by a field of its own.
fn check_privileges(spec: &Value) -> Result<(), TemplateError> {
    match excess(spec).into_iter().find(|excess| excess.kind != ExcessKind::Token) {
        Some(excess) => breaks(format!("spec.{}", excess.path), excess.kind.to_string()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::manifest;
    use super::super::receiver::Nonce;
    use super::*;
    use crate::registry::Access;
    use crate::request::{PodRequest, Transport};

    fn base(transport: Transport) -> Pod {
        let request = PodRequest { registry_secret: Some("push".into()), ..PodRequest::for_tests() };
        manifest::pod(&request, &Access::default(), transport, "app", &Nonce::random())
    }

    fn applied(template: &Value) -> Result<Value, TemplateError> {
        let pod = Template::parse(&template.to_string())?.apply(&base(Transport::Exec))?;
        Ok(serde_json::to_value(pod).unwrap())
    }

    #[test]
    fn an_empty_template_changes_nothing() {
        for transport in [Transport::Exec, Transport::Attach, Transport::Stdin] {
            let pod = base(transport);
            for empty in ["{}", "kind: Pod\napiVersion: v1\n", "metadata: {}\nspec: {containers: []}"] {
                assert_eq!(Template::parse(empty).unwrap().apply(&pod).unwrap(), pod, "{transport:?} {empty}");
            }
        }
    }

    #[test]
    fn objects_merge_keyed_lists_merge_other_lists_are_replaced() {
        let pod = applied(&json!({
            "metadata": {"annotations": {"sidecar.istio.io/inject": "false"}, "labels": {"team": "blue"}},
            "spec": {
                "nodeSelector": {"disk": "ssd"},
                "tolerations": [{"key": "build", "operator": "Exists"}],
                "serviceAccountName": "builder",
                "automountServiceAccountToken": null,
                "volumes": [
                    {"name": "m2", "persistentVolumeClaim": {"claimName": "m2"}},
                    {"name": "context", "emptyDir": {"sizeLimit": "1Gi"}},
                ],
                "containers": [
                    {
                        "name": "kaniko",
                        "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
                        "volumeMounts": [{"name": "m2", "mountPath": "/root/.m2"}],
                        "resources": {"limits": {"memory": "2Gi"}},
                    },
                    {"name": "beside", "image": "busybox"},
                ],
            },
        }))
        .unwrap();
        let spec = &pod["spec"];
        assert_eq!(pod["metadata"]["labels"]["team"], "blue");
        assert_eq!(pod["metadata"]["labels"]["app.kubernetes.io/name"], "kaniko");
        assert_eq!(spec["nodeSelector"], json!({"disk": "ssd"}));
        assert_eq!(spec.get("automountServiceAccountToken"), None);
        let executor = &spec["containers"][0];
        let names = |list: &Value, key: &str| -> Vec<String> {
            list.as_array().unwrap().iter().map(|element| element[key].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&spec["containers"], "name"), ["kaniko", "beside"]);
        assert_eq!(names(&executor["env"], "name"), ["container", "HTTPS_PROXY"]);
        assert_eq!(
            names(&executor["volumeMounts"], "mountPath"),
            ["/kaniko/buildcontext", "/kaniko/.docker", "/root/.m2"]
        );
        assert_eq!(names(&spec["volumes"], "name"), ["context", "credentials", "m2"]);
        assert_eq!(spec["volumes"][0]["emptyDir"]["sizeLimit"], "1Gi");
    }

    #[test]
    fn directives_delete_and_replace_and_others_are_refused() {
        let base = json!({"a": {"b": 1, "c": 2}, "env": [{"name": "x", "value": "1"}, {"name": "y", "value": "2"}]});
        let patch = json!({"a": {"$patch": "replace", "d": 3}, "env": [{"name": "x", "$patch": "delete"}]});
        assert_eq!(
            merge("", base.clone(), patch).unwrap().unwrap(),
            json!({"a": {"d": 3}, "env": [{"name": "y", "value": "2"}]})
        );
        for patch in [json!({"a": {"$patch": "merge"}}), json!({"$retainKeys": ["a"]})] {
            assert!(matches!(merge("", base.clone(), patch), Err(TemplateError::Directive(_))));
        }
    }

    #[test]
    fn a_field_that_no_pod_has_is_named() {
        for (template, path) in [
            (json!({"spec": {"tolerationss": []}}), "spec.tolerationss"),
            (json!({"sepc": {}}), "sepc"),
            (json!({"spec": {"containers": [{"name": "kaniko", "resource": {}}]}}), "spec.containers[kaniko].resource"),
            (json!({"spec": {"tolerations": [{"keys": "x"}]}}), "spec.tolerations[0].keys"),
        ] {
            assert_eq!(applied(&template), Err(TemplateError::Unknown(path.to_owned())));
        }
    }

    #[test]
    fn what_is_no_template_is_said() {
        assert_eq!(Template::parse("kind: Deployment").unwrap_err(), TemplateError::Kind("Deployment".into()));
        for text in ["", "- a\n- b", "just text", "a: [", "a: &a [*a]"] {
            assert!(matches!(Template::parse(text), Err(TemplateError::Document(_))), "{text}");
        }
        assert!(matches!(applied(&json!({"spec": {"containers": {"name": "x"}}})), Err(TemplateError::Type(_))));
    }

    #[test]
    fn what_the_build_needs_cannot_be_changed() {
        let executor = |fields: Value| {
            let mut container = json!({"name": "kaniko"});
            container.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            json!({"spec": {"containers": [container]}})
        };
        let mounted = |path: &str| executor(json!({"volumeMounts": [{"name": "x", "mountPath": path}]}));
        let k = "spec.containers[kaniko]";
        for (template, path) in [
            (json!({"metadata": {"name": "mine"}}), "metadata.name"),
            (json!({"metadata": {"generateName": "mine-"}}), "metadata.name"),
            (json!({"metadata": {"namespace": "other"}}), "metadata.namespace"),
            (
                json!({"metadata": {"labels": {"app.kubernetes.io/instance": null}}}),
                "metadata.labels.app.kubernetes.io/instance",
            ),
            (json!({"spec": {"restartPolicy": "Always"}}), "spec.restartPolicy"),
            (json!({"spec": {"activeDeadlineSeconds": null}}), "spec.activeDeadlineSeconds"),
            (json!({"spec": {"activeDeadlineSeconds": 99999}}), "spec.activeDeadlineSeconds"),
            (json!({"spec": {"securityContext": {"runAsNonRoot": true}}}), "spec.securityContext.runAsNonRoot"),
            (executor(json!({"securityContext": {"runAsUser": 1000}})), &format!("{k}.securityContext.runAsUser")),
            (
                executor(json!({"securityContext": {"readOnlyRootFilesystem": true}})),
                &format!("{k}.securityContext.readOnlyRootFilesystem"),
            ),
            (
                executor(json!({"securityContext": {"capabilities": {"drop": ["all"], "add": ["CHOWN"]}}})),
                &format!("{k}.securityContext.capabilities"),
            ),
            (executor(json!({"securityContext": {"privileged": true}})), &format!("{k}.securityContext.privileged")),
            (executor(json!({"command": ["sh"]})), &format!("{k}.command")),
            (executor(json!({"args": null})), &format!("{k}.args")),
            (executor(json!({"stdin": true})), &format!("{k}.stdin")),
            (executor(json!({"env": [{"name": "container", "value": "no"}]})), &format!("{k}.env[container]")),
            (executor(json!({"$patch": "delete"})), k),
            (json!({"spec": {"initContainers": null}}), "spec.initContainers[receive-context]"),
            (mounted("/"), &format!("{k}.volumeMounts[/]")),
            (mounted("/kaniko/"), &format!("{k}.volumeMounts[/kaniko/]")),
            (mounted("/kaniko/buildcontext"), &format!("{k}.volumeMounts[/kaniko/buildcontext]")),
            (mounted("/kaniko/buildcontext/context"), &format!("{k}.volumeMounts[/kaniko/buildcontext/context]")),
            (mounted("/kaniko/.docker"), &format!("{k}.volumeMounts[/kaniko/.docker]")),
            (
                json!({"spec": {"volumes": [{"name": "context", "emptyDir": null, "hostPath": {"path": "/x"}}]}}),
                "spec.volumes[context]",
            ),
            (json!({"spec": {"volumes": null}}), "spec.volumes[context]"),
            (json!({"spec": {"hostNetwork": true}}), "spec.hostNetwork"),
            (json!({"spec": {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]}}), "spec.volumes[x].hostPath"),
        ] {
            match applied(&template) {
                Err(TemplateError::Breaks { path: found, .. }) => assert_eq!(found, path, "{template}"),
                other => panic!("{template}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_template_that_names_the_receiver_fits_no_pod_without_one() {
        let template = Template::parse("spec: {initContainers: [{name: receive-context, image: x}]}").unwrap();
        let result = template.apply(&base(Transport::Stdin));
        assert!(matches!(result, Err(TemplateError::Breaks { .. })), "{result:?}");
    }
}

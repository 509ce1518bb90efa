//! The rights that a build takes, and what to say of those that are missing. Pure.

use serde_json::{Value, json};

use super::refusal::ROLE;
use crate::code::Code;
use crate::diagnose::{Finding, Severity};

/// A right in the core group, in the words of `role.yaml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right {
    /// `create`.
    pub verb: &'static str,
    /// `pods`.
    pub resource: &'static str,
    /// `exec` of `pods/exec`.
    pub subresource: Option<&'static str>,
}

impl Right {
    const fn of(verb: &'static str, resource: &'static str) -> Self {
        Self { verb, resource, subresource: None }
    }

    const fn below(verb: &'static str, resource: &'static str, subresource: &'static str) -> Self {
        Self { verb, resource, subresource: Some(subresource) }
    }

    /// As in a Role: `pods/exec`.
    pub fn resource(self) -> String {
        [Some(self.resource), self.subresource].into_iter().flatten().collect::<Vec<_>>().join("/")
    }
}

/// To create the pod, without which nothing else needs to be asked.
pub const CREATE_POD: Right = Right::of("create", "pods");

/// What every build takes.
const ALWAYS: [Right; 5] = [
    CREATE_POD,
    Right::of("list", "pods"),
    Right::of("watch", "pods"),
    Right::of("delete", "pods"),
    Right::below("get", "pods", "log"),
];

/// The ways into a pod, of which one has to be open. A websocket starts as a GET.
const WAYS: [Right; 2] = [Right::below("get", "pods", "exec"), Right::below("get", "pods", "attach")];

/// For logins of this machine.
const CREATE_SECRET: Right = Right::of("create", "secrets");

/// What the cluster is asked about.
pub fn all() -> impl Iterator<Item = Right> {
    let creates = WAYS.into_iter().map(|way| Right { verb: "create", ..way });
    ALWAYS.into_iter().chain(WAYS).chain(creates).chain([CREATE_SECRET])
}

/// Who asks, and where.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The name that the cluster has for the user, if it tells.
    pub user: Option<&'a str>,
    /// The namespace that would be built in.
    pub namespace: &'a str,
    /// Whether the API server wants `create` for a websocket, too: Kubernetes 1.35 and later.
    pub websockets_are_created: bool,
}

/// What to say of missing rights. Those that a build does without are not spoken of.
pub fn judge(asker: &Asker, missing: &[Right], names_secret: bool) -> Option<Finding> {
    let lacking = lacking(asker, missing);
    if !lacking.is_empty() {
        return Some(Finding {
            code: Code::AccessDenied,
            severity: Severity::Error,
            message: format!("rights that a build takes are missing in namespace `{}`", asker.namespace),
            spans: vec![],
            notes: notes(asker, &lacking),
            help: Some("have an administrator apply this List: `kubectl apply -f FILE`".to_owned()),
        });
    }
    (missing.contains(&CREATE_SECRET) && !names_secret).then(|| Finding {
        code: Code::AccessDenied,
        severity: Severity::Advice,
        message: format!("logins of this machine cannot be sent to namespace `{}`", asker.namespace),
        spans: vec![],
        notes: vec!["the right to `create` `secrets` is missing".to_owned()],
        help: Some("name a Secret that is there: `--registry-secret NAME`".to_owned()),
    })
}

fn lacking(asker: &Asker, missing: &[Right]) -> Vec<Right> {
    let of_way = |way: Right| {
        let create = Right { verb: "create", ..way };
        let wanted = if asker.websockets_are_created { vec![way, create] } else { vec![way] };
        wanted.into_iter().filter(|right| missing.contains(right)).collect::<Vec<_>>()
    };
    let ways = WAYS.map(of_way);
    let always = ALWAYS.into_iter().filter(|right| missing.contains(right));
    match ways.iter().any(Vec::is_empty) {
        true => always.collect(),
        false => always.chain(ways.into_iter().flatten()).collect(),
    }
}

fn notes(asker: &Asker, lacking: &[Right]) -> Vec<String> {
    let user = asker.user.map(|user| format!("the cluster knows you as `{user}`"));
    let rights = lacking.chunk_by(|left, right| left.resource() == right.resource()).map(|of_one| {
        let verbs: Vec<String> = of_one.iter().map(|right| format!("`{}`", right.verb)).collect();
        let resource = of_one.iter().map(|right| right.resource()).next().unwrap_or_default();
        let instead = if resource == "pods/attach" { "; it would do in place of `pods/exec`" } else { "" };
        format!("missing: {} of `{resource}`{instead}", verbs.join(", "))
    });
    user.into_iter().chain(rights).chain([format!("this grants what is needed\n{}", grant(asker))]).collect()
}

/// The documented Role and, if it is known for whom, its binding, as one document that `kubectl apply` takes. The binding
/// has the user's name in its own, as one that is there may be somebody else's.
fn grant(asker: &Asker) -> String {
    let mut role: Value = serde_saphyr::from_str(ROLE).unwrap_or_default();
    role["metadata"]["namespace"] = json!(asker.namespace);
    let binding = asker.user.map(|user| {
        let account = user.strip_prefix("system:serviceaccount:").and_then(|account| account.split_once(':'));
        let subject = match account {
            Some((namespace, name)) => json!({ "kind": "ServiceAccount", "namespace": namespace, "name": name }),
            None => json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user }),
        };
        // Kubernetes' ValidatePathSegmentName (apimachinery pkg/api/validation/path/name.go).
        let name = format!("kaniko-local-{}", user.replace(['/', '%'], "-"));
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": { "name": name, "namespace": asker.namespace },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role["metadata"]["name"] },
            "subjects": [subject],
        })
    });
    let items: Vec<Value> = std::iter::once(role).chain(binding).collect();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    serde_saphyr::to_string(&list).map_or_else(|_| ROLE.to_owned(), |text| text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use k8s_openapi::api::rbac::v1::{Role, RoleBinding};

    use super::*;

    const DEV: Asker<'static> = Asker { user: Some("dev"), namespace: "builds", websockets_are_created: false };

    /// Events and namespaces are for better words only.
    #[test]
    fn what_is_asked_about_is_what_the_documented_role_grants() {
        let role: Role = serde_saphyr::from_str(ROLE).unwrap();
        let granted: BTreeSet<(String, String)> = role
            .rules
            .unwrap()
            .iter()
            .flat_map(|rule| {
                rule.resources
                    .iter()
                    .flatten()
                    .flat_map(|resource| rule.verbs.iter().map(move |verb| (resource.clone(), verb.clone())))
            })
            .filter(|(resource, _)| !["events", "namespaces"].contains(&resource.as_str()))
            .collect();
        let asked: BTreeSet<(String, String)> = all().map(|right| (right.resource(), right.verb.to_owned())).collect();
        assert_eq!(asked, granted);
    }

    #[test]
    fn nothing_is_said_of_rights_that_a_build_does_without() {
        let exec = Right::below("get", "pods", "exec");
        let attach = Right::below("get", "pods", "attach");
        let create = Right { verb: "create", ..exec };
        assert_eq!(judge(&DEV, &[], false), None);
        assert_eq!(judge(&DEV, &[exec], false), None, "`attach` does in its place");
        assert_eq!(judge(&DEV, &[attach], false), None);
        assert_eq!(judge(&DEV, &[create, Right { verb: "create", ..attach }], false), None, "before Kubernetes 1.35");
        assert_eq!(judge(&DEV, &[CREATE_SECRET], true), None, "logins come from a Secret");
    }

    #[test]
    fn what_a_build_cannot_do_without_is_one_finding() {
        let all: Vec<Right> = all().collect();
        let finding = judge(&DEV, &all, false).unwrap();
        assert_eq!((finding.code, finding.severity), (Code::AccessDenied, Severity::Error));
        assert_eq!(
            finding.notes[..5],
            [
                "the cluster knows you as `dev`",
                "missing: `create`, `list`, `watch`, `delete` of `pods`",
                "missing: `get` of `pods/log`",
                "missing: `get` of `pods/exec`",
                "missing: `get` of `pods/attach`; it would do in place of `pods/exec`",
            ]
        );
        let newer = Asker { websockets_are_created: true, ..DEV };
        let creates: Vec<Right> =
            all.into_iter().filter(|right| right.verb == "create" && right.subresource.is_some()).collect();
        let finding = judge(&newer, &creates, false).unwrap();
        assert_eq!(finding.notes[1], "missing: `create` of `pods/exec`");
        let advice = judge(&DEV, &[CREATE_SECRET], false).unwrap();
        assert_eq!(advice.severity, Severity::Advice);
    }

    #[test]
    fn what_is_to_be_pasted_is_a_role_and_a_binding() {
        for (user, kind, name) in [
            ("dev", "User", "dev"),
            ("system:serviceaccount:ci:runner", "ServiceAccount", "runner"),
            ("https://sso.example.com#a: \"b\"\n", "User", "https://sso.example.com#a: \"b\"\n"),
        ] {
            let asker = Asker { user: Some(user), ..DEV };
            let list: Value = serde_saphyr::from_str(&grant(&asker)).unwrap();
            let role: Role = serde_json::from_value(list["items"][0].clone()).unwrap();
            let documented: Role = serde_saphyr::from_str(ROLE).unwrap();
            assert_eq!((role.rules, role.metadata.namespace.as_deref()), (documented.rules, Some("builds")));
            let binding: RoleBinding = serde_json::from_value(list["items"][1].clone()).unwrap();
            let subject = &binding.subjects.unwrap()[0];
            assert_eq!((&*subject.kind, &*subject.name), (kind, name));
            assert!(!binding.metadata.name.unwrap().contains(['/', '%']));
        }
        let nobody = Asker { user: None, ..DEV };
        assert!(!grant(&nobody).contains("RoleBinding"));
    }
}

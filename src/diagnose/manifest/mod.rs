//! Other people's manifests: what a pod that runs Kaniko gets too much of, what its executor makes of its arguments, and
//! what of its surroundings makes a build fail.
//!
//! Containers are looked for wherever they may be: see `group`. Each rule of `RULES` looks at one that runs Kaniko.

mod capability_missing;
#[cfg(test)]
mod case;
mod certificates_hidden;
mod container;
mod docker_hub_key;
mod executor_not_root;
mod foreign_executor_image;
mod group;
mod image_without_shell;
mod kaniko_dir_mounted;
mod login_missing;
mod login_shadowed;
mod logins;
mod memory_for_cache;
mod mount_in_image_path;
mod read_only_root;
mod registry_config_directory;
mod registry_config_name;
mod restart_policy;
mod sidecar_injected;
mod stdin_stays_open;
mod volumes;

use std::path::Path;

use self::container::{Container, Running};
use self::group::{Group, Role, groups, joined};
use super::tree::{Node, Tree, documents};
use super::{Finding, Severity, Span};
use crate::cluster::privileges::{Excess, ExcessKind};
use crate::code::Code;
use crate::executor::files::{Mount, PodFiles};

/// Where Kaniko's executor is in its images.
const EXECUTOR: &str = "/kaniko/executor";

/// Looks at a container that runs Kaniko and tells what it finds.
type Rule = fn(&Running) -> Option<Finding>;

const RULES: &[Rule] = &[
    // How it is started.
    image_without_shell::find,
    foreign_executor_image::find,
    stdin_stays_open::find,
    restart_policy::find,
    sidecar_injected::find,
    // As whom.
    executor_not_root::find,
    capability_missing::find,
    read_only_root::find,
    // With how much.
    memory_for_cache::find,
    // What is mounted where.
    kaniko_dir_mounted::find,
    mount_in_image_path::find,
    certificates_hidden::find,
    // Logins.
    registry_config_directory::find,
    registry_config_name::find,
    docker_hub_key::find,
    login_missing::find,
    login_shadowed::find,
];

/// The findings about the manifests in `text`, which is `file`'s. Of what is in their volumes only `mounts` are known:
/// `files` are what is in those.
///
/// # Errors
/// It is neither YAML nor JSON: why, in one line.
pub fn findings(file: &Path, text: &str, mounts: &[Mount], files: &dyn PodFiles) -> Result<Vec<Finding>, String> {
    let documents = documents(text)?;
    let groups: Vec<Group> = documents.iter().flat_map(groups).collect();
    let mut findings: Vec<Finding> = Vec::new();
    for group in &groups {
        let excess = group.excess();
        let excess = excess.iter().map(|(path, tree, excess)| too_much(file, group.document, path, tree, excess));
        let of_containers = group.kaniko().into_iter().flat_map(|(role, node)| {
            container::findings(&Container { file, documents: &documents, group, role, node, mounts, files })
        });
        for finding in excess.chain(of_containers) {
            // What is said once for several containers is told once.
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    if groups.is_empty() {
        let mut none = no_kaniko(format!("no container in `{}` runs Kaniko", file.display()));
        if text.contains("kaniko") {
            none.notes.push(
                "what is read are pods, and what makes them in the cluster: files of GitLab CI or Skaffold are not"
                    .into(),
            );
        }
        if is_empty(text) {
            // What was to write it has failed.
            none = Finding { severity: Severity::Error, message: format!("`{}` is empty", file.display()), ..none };
        }
        findings.push(none);
    }
    Ok(findings)
}

/// Whether there is nothing but comments and marks between documents.
fn is_empty(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#') || matches!(line, "---" | "..."))
}

/// That nothing runs Kaniko where it was looked for, which the message says.
pub fn no_kaniko(message: String) -> Finding {
    Finding {
        code: Code::NoKaniko,
        severity: Severity::Advice,
        message,
        spans: vec![],
        notes: vec!["it is told by an image with `kaniko` in its name, or by the command `/kaniko/executor`".into()],
        help: None,
    }
}

/// A container that runs Kaniko.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executor {
    /// Its name.
    pub name: String,
    /// Its image, as written.
    pub image: String,
    /// Where it looks for its context, if its arguments tell.
    pub context_root: Option<String>,
    /// Whether it is an init container.
    pub is_init: bool,
    /// Whether a volume is mounted there, or above.
    pub is_context_mounted: bool,
}

/// The containers that run Kaniko in the manifests in `text`, but for those that only wait for it.
///
/// # Errors
/// It is neither YAML nor JSON: why, in one line.
pub fn executors(text: &str, files: &dyn PodFiles) -> Result<Vec<Executor>, String> {
    let documents = documents(text)?;
    let groups: Vec<Group> = documents.iter().flat_map(groups).collect();
    let containers = groups.iter().flat_map(|group| group.kaniko().into_iter().map(move |found| (group, found)));
    let executor = |(group, (role, node))| {
        let file = Path::new("");
        let container = Container { file, documents: &documents, group, role, node, mounts: &[], files };
        let root = container::context_root(&container);
        // An image with a shell serves for other things, too, in an init container most of all.
        (role == Role::Main || container.holds_executor()).then(|| Executor {
            name: container.name().to_owned(),
            image: container.image().to_owned(),
            is_init: role != Role::Main,
            is_context_mounted: root.as_ref().is_some_and(|root| volumes::covering(&container, root).is_some()),
            context_root: root.map(|root| String::from_utf8_lossy(&root).into_owned()),
        })
    };
    Ok(containers.filter_map(executor).collect())
}

/// The members of a list; none if there is no such list.
fn members<'a>(tree: &'a Tree, field: &str) -> impl Iterator<Item = &'a Node> + use<'a> {
    let list = match tree.get(field).map(|node| &node.value) {
        Some(Tree::List(list)) => &list[..],
        Some(Tree::Leaf(_) | Tree::Map(_)) | None => &[],
    };
    list.iter()
}

/// The text of a field.
fn text_of<'a>(tree: &'a Tree, field: &str) -> Option<&'a str> {
    tree.get(field)?.value.text()
}

fn is_kaniko(container: &Tree) -> bool {
    let runs = |node: &Node| match &node.value {
        Tree::List(words) => words.iter().any(|word| word.value.text().is_some_and(|word| word.contains(EXECUTOR))),
        Tree::Leaf(_) | Tree::Map(_) => false,
    };
    text_of(container, "image").is_some_and(names_kaniko)
        || ["command", "args"].iter().any(|field| container.get(field).is_some_and(runs))
}

/// The registry's host says nothing about the image.
fn names_kaniko(image: &str) -> bool {
    image.split_once('/').map_or(image, |(_, repository)| repository).contains("kaniko")
}

fn too_much(file: &Path, document: &Tree, path: &str, spec: &Tree, excess: &Excess) -> Finding {
    Finding {
        code: Code::ExcessPrivileges,
        severity: Severity::Warning,
        message: format!("`{}` gives a build more than `docker build` does", joined(path, &excess.path)),
        spans: spec.place(&excess.path).map(|place| Span { file: file.to_owned(), place }).into_iter().collect(),
        notes: std::iter::once(excess.kind.to_string()).chain(object(document)).collect(),
        help: help(excess),
    }
}

/// Which object a document is, where it says so.
fn object(document: &Tree) -> Option<String> {
    let kind = document.get("kind")?.value.text()?;
    let name = document.get("metadata").and_then(|metadata| metadata.value.get("name")?.value.text());
    Some(match name {
        Some(name) => format!("in {kind} `{name}`"),
        None => format!("in a {kind} without a name"),
    })
}

fn help(excess: &Excess) -> Option<String> {
    let field = excess.path.rsplit('.').next().unwrap_or_default();
    match &excess.kind {
        ExcessKind::Privileged => Some("remove it: Kaniko needs no more than root in its container".to_owned()),
        ExcessKind::HostNamespace => Some(format!("remove `{field}: true`")),
        ExcessKind::HostPath(path) if path.ends_with(".sock") => {
            Some("remove the volume: Kaniko asks no container runtime for anything".to_owned())
        }
        ExcessKind::HostPath(_) => None,
        ExcessKind::Capability(name) => Some(format!("remove `{name}` from `{field}`")),
        ExcessKind::Unconfined => Some(format!("set the type of `{field}` to `RuntimeDefault`")),
        ExcessKind::UnmaskedProc => Some("remove it".to_owned()),
        ExcessKind::Token => Some(
            "set `automountServiceAccountToken: false`, and for the executor the variable `container=kube`, by which it \
             knows that it is in a container"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<Finding> {
        findings(Path::new("pod.yaml"), text, &[], &crate::context::mounts::Mounts::new(&[])).unwrap()
    }

    fn told(text: &str) -> Vec<(String, Option<usize>)> {
        let findings = found(text);
        let told = findings.into_iter().map(|finding| {
            assert_eq!((finding.code, finding.severity), (Code::ExcessPrivileges, Severity::Warning), "{finding:?}");
            let path = finding.message.split('`').nth(1).unwrap().to_owned();
            (path, finding.spans.first().map(|span| span.place.line))
        });
        told.collect()
    }

    #[test]
    fn a_pod_spec_is_found_wherever_it_is() {
        let spec = "hostNetwork: true, containers: [{name: k, image: gcr.io/kaniko-project/executor:debug}]";
        for (document, path) in [
            (format!("kind: Pod\nspec: {{{spec}}}"), "spec.hostNetwork"),
            (format!("kind: Job\nspec: {{template: {{spec: {{{spec}}}}}}}"), "spec.template.spec.hostNetwork"),
            (
                format!("kind: CronJob\nspec: {{jobTemplate: {{spec: {{template: {{spec: {{{spec}}}}}}}}}}}"),
                "spec.jobTemplate.spec.template.spec.hostNetwork",
            ),
            (format!("kind: List\nitems: [{{kind: Pod, spec: {{{spec}}}}}]"), "items[0].spec.hostNetwork"),
            (format!("{{{spec}}}"), "hostNetwork"),
        ] {
            assert_eq!(told(&document).first().map(|(path, _)| path.as_str()), Some(path), "{document}");
        }
    }

    #[test]
    fn everything_too_much_is_told_with_its_line_in_each_document() {
        let text = "\
kind: ConfigMap
---
kind: Pod
spec:
  volumes:
  - name: docker
    hostPath:
      path: /var/run/docker.sock
  containers:
  - name: build
    image: registry.example.com/ci/executor
    command: [/kaniko/executor]
    securityContext:
      privileged: true
      seccompProfile:
        type: Unconfined
---
kind: Pod
spec:
  hostPID: true
  containers:
  - image: martizih/kaniko:v1.28.3
    name: a
";
        let line = |path: &str, line| (path.to_owned(), Some(line));
        assert_eq!(
            told(text),
            [
                line("spec.volumes[docker].hostPath", 7),
                line("spec.containers[build].securityContext.privileged", 14),
                line("spec.containers[build].securityContext.seccompProfile", 15),
                line("spec.hostPID", 20),
            ]
        );
    }

    #[test]
    fn pods_that_do_not_run_kaniko_are_not_judged_and_that_is_said() {
        for text in [
            "",
            "kind: Pod\nspec: {hostPID: true, containers: [{name: a, image: docker:dind}]}",
            "kind: Pod\nspec: {hostPID: true, containers: [{name: a, image: kaniko.example.com/docker:dind}]}",
            "spec: {containers: none, hostPID: true}",
        ] {
            let findings = found(text);
            assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::NoKaniko], "{text}");
        }
    }

    #[test]
    fn a_manifest_without_anything_is_an_error() {
        for text in ["", "\n", "# Source: pod.yaml\n---\n"] {
            assert_eq!(found(text)[0].severity, Severity::Error, "{text}");
        }
        assert_eq!(found("kind: Pod\n")[0].severity, Severity::Advice);
    }

    #[test]
    fn a_pod_with_no_more_than_it_needs_has_no_findings() {
        let text = "kind: Pod\nspec: {containers: [{name: k, image: gcr.io/kaniko-project/executor}]}";
        assert_eq!(found(text), []);
    }
}

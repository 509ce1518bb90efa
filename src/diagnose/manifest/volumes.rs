//! What lies where the executor looks for its context: a directory of a node, an empty volume, nothing at all. Each is
//! what people meet who put the path of their own directory into a manifest.

use super::super::tree::Tree;
use super::super::{Finding, Severity};
use super::container::Container;
use super::{members, text_of};
use crate::code::Code;
use crate::executor::files::local;
use crate::executor::resolve::Resolution;
use crate::gopath;

/// A volume where it is mounted.
pub(super) struct Mounted<'a> {
    /// In the pod.
    pub(super) path: Vec<u8>,
    name: &'a str,
    /// `volumeMounts[…]`.
    mount: &'a Tree,
    /// `volumes[…]`, if there is one of that name.
    volume: Option<&'a Tree>,
}

/// The volumes of a container.
pub(super) fn mounted<'a>(container: &Container<'a>) -> impl Iterator<Item = Mounted<'a>> {
    let spec = container.spec;
    members(container.node, "volumeMounts").filter_map(move |mount| {
        let mount = &mount.value;
        let name = text_of(mount, "name")?;
        let volume =
            members(spec, "volumes").map(|node| &node.value).find(|volume| text_of(volume, "name") == Some(name));
        Some(Mounted { path: gopath::clean(text_of(mount, "mountPath")?.as_bytes()), name, mount, volume })
    })
}

/// The volume that a path is in: the innermost one.
pub(super) fn covering<'a>(container: &Container<'a>, path: &[u8]) -> Option<Mounted<'a>> {
    let covering = mounted(container).filter(|mounted| gopath::below(path, &mounted.path).is_some());
    covering.max_by_key(|mounted| mounted.path.len())
}

/// What there is to say of the volumes.
pub(super) fn findings(container: &Container, resolution: &Resolution) -> Vec<Finding> {
    let over =
        mounted(container).find(|mounted| mounted.path == b"/kaniko").map(|mounted| over_executor(container, &mounted));
    let of_context = resolution
        .directory_context()
        .filter(|context| local(container.mounts, &context.absolute).is_none())
        .and_then(|context| of_context(container, &context.absolute));
    over.into_iter().chain(of_context).collect()
}

/// A volume over the executor itself (kaniko#2380).
fn over_executor(container: &Container, mounted: &Mounted) -> Finding {
    Finding {
        code: Code::MountOverExecutor,
        severity: Severity::Error,
        message: format!("volume `{}` hides `/kaniko/executor`", mounted.name),
        spans: mounted.mount.place_of("mountPath").map(|place| container.span(place)).into_iter().collect(),
        notes: vec![
            "the runtime ends with `exec: \"/kaniko/executor\": stat /kaniko/executor: no such file or directory`"
                .into(),
        ],
        help: Some("mount it below: `mountPath: /kaniko/buildcontext`".to_owned()),
    }
}

fn of_context(container: &Container, path: &[u8]) -> Option<Finding> {
    let shown = String::from_utf8_lossy(path).into_owned();
    let Some(mounted) = covering(container, path) else { return not_mounted(container, path, &shown) };
    let volume = mounted.volume?;
    let place = |field: &str| volume.place_of(field).map(|place| container.span(place)).into_iter().collect();
    if let Some(host) = volume.get("hostPath") {
        let host = text_of(&host.value, "path").unwrap_or_default();
        return Some(Finding {
            code: Code::ContextOnNode,
            severity: Severity::Warning,
            message: format!("the build context `{shown}` is `{host}` of the node"),
            spans: place("hostPath"),
            notes: vec![
                "`hostPath` is a directory of whichever node the pod runs on, not of your machine".to_owned(),
                format!("where the node has nothing there, the executor ends with `{NO_DOCKERFILE}`"),
            ],
            help: Some(SEND.to_owned()),
        });
    }
    for (field, is_read_from) in [("configMap", "ConfigMap"), ("secret", "Secret"), ("projected", "projected volume")] {
        if volume.get(field).is_some() {
            return Some(Finding {
                code: Code::ContextOfLinks,
                severity: Severity::Warning,
                message: format!("the build context `{shown}` is a {is_read_from}, whose files are symlinks"),
                spans: place(field),
                notes: vec!["the executor copies symlinks as they are, so the image gets links to nothing".to_owned()],
                help: Some("copy the files to an `emptyDir` in an init container: `cp -rL`".to_owned()),
            });
        }
    }
    let is_alone = members(container.spec, "initContainers").next().is_none()
        && members(container.spec, "containers").count() == 1;
    (volume.get("emptyDir").is_some() && is_alone).then(|| Finding {
        code: Code::ContextVolumeEmpty,
        severity: Severity::Error,
        message: format!("the build context `{shown}` is an empty volume"),
        spans: place("emptyDir"),
        notes: vec![
            format!("no other container of the pod can put anything into `{}`", mounted.name),
            format!("the executor ends with `{NO_DOCKERFILE}`"),
        ],
        help: Some(SEND.to_owned()),
    })
}

/// No volume at all. What is below the executor's own directory may be put there in other ways.
fn not_mounted(container: &Container, path: &[u8], shown: &str) -> Option<Finding> {
    if gopath::below(path, b"/kaniko").is_some() {
        return None;
    }
    let place = container.node.place_of("volumeMounts").or_else(|| container.node.place_of("name"));
    Some(Finding {
        code: Code::ContextNotMounted,
        severity: Severity::Error,
        message: format!("nothing is mounted at the build context `{shown}`"),
        spans: place.map(|place| container.span(place)).into_iter().collect(),
        notes: vec![
            format!("container `{}` sees its image and its volumes, and nothing of your machine", container.name()),
            format!("the executor ends with `{NO_DOCKERFILE}`"),
        ],
        help: Some(SEND.to_owned()),
    })
}

const NO_DOCKERFILE: &str = "Error: error resolving dockerfile path: please provide a valid path to a Dockerfile within the build context with --dockerfile";
const SEND: &str = "send your directory instead: `kaniko-local build DIRECTORY -t REF`";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::code::Code;
    use crate::context::mounts::Mounts;
    use crate::executor::files::Mount;

    /// A pod with these arguments, and these lines of its container and of its spec.
    fn found(arguments: &str, of_container: &str, of_spec: &str, mounts: &[Mount]) -> Vec<(Code, usize)> {
        let text = format!(
            "kind: Pod\nspec:\n  automountServiceAccountToken: false\n  containers:\n  - name: kaniko\n    image: gcr.io/kaniko-project/executor:v1.24.0\n    \
             args: {arguments}\n{of_container}{of_spec}"
        );
        let findings = super::super::findings(Path::new("pod.yaml"), &text, mounts, &Mounts::new(mounts)).unwrap();
        findings
            .into_iter()
            .map(|finding| (finding.code, finding.spans.first().map_or(0, |span| span.place.line)))
            .collect()
    }

    const MOUNT: &str = "    volumeMounts:\n    - name: source\n      mountPath: /workspace\n";
    const ARGUMENTS: &str = "[\"--dockerfile=dockerfile\", \"--context=dir:///workspace\", \"--no-push\"]";

    /// The tutorial's way, kaniko `docs/tutorial.md`.
    #[test]
    fn a_directory_of_the_node_is_not_one_of_this_machine() {
        let volume = "  volumes:\n  - name: source\n    hostPath:\n      path: /home/me/project\n";
        assert_eq!(found(ARGUMENTS, MOUNT, volume, &[]), [(Code::ContextOnNode, 13)]);
    }

    #[test]
    fn an_empty_volume_that_nobody_fills_holds_no_dockerfile() {
        let volume = "  volumes:\n  - name: source\n    emptyDir: {}\n";
        assert_eq!(found(ARGUMENTS, MOUNT, volume, &[]), [(Code::ContextVolumeEmpty, 13)]);
        let filled = format!("  initContainers:\n  - name: git\n    image: alpine/git\n{volume}");
        assert_eq!(found(ARGUMENTS, MOUNT, &filled, &[]), []);
        let claim = "  volumes:\n  - name: source\n    persistentVolumeClaim: {claimName: source}\n";
        assert_eq!(found(ARGUMENTS, MOUNT, claim, &[]), []);
    }

    /// kaniko#359.
    #[test]
    fn a_path_that_nothing_is_mounted_at_is_not_in_the_pod() {
        let arguments = "[\"--context=/home/me/app\", \"--dockerfile=/home/me/app/Dockerfile\", \"--no-push\"]";
        assert_eq!(found(arguments, "", "", &[]), [(Code::ContextNotMounted, 5)]);
        let unpacked = "[\"--context=git://example.com/a/b.git\", \"--no-push\"]";
        assert_eq!(found(unpacked, "", "", &[]), []);
    }

    /// kaniko#2762.
    #[test]
    fn a_config_map_holds_symlinks() {
        let volume = "  volumes:\n  - name: source\n    configMap: {name: source}\n";
        assert_eq!(found(ARGUMENTS, MOUNT, volume, &[]), [(Code::ContextOfLinks, 13)]);
    }

    /// kaniko#2380, kaniko#1433.
    #[test]
    fn what_hides_or_replaces_the_executor_is_told() {
        let mount = "    volumeMounts:\n    - name: source\n      mountPath: /kaniko/\n";
        let stream = "[\"--context=dir:///kaniko/x\", \"--no-push\"]";
        let volume = "  volumes:\n  - name: source\n    persistentVolumeClaim: {claimName: source}\n";
        assert_eq!(found(stream, mount, volume, &[]), [(Code::MountOverExecutor, 10)]);
        assert_eq!(
            found("[]", "    command: [\"--dockerfile=x\", \"--no-push\"]\n", "", &[]),
            [(Code::FlagsAsCommand, 8)]
        );
    }

    #[test]
    fn arguments_are_judged_with_their_place() {
        assert_eq!(found("[\"--cache\", \"true\", \"--no-push\"]", "", "", &[]), [(Code::SwitchValue, 7)]);
        assert_eq!(found("[\"--context=tar://stdin\", \"--no-push\"]", "", "", &[]), [(Code::NoStdin, 7)]);
        let open = "    stdin: true\n    stdinOnce: true\n";
        assert_eq!(found("[\"--context=tar://stdin\", \"--no-push\"]", open, "", &[]), []);
        let sub_path = "[\"--context=tar://stdin\", \"--context-sub-path=context\", \"--no-push\"]";
        assert_eq!(found(sub_path, open, "", &[]), []);
        let shell = "    command: [sh, -c, \"/kaniko/executor --cache true\"]\n";
        assert_eq!(found("[]", shell, "", &[]), []);
    }

    #[test]
    fn what_kubernetes_fills_in_is_not_judged() {
        let arguments = "[\"--context=$(CONTEXT)\", \"--destination=$(IMAGE)\"]";
        let from_elsewhere = "    env:\n    - name: CONTEXT\n      valueFrom: {configMapKeyRef: {name: a, key: b}}\n";
        assert_eq!(found(arguments, from_elsewhere, "", &[]), []);
        assert_eq!(found(arguments, "    envFrom:\n    - configMapRef: {name: a}\n", "", &[]), []);
        let written = "    env:\n    - {name: HOST, value: example.com}\n    - {name: CONTEXT, value: \"git://$(HOST)/a/b.git\"}\n    - {name: IMAGE, value: r.example.com/a/b}\n";
        assert_eq!(found(arguments, written, "", &[]), []);
    }

    #[test]
    fn with_what_is_in_a_volume_the_dockerfile_is_looked_for() {
        let directory = tempfile::tempdir().unwrap();
        let mounts = [Mount { local: directory.path().to_owned(), pod: b"/workspace".to_vec() }];
        let volume = "  volumes:\n  - name: source\n    persistentVolumeClaim: {claimName: source}\n";
        assert_eq!(found(ARGUMENTS, MOUNT, volume, &mounts), [(Code::DockerfileMissing, 7)]);
    }
}

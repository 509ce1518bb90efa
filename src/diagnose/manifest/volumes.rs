//! What lies where the executor looks for its context: a directory of a node, an empty volume, nothing at all. Each is
//! what people meet who put the path of their own directory into a manifest.

use super::super::tree::Tree;
use super::super::{Finding, Severity};
use super::container::{Container, context_root};
use super::group::Form;
use super::{members, text_of};
use crate::code::Code;
use crate::executor::files::local;
use crate::executor::image::Image;
use crate::executor::resolve::{NO_DOCKERFILE, Resolution};
use crate::gopath;

/// A volume where it is mounted, or what is mounted without one.
pub(super) struct Mounted<'a> {
    /// In the pod.
    pub(super) path: Vec<u8>,
    pub(super) name: &'a str,
    /// `volumeMounts[…]`, or what else says so.
    pub(super) mount: &'a Tree,
    /// `volumes[…]`, if there is one of that name.
    pub(super) volume: Option<&'a Tree>,
}

impl Mounted<'_> {
    /// Whether only a part of the volume is mounted, which may be a single file.
    pub(super) fn is_part(&self) -> bool {
        ["subPath", "subPathExpr"].iter().any(|field| self.mount.get(field).is_some())
    }
}

/// The volumes of a container, as far as their paths are known.
pub(super) fn mounted<'a>(container: &Container<'a>) -> Vec<Mounted<'a>> {
    let group = container.group;
    let of_volume = |mount: &'a Tree| {
        let name = text_of(mount, "name")?;
        let volume = group.volumes().find(|volume| text_of(volume, "name") == Some(name));
        let path = text_of(mount, "mountPath").filter(|path| !group.fills_in(path))?;
        Some(Mounted { path: gopath::clean(path.as_bytes()), name, mount, volume })
    };
    let mounts = container.members("volumeMounts").filter_map(of_volume);
    mounts.chain(implied(container)).collect()
}

/// What is mounted without being a volume: a task's workspaces, all below `/workspace` unless they say otherwise (Tekton
/// `docs/workspaces.md`), and an Argo template's artifacts.
fn implied<'a>(container: &Container<'a>) -> Vec<Mounted<'a>> {
    let group = container.group;
    let at = |tree: &'a Tree, path: &str| Mounted {
        path: gopath::clean(path.as_bytes()),
        name: text_of(tree, "name").unwrap_or_default(),
        mount: tree,
        volume: None,
    };
    match group.form {
        Form::Pod => vec![],
        Form::Task => {
            let workspaces = members(group.node, "workspaces").chain(members(container.node, "workspaces"));
            let named = workspaces.filter_map(|node| Some(at(&node.value, text_of(&node.value, "mountPath")?)));
            named.chain([at(group.node, "/workspace"), at(group.node, "/tekton")]).collect()
        }
        Form::Template => {
            group.inputs().filter_map(|artifact| Some(at(artifact, text_of(artifact, "path")?))).collect()
        }
    }
}

/// Whether something is mounted at a path that is not known.
pub(super) fn mounts_somewhere(container: &Container) -> bool {
    let group = container.group;
    let paths = container.members("volumeMounts").chain(group.inputs());
    let workspaces = members(group.node, "workspaces").map(|node| &node.value);
    let paths = paths.chain(workspaces).flat_map(|tree| ["mountPath", "path"].map(|field| text_of(tree, field)));
    paths.flatten().any(|path| group.fills_in(path))
}

/// The volume that a path is in: the innermost one.
pub(super) fn covering<'a>(container: &Container<'a>, path: &[u8]) -> Option<Mounted<'a>> {
    let covering = mounted(container).into_iter().filter(|mounted| gopath::below(path, &mounted.path).is_some());
    covering.max_by_key(|mounted| mounted.path.len())
}

/// Whether another container of the pod has a volume too, and may have put into it what it takes.
pub(super) fn is_shared(container: &Container, mounted: &Mounted) -> bool {
    let others = container.group.containers().into_iter().filter(|(_, node)| !std::ptr::eq(*node, container.node));
    others
        .flat_map(|(_, node)| members(node, "volumeMounts"))
        .any(|mount| text_of(&mount.value, "name") == Some(mounted.name))
}

/// What there is to say of the volumes.
pub(super) fn findings(container: &Container, resolution: &Resolution) -> Vec<Finding> {
    let over = mounted(container)
        .into_iter()
        // Another container may have copied the executor there.
        .find(|mounted| mounted.path == b"/kaniko" && !is_shared(container, mounted))
        .map(|mounted| over_executor(container, &mounted));
    let context = match resolution.directory_context() {
        Some(context) => Some(context.absolute.clone()),
        // It did not come to the sub-path, of which nobody knows whether it is there.
        None => context_root(container).filter(|_| is_sub_path_of_directory(resolution)),
    };
    let of_context = context
        .filter(|context| local(container.mounts, context).is_none())
        .and_then(|context| of_context(container, resolution, &context));
    over.into_iter().chain(of_context).collect()
}

fn is_sub_path_of_directory(resolution: &Resolution) -> bool {
    resolution.flags.as_ref().is_some_and(|flags| {
        flags.text("context", "").starts_with("dir://") && !flags.text("context-sub-path", "").is_empty()
    })
}

/// What the executor says where the context `shown` is empty.
fn words_without_context(resolution: &Resolution, shown: &str) -> String {
    let sub_path = resolution.flags.as_ref().map_or("", |flags| flags.text("context-sub-path", ""));
    match is_sub_path_of_directory(resolution) {
        true => format!("Error: error resolving source context: stat {shown}/{sub_path}: no such file or directory"),
        false => format!("Error: error resolving dockerfile path: {NO_DOCKERFILE}"),
    }
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

fn of_context(container: &Container, resolution: &Resolution, path: &[u8]) -> Option<Finding> {
    let shown = String::from_utf8_lossy(path).into_owned();
    let words = words_without_context(resolution, &shown);
    let Some(mounted) = covering(container, path) else { return not_mounted(container, path, &shown, &words) };
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
                format!("where the node has nothing there, the executor ends with `{words}`"),
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
    let is_alone = !container.group.has_helpers(container.role);
    (volume.get("emptyDir").is_some() && is_alone).then(|| Finding {
        code: Code::ContextVolumeEmpty,
        severity: Severity::Error,
        message: format!("the build context `{shown}` is an empty volume"),
        spans: place("emptyDir"),
        notes: vec![
            format!("no other container of the pod can put anything into `{}`", mounted.name),
            format!("the executor ends with `{words}`"),
        ],
        help: Some(SEND.to_owned()),
    })
}

/// No volume at all. What is below the executor's own directory may be put there in other ways, and an image of somebody's
/// own may hold its context.
fn not_mounted(container: &Container, path: &[u8], shown: &str, words: &str) -> Option<Finding> {
    let is_known = Image::is_published(container.image()) && !mounts_somewhere(container);
    if gopath::below(path, b"/kaniko").is_some() || !is_known {
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
            format!("the executor ends with `{words}`"),
        ],
        help: Some(SEND.to_owned()),
    })
}

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
    fn a_sub_path_does_not_hide_where_the_context_is() {
        let arguments = "[\"--context=dir:///workspace\", \"--context-sub-path=api\", \"--no-push\"]";
        let on_node = "  volumes:\n  - name: source\n    hostPath:\n      path: /home/me/project\n";
        let empty = "  volumes:\n  - name: source\n    emptyDir: {}\n";
        assert_eq!(found(arguments, MOUNT, on_node, &[]), [(Code::ContextOnNode, 13)]);
        assert_eq!(found(arguments, MOUNT, empty, &[]), [(Code::ContextVolumeEmpty, 13)]);
        let unpacked = "[\"--context=git://example.com/a/b.git\", \"--context-sub-path=api\", \"--no-push\"]";
        assert_eq!(found(unpacked, MOUNT, on_node, &[]), []);
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
        let never = "  restartPolicy: Never\n";
        assert_eq!(found("[\"--context=tar://stdin\", \"--no-push\"]", open, never, &[]), []);
        let sub_path = "[\"--context=tar://stdin\", \"--context-sub-path=context\", \"--no-push\"]";
        assert_eq!(found(sub_path, open, never, &[]), []);
        let shell = "    command: [sh, -c, \"/kaniko/executor --cache true\"]\n";
        assert_eq!(found("[]", shell, "", &[]), [(Code::ImageWithoutShell, 8)]);
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
    fn what_is_missing_in_a_volume_is_not_known() {
        let volume = "  volumes:\n  - name: source\n    persistentVolumeClaim: {claimName: source}\n";
        for arguments in [
            "[\"--context=dir:///workspace\", \"--context-sub-path=a\", \"--no-push\"]",
            "[\"--context=tar:///workspace/context.tgz\", \"--no-push\"]",
        ] {
            assert_eq!(found(arguments, MOUNT, volume, &[]), []);
        }
        let elsewhere = "[\"--context=tar:///archives/context.tgz\", \"--no-push\"]";
        assert_eq!(found(elsewhere, MOUNT, volume, &[]), [(Code::ArchiveMissing, 7)]);
    }

    #[test]
    fn with_what_is_in_a_volume_the_dockerfile_is_looked_for() {
        let directory = tempfile::tempdir().unwrap();
        let mounts = [Mount { local: directory.path().to_owned(), pod: b"/workspace".to_vec() }];
        let volume = "  volumes:\n  - name: source\n    persistentVolumeClaim: {claimName: source}\n";
        assert_eq!(found(ARGUMENTS, MOUNT, volume, &mounts), [(Code::DockerfileMissing, 7)]);
    }
}

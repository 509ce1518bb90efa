//! A push to a registry that takes none without a login, and no login anywhere in the pod (kaniko#1325, kaniko#2222).

use super::super::tree::Tree;
use super::super::{Finding, Severity};
use super::container::{Container, Running};
use super::group::Form;
use super::logins::{DIRECTORY, directory};
use super::volumes::{mounted, mounts_somewhere};
use crate::code::Code;
use crate::executor::image::Image;
use crate::gopath;
use crate::reference::{DOCKER_HUB, Reference};

/// Registries that anybody may read from and nobody may write to, and for which no cloud has a login of its own.
const REGISTRIES: [&str; 4] = [DOCKER_HUB, "ghcr.io", "quay.io", "registry.gitlab.com"];

/// kaniko-executor C-R1. What an image of somebody's own holds is not known, nor what an annotation brings into a pod.
pub(super) fn find(running: &Running) -> Option<Finding> {
    let container = running.container;
    let flags = running.resolution()?.flags.as_ref()?;
    if flags.is_on("no-push") || container.group.form != Form::Pod || !Image::is_published(container.image()) {
        return None;
    }
    let registry = |text: &str| text.parse::<Reference>().ok().map(|reference| reference.registry().to_owned());
    let wants_login = |text: &&str| registry(text).is_some_and(|host| REGISTRIES.contains(&&*host));
    let destination = flags.all("destination").find(wants_login)?;
    let variables = ["DOCKER_CONFIG", "DOCKER_AUTH_CONFIG", "REGISTRY_AUTH_FILE"];
    let has_variable = variables.iter().any(|name| container.variable(name).is_some());
    if has_variable || container.members("envFrom").next().is_some() || mounts_somewhere(container) {
        return None;
    }
    let looked_in = directory(running)?;
    let is_there = mounted(container).iter().any(|mounted| {
        let is_near = |path: &[u8], above: &[u8]| gopath::below(path, above).is_some();
        is_near(&mounted.path, &looked_in) || is_near(&looked_in, &mounted.path) || mounted.path.ends_with(b"/.docker")
    });
    if is_there || is_injected(container) {
        return None;
    }
    let place = container.node.place_of("args").or_else(|| container.node.place_of("name"));
    let message = format!("no login for `{}` is in the pod", registry(destination)?);
    Some(
        running
            .finding(Code::RegistryLoginMissing, Severity::Warning, place, message)
            .because([
                format!("destination `{destination}` is there, which takes nothing from anybody"),
                format!("the executor looks in `{DIRECTORY}/config.json`, where nothing is mounted"),
            ])
            .with_help(Some(format!("mount a Secret at `{DIRECTORY}` that has your login as `config.json`"))),
    )
}

/// Whether an annotation or a label asks for something to be put into the pod.
fn is_injected(container: &Container) -> bool {
    let maps = ["annotations", "labels"].into_iter().filter_map(|field| container.group.metadata()?.get(field));
    maps.into_iter().any(|map| match &map.value {
        Tree::Map(entries) => entries.iter().any(|(key, _)| key.value.contains("inject")),
        Tree::Leaf(_) | Tree::List(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::told::{none_of, the_one};
    use super::super::case::{found, in_pod, pod};
    use super::*;

    const HUB: &str = "args: [\"--context=git://example.com/a/b.git\", \"--destination=team/app:1\"]\n";

    #[test]
    fn a_push_that_needs_a_login_and_has_none() {
        let finding = the_one(&in_pod(HUB, ""), Code::RegistryLoginMissing);
        assert_eq!(finding.message, "no login for `index.docker.io` is in the pod");
        let elsewhere = format!("{HUB}volumeMounts: [{{name: a, mountPath: /workspace}}]\n");
        the_one(&in_pod(&elsewhere, ""), Code::RegistryLoginMissing);
        let image = HUB.replace("team/app", "ghcr.io/team/app");
        the_one(&in_pod(&image, ""), Code::RegistryLoginMissing);
    }

    #[test]
    fn a_login_may_come_from_elsewhere_or_not_be_needed() {
        for more in [
            "volumeMounts: [{name: a, mountPath: /kaniko/.docker}]",
            "volumeMounts: [{name: a, mountPath: /kaniko/.docker/config.json, subPath: config.json}]",
            "volumeMounts: [{name: a, mountPath: /root/.docker}]",
            "env: [{name: DOCKER_CONFIG, value: /login}]",
            "env: [{name: DOCKER_AUTH_CONFIG, valueFrom: {secretKeyRef: {name: a, key: b}}}]",
            "envFrom: [{secretRef: {name: a}}]",
            "image: registry.example.com/ci/kaniko",
        ] {
            none_of(&in_pod(&format!("{HUB}{more}\n"), ""), Code::RegistryLoginMissing);
        }
        for arguments in [
            HUB.replace("team/app", "registry.example.com/team/app"),
            HUB.replace("team/app", "1.dkr.ecr.eu-west-1.amazonaws.com/app"),
            HUB.replace("\"]", "\", \"--no-push\"]"),
            HUB.replace("team/app:1", "$(IMAGE)"),
        ] {
            none_of(&in_pod(&arguments, ""), Code::RegistryLoginMissing);
        }
        let injected = pod(HUB, "")
            .replace("{name: build}", "{name: build, annotations: {vault.hashicorp.com/agent-inject: \"true\"}}");
        none_of(&found(&injected), Code::RegistryLoginMissing);
    }
}

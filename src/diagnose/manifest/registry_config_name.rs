//! A Secret with logins is in the pod under a name, or in a directory, that the executor does not look at.

use super::super::{Finding, Severity};
use super::container::Running;
use super::logins::{DIRECTORY, FILE, KEY_OF_SECRET, directory, entries};
use super::volumes::mounted;
use crate::code::Code;
use crate::executor::image::Image;

/// kaniko-executor C-R3 (jenkinsci/kubernetes-plugin#312, mlrun/mlrun#439, vmware-archive/kube-prod-runtime#447).
pub(super) fn find(running: &Running) -> Option<Finding> {
    named_otherwise(running).or_else(|| elsewhere(running))
}

fn named_otherwise(running: &Running) -> Option<Finding> {
    let container = running.container;
    let directory = directory(running)?;
    let mounts = mounted(container);
    let mounted = mounts.iter().find(|mounted| mounted.path == directory && !mounted.is_part())?;
    let entries = entries(container, mounted)?;
    if entries.iter().any(|entry| entry.path == FILE) {
        return None;
    }
    let wrong = entries.iter().find(|entry| entry.key == KEY_OF_SECRET)?;
    let (tree, field) = wrong.place;
    let shown = String::from_utf8_lossy(&directory).into_owned();
    let message = format!("the login is at `{shown}/{}`, not at `{shown}/{FILE}`", wrong.path);
    Some(
        running
            .finding(Code::RegistryConfigName, Severity::Warning, tree.place_of(field), message)
            .because([NO_LOGIN.to_owned()])
            .with_help(Some(format!("write at the Secret: `items: [{{key: {KEY_OF_SECRET}, path: {FILE}}}]`"))),
    )
}

/// `DOCKER_CONFIG` of the image goes before the home directory (docker/cli `config.Load`).
fn elsewhere(running: &Running) -> Option<Finding> {
    let container = running.container;
    let is_default = container.variable("DOCKER_CONFIG").is_none() && Image::is_published(container.image());
    if !running.is_executor() || !is_default || directory(running)? != DIRECTORY.as_bytes() {
        return None;
    }
    let mounts = mounted(container);
    if mounts.iter().any(|mounted| mounted.path.starts_with(DIRECTORY.as_bytes())) {
        return None;
    }
    let mounted = mounts
        .iter()
        .find(|mounted| mounted.path == b"/root/.docker" || mounted.path == b"/root/.docker/config.json")?;
    if !entries(container, mounted)?.iter().any(|entry| entry.key == KEY_OF_SECRET) {
        return None;
    }
    let message = format!("the login is in `/root/.docker`, and the executor looks in `{DIRECTORY}`");
    Some(
        running
            .finding(Code::RegistryConfigName, Severity::Warning, mounted.mount.place_of("mountPath"), message)
            .because(["the image sets `DOCKER_CONFIG=/kaniko/.docker/`".to_owned(), NO_LOGIN.to_owned()])
            .with_help(Some(match mounted.is_part() {
                true => format!("write `mountPath: {DIRECTORY}/{FILE}`"),
                false => format!("write `mountPath: {DIRECTORY}`"),
            })),
    )
}

const NO_LOGIN: &str = "without a login the registry is asked as by anybody, and ends with `UNAUTHORIZED`";

#[cfg(test)]
mod tests {
    use super::super::super::finding::told::{none_of, the_one};
    use super::super::case::{found, pod};
    use super::*;

    fn with(path: &str, volume: &str, documents: &str) -> Vec<Finding> {
        let mount = format!("volumeMounts: [{{name: login, mountPath: {path}}}]");
        found(&format!("{}{documents}", pod(&mount, &format!("volumes: [{{name: login, {volume}}}]"))))
    }

    const SECRET: &str = "---\nkind: Secret\ntype: kubernetes.io/dockerconfigjson\nmetadata: {name: login}\n";

    #[test]
    fn a_login_under_another_name_is_told() {
        let named = "secret: {secretName: login, items: [{key: .dockerconfigjson, path: .docker/config.json}]}";
        let finding = the_one(&with("/kaniko/.docker", named, ""), Code::RegistryConfigName);
        assert_eq!(
            finding.message,
            "the login is at `/kaniko/.docker/.docker/config.json`, not at `/kaniko/.docker/config.json`"
        );
        the_one(&with("/kaniko/.docker/", "secret: {secretName: login}", SECRET), Code::RegistryConfigName);
        let projected = "projected: {sources: [{secret: {name: login, items: [{key: .dockerconfigjson, path: x}]}}]}";
        the_one(&with("/kaniko/.docker", projected, ""), Code::RegistryConfigName);
    }

    #[test]
    fn a_login_in_the_home_directory_is_told() {
        let named = "secret: {secretName: login, items: [{key: .dockerconfigjson, path: config.json}]}";
        let finding = the_one(&with("/root/.docker", named, ""), Code::RegistryConfigName);
        assert_eq!(finding.help.as_deref(), Some("write `mountPath: /kaniko/.docker`"));
        none_of(&with("/kaniko/.docker", named, ""), Code::RegistryConfigName);
        let variable = "env: [{name: DOCKER_CONFIG, value: /root/.docker}]\nvolumeMounts: [{name: login, mountPath: /root/.docker}]";
        none_of(&found(&pod(variable, &format!("volumes: [{{name: login, {named}}}]"))), Code::RegistryConfigName);
        let slim =
            "image: gcr.io/kaniko-project/executor:slim\nvolumeMounts: [{name: login, mountPath: /root/.docker}]";
        none_of(&found(&pod(slim, &format!("volumes: [{{name: login, {named}}}]"))), Code::RegistryConfigName);
    }

    #[test]
    fn what_may_be_right_is_not_judged() {
        let opaque = "---\nkind: Secret\nmetadata: {name: login}\nstringData: {config.json: x}\n";
        for (volume, documents) in [
            ("secret: {secretName: login}", ""),
            ("secret: {secretName: login}", opaque),
            ("secret: {secretName: other}", SECRET),
            ("configMap: {name: login}", ""),
            ("emptyDir: {}", ""),
            (
                "projected: {sources: [{secret: {name: login, items: [{key: .dockerconfigjson, path: config.json}]}}]}",
                SECRET,
            ),
            (
                "projected: {sources: [{secret: {name: a, items: [{key: .dockerconfigjson, path: x}]}}, {secret: {name: b}}]}",
                "",
            ),
        ] {
            none_of(&with("/kaniko/.docker", volume, documents), Code::RegistryConfigName);
        }
        none_of(
            &with("/kaniko/.docker/config.json, subPath: .dockerconfigjson", "secret: {secretName: login}", SECRET),
            Code::RegistryConfigName,
        );
    }
}

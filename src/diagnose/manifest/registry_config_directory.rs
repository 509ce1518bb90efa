//! `config.json` is a volume, so it is a directory.

use super::super::{Finding, Severity};
use super::container::Running;
use super::logins::{FILE, directory, sources};
use super::volumes::mounted;
use crate::code::Code;
use crate::gopath;

/// kaniko-executor C-R2 (int128/kaniko-action#84, #128). A warning: later releases take it for no login at all
/// (go-containerregistry `pkg/authn/keychain.go` `fileExists`), which is enough for some registries.
pub(super) fn find(running: &Running) -> Option<Finding> {
    let container = running.container;
    let wanted = gopath::join(&[&directory(running)?, FILE.as_bytes()]);
    let mounts = mounted(container);
    let mounted = mounts.iter().find(|mounted| mounted.path == wanted && !mounted.is_part())?;
    // A path of the node may be a file.
    if mounted.volume.is_none_or(|volume| volume.get("hostPath").is_some()) {
        return None;
    }
    let shown = String::from_utf8_lossy(&wanted).into_owned();
    let sources = sources(mounted);
    let key = if sources.iter().any(|source| source.kind == "Secret") { ".dockerconfigjson" } else { FILE };
    Some(
        running
            .finding(
                Code::RegistryConfigDirectory,
                Severity::Warning,
                mounted.mount.place_of("mountPath"),
                format!("`{shown}` is a directory: the whole of volume `{}`", mounted.name),
            )
            .because([format!(
                "the executor ends with `{shown}: read {shown}: is a directory`, or goes on without a login"
            )])
            .with_help(
                (!sources.is_empty()).then(|| format!("add `subPath: {key}`, the name of the key, to the mount")),
            ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::told::{none_of, the_one};
    use super::super::case::in_pod;
    use super::*;

    #[test]
    fn a_volume_in_the_place_of_a_file_is_told() {
        let found = |mount: &str, volume: &str| {
            let mount = format!("volumeMounts: [{{name: login, mountPath: {mount}}}]");
            in_pod(&mount, &format!("volumes: [{{name: login, {volume}}}]"))
        };
        let secret = "secret: {secretName: login}";
        the_one(&found("/kaniko/.docker/config.json", secret), Code::RegistryConfigDirectory);
        the_one(&found("/kaniko/.docker/config.json", "configMap: {name: login}"), Code::RegistryConfigDirectory);
        for (mount, volume) in [
            ("/kaniko/.docker/config.json, subPath: .dockerconfigjson", secret),
            ("/kaniko/.docker/config.json", "hostPath: {path: /root/.docker/config.json}"),
            ("/kaniko/.docker", secret),
            ("/workspace/config.json", secret),
        ] {
            none_of(&found(mount, volume), Code::RegistryConfigDirectory);
        }
    }
}

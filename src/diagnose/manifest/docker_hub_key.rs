//! The login to Docker Hub is under a name that the executor does not look for.

use super::super::{Finding, Severity};
use super::container::Running;
use super::logins::{object, registries, sources};
use super::volumes::mounted;
use crate::code::Code;
use crate::reference::{DOCKER_HUB, Reference};
use crate::registry::config::DOCKER_HUB_KEY;

/// Names of Docker Hub.
const HOSTS: [&str; 4] = ["docker.io", DOCKER_HUB, "registry-1.docker.io", "hub.docker.com"];

/// kaniko-executor C-R4 (kaniko#2416, #1209); go-containerregistry `pkg/authn/keychain.go` `DefaultAuthKey`.
pub(super) fn find(running: &Running) -> Option<Finding> {
    let container = running.container;
    let flags = running.resolution()?.flags.as_ref()?;
    let is_on_hub = |text: &str| text.parse::<Reference>().is_ok_and(|reference| reference.registry() == DOCKER_HUB);
    let destination = flags.all("destination").find(|text| is_on_hub(text))?;
    let mounts = mounted(container);
    let (source, (keys, (map, field))) = mounts.iter().flat_map(sources).find_map(|source| {
        let found = registries(object(container, &source)?)?;
        Some((source, found))
    })?;
    if keys.iter().any(|key| key == DOCKER_HUB_KEY) {
        return None;
    }
    let key = keys.iter().find(|key| is_hub(key))?;
    let name = source.name.unwrap_or_default();
    Some(
        running
            .finding(
                Code::DockerHubKey,
                Severity::Warning,
                map.place_of(field),
                format!("{} `{name}` has the login to Docker Hub under `{key}`", source.kind),
            )
            .because([
                format!("destination `{destination}` is on Docker Hub"),
                format!("the executor looks for it under `{DOCKER_HUB_KEY}` and nothing else"),
            ])
            .with_help(Some(format!("write `{DOCKER_HUB_KEY}` instead of `{key}`"))),
    )
}

fn is_hub(key: &str) -> bool {
    let rest = key.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    let host = ["/v1", "/v2"].iter().find_map(|path| rest.strip_suffix(path)).unwrap_or(rest);
    HOSTS.contains(&host)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::super::super::finding::told::{none_of, the_one};
    use super::super::case::{found, pod};
    use super::*;

    const AUTH: &str = "bm90OnByaW50ZWQ=";

    fn with(key: &str, destination: &str, encode: bool) -> Vec<Finding> {
        let container = format!(
            "args: [\"--context=git://example.com/a/b.git\", \"--destination={destination}\"]\nvolumeMounts: [{{name: login, mountPath: /kaniko/.docker}}]"
        );
        let spec =
            "volumes: [{name: login, secret: {secretName: hub, items: [{key: .dockerconfigjson, path: config.json}]}}]";
        let config = format!("{{\"auths\": {{\"{key}\": {{\"auth\": \"{AUTH}\"}}}}}}");
        let data = match encode {
            true => format!("data: {{.dockerconfigjson: {}}}", STANDARD.encode(config)),
            false => format!("stringData:\n  .dockerconfigjson: '{config}'"),
        };
        found(&format!("{}---\nkind: Secret\nmetadata: {{name: hub}}\n{data}\n", pod(&container, spec)))
    }

    #[test]
    fn a_name_that_is_not_looked_for_is_told_and_the_login_is_not() {
        for key in [
            "docker.io",
            "https://docker.io",
            "registry-1.docker.io",
            "https://hub.docker.com/",
            "https://index.docker.io/v1",
        ] {
            for encode in [true, false] {
                let finding = the_one(&with(key, "me/app:1", encode), Code::DockerHubKey);
                let printed = format!("{finding:?}");
                assert!(
                    printed.contains(&format!("`{key}`")) && !printed.contains(AUTH) && !printed.contains("printed")
                );
            }
        }
        none_of(&with("https://index.docker.io/v1/", "me/app:1", true), Code::DockerHubKey);
        none_of(&with("docker.io", "r.example.com/me/app:1", true), Code::DockerHubKey);
        none_of(&with("r.example.com", "me/app:1", true), Code::DockerHubKey);
    }
}

//! The fork reads logins from a variable, and asks it before `config.json`.

use super::super::{Finding, Severity};
use super::container::Running;
use super::logins::{FILE, directory};
use super::volumes::mounted;
use crate::code::Code;
use crate::executor::image::Family;
use crate::gopath;

const VARIABLE: &str = "DOCKER_AUTH_CONFIG";

/// kaniko-executor C-R10 (osscontainertools/kaniko#280, #369; docker/cli#6171). Of upstream nothing is known.
pub(super) fn find(running: &Running) -> Option<Finding> {
    let container = running.container;
    let variable = container.variable(VARIABLE).filter(|_| running.image.family == Family::Fork)?;
    let directory = directory(running)?;
    let file = gopath::join(&[&directory, FILE.as_bytes()]);
    mounted(container).iter().find(|mounted| mounted.path == directory || mounted.path == file)?;
    let shown = String::from_utf8_lossy(&file).into_owned();
    Some(
        running
            .finding(
                Code::LoginShadowed,
                Severity::Warning,
                variable.place_of("name"),
                format!("`{VARIABLE}` goes before the logins in `{shown}`"),
            )
            .because([
                "of a registry that is in both, the login in the variable counts, even if it may not push".to_owned()
            ]),
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::told::{none_of, the_one};
    use super::super::case::in_pod;
    use super::*;

    #[test]
    fn a_variable_before_a_file_is_told() {
        let fork = "image: martizih/kaniko:v1.28.3\n";
        let variable = "env: [{name: DOCKER_AUTH_CONFIG, valueFrom: {secretKeyRef: {name: a, key: b}}}]\n";
        let mount = "volumeMounts: [{name: login, mountPath: /kaniko/.docker}]\n";
        the_one(&in_pod(&format!("{fork}{variable}{mount}"), ""), Code::LoginShadowed);
        for healthy in [format!("{fork}{variable}"), format!("{fork}{mount}"), format!("{variable}{mount}")] {
            none_of(&in_pod(&healthy, ""), Code::LoginShadowed);
        }
    }
}

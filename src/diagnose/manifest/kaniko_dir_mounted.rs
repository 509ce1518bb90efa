//! The executor is told to move out of `/kaniko`, where something is mounted that does not move.

use super::super::{Finding, Severity};
use super::container::Running;
use super::volumes::mounted;
use crate::code::Code;
use crate::executor::image::{Version, Way};
use crate::gopath;

const DEFAULT: &[u8] = b"/kaniko";
/// The first release that moves.
const FIRST: Version = Version(1, 8, 1);

/// kaniko-executor C-K4 (kaniko#3281, #2219): v1.24.0 `checkKanikoDir` copies `/kaniko` and removes it.
pub(super) fn find(running: &Running) -> Option<Finding> {
    let container = running.container;
    if running.image.family.has(Way::SparesItself)
        || running.image.version.is_some_and(|version| version < FIRST)
        || !container.holds_executor()
    {
        return None;
    }
    let flags = running.resolution().and_then(|resolution| resolution.flags.as_ref());
    let of_flag = flags.and_then(|flags| flags.last("kaniko-dir")).map(|given| given.value.as_str());
    let is_other = |directory: &&str| gopath::clean(directory.as_bytes()) != DEFAULT && directory.starts_with('/');
    let of_environment = running.environment.get("KANIKO_DIR").map(String::as_str);
    let (said, directory) = match (of_flag.filter(is_other), of_environment.filter(is_other)) {
        (Some(directory), _) => ("--kaniko-dir", directory),
        (None, directory) => ("KANIKO_DIR", directory?),
    };
    let below = |path: &[u8]| path != DEFAULT && gopath::below(path, DEFAULT).is_some();
    let mounted = mounted(container).into_iter().find(|mounted| below(&mounted.path))?;
    let path = String::from_utf8_lossy(&mounted.path).into_owned();
    Some(
        running
            .finding(
                Code::KanikoDirMounted,
                Severity::Error,
                mounted.mount.place_of("mountPath"),
                format!("`{said}` is `{directory}`, and `{path}` is mounted in the directory that is left"),
            )
            .because([
                "the executor copies `/kaniko` and removes it".to_owned(),
                format!("it ends with `Error: unlinkat /{path}: device or resource busy`"),
            ]),
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::told::{none_of, the_one};
    use super::super::case::in_pod;
    use super::*;

    const MOUNT: &str = "volumeMounts: [{name: login, mountPath: /kaniko/.docker}]\n";

    #[test]
    fn a_directory_that_cannot_be_removed_is_told() {
        let flag = "args: [\"--context=git://example.com/a/b.git\", --no-push, --kaniko-dir=/data]\n";
        let variable = "env: [{name: KANIKO_DIR, value: /data}]\n";
        for told in [flag, variable] {
            the_one(&in_pod(&format!("{told}{MOUNT}"), ""), Code::KanikoDirMounted);
        }
        let elsewhere = "volumeMounts: [{name: login, mountPath: /data/.docker}]\n";
        for healthy in [
            MOUNT.to_owned(),
            format!("{variable}{elsewhere}"),
            format!("{}{MOUNT}", variable.replace("/data", "/kaniko/")),
            // It renames.
            format!("image: martizih/kaniko:v1.28.3\n{variable}{MOUNT}"),
            // It does not know of it.
            format!("image: gcr.io/kaniko-project/executor:v1.7.0\n{variable}{MOUNT}"),
        ] {
            none_of(&in_pod(&healthy, ""), Code::KanikoDirMounted);
        }
    }
}

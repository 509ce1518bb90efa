//! A volume is mounted where base images have files of their own.

use super::super::{Finding, Severity};
use super::container::Running;
use super::volumes::mounted;
use crate::code::Code;
use crate::gopath;

/// What packages write to; the catalogue names harm in `/etc/ssl`, `/lib`, `/sbin` and `/var/cache`.
const OF_IMAGES: [&str; 9] =
    ["/bin", "/etc/ssl", "/lib", "/lib64", "/sbin", "/usr/bin", "/usr/lib", "/usr/sbin", "/var/cache"];

/// kaniko-executor C-C15 (kaniko#2007, #1424, #1777, #1745), C-C16 (kaniko#999, #793): what is mounted is neither
/// unpacked nor kept.
pub(super) fn find(running: &Running) -> Option<Finding> {
    let container = running.container;
    let is_of_image = |path: &[u8]| {
        OF_IMAGES.iter().any(|directory| gopath::below(path, directory.as_bytes()).is_some()) || path == b"/usr"
    };
    let mounted = mounted(container).into_iter().find(|mounted| is_of_image(&mounted.path))?;
    if !container.holds_executor() {
        return None;
    }
    let path = String::from_utf8_lossy(&mounted.path).into_owned();
    let message = format!("volume `{}` is mounted at `{path}`, where base images have files", mounted.name);
    Some(
        running
            .finding(Code::MountInImagePath, Severity::Warning, mounted.mount.place_of("mountPath"), message)
            .because([
                "what a base image has there is not unpacked, and what the build writes there is not in the image"
                    .to_owned(),
                "what replaces a mounted file ends with `device or resource busy`".to_owned(),
            ]),
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::told::{none_of, the_one};
    use super::super::case::in_pod;
    use super::*;

    #[test]
    fn a_mount_in_a_directory_of_images_is_told() {
        let found = |path: &str| in_pod(&format!("volumeMounts: [{{name: a, mountPath: {path}}}]"), "");
        for path in
            ["/etc/ssl/certs", "/etc/ssl/certs/java/cacerts", "/lib/modules", "/sbin/docker-init", "/var/cache/apt"]
        {
            the_one(&found(path), Code::MountInImagePath);
        }
        for path in [
            "/workspace",
            "/cache",
            "/kaniko/.docker",
            "/kaniko/ssl/certs/ca.crt",
            "/library",
            "/root/.m2",
            "/var/run/secrets/aws",
            "/usr/src/app",
        ] {
            none_of(&found(path), Code::MountInImagePath);
        }
    }
}

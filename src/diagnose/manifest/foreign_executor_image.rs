//! The executor was copied into an image of somebody's own, and it builds over what is in there.

use super::super::tree::place_of_value;
use super::super::{Finding, Severity};
use super::container::Running;
use super::{EXECUTOR, members};
use crate::code::Code;
use crate::executor::image::name_and_tag;

/// kaniko-executor C-K20 (kaniko#3304, "Known Issues" of Kaniko's README).
pub(super) fn find(running: &Running) -> Option<Finding> {
    let container = running.container;
    let first = members(container.node, "command").next().filter(|node| node.value.text() == Some(EXECUTOR))?;
    let image = container.image();
    let (name, _) = name_and_tag(image);
    let is_ours = name.contains("kaniko") || name.rsplit('/').next() == Some("executor");
    if image.is_empty() || is_ours || container.group.fills_in(image) || image.contains('$') {
        return None;
    }
    let place = container.node.place_of("image").unwrap_or_else(|| place_of_value(first));
    Some(
        running
            .finding(
                Code::ForeignExecutorImage,
                // Some build such images with care.
                Severity::Advice,
                Some(place),
                format!("`/kaniko/executor` runs in `{image}`, which does not look like an image of Kaniko"),
            )
            .because([
                "the executor unpacks base images over the files of its own image, so other programs there vanish"
                    .to_owned(),
                "a copy is without `SSL_CERT_DIR` and `DOCKER_CONFIG`, by which it finds certificates and logins"
                    .to_owned(),
            ]),
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::told::{none_of, the_one};
    use super::super::case::in_pod;
    use super::*;

    #[test]
    fn an_executor_in_an_image_of_another_name_is_told() {
        let container = |image: &str| format!("image: \"{image}\"\ncommand: [/kaniko/executor]");
        the_one(&in_pod(&container("r.example.com/ci/builder:1"), ""), Code::ForeignExecutorImage);
        for image in [
            "gcr.io/kaniko-project/executor:debug",
            "r.example.com/mirror/executor:v1.24.0",
            "r.example.com/ci/my-kaniko",
            "{{ .Values.image }}",
            "$IMAGE",
        ] {
            none_of(&in_pod(&container(image), ""), Code::ForeignExecutorImage);
        }
        none_of(
            &in_pod("image: r.example.com/ci/builder\ncommand: [sh, -c]\nargs: [/kaniko/executor]", ""),
            Code::ForeignExecutorImage,
        );
    }
}

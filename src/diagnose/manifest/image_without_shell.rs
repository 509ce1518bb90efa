//! A shell, or what comes with one, is to be run in an image that has none.

use super::super::tree::{Node, place_of_value};
use super::super::{Finding, Severity};
use super::container::{Container, Running};
use super::{members, volumes};
use crate::code::Code;
use crate::executor::image::name_and_tag;

/// What only an image with a shell has.
const OF_SHELL: [&str; 10] = ["sh", "ash", "bash", "busybox", "cat", "echo", "env", "sleep", "tail", "true"];
/// Directories where they are looked for or named.
const DIRECTORIES: [&str; 6] = ["", "/bin/", "/usr/bin/", "/busybox/", "/usr/local/bin/", "/kaniko/"];

/// kaniko-executor C-K5 (kaniko#430, #590, #661), A2.
pub(super) fn find(running: &Running) -> Option<Finding> {
    let container = running.container;
    if !has_no_shell(container.image()) {
        return None;
    }
    let program =
        programs(container).find(|node| node.value.text().is_some_and(|name| is_of_shell(container, name)))?;
    let name = program.value.text().unwrap_or_default();
    let runtime = match name.contains('/') {
        true => format!("exec: \"{name}\": stat {name}: no such file or directory"),
        false => format!("exec: \"{name}\": executable file not found in $PATH"),
    };
    let image = container.image();
    let (without_tag, tag) = name_and_tag(image);
    let debug = match tag {
        "" | "latest" => "debug".to_owned(),
        tag => format!("{}-debug", tag.trim_end_matches("-slim")),
    };
    let message = format!("`{name}` is not in `{image}`, which has no shell");
    Some(
        running
            .finding(Code::ImageWithoutShell, Severity::Error, Some(place_of_value(program)), message)
            .because([format!("the runtime ends with `{runtime}`")])
            .with_help(Some(format!("use `image: {without_tag}:{debug}`"))),
    )
}

/// What is run in the container when it starts.
fn programs<'a>(container: &Container<'a>) -> impl Iterator<Item = &'a Node> {
    let hook = container.node.get("lifecycle").and_then(|node| node.value.get("postStart")?.value.get("exec"));
    let hook = hook.and_then(|exec| members(&exec.value, "command").next());
    members(container.node, "command").take(1).chain(hook)
}

/// Whether a name is of a published image without a shell. Of a digest, or of a commit, it does not tell.
fn has_no_shell(image: &str) -> bool {
    let (name, tag) = name_and_tag(image);
    let is_upstream = name == "gcr.io/kaniko-project/executor";
    let is_fork = ["ghcr.io/osscontainertools/kaniko", "martizih/kaniko", "docker.io/martizih/kaniko"].contains(&name);
    let mut parts = tag.split('-');
    let version = parts.next().unwrap_or_default();
    let is_release = matches!(version, "" | "latest" | "slim") || version.starts_with('v') && version.contains('.');
    let is_plain = parts.all(|part| part == "slim");
    (is_upstream || is_fork) && !image.contains('@') && is_release && is_plain
}

/// A volume may bring it along.
fn is_of_shell(container: &Container, program: &str) -> bool {
    let is_known = DIRECTORIES
        .iter()
        .any(|directory| program.strip_prefix(directory).is_some_and(|name| OF_SHELL.contains(&name)));
    let is_brought = |path: &str| volumes::covering(container, path.as_bytes()).is_some();
    is_known && !is_brought(program) && !["/usr/local/bin", "/kaniko"].iter().any(|path| is_brought(path))
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::told::{none_of, the_one};
    use super::super::case::in_pod;
    use super::*;

    fn found(image: &str, rest: &str) -> Vec<Finding> {
        in_pod(&format!("image: {image}\n{rest}"), "")
    }

    #[test]
    fn a_shell_where_there_is_none_is_told_with_the_image_that_has_one() {
        for (image, rest, help) in [
            (
                "gcr.io/kaniko-project/executor:latest",
                "command: [sleep]\nargs: [infinity]",
                "gcr.io/kaniko-project/executor:debug",
            ),
            (
                "gcr.io/kaniko-project/executor",
                "command: [cat]\ntty: true\nargs: []",
                "gcr.io/kaniko-project/executor:debug",
            ),
            (
                "gcr.io/kaniko-project/executor:v1.23.2",
                "command: [/busybox/sh, -c]\nargs: [x]",
                "gcr.io/kaniko-project/executor:v1.23.2-debug",
            ),
            (
                "gcr.io/kaniko-project/executor:v1.9.0-slim",
                "command: [sh]",
                "gcr.io/kaniko-project/executor:v1.9.0-debug",
            ),
            ("martizih/kaniko:v1.28.3", "command: [/bin/sh]", "martizih/kaniko:v1.28.3-debug"),
            (
                "gcr.io/kaniko-project/executor:v1.23.2",
                "lifecycle: {postStart: {exec: {command: [/bin/sh, -c, x]}}}",
                "gcr.io/kaniko-project/executor:v1.23.2-debug",
            ),
        ] {
            let finding = the_one(&found(image, rest), Code::ImageWithoutShell);
            assert_eq!(finding.help, Some(format!("use `image: {help}`")), "{image}");
        }
    }

    /// kaniko#1919 and what people have.
    #[test]
    fn images_that_have_one_or_may_have_one_are_not_judged() {
        for image in [
            "gcr.io/kaniko-project/executor:debug",
            "gcr.io/kaniko-project/executor:v1.24.0-debug",
            "gcr.io/kaniko-project/executor:debug-v0.16.0",
            "gcr.io/kaniko-project/executor@sha256:0a",
            "gcr.io/kaniko-project/executor:latest@sha256:0a",
            "gcr.io/kaniko-project/executor:9912ccbf8d22bbafbf971124600fbb0b13b9cbd6-debug",
            "ghcr.io/osscontainertools/kaniko:alpine",
            "ghcr.io/osscontainertools/kaniko:bootstrap",
            "r.example.com/kaniko-project/executor:latest",
            "cgr.dev/chainguard/kaniko:latest",
        ] {
            none_of(&found(image, "command: [sleep]\nargs: [infinity]"), Code::ImageWithoutShell);
        }
        for rest in [
            "command: [/kaniko/executor]",
            "command: [/tools/sh]",
            "command: [/busybox/sh]\nvolumeMounts: [{name: busybox, mountPath: /busybox}]",
            "lifecycle: {preStop: {exec: {command: [/bin/sh, -c, x]}}}",
        ] {
            none_of(&found("gcr.io/kaniko-project/executor:latest", rest), Code::ImageWithoutShell);
        }
    }
}

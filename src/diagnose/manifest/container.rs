//! A container of a manifest as an executor that somebody set up.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::facts::Facts;
use super::super::tree::{Tree, place_of_value};
use super::super::{Finding, Place, Severity, Span, rules};
use super::{EXECUTOR, members, text_of, volumes};
use crate::code::Code;
use crate::executor::files::{Mount, PodFiles};
use crate::executor::image::Image;
use crate::executor::resolve::{Resolution, Setup, Source, Stdin, resolve};

/// A container, and what is around it.
pub(super) struct Container<'a> {
    /// The manifest, as a user would name it.
    pub(super) file: &'a Path,
    /// The pod's.
    pub(super) spec: &'a Tree,
    /// Its own.
    pub(super) node: &'a Tree,
    /// What is known of the files in its volumes.
    pub(super) mounts: &'a [Mount],
    /// Those files.
    pub(super) files: &'a dyn PodFiles,
}

/// What there is to say of a container that runs Kaniko.
pub(super) fn findings(container: &Container) -> Vec<Finding> {
    let Some(arguments) = container.arguments() else { return container.flags_as_command().into_iter().collect() };
    // Somebody else starts it, or gives it its arguments later.
    if arguments.is_empty() {
        return vec![];
    }
    let environment = container.environment();
    let texts: Vec<String> = arguments.iter().map(|(text, _)| expanded(text, &environment)).collect();
    // What comes from elsewhere, Kubernetes knows.
    if texts.iter().any(|text| container.is_from_elsewhere(text)) {
        return vec![];
    }
    let places =
        arguments.iter().enumerate().filter_map(|(index, (_, place))| Some((index, container.span((*place)?))));
    let at: Vec<Vec<u8>> = volumes::mounted(container).map(|mounted| mounted.path).collect();
    let setup = Setup {
        image: Image::named(text_of(container.node, "image").unwrap_or_default()),
        arguments: &texts,
        working_directory: text_of(container.node, "workingDir"),
        environment: &environment,
        stdin: container.stdin(),
        mounts: &at,
        files: container.files,
    };
    let resolution = resolve(&setup);
    let facts = Facts {
        setup: &setup,
        resolution: &resolution,
        mounts: container.mounts,
        here: &[],
        places: &places.collect(),
    };
    let mut found = volumes::findings(container, &resolution);
    let is_lost = found.iter().any(|finding| finding.severity == Severity::Error);
    found.extend(match container.knows_files(&resolution) && !is_lost {
        true => rules::findings(&facts),
        false => rules::of_arguments(&facts),
    });
    found
}

impl<'a> Container<'a> {
    /// Its name, for a message.
    pub(super) fn name(&self) -> &'a str {
        text_of(self.node, "name").unwrap_or("without a name")
    }

    pub(super) fn span(&self, place: Place) -> Span {
        Span { file: self.file.to_owned(), place }
    }

    /// The executor's arguments, and where they are; none if something else is run.
    fn arguments(&self) -> Option<Vec<(String, Option<Place>)>> {
        let words = |field: &str| {
            let words = members(self.node, field).map(|node| (node.value.scalar(), Some(place_of_value(node))));
            words.filter_map(|(word, place)| Some((word?, place))).collect::<Vec<_>>()
        };
        let (mut command, arguments) = (words("command"), words("args"));
        let image = text_of(self.node, "image").unwrap_or_default();
        let is_warmer = image.rsplit('/').next().is_some_and(|name| name.starts_with("warmer"));
        match command.first() {
            None if is_warmer => None,
            None => Some(arguments),
            Some((program, _)) if program.ends_with(EXECUTOR) || program == "executor" => {
                command.remove(0);
                command.extend(arguments);
                Some(command)
            }
            Some(_) => None,
        }
    }

    /// Flags where a program is meant: `command` takes the place of the image's entrypoint (kaniko#1433).
    fn flags_as_command(&self) -> Option<Finding> {
        let first = members(self.node, "command").next()?;
        let flag = first.value.text().filter(|word| word.starts_with('-'))?;
        Some(Finding {
            code: Code::FlagsAsCommand,
            severity: Severity::Error,
            message: format!("`{flag}` is run as a program"),
            spans: vec![self.span(place_of_value(first))],
            notes: vec!["`command` takes the place of the image's entrypoint, `/kaniko/executor`".to_owned()],
            help: Some("write `args` instead of `command`".to_owned()),
        })
    }

    /// Variables whose values are written there; they may be made of those before them.
    fn environment(&self) -> BTreeMap<String, String> {
        let mut environment = BTreeMap::new();
        for variable in members(self.node, "env").map(|node| &node.value) {
            let value = variable.get("value").and_then(|value| value.value.scalar());
            if let (Some(name), Some(value)) = (text_of(variable, "name"), value) {
                environment.insert(name.to_owned(), expanded(&value, &environment));
            }
        }
        environment
    }

    /// Whether a text has a variable whose value is in a ConfigMap, a Secret or the pod itself.
    fn is_from_elsewhere(&self, text: &str) -> bool {
        let mut names = text.split("$(").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
        let has_source = members(self.node, "envFrom").next().is_some();
        names.any(|name| {
            has_source || members(self.node, "env").any(|variable| text_of(&variable.value, "name") == Some(name))
        })
    }

    fn stdin(&self) -> Stdin {
        let is_on =
            |field: &str| self.node.get(field).is_some_and(|node| node.value.scalar().as_deref() == Some("true"));
        if is_on("stdin") && !is_on("tty") { Stdin::Stream } else { Stdin::Device }
    }

    /// Whether what the executor looks for is where something is known: in a mount of this disk, or not in a file at all.
    fn knows_files(&self, resolution: &Resolution) -> bool {
        let Some(context) = &resolution.context else { return true };
        let covered =
            |path: &[u8]| volumes::covering(self, path).is_none() && is_of_image(path) || is_known(self.mounts, path);
        let candidates = resolution.dockerfile.iter().flat_map(|dockerfile| &dockerfile.candidates);
        if candidates
            .clone()
            .any(|candidate| !covered(&candidate.path) && volumes::covering(self, &candidate.path).is_some())
        {
            return false;
        }
        match context.source {
            Source::Path | Source::Directory => covered(&context.absolute),
            // What is sent, cloned or unpacked is not known.
            Source::Stdin | Source::Archive(_) | Source::Remote => false,
        }
    }
}

fn is_of_image(path: &[u8]) -> bool {
    path.starts_with(b"/workspace")
}

fn is_known(mounts: &[Mount], path: &[u8]) -> bool {
    crate::executor::files::local(mounts, path).is_some()
}

/// `$(NAME)`, as Kubernetes expands it: what it does not know stays (`k8s.io/kubernetes/third_party/forked/golang/
/// expansion`).
fn expanded(text: &str, environment: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let name = rest.strip_prefix("$(").and_then(|inner| inner.split_once(')'));
        rest = match (name, rest.strip_prefix("$$")) {
            (_, Some(after)) => {
                out.push('$');
                after
            }
            (Some((name, after)), None) => {
                match environment.get(name) {
                    Some(value) => out.push_str(value),
                    None => out.push_str(&format!("$({name})")),
                }
                after
            }
            (None, None) => {
                out.push('$');
                &rest[1..]
            }
        };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_container_are_expanded_as_in_kubernetes() {
        let environment = BTreeMap::from([("A".to_owned(), "x".to_owned())]);
        for (text, result) in [("$(A)/b", "x/b"), ("$(B)", "$(B)"), ("$$(A)", "$(A)"), ("$A $", "$A $"), ("$(A", "$(A")]
        {
            assert_eq!(expanded(text, &environment), result);
        }
    }
}

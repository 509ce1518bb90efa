//! The images that a Dockerfile builds on.

use std::collections::BTreeMap;

use super::parse::parse;
use super::stages::{Channel, Origin, Stages};
use super::{Escape, Expansion, Unset};

/// Names of the images that are pulled for a build with these `build_args` (`KEY=VALUE`), each once: those of `FROM`,
/// `COPY --from=` and `RUN --mount=from=`. Stages and `scratch` are no images. A variable that is not known stays as typed
/// in the rest of a name; a name whose registry it may be part of is left out. A Dockerfile that no builder takes has no
/// images.
///
/// As the executor does, `FROM` is given every build argument, declared or not (kaniko v1.24.0
/// `pkg/dockerfile/dockerfile.go` `unifyArgs`).
pub fn base_images(dockerfile: &str, build_args: &[String]) -> Vec<String> {
    let Ok(dockerfile) = parse(dockerfile) else { return vec![] };
    let Ok(stages) = dockerfile.stages(Channel::Any) else { return vec![] };
    let variables = variables(&stages, build_args);
    let mut images = Vec::new();
    for (index, stage) in stages.stages.iter().enumerate() {
        let base = expand(&stage.base.text, &variables).map(|base| stages.base(index, &base));
        let origins = stage.origins().filter_map(|from| expand(from, &variables));
        for origin in base.into_iter().chain(origins.map(|from| stages.origin(index, &from))) {
            if let Origin::Image(image) = origin {
                add(image, &mut images);
            }
        }
    }
    images
}

/// What `FROM` can use. A default sees what stands before it.
fn variables(stages: &Stages<'_>, build_args: &[String]) -> BTreeMap<String, String> {
    let given = build_args.iter().filter_map(|given| given.split_once('=')).filter(|(_, value)| !value.is_empty());
    let given: BTreeMap<String, String> = given.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut variables = given.clone();
    for arg in stages.meta_args.iter().filter(|arg| !given.contains_key(&arg.name)) {
        if let Some(default) = arg.default.as_ref().and_then(|default| expand(default, &variables)) {
            variables.insert(arg.name.clone(), default);
        }
    }
    variables
}

/// Nothing for what cannot be expanded.
fn expand(word: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    let how = Expansion { unset: Unset::KeepName, ..Expansion::new(Escape::Backslash) };
    how.word(word, &|name| variables.get(name).cloned()).ok()
}

fn add(image: String, images: &mut Vec<String>) {
    let is_known = !image.split_once('/').map_or(image.as_str(), |(registry, _)| registry).contains('$');
    if is_known && !image.is_empty() && image != "scratch" && !images.contains(&image) {
        images.push(image);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(dockerfile: &str, build_args: &[&str]) -> Vec<String> {
        base_images(dockerfile, &build_args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn images_are_told_from_stages() {
        let dockerfile = "FROM --platform=linux/amd64 r.example.com/maven:3 AS Build\nCOPY . .\n\
                          RUN --mount=type=bind,from=tools.example.com/x,target=/x mvn\n\
                          FROM build AS part\nFROM scratch\nCOPY --from=build /a /a\nCOPY --from=0 /b /b\n\
                          COPY --from=other:1 --chown=1 /c /c\nfrom r.example.com/maven:3\n";
        assert_eq!(images(dockerfile, &[]), ["r.example.com/maven:3", "tools.example.com/x", "other:1"]);
    }

    #[test]
    fn variables_come_from_build_arguments_or_defaults_and_what_is_unknown_is_left_out() {
        let dockerfile = "ARG REGISTRY=r.example.com\nARG TAG=\"1.0\"\nARG NONE\nARG BASE=$REGISTRY/base:${TAG}\n\
                          FROM $BASE\nFROM ${REGISTRY}/x:${NONE:-latest}\nFROM $NONE/x\nFROM ${OTHER\n\
                          ARG REGISTRY=too.late\nFROM $REGISTRY/y${TAG:+-slim}\n";
        assert_eq!(
            images(dockerfile, &["TAG=2"]),
            ["r.example.com/base:2", "r.example.com/x:latest", "r.example.com/y-slim"]
        );
        for dockerfile in ["ARG B\nFROM $B", "ARG B=other\nFROM $B", "FROM ${B}"] {
            assert_eq!(images(dockerfile, &["B=own/base"]), ["own/base"], "{dockerfile}");
        }
    }

    #[test]
    fn a_registry_is_known_even_if_the_rest_of_the_name_is_not() {
        for (dockerfile, registry) in [
            ("FROM r.example.com/base:$TARGETARCH", Some("r.example.com")),
            ("ARG REGISTRY=r.example.com:5000\nFROM ${REGISTRY}/$TEAM/base", Some("r.example.com:5000")),
            ("FROM r.example.com/${TEAM:-${OTHER:-base}}", Some("r.example.com")),
            ("\u{feff}FROM r.example.com/base", Some("r.example.com")),
            ("FROM $REGISTRY/base", None),
            ("FROM base-$TARGETARCH", None),
            ("FROM r.example.com$SUFFIX/base", None),
        ] {
            let images = images(dockerfile, &[]);
            let registries: Vec<_> = images.iter().map(|image| crate::reference::registry_of(image)).collect();
            assert_eq!(registries, Vec::from_iter(registry), "{dockerfile}");
        }
    }

    #[test]
    fn what_a_heredoc_a_comment_or_a_command_says_is_no_image() {
        let dockerfile = "FROM a\nRUN <<EOF\nFROM b\nEOF\nRUN x \\\n# FROM c\n --mount=from=d\nCOPY x --from=e /\n";
        assert_eq!(images(dockerfile, &[]), ["a"]);
    }

    #[test]
    fn flags_that_only_other_builders_know_hide_no_image() {
        assert_eq!(images("FROM a\nADD --unpack=true b c\nCOPY --parents --from=d e f\n", &[]), ["a", "d"]);
    }

    #[test]
    fn nothing_that_is_written_there_is_a_mistake() {
        for dockerfile in
            ["", "FROM", "FROM --platform=x", "COPY --from=", "ARG", "FROM ${", "FROM $", "RUN --mount=from"]
        {
            assert_eq!(images(dockerfile, &[]), Vec::<String>::new(), "{dockerfile}");
        }
    }
}

//! The images that a Dockerfile builds on.

use std::collections::BTreeMap;

use super::instructions;

/// Names of the images that are pulled for a build with these `build_args` (`KEY=VALUE`), each once: those of `FROM`,
/// `COPY --from=` and `RUN --mount=from=`. Stages and `scratch` are no images. A variable that is not known stays as typed
/// in the rest of a name; a name whose registry it may be part of is left out.
///
/// As the executor does, `FROM` is given every build argument, declared or not (kaniko v1.24.0
/// `pkg/dockerfile/dockerfile.go` `unifyArgs`).
pub fn base_images(dockerfile: &str, build_args: &[String]) -> Vec<String> {
    let given: BTreeMap<&str, &str> =
        build_args.iter().filter_map(|given| given.split_once('=')).filter(|(_, value)| !value.is_empty()).collect();
    let mut variables: BTreeMap<String, String> =
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut stages: Vec<String> = Vec::new();
    let mut count = 0_usize;
    let mut images = Vec::new();
    for words in instructions(dockerfile.trim_start_matches('\u{feff}')) {
        let Some((instruction, operands)) = words.split_first() else { continue };
        let mut named = Vec::new();
        match instruction.to_ascii_uppercase().as_str() {
            // Only what stands before the first stage counts in names of images.
            "ARG" if count == 0 => {
                let defaults = operands.iter().filter_map(|word| word.split_once('='));
                for (name, default) in defaults.filter(|(name, _)| !given.contains_key(name)) {
                    variables.insert(name.to_owned(), expand(default.trim_matches(['"', '\'']), &variables));
                }
            }
            "FROM" => {
                let mut operands = operands.iter().filter(|word| !word.starts_with("--"));
                named.extend(operands.next().copied());
                let is_as = operands.next().is_some_and(|word| word.eq_ignore_ascii_case("AS"));
                add(&named, &variables, &stages, count, &mut images);
                named.clear();
                count += 1;
                stages.extend(operands.next().filter(|_| is_as).map(|name| name.to_ascii_lowercase()));
            }
            "COPY" | "ADD" => named.extend(operands.iter().filter_map(|word| word.strip_prefix("--from="))),
            "RUN" => named.extend(
                operands
                    .iter()
                    .filter_map(|word| word.strip_prefix("--mount="))
                    .flat_map(|mount| mount.split(','))
                    .filter_map(|field| field.strip_prefix("from=")),
            ),
            _ => {}
        }
        add(&named, &variables, &stages, count, &mut images);
    }
    images
}

fn add(
    named: &[&str],
    variables: &BTreeMap<String, String>,
    stages: &[String],
    count: usize,
    images: &mut Vec<String>,
) {
    for image in named.iter().map(|word| expand(word.trim_matches(['"', '\'']), variables)) {
        let is_known = !image.split_once('/').map_or(image.as_str(), |(registry, _)| registry).contains('$');
        let is_stage =
            stages.contains(&image.to_ascii_lowercase()) || image.parse::<usize>().is_ok_and(|index| index < count);
        if is_known && !image.is_empty() && image != "scratch" && !is_stage && !images.contains(&image) {
            images.push(image);
        }
    }
}

/// Replaces `$NAME`, `${NAME}`, `${NAME:-else}` and `${NAME:+instead}`; a variable that is not known stays as typed.
fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (variable, after) = rest.split_at(variable_length(rest));
        let inner = variable.trim_start_matches('$').trim_start_matches('{');
        let inner = if variable.ends_with('}') { &inner[..inner.len() - 1] } else { inner };
        let (name, other) = inner.split_at(inner.find(|character| !is_in_a_name(character)).unwrap_or(inner.len()));
        let value = variables.get(name).filter(|value| !value.is_empty());
        let other = (other.strip_prefix(":-"), other.strip_prefix(":+"));
        out.push_str(&match (value, other) {
            (Some(_), (_, Some(instead))) => expand(instead, variables),
            (Some(value), _) => value.clone(),
            (None, (Some(default), _)) => expand(default, variables),
            (None, (_, Some(_))) => String::new(),
            (None, (None, None)) => variables.get(name).map_or(variable, String::as_str).to_owned(),
        });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Bytes of the variable that `text` starts with: braces are balanced, or all of it is one that has no end.
fn variable_length(text: &str) -> usize {
    if !text.starts_with("${") {
        return text[1..].find(|character| !is_in_a_name(character)).map_or(text.len(), |end| end + 1);
    }
    let mut depth = 0;
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

fn is_in_a_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
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
    fn nothing_that_is_written_there_is_a_mistake() {
        for dockerfile in
            ["", "FROM", "FROM --platform=x", "COPY --from=", "ARG", "FROM ${", "FROM $", "RUN --mount=from"]
        {
            assert_eq!(images(dockerfile, &[]), Vec::<String>::new(), "{dockerfile}");
        }
    }
}

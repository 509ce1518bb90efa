//! The images that a Dockerfile builds on.

use std::collections::BTreeMap;

use super::instructions;

/// Names of the images that are pulled for a build with these `build_args` (`KEY=VALUE`), each once: those of `FROM`,
/// `COPY --from=` and `RUN --mount=from=`. Stages and `scratch` are no images; a name with a variable that is not known
/// is left out.
pub fn base_images(dockerfile: &str, build_args: &[String]) -> Vec<String> {
    let given: BTreeMap<&str, &str> = build_args.iter().filter_map(|given| given.split_once('=')).collect();
    let mut variables = BTreeMap::new();
    let mut stages: Vec<String> = Vec::new();
    let mut count = 0_usize;
    let mut images = Vec::new();
    for words in instructions(dockerfile) {
        let Some((instruction, operands)) = words.split_first() else { continue };
        let mut named = Vec::new();
        match instruction.to_ascii_uppercase().as_str() {
            // Only what stands before the first stage counts in names of images.
            "ARG" if count == 0 => {
                for word in operands {
                    let (name, default) =
                        word.split_once('=').map_or((*word, None), |(name, value)| (name, Some(value)));
                    let value = match given.get(name) {
                        Some(value) => Some((*value).to_owned()),
                        None => default.and_then(|value| expand(value.trim_matches(['"', '\'']), &variables)),
                    };
                    variables.extend(value.map(|value| (name.to_owned(), value)));
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
    for image in named.iter().filter_map(|word| expand(word.trim_matches(['"', '\'']), variables)) {
        let is_stage =
            stages.contains(&image.to_ascii_lowercase()) || image.parse::<usize>().is_ok_and(|index| index < count);
        if !image.is_empty() && image != "scratch" && !is_stage && !images.contains(&image) {
            images.push(image);
        }
    }
}

/// `$NAME`, `${NAME}`, `${NAME:-else}` and `${NAME:+instead}`; none if a variable is not known.
fn expand(text: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (inner, after) = match rest.strip_prefix('{') {
            Some(inner) => inner.split_once('}')?,
            None => {
                let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
                rest.split_at(rest.find(|character| !is_name(character)).unwrap_or(rest.len()))
            }
        };
        let value = match (inner.split_once(":-"), inner.split_once(":+")) {
            (Some((name, other)), _) => match variables.get(name).filter(|value| !value.is_empty()) {
                Some(value) => value.clone(),
                None => expand(other, variables)?,
            },
            (None, Some((name, other))) => match variables.get(name).filter(|value| !value.is_empty()) {
                Some(_) => expand(other, variables)?,
                None => String::new(),
            },
            (None, None) => variables.get(inner)?.clone(),
        };
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
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
        assert_eq!(images("ARG B\nFROM $B", &["B=own/base"]), ["own/base"]);
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

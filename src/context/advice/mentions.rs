//! Which paths a Dockerfile copies by name. What is copied by name is sent on purpose.
//!
//! A look at the text and no parser: where it errs, it takes a path for mentioned, and there is one advice less.

use std::path::{Component, Path};

/// The words of a Dockerfile that may name paths of the context.
#[derive(Debug)]
pub(super) struct Mentions<'a>(Vec<&'a str>);

impl<'a> Mentions<'a> {
    /// Reads `COPY`, `ADD` and the `ARG` and `ENV` that they may take their paths from. What is copied from another
    /// stage says nothing about the context.
    pub(super) fn of(dockerfile: &'a str) -> Self {
        let mut words = Vec::new();
        let mut counts = false;
        let mut continued = false;
        for line in dockerfile.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if !continued {
                counts = names_paths(line);
            }
            if counts {
                let split = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '=' | '\\');
                words.extend(line.split(split).filter(|word| !word.is_empty()));
            }
            continued = line.ends_with(['\\', '`']);
        }
        Self(words)
    }

    /// Whether `path`, relative to the context, or something below it is named.
    pub(super) fn names(&self, path: &Path) -> bool {
        self.0.iter().any(|word| is_at_or_below(word, path))
    }
}

fn names_paths(line: &str) -> bool {
    let instruction = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    let from_a_stage = line.split_whitespace().any(|word| word.starts_with("--from="));
    matches!(instruction.as_str(), "COPY" | "ADD" | "ARG" | "ENV") && !from_a_stage
}

/// Whether the word leads to `path` or further, component by component. A word with a variable in it may lead anywhere
/// that bears one of its names.
fn is_at_or_below(word: &str, path: &Path) -> bool {
    let names: Vec<_> = path.iter().map(|name| name.to_string_lossy()).collect();
    let components: Vec<_> = Path::new(word)
        .components()
        .filter_map(|component| match component {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    if word.contains('$') {
        return names.last().is_some_and(|last| components.iter().any(|component| component == last));
    }
    components.len() >= names.len() && components.iter().zip(&names).all(|(component, name)| may_match(component, name))
}

/// A wildcard matches what starts with the text before it; `*` alone names nothing.
fn may_match(component: &str, name: &str) -> bool {
    match component.find(['*', '?', '[']) {
        None | Some(0) => component == name,
        Some(at) => name.starts_with(&component[..at]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dockerfile_copies_by_name_is_mentioned() {
        for (dockerfile, path, wanted) in [
            ("COPY target/app.jar /app.jar", "target", true),
            ("copy ./target/*.jar /", "target", true),
            ("ADD [\"/target/app.jar\", \"/\"]", "target", true),
            ("COPY --chown=1:1 \\\n  # a comment\n  x \\\n  target/release/app /", "target", true),
            ("ARG JAR_FILE=target/*.jar\nCOPY ${JAR_FILE} app.jar", "target", true),
            ("COPY $MODULE/target/x /", "api/target", true),
            ("COPY api/target/x /", "api/target", true),
            ("COPY tar*/x /", "target", true),
            ("COPY .env .", ".env", true),
            ("COPY [id]/x /", "[id]", true),
            ("COPY . .", "target", false),
            ("COPY * ./", "target", false),
            ("COPY api /", "api/target", false),
            ("COPY target/x /", "api/target", false),
            ("COPY targets/x /", "target", false),
            ("COPY --from=build /target/app /", "target", false),
            ("RUN cp target/x /", "target", false),
            ("# COPY target/x /", "target", false),
            ("COPY x /app/target", "target", false),
        ] {
            assert_eq!(Mentions::of(dockerfile).names(Path::new(path)), wanted, "{dockerfile}");
        }
    }
}

//! What a Dockerfile takes from the context by name. What it takes by name is sent on purpose.
//!
//! Variables are not expanded: where it errs, it takes a path for mentioned, and there is one advice less.

use std::path::{Component, Path};

use crate::dockerfile::{Arguments, Instruction, Keyword, Word, parse};

/// What git says of a repository, and so needs the repository for.
const READS_REPOSITORY: [&str; 17] = [
    "archive",
    "branch",
    "describe",
    "diff",
    "log",
    "ls-files",
    "ls-tree",
    "name-rev",
    "rev-list",
    "rev-parse",
    "shortlog",
    "show",
    "show-ref",
    "status",
    "submodule",
    "symbolic-ref",
    "tag",
];

/// Words between `git` and what it is to do, at most: `-C DIRECTORY`, `-c NAME=VALUE`.
const GIT_OPTIONS: usize = 4;

/// The words of a Dockerfile that may name paths of the context.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    words: Vec<String>,
    runs_git: bool,
}

impl Mentions {
    /// Reads `COPY`, `ADD`, the `ARG` and `ENV` that they may take their paths from, the bind mounts of `RUN`, and
    /// what is run. What comes from another stage says nothing about the context, and neither does a Dockerfile that no
    /// builder takes.
    pub(super) fn of(dockerfile: &str) -> Self {
        let mut mentions = Self::default();
        for instruction in parse(dockerfile).iter().flat_map(|dockerfile| &dockerfile.instructions) {
            let heredocs = instruction.heredocs.iter().map(|heredoc| &heredoc.content);
            match &instruction.arguments {
                Arguments::Trigger(trigger) => mentions.read(trigger, heredocs),
                _ => mentions.read(instruction, heredocs),
            }
        }
        mentions
    }

    fn read<'i>(&mut self, instruction: &'i Instruction, heredocs: impl Iterator<Item = &'i Word>) {
        let flags = || instruction.flags.iter().map(|flag| flag.text.as_str());
        let words = instruction.arguments.words().iter().map(|word| word.text.as_str());
        match instruction.keyword {
            Some(Keyword::Copy | Keyword::Add) if flags().any(|flag| flag.starts_with("--from=")) => {}
            Some(Keyword::Copy | Keyword::Add | Keyword::Arg) => self.take(words),
            Some(Keyword::Env) => {
                if let Arguments::Pairs(pairs) = &instruction.arguments {
                    self.take(pairs.iter().map(|pair| pair.value.text.as_str()));
                }
            }
            Some(Keyword::Run) => {
                let mounts = flags().filter_map(|flag| flag.strip_prefix("--mount="));
                self.words.extend(mounts.filter_map(mounted).map(str::to_owned));
                let run = words.chain(heredocs.map(|heredoc| heredoc.text.as_str()));
                self.runs_git |= reads_repository(&run.flat_map(str::split_whitespace).collect::<Vec<_>>());
            }
            _ => {}
        }
    }

    fn take<'w>(&mut self, words: impl Iterator<Item = &'w str>) {
        self.words.extend(words.flat_map(str::split_whitespace).flat_map(parts).map(str::to_owned));
    }

    /// Whether `path`, relative to the context, or something below it is named.
    pub(super) fn names(&self, path: &Path) -> bool {
        self.words.iter().any(|word| is_at_or_below(word, path))
    }

    /// Whether something is run that git tells of the repository.
    pub(super) fn runs_git(&self) -> bool {
        self.runs_git
    }
}

fn parts(word: &str) -> impl Iterator<Item = &str> {
    word.split(['"', '\'', ',', '=', '\\']).filter(|part| !part.is_empty())
}

/// The path that a mount takes from the context, given what follows `--mount=`.
fn mounted(mount: &str) -> Option<&str> {
    let mut fields = mount.split(',').filter_map(|field| field.trim_matches(['"', '\'']).split_once('='));
    let other = |(key, value): (&str, &str)| key == "from" || key == "type" && value != "bind";
    if fields.clone().any(other) {
        return None;
    }
    let (_, source) = fields.find(|(key, _)| matches!(*key, "source" | "src"))?;
    Some(source.trim_matches(['"', '\'']))
}

/// Whether git is to tell something of a repository that is not cloned or made there.
fn reads_repository(words: &[&str]) -> bool {
    let is_other = |c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_' | '/' | '.');
    let words: Vec<&str> = words.iter().flat_map(|word| word.split(is_other)).filter(|word| !word.is_empty()).collect();
    let is_git = |word: &str| word == "git" || word.ends_with("/git");
    let has_options = |rest: &[&str]| rest.first().is_some_and(|word| word.starts_with('-'));
    let does = |wanted: &[&str]| {
        (0..words.len()).filter(|&at| is_git(words[at])).any(|at| {
            let rest = &words[at + 1..];
            let reach = if has_options(rest) { 1 + GIT_OPTIONS } else { 1 };
            rest.iter().take(reach).any(|word| wanted.contains(word))
        })
    };
    does(&READS_REPOSITORY) && !does(&["clone", "init"])
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
            ("ONBUILD COPY target/x /", "target", true),
            ("onbuild ADD --chown=1:1 target/x /", "target", true),
            ("ONBUILD COPY --from=build target/x /", "target", false),
            ("RUN --mount=type=bind,source=target/x,target=/x cp /x /y", "target", true),
            ("RUN --mount=type=cache,target=/c \\\n  --mount=target=/x,src=\"target\" cp /x /y", "target", true),
            ("ONBUILD RUN --mount=type=bind,src=./target,dst=/x cp /x /y", "target", true),
            ("RUN --mount=type=bind,source=target,from=build,target=/x cp /x /y", "target", false),
            ("RUN --mount=type=cache,source=target,target=/x make", "target", false),
            ("RUN --mount=type=bind,source=.,target=target make", "target", false),
            ("# escape=`\nCOPY a `\n  target/x /", "target", true),
            ("RUN V=`date`\nCOPY target/x /", "target", true),
            ("RUN cp target/x /", "target", false),
            ("# COPY target/x /", "target", false),
            ("COPY x /app/target", "target", false),
            ("COPY <<EOF /x\ntarget/x\nEOF", "target", false),
            ("RUN <<EOF\nCOPY target/x /\nEOF", "target", false),
            ("ENV FILES=\"target/a target/b\"\nCOPY $FILES /", "target", true),
            ("ENV DIR target/x\nCOPY $DIR /", "target", true),
        ] {
            assert_eq!(Mentions::of(dockerfile).names(Path::new(path)), wanted, "{dockerfile}");
        }
    }

    #[test]
    fn a_dockerfile_that_asks_git_about_the_repository_runs_git() {
        for (dockerfile, wanted) in [
            ("RUN git describe --tags > version", true),
            ("RUN make VERSION=$(git rev-parse HEAD)", true),
            ("RUN V=`git -C /src log -1` make", true),
            ("RUN apk add git && \\\n  git -c safe.directory=/src describe", true),
            ("RUN [\"git\", \"status\"]", true),
            ("RUN <<EOF\n/usr/bin/git submodule update\nEOF", true),
            ("ONBUILD RUN git tag", true),
            ("RUN apk add --no-cache git make", false),
            ("RUN git clone https://h/x && cd x && git rev-parse HEAD", false),
            ("RUN git config --global user.name x", false),
            ("RUN legit describe", false),
            ("# RUN git describe", false),
            ("COPY git describe /", false),
            ("COPY <<EOF /x\ngit describe\nEOF", false),
        ] {
            assert_eq!(Mentions::of(dockerfile).runs_git(), wanted, "{dockerfile}");
        }
    }
}

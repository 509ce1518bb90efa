//! The variables along a Dockerfile as `docker build` has them: BuildKit v0.34.2
//! `frontend/dockerfile/dockerfile2llb/convert.go` (`buildMetaArgs`, `dispatchArg`, `dispatchEnv`) and `platform.go`
//! (`defaultArgs`).
//!
//! An `ARG` is a variable like any other, and the last one that sets a name wins; a stage hands all of them on to those
//! that build on it. What an image from elsewhere sets is not known here, and what is made of it is not known either.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::Platform;
use crate::dockerfile::{Arg, Escape, ExpandError, Expansion, Pair, Quotes};

/// What `PATH` is in an image that sets none (BuildKit v0.34.2 `util/system/path.go`).
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Names with their values.
pub type Values = BTreeMap<String, String>;

/// What `FROM` sees: what is declared before the first stage, and what the builder sets by itself.
#[derive(Debug, Clone)]
pub struct Globals {
    given: Values,
    known: Values,
    escape: Escape,
}

impl Globals {
    /// Of `--build-arg` values, the `ARG`s before the first stage, the platform, whose arguments are empty if it is not
    /// known, and the name of the stage that is built, if it has one.
    ///
    /// # Errors
    /// A default that cannot be expanded.
    pub fn new(
        given: Values,
        args: &[Arg],
        platform: Option<&Platform>,
        target: Option<&str>,
        escape: Escape,
    ) -> Result<Self, ExpandError> {
        let known = match platform {
            Some(platform) => platform.arguments(target),
            None => Platform::default().arguments(target).into_keys().map(|name| (name, String::new())).collect(),
        };
        let mut globals = Self { known, given, escape };
        for (name, value) in &mut globals.known {
            if let Some(given) = globals.given.get(name) {
                value.clone_from(given);
            }
        }
        for arg in args {
            let value = match (globals.given.get(&arg.name), &arg.default) {
                (Some(given), _) => Some(given.clone()),
                (None, Some(default)) => Some(globals.expand(default)?),
                (None, None) => None,
            };
            if let Some(value) = value {
                globals.known.insert(arg.name.clone(), value);
            }
        }
        Ok(globals)
    }

    /// A word of `FROM`.
    ///
    /// # Errors
    /// If it cannot be expanded.
    pub fn expand(&self, word: &str) -> Result<String, ExpandError> {
        Expansion::new(self.escape).word(word, &|name| self.known.get(name).cloned())
    }

    /// At the start of a stage from scratch (`is_known`), or from an image that nothing is known of.
    pub fn scope(&self, is_known: bool) -> Scope {
        let mut scope =
            Scope { known: Values::new(), environment: Values::new(), is_open: !is_known, escape: self.escape };
        scope.enter();
        scope
    }
}

/// The variables at a place of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    known: Values,
    environment: Values,
    /// Whether there may be others, of an image.
    is_open: bool,
    escape: Escape,
}

impl Scope {
    /// At the start of a stage that builds on one that ends here.
    pub fn enter(&mut self) {
        if !self.is_open {
            self.environment.entry("PATH".to_owned()).or_insert_with(|| DEFAULT_PATH.to_owned());
        }
        self.known.extend(self.environment.clone());
    }

    /// What the image's environment is, as far as the Dockerfile sets it.
    pub fn environment(&self) -> &Values {
        &self.environment
    }

    /// A word of an instruction, its variables expanded, quotes and escapes gone; none if that depends on an image.
    ///
    /// # Errors
    /// If it cannot be expanded.
    pub fn expand(&self, word: &str) -> Result<Option<String>, ExpandError> {
        self.process(word, Expansion::new(self.escape))
    }

    /// The text of a heredoc, whose quotes are characters like others.
    ///
    /// # Errors
    /// If it cannot be expanded.
    pub fn expand_text(&self, text: &str) -> Result<Option<String>, ExpandError> {
        self.process(text, Expansion { quotes: Quotes::Ignore, ..Expansion::new(Escape::Backslash) })
    }

    fn process(&self, word: &str, how: Expansion) -> Result<Option<String>, ExpandError> {
        let is_known = Cell::new(true);
        let lookup = |name: &str| {
            let value = self.known.get(name).cloned();
            is_known.set(is_known.get() && (value.is_some() || !self.is_open));
            value
        };
        match how.word(word, &lookup) {
            // What the image sets may be all it takes.
            _ if !is_known.get() => Ok(None),
            result => result.map(Some),
        }
    }

    /// `ARG`.
    ///
    /// # Errors
    /// A default that cannot be expanded.
    pub fn declare(&mut self, args: &[Arg], globals: &Globals) -> Result<(), ExpandError> {
        for arg in args {
            let value = match (globals.given.get(&arg.name), &arg.default) {
                (Some(given), _) => Some(given.clone()),
                (None, Some(default)) => {
                    let value = self.expand(default)?;
                    // Not known any more, whatever it was.
                    if value.is_none() {
                        self.known.remove(&arg.name);
                    }
                    value
                }
                (None, None) => globals.known.get(&arg.name).cloned(),
            };
            if let Some(value) = value {
                self.known.insert(arg.name.clone(), value);
            }
        }
        Ok(())
    }

    /// `ENV`: all of its pairs see what was there before.
    ///
    /// # Errors
    /// A pair that cannot be expanded.
    pub fn set(&mut self, pairs: &[Pair]) -> Result<(), ExpandError> {
        let mut expanded = Vec::new();
        for pair in pairs {
            expanded.push((self.expand(&pair.name.text)?, self.expand(&pair.value.text)?));
        }
        for (name, value) in expanded {
            match (name, value) {
                (Some(name), Some(value)) => {
                    self.known.insert(name.clone(), value.clone());
                    self.environment.insert(name, value);
                }
                (Some(name), None) => {
                    self.known.remove(&name);
                    self.environment.remove(&name);
                }
                (None, _) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::{self, Channel, Command};

    /// What `word` is at the end of the last stage.
    fn at_the_end(dockerfile: &str, given: &[(&str, &str)], word: &str) -> Option<String> {
        let file = dockerfile::parse(dockerfile).unwrap();
        let stages = file.stages(Channel::Labs).unwrap();
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let globals =
            Globals::new(given, &stages.meta_args, Some(&Platform::default()), Some("end"), file.escape).unwrap();
        let mut scope = globals.scope(true);
        for stage in &stages.stages {
            if stage.base.text != "scratch" && stage.base.text != "s" {
                scope = globals.scope(false);
            }
            scope.enter();
            for step in &stage.steps {
                match &step.command {
                    Command::Arg(args) => scope.declare(args, &globals).unwrap(),
                    Command::Env(pairs) => scope.set(pairs).unwrap(),
                    _ => {}
                }
            }
        }
        scope.expand(word).unwrap()
    }

    #[test]
    fn the_last_that_sets_a_name_wins() {
        let known = |dockerfile, given: &[(&str, &str)], word| at_the_end(dockerfile, given, word).unwrap();
        assert_eq!(known("FROM scratch\nENV V=1\nARG V=2\n", &[], "$V"), "2");
        assert_eq!(known("FROM scratch\nARG V=2\nENV V=1\n", &[("V", "3")], "$V"), "1");
        assert_eq!(known("FROM scratch\nARG V=2\n", &[("V", "3")], "$V"), "3");
        assert_eq!(known("FROM scratch\nENV A=1\nENV A=2 B=$A\n", &[], "$A$B"), "21");
        assert_eq!(known("FROM scratch\nARG A=1 B=$A\n", &[], "$A$B"), "11");
        assert_eq!(known("FROM scratch\nENV V=1\nARG V\n", &[], "$V"), "1");
    }

    #[test]
    fn an_argument_before_the_first_stage_is_seen_once_it_is_declared_again() {
        let dockerfile = "ARG V=1\nFROM scratch\n";
        assert_eq!(at_the_end(dockerfile, &[], "<$V>").unwrap(), "<>");
        assert_eq!(at_the_end(&format!("{dockerfile}ARG V\n"), &[], "<$V>").unwrap(), "<1>");
        assert_eq!(at_the_end(&format!("{dockerfile}ARG V=2\n"), &[], "<$V>").unwrap(), "<2>");
    }

    #[test]
    fn a_stage_hands_its_variables_on() {
        let dockerfile = "FROM scratch AS s\nARG A=1\nENV B=2\nFROM s\n";
        assert_eq!(at_the_end(dockerfile, &[], "$A$B").unwrap(), "12");
    }

    #[test]
    fn the_platform_is_an_argument_that_has_to_be_declared() {
        let all = "$TARGETPLATFORM $TARGETOS $TARGETARCH <$TARGETVARIANT> $BUILDARCH $TARGETSTAGE";
        let declared = "ARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDARCH TARGETSTAGE\n";
        let dockerfile = format!("FROM scratch\n{declared}");
        assert_eq!(at_the_end(&dockerfile, &[], all).unwrap(), "linux/amd64 linux amd64 <> amd64 end");
        assert_eq!(at_the_end("FROM scratch\n", &[], "<$TARGETARCH>").unwrap(), "<>");
        assert_eq!(at_the_end(&dockerfile, &[("TARGETARCH", "x")], "$TARGETARCH").unwrap(), "x");
    }

    #[test]
    fn what_an_image_may_set_is_not_known() {
        let dockerfile = "FROM debian\nENV A=1\nENV B=$C\nARG D\nARG E=${F:?missing}\n";
        assert_eq!(at_the_end(dockerfile, &[], "$A").unwrap(), "1");
        for word in ["$B", "$PATH", "$D", "$E", "${X:-y}"] {
            assert_eq!(at_the_end(dockerfile, &[], word), None, "{word}");
        }
    }

    #[test]
    fn in_a_heredoc_quotes_are_kept() {
        let globals = Globals::new(Values::new(), &[], Some(&Platform::default()), None, Escape::Backslash).unwrap();
        let mut scope = globals.scope(true);
        scope.known.insert("A".to_owned(), "1".to_owned());
        assert_eq!(scope.expand_text("'$A' \"$A\" \\$A ${B:-2}\n").unwrap().unwrap(), "'1' \"1\" $A 2\n");
    }
}

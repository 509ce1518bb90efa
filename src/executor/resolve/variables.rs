//! The variables that the executor expands in a Dockerfile: kaniko v1.24.0 `pkg/dockerfile/buildargs.go`,
//! `pkg/commands/arg.go`, and docker's `builder/dockerfile/buildargs.go`, which it uses.
//!
//! Two things are unlike Docker: `ARG`s live on in the stages that follow, and `FROM` sees every build argument.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::dockerfile::{Arg, Escape, ExpandError, Expansion, Pair, Variables};

/// What `PATH` is in an image from scratch (kaniko v1.24.0 `pkg/constants`).
const SCRATCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Build arguments that need no `ARG`.
const PREDEFINED: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Names with their values; none for one that is declared and has none.
type Declared = BTreeMap<String, Option<String>>;

/// The build arguments, as far as they are declared.
#[derive(Debug, Clone, Default)]
pub(super) struct BuildArguments {
    given: BTreeMap<String, String>,
    /// Before the first stage.
    meta: Declared,
    /// In a stage, this one or one before it.
    declared: Declared,
}

/// The environment of an image.
pub(super) type Environment = BTreeMap<String, String>;

/// The environment of an image from scratch.
pub(super) fn scratch() -> Environment {
    Environment::from([("PATH".to_owned(), SCRATCH_PATH.to_owned())])
}

impl BuildArguments {
    /// Those of `--build-arg`; one without a value has that of the executor's own environment.
    pub(super) fn new<'a>(given: impl Iterator<Item = &'a str>, own: &BTreeMap<String, String>) -> Self {
        let given = given.map(|given| match given.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => (given.to_owned(), own.get(given).cloned().unwrap_or_default()),
        });
        Self { given: given.collect(), ..Self::default() }
    }

    /// Declares what stands before the first stage, each with what stands before it.
    pub(super) fn declare_meta(&mut self, args: &[Arg]) -> Result<(), ExpandError> {
        // What is given goes before what is declared here.
        let mut known = BTreeMap::new();
        for arg in args {
            let value = match &arg.default {
                Some(text) => {
                    let variables = |name: &str| self.given.get(name).or_else(|| known.get(name)).cloned();
                    Some(replace(unquoted(text), &variables)?)
                }
                None => None,
            };
            if let Some(value) = &value {
                known.insert(arg.name.clone(), value.clone());
            }
            self.meta.insert(arg.name.clone(), value);
        }
        Ok(())
    }

    /// What `FROM` sees: what is declared before it, and everything that is given and not empty.
    pub(super) fn of_from(&self) -> Environment {
        let declared = self.meta.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
        let given = self.given.iter().filter(|(_, value)| !value.is_empty());
        // A value ends at a second `=`.
        let cut = |value: &str| value.split('=').next().unwrap_or_default().to_owned();
        declared.chain(given.map(|(name, value)| (name.clone(), cut(value)))).collect()
    }

    /// Declares what `ARG` says. In an image whose own variables are not known, a default that is made of one of those
    /// has no value that is known.
    pub(super) fn declare(
        &mut self,
        args: &[Arg],
        environment: &Environment,
        from_scratch: bool,
    ) -> Result<(), ExpandError> {
        for arg in args {
            let variables = self.variables(environment);
            let name = expand(&arg.name, &variables)?;
            let value = match &arg.default {
                Some(text) => {
                    let (value, is_known) = expand_known(text, &variables, from_scratch);
                    Some(value?).filter(|_| is_known)
                }
                None => self.value(&name, &self.declared).or_else(|| self.value(&name, &self.meta)),
            };
            self.declared.insert(name, value);
        }
        Ok(())
    }

    fn value(&self, name: &str, declared: &Declared) -> Option<String> {
        if !declared.contains_key(name) && !PREDEFINED.contains(&name) {
            return None;
        }
        let default = declared.get(name).cloned().flatten();
        self.given.get(name).cloned().or(default).or_else(|| self.meta.get(name).cloned().flatten())
    }

    /// What instructions see: the environment goes before arguments.
    pub(super) fn variables(&self, environment: &Environment) -> Environment {
        let names = self.declared.keys().map(String::as_str).chain(PREDEFINED);
        let arguments = names.filter_map(|name| Some((name.to_owned(), self.value(name, &self.declared)?)));
        let mut variables: Environment = arguments.collect();
        variables.extend(environment.clone());
        variables
    }
}

/// What `ENV` adds. In an image whose own variables are not known, what is made of one of those is not known either.
pub(super) fn set(
    environment: &mut Environment,
    pairs: &[Pair],
    arguments: &BuildArguments,
    from_scratch: bool,
) -> Result<(), ExpandError> {
    // All of them see what was there before.
    let variables = arguments.variables(environment);
    let mut added = Vec::new();
    for pair in pairs {
        let (name, is_name_known) = expand_known(&pair.name.text, &variables, from_scratch);
        let (value, is_known) = expand_known(&pair.value.text, &variables, from_scratch);
        added.push((name?, Some(value?).filter(|_| is_name_known && is_known)));
    }
    for (name, value) in added {
        match value {
            Some(value) => drop(environment.insert(name, value)),
            None => drop(environment.remove(&name)),
        }
    }
    Ok(())
}

/// One word, its variables replaced.
pub(super) fn expand(text: &str, variables: &Environment) -> Result<String, ExpandError> {
    replace(text, &|name| variables.get(name).cloned())
}

/// The same, and whether it is known: in an image whose own variables are not known, one of those may be in it.
pub(super) fn expand_known(
    text: &str,
    variables: &Environment,
    from_scratch: bool,
) -> (Result<String, ExpandError>, bool) {
    let is_known = Cell::new(true);
    let expanded = replace(text, &|name| {
        let value = variables.get(name).cloned();
        is_known.set(is_known.get() && (from_scratch || value.is_some()));
        value
    });
    (expanded, is_known.get())
}

/// The executor always takes the backslash for the escape character.
fn replace(text: &str, variables: Variables<'_>) -> Result<String, ExpandError> {
    Expansion::new(Escape::Backslash).word(text, variables)
}

/// A value without the quotes around it (kaniko v1.24.0 `pkg/dockerfile/dockerfile.go` `extractValFromQuotes`, which
/// refuses quotes that do not match).
fn unquoted(text: &str) -> &str {
    let is_quoted = |quote: char| text.len() >= 2 && text.starts_with(quote) && text.ends_with(quote);
    if is_quoted('"') || is_quoted('\'') { &text[1..text.len() - 1] } else { text }
}

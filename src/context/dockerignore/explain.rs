//! Why a path is in the context or not: the patterns that had a say, in both dialects.

use super::error::IgnoreError;
use super::matcher::{Matcher, PathState, prefixes};
use super::parse::parse;
use super::pattern::Pattern;

/// Whose rules are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Docker's: they decide what this tool sends.
    Docker,
    /// Those of Kaniko's executor, which filters whatever COPY and ADD take from its context.
    Kaniko,
}

impl Dialect {
    /// The one of the two that this is not.
    pub fn other(self) -> Self {
        match self {
            Self::Docker => Self::Kaniko,
            Self::Kaniko => Self::Docker,
        }
    }
}

/// An ignore file for either dialect. Both read it with the same code and compile the same patterns; they differ in how
/// these are applied, and in what becomes of a list that cannot be.
#[derive(Debug)]
pub enum Rules {
    /// Patterns that can be applied.
    Usable(Matcher),
    /// A list that moby/patternmatcher `New` refuses.
    Refused(IgnoreError),
}

impl Rules {
    /// Reads and compiles an ignore file, given its whole content; none at all is the same as an empty one.
    ///
    /// # Errors
    ///
    /// [`IgnoreError::LineTooLong`]: neither dialect can read the file. The executor ends the build there, as Docker
    /// does (v1.24.0 `getExcludedFiles`, called by `DoBuild`).
    pub fn from_file(file: &[u8]) -> Result<Self, IgnoreError> {
        let listed = parse(file)?;
        Ok(Matcher::new(&listed).map_or_else(Self::Refused, Self::Usable))
    }

    /// Whether there are no patterns, so that nothing is left out.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Refused(_) => false,
            Self::Usable(matcher) => matcher.patterns().is_empty(),
        }
    }

    /// Whether a walk may come to a pattern that it cannot test, so that Docker would not build.
    pub fn may_fail(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Usable(matcher) => matcher.patterns().iter().any(Pattern::is_broken),
        }
    }

    /// What `dialect` makes of one path, relative to the root with `/` between components.
    pub fn judge(&self, dialect: Dialect, path: &[u8]) -> Judgement<'_> {
        let explained = match (self, dialect) {
            (Self::Refused(error), _) => Err(error.clone()),
            (Self::Usable(matcher), Dialect::Docker) => matcher.explain(path),
            (Self::Usable(matcher), Dialect::Kaniko) => matcher.explain_as_executor(path),
        };
        explained.map_or_else(Judgement::Refused, Judgement::Explained)
    }
}

/// What a dialect makes of one path.
#[derive(Debug)]
pub enum Judgement<'m> {
    /// A verdict.
    Explained(Explanation<'m>),
    /// A pattern that cannot be used. Docker does not build at all; the executor logs `Error matching, including … in
    /// build` and includes the path (v1.24.0 `FileContext.ExcludesFile`).
    Refused(IgnoreError),
}

impl<'m> Judgement<'m> {
    /// Whether the path is left out; what cannot be judged is not.
    pub fn excluded(&self) -> bool {
        self.explanation().is_some_and(Explanation::excluded)
    }

    /// The explanation, if there is a verdict.
    pub fn explanation(&self) -> Option<&Explanation<'m>> {
        match self {
            Self::Explained(explanation) => Some(explanation),
            Self::Refused(_) => None,
        }
    }

    /// Why there is no verdict.
    pub fn refusal(&self) -> Option<&IgnoreError> {
        match self {
            Self::Explained(_) => None,
            Self::Refused(error) => Some(error),
        }
    }
}

/// A verdict on one path with the patterns behind it.
#[derive(Debug)]
pub struct Explanation<'m> {
    /// The patterns that match the path or a directory above it, in the order of the file; the last one decides.
    /// Without any the path is included. A pattern that would not change the outcome is not tried and so not here.
    pub steps: Vec<Step<'m>>,
    /// The directory into which Docker's walk does not look. The executor looks into all.
    pub pruned: Option<Pruned<'m>>,
}

/// A pattern that matches.
#[derive(Debug)]
pub struct Step<'m> {
    /// The pattern. It excludes, unless it is an exception.
    pub pattern: &'m Pattern,
    /// What it matches: the path itself or a directory above it.
    pub matched: Vec<u8>,
}

/// A directory that is passed over with all it holds.
#[derive(Debug)]
pub struct Pruned<'m> {
    /// A directory above the path; or the path itself, if that is a directory.
    pub directory: Vec<u8>,
    /// The exception that would have included the path, had Docker come to it.
    pub overlooked: Option<&'m Pattern>,
}

impl<'m> Explanation<'m> {
    /// Whether the path is left out. An excluded directory is there all the same if something below it is.
    pub fn excluded(&self) -> bool {
        self.deciding().is_some_and(|step| !step.pattern.is_exception())
    }

    /// The step that decides.
    pub fn deciding(&self) -> Option<&Step<'m>> {
        self.steps.last()
    }
}

impl Matcher {
    /// Judges one path as a walk does, which stops at directories that it passes over.
    ///
    /// # Errors
    ///
    /// Those of [`PathState::child`].
    pub fn explain(&self, path: &[u8]) -> Result<Explanation<'_>, IgnoreError> {
        let mut way: Vec<(&[u8], PathState<'_>)> = Vec::new();
        let mut pruned = None;
        for prefix in prefixes(path) {
            let state = match way.last() {
                Some((_, above)) => above.child(prefix)?,
                None => self.root().child(prefix)?,
            };
            let passed_over = state.may_skip_directory(prefix);
            way.push((prefix, state));
            if passed_over {
                let overlooked = self.exception_for(path);
                pruned = Some(Pruned { directory: prefix.to_vec(), overlooked });
                break;
            }
        }
        Ok(Explanation { steps: self.steps(&way), pruned })
    }

    /// The exception that includes `path` if no directory is passed over.
    fn exception_for(&self, path: &[u8]) -> Option<&Pattern> {
        let verdict = self.verdict(path).ok().filter(|verdict| !verdict.excluded)?;
        self.patterns().get(verdict.decided_by?)
    }

    /// The patterns that matched on the `way` down, each with the first path that it matched.
    fn steps(&self, way: &[(&[u8], PathState<'_>)]) -> Vec<Step<'_>> {
        let first_match = |index| way.iter().find(|(_, state)| state.has_matched(index));
        let last = way.last().map(|(_, state)| state);
        let matched = |&(index, _): &(usize, _)| last.is_some_and(|state| state.has_matched(index));
        let patterns = self.patterns().iter().enumerate().filter(matched);
        patterns
            .filter_map(|(index, pattern)| Some(Step { pattern, matched: first_match(index)?.0.to_vec() }))
            .collect()
    }
}

//! A tree that exists only as a list of paths, and BuildKit's walk over it.

use std::collections::BTreeMap;

use super::super::{IgnoreError, Matcher, PathState};

/// A directory: its entries by name. Files are directories that are never looked into.
#[derive(Debug, Default)]
pub(super) struct Tree {
    entries: BTreeMap<String, Tree>,
    is_directory: bool,
}

/// Which directories a walk passes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skip {
    /// None: every entry is judged.
    Nothing,
    /// Those that the matcher names.
    Allowed,
    /// Those below which no exception can match.
    Unreachable,
    /// Those that BuildKit passes over.
    AsBuildKit,
}

impl Tree {
    /// The tree of `paths`; directories end in `/`, parents may be missing.
    pub(super) fn new<'p>(paths: impl IntoIterator<Item = &'p str>) -> Self {
        let mut root = Self { is_directory: true, ..Self::default() };
        for path in paths {
            let mut node = &mut root;
            for component in path.trim_end_matches('/').split('/') {
                node.is_directory = true;
                node = node.entries.entry(component.to_owned()).or_default();
            }
            node.is_directory |= path.ends_with('/');
        }
        root
    }

    /// What reaches the builder: the entries that are not excluded, in order of their names, each
    /// preceded by the directories above it.
    pub(super) fn context(&self, matcher: &Matcher, skip: Skip) -> Result<Vec<String>, IgnoreError> {
        Ok(self.walk(matcher, skip)?.sent)
    }

    /// How many entries a walk has to judge.
    pub(super) fn judged(&self, matcher: &Matcher, skip: Skip) -> Result<usize, IgnoreError> {
        Ok(self.walk(matcher, skip)?.judged)
    }

    fn walk(&self, matcher: &Matcher, skip: Skip) -> Result<Walk, IgnoreError> {
        let mut walk = Walk { skip, parents: Vec::new(), sent: Vec::new(), judged: 0 };
        walk.directory(self, "", &matcher.root())?;
        Ok(walk)
    }
}

struct Walk {
    skip: Skip,
    /// Directories above the current one that have not been sent.
    parents: Vec<String>,
    sent: Vec<String>,
    judged: usize,
}

impl Walk {
    fn directory(&mut self, tree: &Tree, above: &str, state: &PathState<'_>) -> Result<(), IgnoreError> {
        for (name, entry) in &tree.entries {
            self.entry(entry, &format!("{above}{name}"), state)?;
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Tree, path: &str, parent: &PathState<'_>) -> Result<(), IgnoreError> {
        let state = parent.child(path.as_bytes())?;
        self.judged += 1;
        let listed = if entry.is_directory { format!("{path}/") } else { path.to_owned() };
        let excluded = state.verdict().excluded;
        if !excluded {
            self.sent.append(&mut self.parents);
            self.sent.push(listed.clone());
        }
        if !entry.is_directory || (excluded && self.passes_over(&state, path)) {
            return Ok(());
        }
        if excluded {
            self.parents.push(listed.clone());
        }
        self.directory(entry, &format!("{path}/"), &state)?;
        self.parents.retain(|waiting| *waiting != listed);
        Ok(())
    }

    fn passes_over(&self, state: &PathState<'_>, path: &str) -> bool {
        match self.skip {
            Skip::Nothing => false,
            Skip::Allowed => state.may_skip_directory(path.as_bytes()),
            Skip::Unreachable => state.no_exception_reaches_below(path.as_bytes()),
            Skip::AsBuildKit => state.buildkit_skips(path.as_bytes()),
        }
    }
}

//! The filter of Kaniko's executor, which is not Docker's.
//!
//! The executor sees single paths, not a walk: COPY and ADD ask `FileContext.ExcludesFile` about everything they are
//! about to copy (v1.24.0 `pkg/util/fs_util.go`), which calls the package function `Matches` of moby/patternmatcher
//! v0.6.0, deprecated there because it tests only one of the directories above the path.

use super::error::IgnoreError;
use super::explain::{Explanation, Step};
use super::matcher::Matcher;
use super::pattern::{Pattern, Subject};
use crate::gopath::clean;

impl Matcher {
    /// Judges one path as the executor does (moby/patternmatcher v0.6.0 `Matches`).
    ///
    /// # Errors
    ///
    /// [`IgnoreError::BadRegexp`] if a pattern is tested that Go cannot compile: the executor includes the path then.
    pub fn explain_as_executor(&self, path: &[u8]) -> Result<Explanation<'_>, IgnoreError> {
        let path = clean(path);
        let mut steps = Vec::new();
        if path == b"." {
            // The context itself.
            return Ok(Explanation { steps, pruned: None });
        }
        let mut excluded = false;
        for pattern in self.patterns() {
            if pattern.is_exception() == excluded
                && let Some(matched) = matched_part(pattern, &path)?
            {
                excluded = !excluded;
                steps.push(Step { pattern, matched });
            }
        }
        Ok(Explanation { steps, pruned: None })
    }
}

/// Whether the executor tests `pattern` on `part`, which is `path` or a directory above it.
pub fn tested_by_executor(pattern: &Pattern, part: &[u8], path: &[u8]) -> bool {
    part == path || tested_parent(pattern, path).is_some_and(|parent| parent == part)
}

/// What of `path` the pattern matches: all of it, or the one directory above it that is tested.
fn matched_part(pattern: &Pattern, path: &[u8]) -> Result<Option<Vec<u8>>, IgnoreError> {
    if pattern.matches(&Subject::new(path))? {
        return Ok(Some(path.to_vec()));
    }
    match tested_parent(pattern, path) {
        Some(parent) if pattern.matches(&Subject::new(&parent))? => Ok(Some(parent)),
        _ => Ok(None),
    }
}

/// The one directory above the cleaned `path` that is tested: as many components as the pattern has.
fn tested_parent(pattern: &Pattern, path: &[u8]) -> Option<Vec<u8>> {
    let slash = path.iter().rposition(|&byte| byte == b'/')?;
    let parent = clean(path.get(..=slash)?);
    let components: Vec<&[u8]> = parent.split(|&byte| byte == b'/').collect();
    components.get(..pattern.components()).map(|tested| tested.join(&b'/'))
}

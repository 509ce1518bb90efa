//! A whole list of patterns, and what it makes of a path.
//!
//! Docker judges paths while it walks: every directory hands on which patterns matched it or
//! something above it, and for each entry the patterns are gone through in order, the last match
//! winning. A pattern that could not change the outcome is not tried, and counts as not matched
//! for everything below. That is more than an optimisation: with `a/b` and `!a`, the exception is
//! not tried on `a`, which nothing excluded, so it does not save `a/b`. Only a fold from the top
//! gives Docker's answer. Source: moby/patternmatcher `MatchesUsingParentResults`, as called by
//! fsutil `filterFS.Walk`.

use super::bits::BitSet;
use super::error::IgnoreError;
use super::parse::{ListedPattern, parse};
use super::pattern::{Pattern, Subject};

/// The patterns of one ignore file, compiled.
#[derive(Debug)]
pub struct Matcher {
    patterns: Vec<Pattern>,
    /// Whether BuildKit leaves out any directories at all.
    buildkit_skips: bool,
}

/// What the patterns make of one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the path is left out of the context. An excluded directory is in the context all
    /// the same if something below it is.
    pub excluded: bool,
    /// Index in [`Matcher::patterns`] of the pattern that decided, the last one to match the path
    /// or a directory above it. None if no pattern did, which leaves the path in.
    pub decided_by: Option<usize>,
}

impl Verdict {
    const UNTOUCHED: Self = Self { excluded: false, decided_by: None };
}

/// A path that has been judged, with what its own entries need to be judged.
#[derive(Debug, Clone)]
pub struct PathState<'m> {
    matcher: &'m Matcher,
    /// The patterns that matched here or above.
    matched: BitSet,
    verdict: Verdict,
}

impl Matcher {
    /// Checks and compiles patterns in the order given (moby/patternmatcher `New`). Blank ones
    /// are dropped.
    ///
    /// # Errors
    ///
    /// [`IgnoreError::LoneExclamation`] or [`IgnoreError::MalformedPattern`] for the first pattern
    /// Docker refuses.
    pub(super) fn new(listed: &[ListedPattern]) -> Result<Self, IgnoreError> {
        let patterns =
            listed.iter().filter_map(|listed| Pattern::new(listed).transpose()).collect::<Result<Vec<_>, _>>()?;
        let buildkit_skips =
            patterns.iter().all(|pattern| !pattern.is_exception() || pattern.is_literal_for_buildkit());
        Ok(Self { patterns, buildkit_skips })
    }

    /// Reads and compiles an ignore file, given its whole content.
    ///
    /// # Errors
    ///
    /// [`IgnoreError`], but for [`IgnoreError::BadRegexp`]: Docker notices that only when it comes to test the pattern.
    pub fn from_file(file: &[u8]) -> Result<Self, IgnoreError> {
        Self::new(&parse(file)?)
    }

    /// The patterns in order; [`Verdict::decided_by`] is an index into them.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// The state of the context's root, where a walk starts. The root is never excluded.
    pub fn root(&self) -> PathState<'_> {
        PathState { matcher: self, matched: BitSet::with_room_for(self.patterns.len()), verdict: Verdict::UNTOUCHED }
    }

    /// Judges one path, relative to the root with `/` between components, by judging every
    /// directory above it first. A walk should use [`Matcher::root`] and [`PathState::child`],
    /// which do that work once per directory. This is the fold alone: whether a walk gets as far
    /// as the path is the business of [`PathState::may_skip_directory`].
    ///
    /// # Errors
    ///
    /// Those of [`PathState::child`].
    pub fn verdict(&self, path: &[u8]) -> Result<Verdict, IgnoreError> {
        let mut state = self.root();
        for prefix in prefixes(path) {
            state = state.child(prefix)?;
        }
        Ok(state.verdict)
    }
}

/// The directories above `path`, the topmost first, and `path` itself.
pub(super) fn prefixes(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parents = path.iter().enumerate().filter(|&(_, &byte)| byte == b'/').filter_map(|(end, _)| path.get(..end));
    parents.chain([path]).filter(|prefix| !prefix.is_empty())
}

impl<'m> PathState<'m> {
    /// Judges an entry of this directory. `path` is the entry's whole path from the root, with
    /// `/` between components and none at either end.
    ///
    /// # Errors
    ///
    /// [`IgnoreError::BadRegexp`] if it takes a pattern to judge the entry that Go cannot compile;
    /// Docker stops there.
    pub fn child(&self, path: &[u8]) -> Result<Self, IgnoreError> {
        let subject = Subject::new(path);
        let mut matched = BitSet::with_room_for(self.matcher.patterns.len());
        let mut verdict = Verdict::UNTOUCHED;
        for (index, pattern) in self.matcher.patterns.iter().enumerate() {
            let matches = self.matched.contains(index)
                || (pattern.is_exception() == verdict.excluded && pattern.matches(&subject)?);
            if matches {
                matched.insert(index);
                verdict = Verdict { excluded: !pattern.is_exception(), decided_by: Some(index) };
            }
        }
        Ok(Self { matcher: self.matcher, matched, verdict })
    }

    /// What the patterns make of this path.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether the pattern at `index` matched this path or a directory above it.
    pub(super) fn has_matched(&self, index: usize) -> bool {
        self.matched.contains(index)
    }

    /// Whether a walk has to pass over the entries of this directory, whose path from the root is
    /// `path`. Only an excluded directory can be passed over.
    ///
    /// Two rules say so. BuildKit's own (fsutil `filterFS.Walk`) is part of what Docker does. It
    /// reads exceptions such as `!src/*/**` or `!a{2}/*` as plain paths and so misses files below
    /// that the patterns alone would keep; a context like Docker's has to miss them too. The other
    /// rule finds directories that BuildKit looks into in vain, and changes nothing.
    pub fn may_skip_directory(&self, path: &[u8]) -> bool {
        self.verdict.excluded && (self.no_exception_reaches_below(path) || self.buildkit_skips(path))
    }

    /// Whether everything below this excluded directory is excluded too.
    ///
    /// By induction down the tree, after each pattern an entry below is excluded if the directory
    /// was at that point. A pattern that matched the directory matches the entry as well and sets
    /// the same state. One that did not can only exclude, unless it is an exception; so it is
    /// enough that no exception among these matches anything below.
    pub fn no_exception_reaches_below(&self, path: &[u8]) -> bool {
        self.open_exceptions().all(|pattern| !pattern.may_match_below(path))
    }

    /// The exceptions that matched neither this path nor one above.
    fn open_exceptions(&self) -> impl Iterator<Item = &'m Pattern> {
        let patterns = self.matcher.patterns.iter().enumerate();
        patterns
            .filter(|&(index, pattern)| pattern.is_exception() && !self.matched.contains(index))
            .map(|(_, pattern)| pattern)
    }

    /// Whether BuildKit passes over this directory, given that it is excluded.
    pub(super) fn buildkit_skips(&self, path: &[u8]) -> bool {
        let mut exceptions = self.matcher.patterns.iter().filter(|pattern| pattern.is_exception());
        self.matcher.buildkit_skips && !exceptions.any(|pattern| pattern.leads_buildkit_into(path))
    }
}

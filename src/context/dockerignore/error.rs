//! What can be wrong with an ignore file.
//!
//! Docker refuses to build on every one of these, so a caller should too: carrying on would send
//! files that their owner meant to keep out. Messages name the line; only the caller knows the
//! file's name.

use super::parse::LINE_LIMIT;

/// Why an ignore file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IgnoreError {
    /// A line is longer than Docker's reader accepts (Go's `bufio.Scanner: token too long`).
    #[error("line {line} has {length} bytes, more than the {LINE_LIMIT} that Docker reads")]
    LineTooLong {
        /// 1-based number of the line.
        line: usize,
        /// Its length in bytes, without the line feed.
        length: usize,
    },
    /// A `!` with no pattern behind it (moby/patternmatcher `New`).
    #[error("line {line}: `!` without a pattern")]
    LoneExclamation {
        /// 1-based number of the line.
        line: usize,
    },
    /// A pattern that Go's `filepath.Match` calls malformed.
    #[error("line {line}: malformed pattern `{pattern}`")]
    MalformedPattern {
        /// 1-based number of the line.
        line: usize,
        /// The pattern as written.
        pattern: String,
    },
    /// A pattern whose regular expression Go refuses. Docker notices only when it first tests the
    /// pattern, so this comes from judging a path, never from compiling the list.
    #[error("line {line}: pattern `{pattern}` cannot be evaluated: {reason}")]
    BadRegexp {
        /// 1-based number of the line.
        line: usize,
        /// The pattern as written.
        pattern: String,
        /// What is wrong with it.
        reason: RegexpError,
    },
}

/// Why Go's `regexp` package refuses the expression that a pattern stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegexpError {
    /// `[` without its `]`.
    #[error("`[` is never closed")]
    UnclosedClass,
    /// A range that runs backwards, or a class name that Go does not know.
    #[error("invalid character range or class name")]
    InvalidRange,
    /// A backslash before something Go gives no meaning to.
    #[error("invalid escape sequence")]
    InvalidEscape,
    /// `{2}` with nothing before it to repeat.
    #[error("a repetition such as `{{2}}` follows nothing")]
    MissingRepeatArgument,
    /// A repetition of a repetition, such as `*{2}`.
    #[error("a repetition such as `{{2}}` follows another repetition")]
    NestedRepeat,
    /// A repeat count above 1000, or one that runs backwards.
    #[error("invalid repeat count")]
    InvalidRepeatCount,
    /// The expression needs more memory than a pattern may take.
    #[error("the pattern is too large")]
    TooLarge,
    /// Go may accept it; the `regex` crate does not.
    #[error("the pattern is beyond what this program can compile")]
    Unsupported,
}

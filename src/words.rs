//! Counts and sizes in words, the same wherever they are shown. Pure.

use indicatif::{HumanBytes, HumanCount};

use crate::context::listing::Totals;

/// `1 file`, `41,230 files`.
pub fn plural(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{} {noun}s", HumanCount(count)) }
}

/// `374 B`, `1.20 MiB`.
pub fn size(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}

/// `3 files, 374 B`.
pub fn totals(totals: &Totals) -> String {
    format!("{}, {}", plural(totals.files, "file"), size(totals.bytes))
}

/// A share in whole percent, rounded down; nothing of nothing is none of it.
pub fn percent(part: u64, whole: u64) -> u64 {
    u64::try_from(u128::from(part) * 100 / u128::from(whole.max(1))).unwrap_or(100)
}

//! What each directory of a listing holds, all levels below it together. Pure.

use std::ops::Range;

use super::listing::{Entry, Kind, Totals};
use crate::sys::OsStrExt;

/// Sums for the entries of a listing, which are in archive order; everything is by index into them.
#[derive(Debug)]
pub struct Sizes {
    totals: Vec<Totals>,
    /// One more than the last index of what is below each entry.
    ends: Vec<usize>,
}

impl Sizes {
    /// Sums up in one pass: what lies between a directory and the first entry that is not below it is its own.
    pub fn of(entries: &[Entry]) -> Self {
        let mut sizes = Self { totals: vec![Totals::default(); entries.len()], ends: (1..=entries.len()).collect() };
        let mut above: Vec<usize> = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            while let Some(&last) = above.last()
                && !is_below(entry, &entries[last])
            {
                above.pop();
                sizes.close(last, index, above.last());
            }
            sizes.totals[index].add(&entry.kind);
            match (&entry.kind, above.last()) {
                (Kind::Directory, _) => above.push(index),
                (_, Some(&parent)) => sizes.totals[parent].add(&entry.kind),
                (_, None) => {}
            }
        }
        while let Some(last) = above.pop() {
            sizes.close(last, entries.len(), above.last());
        }
        sizes
    }

    /// Ends the directory at `index` before `end` and adds it to the one above.
    fn close(&mut self, index: usize, end: usize, parent: Option<&usize>) {
        self.ends[index] = end;
        let totals = self.totals[index];
        if let Some(&parent) = parent {
            self.totals[parent].add_all(&totals);
        }
    }

    /// The entry itself and everything below it.
    pub fn totals(&self, index: usize) -> &Totals {
        &self.totals[index]
    }

    /// The indices of everything below the entry.
    pub fn below(&self, index: usize) -> Range<usize> {
        index + 1..self.ends[index]
    }

    /// The indices from the largest to the smallest, ties in archive order: a directory before what fills it.
    pub fn largest_first(&self) -> Vec<usize> {
        let mut indices: Vec<usize> = (0..self.totals.len()).collect();
        // Stable: archive order is the order of paths.
        indices.sort_by_key(|index| std::cmp::Reverse(self.totals[*index].bytes));
        indices
    }
}

/// By bytes: `Path`'s own comparison takes paths apart, which shows in a listing of 100,000 entries.
fn is_below(entry: &Entry, directory: &Entry) -> bool {
    let rest = entry.path.as_os_str().as_bytes().strip_prefix(directory.path.as_os_str().as_bytes());
    rest.is_some_and(|rest| rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(paths: &[&str]) -> Vec<Entry> {
        let made = |path: &&str| match path.strip_suffix('/') {
            Some(path) => Entry::made_directory(path),
            None => Entry::made(path, "x".repeat(path.len())),
        };
        paths.iter().map(made).collect()
    }

    #[test]
    fn a_directory_counts_everything_below_it_and_nothing_beside_it() {
        let entries = listing(&["a/", "a/b/", "a/b/c", "a/d", "a-b/", "a-b/c", "e/", "f"]);
        let sizes = Sizes::of(&entries);
        let told: Vec<_> = (0..entries.len()).map(|index| sizes.totals(index).bytes).collect();
        assert_eq!(told, [8, 5, 5, 3, 5, 5, 0, 1]);
        assert_eq!(sizes.totals(0).files, 2);
        assert_eq!(sizes.totals(0).directories, 2);
        assert_eq!(sizes.below(0), 1..4);
        assert_eq!(sizes.below(6), 7..7);
    }

    #[test]
    fn the_largest_come_first_and_ties_are_by_path() {
        let entries = listing(&["a/", "a/b/", "a/b/c", "a/d", "a-b/", "a-b/c"]);
        assert_eq!(Sizes::of(&entries).largest_first(), [0, 1, 2, 4, 5, 3]);
    }
}

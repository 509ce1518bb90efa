//! What is big and looks unintended: directories that tools make on this machine, what `.gitignore` ignores, files that
//! are left over.
//!
//! A name alone is no evidence (`build` and `vendor` are often meant), so each rule wants a sign beside or within the
//! directory. `dist`, `vendor`, `coverage`, `.next` and the like have none of their own: where they are made anew,
//! `.gitignore` says so.

use std::path::Path;

use super::git::GitRules;
use super::line::ignore_line;
use super::{Advice, Code, Facts, Purpose, shown};
use crate::context::listing::{Kind, Listing, Totals};
use crate::context::sizes::Sizes;
use crate::words;

/// Less than this is sent within a second at 100 Mbit/s and not worth a word…
const NOTABLE_BYTES: u64 = 10 << 20;
/// …nor is what makes up less than this of the context, as the rest is what takes the time…
const NOTABLE_PERCENT: u64 = 10;
/// …unless it takes ten seconds by itself.
const LARGE_BYTES: u64 = 100 << 20;
/// So many files slow an upload, and each snapshot of the executor, whatever their size.
const MANY_FILES: u64 = 1000;

/// A directory that some tool makes.
struct Habit {
    /// Its name, if the tool does not leave that to the user.
    name: Option<&'static str>,
    sign: Sign,
    what: &'static str,
}

/// What shows that a directory is what its name says: an entry that has one of these names.
enum Sign {
    Beside(&'static [&'static str]),
    Within(&'static str),
    Name,
}

const GRADLE: &[&str] = &["build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts"];

const HABITS: &[Habit] = &[
    habit(Some(".git"), Sign::Within("HEAD"), "it is the history of a git repository"),
    habit(Some(".hg"), Sign::Within("store"), "it is the history of a Mercurial repository"),
    habit(Some(".svn"), Sign::Within("wc.db"), "it is what Subversion keeps for itself"),
    habit(Some("node_modules"), Sign::Beside(&["package.json"]), "it holds packages that an install puts there"),
    habit(Some("target"), Sign::Beside(&["Cargo.toml"]), "it is what Cargo builds"),
    habit(Some("target"), Sign::Beside(&["pom.xml"]), "it is what Maven builds"),
    habit(Some("build"), Sign::Beside(GRADLE), "it is what Gradle builds"),
    habit(Some(".gradle"), Sign::Beside(GRADLE), "it is what Gradle keeps for itself"),
    habit(Some(".m2"), Sign::Within("repository"), "it holds downloads of Maven"),
    habit(Some(".terraform"), Sign::Within("providers"), "it holds downloads of Terraform"),
    habit(Some("__pycache__"), Sign::Name, "it is what Python compiles"),
    habit(None, Sign::Within("pyvenv.cfg"), "it is a virtual environment of Python, made for this machine"),
    habit(None, Sign::Within("CMakeCache.txt"), "it is what CMake builds"),
    habit(None, Sign::Within("CACHEDIR.TAG"), "it is a cache: its `CACHEDIR.TAG` says so"),
];

const fn habit(name: Option<&'static str>, sign: Sign, what: &'static str) -> Habit {
    Habit { name, sign, what }
}

/// The entries that are big enough to be worth an advice, each directory before what it holds; by index.
pub fn candidates(listing: &Listing, sizes: &Sizes) -> Vec<usize> {
    let whole = listing.totals().bytes;
    let is_big = |index: &usize| is_big(sizes.totals(*index), whole);
    (0..listing.entries.len()).filter(is_big).collect()
}

fn is_big(totals: &Totals, whole: u64) -> bool {
    let is_notable = totals.bytes >= NOTABLE_BYTES && words::percent(totals.bytes, whole) >= NOTABLE_PERCENT;
    is_notable || totals.bytes >= LARGE_BYTES || totals.files >= MANY_FILES
}

/// An advice for each topmost entry that is big and looks unintended, the largest first.
pub(super) fn advice(listing: &Listing, facts: &Facts, purpose: &Purpose) -> Vec<Advice> {
    let sizes = Sizes::of(&listing.entries);
    let rules = GitRules::new(&facts.prefix, &facts.gitignores);
    let whole = listing.totals().bytes;
    let mut found: Vec<(u64, Advice)> = Vec::new();
    let mut passed = 0;
    for index in candidates(listing, &sizes) {
        if index < passed {
            continue;
        }
        let entry = &listing.entries[index];
        let notes = reasons(listing, facts, &rules, index);
        if notes.is_empty() {
            continue;
        }
        // What is below belongs to it, told or not.
        passed = sizes.below(index).end;
        if purpose.of_path(&entry.path).is_some() {
            continue;
        }
        let totals = sizes.totals(index);
        let ignore_line = ignore_line(&entry.path, entry.kind == Kind::Directory);
        let advice = Advice {
            code: Code::ContextUnintended,
            path: entry.path.clone(),
            line: None,
            message: message(&shown(&entry.path, &entry.kind), &entry.kind, totals, whole),
            notes,
            help: facts.help(ignore_line.as_deref()),
            ignore_line,
        };
        found.push((totals.bytes, advice));
    }
    found.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    found.into_iter().map(|(_, advice)| advice).collect()
}

fn message(shown: &str, kind: &Kind, totals: &Totals, whole: u64) -> String {
    let size = words::size(totals.bytes);
    let files = match kind {
        Kind::Directory => format!(" in {}", words::plural(totals.files, "file")),
        Kind::File { .. } | Kind::Symlink { .. } => String::new(),
    };
    let share = match words::percent(totals.bytes, whole) {
        0 => String::new(),
        percent => format!(", {percent} % of the context"),
    };
    format!("`{shown}` is sent and looks unintended: {size}{files}{share}")
}

/// Why the entry looks unintended; nothing if it does not.
fn reasons(listing: &Listing, facts: &Facts, rules: &GitRules<'_>, index: usize) -> Vec<String> {
    let entry = &listing.entries[index];
    let is_directory = entry.kind == Kind::Directory;
    let mut reasons = Vec::new();
    if is_directory {
        reasons.extend(HABITS.iter().find_map(|habit| habit.reason(listing, &entry.path)));
    }
    let artifact = facts.artifacts.iter().find(|(artifact, _)| *artifact == index);
    reasons.extend(artifact.map(|(_, artifact)| artifact.words().to_owned()));
    let ignored = rules.ignores(&entry.path, is_directory);
    reasons.extend(ignored.map(|by| format!("git ignores it: `{}` in `{}`", by.pattern, by.file.display())));
    reasons
}

impl Habit {
    fn reason(&self, listing: &Listing, directory: &Path) -> Option<String> {
        if self.name.is_some_and(|name| directory.file_name().is_none_or(|found| found != name)) {
            return None;
        }
        let has = |directory: &Path, name: &&&str| {
            let path = directory.join(name);
            listing.entries.binary_search_by(|entry| entry.path.as_path().cmp(&path)).is_ok()
        };
        match self.sign {
            Sign::Name => Some(self.what.to_owned()),
            Sign::Within(sign) => has(directory, &&sign).then(|| self.what.to_owned()),
            Sign::Beside(signs) => {
                let sign = signs.iter().find(|sign| has(directory.parent().unwrap_or(directory), sign))?;
                Some(format!("{}: `{sign}` is beside it", self.what))
            }
        }
    }
}

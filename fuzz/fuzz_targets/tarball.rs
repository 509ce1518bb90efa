//! Any bytes as an archive: listing them neither panics nor takes more than they are, and what it gives is a tree.
#![no_main]

use std::collections::BTreeSet;
use std::io::Cursor;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use kaniko_local::context::listing::{Content, Kind};
use kaniko_local::context::tarball;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let _ = tarball::is_archive(input);
    let Ok(listing) = tarball::list(Cursor::new(input)) else { return };
    let mut directories = BTreeSet::from([Path::new("")]);
    let mut last: Option<&Path> = None;
    for entry in &listing.entries {
        assert!(last.is_none_or(|last| last < entry.path.as_path()), "in order, each once");
        last = Some(&entry.path);
        assert!(entry.path.as_os_str().len() <= 4096 && !entry.path.as_os_str().as_bytes().contains(&0));
        assert!(i64::try_from(entry.mtime).is_ok());
        assert!(entry.path.components().all(|part| matches!(part, Component::Normal(_))));
        assert!(entry.path.parent().is_some_and(|parent| directories.contains(parent)), "directories first");
        match &entry.kind {
            Kind::Directory => drop(directories.insert(&entry.path)),
            Kind::File { size, content: Content::Spooled(start) } => {
                assert!(start.checked_add(*size).is_some_and(|end| end <= input.len() as u64), "beyond the archive");
            }
            Kind::File { content, .. } => panic!("{content:?}"),
            Kind::Symlink { target } => {
                let target = target.as_os_str().as_bytes();
                assert!(!target.is_empty() && target.len() <= 4096 && !target.contains(&0));
            }
        }
    }
});

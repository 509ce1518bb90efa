//! `context ls`: what is sent and what is not, as text and as a document.

use std::io::{IsTerminal, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::document::{finding_json, to_stdout};
use super::terminal::sanitised_name;
use crate::context::advice::Advice;
use crate::context::listing::{Kind, LeftOut, Listing};
use crate::context::sizes::Sizes;
use crate::diagnose::Finding;
use crate::error::Error;
use crate::request::{ListRequest, ListingForm, Order, Part};
use crate::sys::OsStrExt;
use crate::words;

/// Bytes that are collected before they are written.
const CHUNK: usize = 64 * 1024;

/// Columns of a size: `1,023.99 MiB` is the longest.
const SIZE_WIDTH: usize = 12;

/// One line.
struct Row<'a> {
    path: &'a Path,
    is_directory: bool,
    /// With everything below it.
    bytes: u64,
}

/// Writes what is sent to standard output.
///
/// # Errors
/// Standard output cannot be written.
pub fn write_listing(listing: &Listing, order: Order, form: ListingForm) -> Result<(), Error> {
    let row = |index: usize, bytes: u64| {
        let entry = &listing.entries[index];
        Row { path: &entry.path, is_directory: entry.kind == Kind::Directory, bytes }
    };
    match order {
        Order::Archive => write_rows((0..listing.entries.len()).map(|index| row(index, 0)), order, form),
        Order::Size => {
            let sizes = Sizes::of(&listing.entries);
            let indices = sizes.largest_first().into_iter();
            write_rows(indices.map(|index| row(index, sizes.totals(index).bytes)), order, form)
        }
    }
}

/// Writes what is not sent to standard output.
///
/// # Errors
/// Standard output cannot be written.
pub fn write_left_out(left_out: &[LeftOut], order: Order, form: ListingForm) -> Result<(), Error> {
    let rows = in_order(left_out, order).into_iter().map(|left| Row {
        path: &left.path,
        is_directory: left.is_directory(),
        bytes: left.totals.bytes,
    });
    write_rows(rows, order, form)
}

fn in_order(left_out: &[LeftOut], order: Order) -> Vec<&LeftOut> {
    let mut ordered: Vec<&LeftOut> = left_out.iter().collect();
    if order == Order::Size {
        ordered.sort_by_key(|left| std::cmp::Reverse(left.totals.bytes));
    }
    ordered
}

/// Writes rows until the reader has seen enough, which is no failure.
fn write_rows<'a>(rows: impl Iterator<Item = Row<'a>>, order: Order, form: ListingForm) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    let for_eyes = form != ListingForm::Nul && stdout.is_terminal();
    let mut text = Vec::with_capacity(CHUNK + 4096);
    let mut write = |text: &mut Vec<u8>| {
        let result = stdout.write_all(text).and_then(|()| stdout.flush());
        text.clear();
        result
    };
    let mut result = Ok(());
    for row in rows {
        row.push_to(&mut text, order, form, for_eyes);
        if text.len() >= CHUNK {
            result = write(&mut text);
        }
        if result.is_err() {
            break;
        }
    }
    to_stdout(result.and_then(|()| write(&mut text)))
}

impl Row<'_> {
    /// The bytes of a path are those of the disk; only a terminal is spared control characters in names.
    fn push_to(&self, text: &mut Vec<u8>, order: Order, form: ListingForm, for_eyes: bool) {
        match (order, form) {
            (Order::Archive, _) => {}
            (Order::Size, ListingForm::Nul) => text.extend_from_slice(format!("{}\t", self.bytes).as_bytes()),
            (Order::Size, _) => {
                let size = words::size(self.bytes);
                text.extend_from_slice(format!("{size:>SIZE_WIDTH$}  ").as_bytes());
            }
        }
        let path = self.path.as_os_str().as_bytes();
        match for_eyes {
            true => text.extend_from_slice(sanitised_name(path).as_bytes()),
            false => text.extend_from_slice(path),
        }
        if self.is_directory {
            text.push(b'/');
        }
        text.push(if form == ListingForm::Nul { 0 } else { b'\n' });
    }
}

/// `context ls -o json`. Paths are text: bytes that are no UTF-8 become U+FFFD, and `-0` has them as they are.
pub fn listing_json(listing: &Listing, left_out: &[LeftOut], request: &ListRequest, advice: &[Advice]) -> Value {
    let totals = listing.totals();
    let mut document = json!({
        "schema": "kaniko-local/context-ls/v1",
        "entries": entries(listing, request.order),
        "totals": {
            "files": totals.files,
            "directories": totals.directories,
            "symlinks": totals.symlinks,
            "bytes": totals.bytes,
            "excluded_files": listing.excluded.files,
            "excluded_bytes": listing.excluded.bytes,
        },
        "advice": advice.iter().map(|advice| finding_json(&Finding::of_advice(advice, None))).collect::<Vec<_>>(),
    });
    if request.part == Part::Excluded {
        let excluded = in_order(left_out, request.order).into_iter().map(|left| {
            json!({
                "path": left.path.to_string_lossy(),
                "kind": left.word(),
                "files": left.totals.files,
                "bytes": left.totals.bytes,
            })
        });
        document["excluded"] = excluded.collect();
    }
    document
}

fn entries(listing: &Listing, order: Order) -> Vec<Value> {
    let value = |index: usize| {
        let entry = &listing.entries[index];
        json!({
            "path": entry.path.to_string_lossy(),
            "kind": entry.kind.word(),
            "size": entry.kind.size(),
            "mode": format!("{:04o}", entry.mode),
        })
    };
    if order == Order::Archive {
        return (0..listing.entries.len()).map(value).collect();
    }
    let sizes = Sizes::of(&listing.entries);
    let sorted = sizes.largest_first().into_iter().map(|index| {
        let mut value = value(index);
        if listing.entries[index].kind == Kind::Directory {
            value["total"] = sizes.totals(index).bytes.into();
        }
        value
    });
    sorted.collect()
}

//! What the Dockerfile takes from the build context, as BuildKit finds it there.

use std::ops::Range;
use std::path::PathBuf;

use super::Project;
use crate::buildkit;
use crate::context::listing::Listing;
use crate::dockerfile::{Arguments, Command, CopyOption, Instruction, Keyword, Source};
use crate::gopath;
use crate::rootfs::{Kind, RootFs};
use crate::sys::walked;

/// A path that an instruction takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    /// From the context's root; a pattern, too.
    pub(super) path: Vec<u8>,
    /// Where it is written.
    pub(super) span: Range<usize>,
    /// Whether archives are unpacked.
    pub(super) is_add: bool,
    /// The whole instruction.
    pub(super) instruction: Range<usize>,
}

/// Every source of `COPY` and `ADD` in the stages that are built.
#[derive(Debug, Default)]
pub(super) struct Sources(Vec<Taken>);

impl Sources {
    /// None, if one of them is not known: it may be anything.
    pub(super) fn known(project: &Project) -> Option<Self> {
        let mut sources = Self::default();
        let mut is_known = true;
        project.walk(|_, step, here| {
            let (copy, is_add) = match &step.command {
                Command::Copy(copy) => (copy, false),
                Command::Add(copy) => (copy, true),
                _ => {
                    is_known &= !keeps_copy(step.instruction);
                    return;
                }
            };
            if copy.from.is_some() {
                return;
            }
            is_known &= copy.exclude.is_empty() && !copy.options.contains(&CopyOption::Parents);
            for source in &copy.sources {
                let Source::Path(word) = source else { continue };
                let Some(path) = here.word(&word.text) else {
                    is_known = false;
                    continue;
                };
                if is_add && buildkit::is_remote(&path) {
                    continue;
                }
                sources.0.push(Taken {
                    path: gopath::join(&[b"/", path.as_bytes()]),
                    span: word.span.clone(),
                    is_add,
                    instruction: step.instruction.span.clone(),
                });
            }
        });
        is_known.then_some(sources)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Taken> {
        self.0.iter()
    }
}

/// Whether it is an `ONBUILD` of something that copies.
fn keeps_copy(instruction: &Instruction) -> bool {
    match &instruction.arguments {
        Arguments::Trigger(trigger) => matches!(trigger.keyword, Some(Keyword::Copy | Keyword::Add)),
        _ => false,
    }
}

/// A path from the root, as a listing has it.
pub(super) fn below_root(path: &[u8]) -> PathBuf {
    walked(path.strip_prefix(b"/").unwrap_or(path)).to_owned()
}

/// The build context. Paths are from its root.
#[derive(Debug)]
pub(super) struct Tree(RootFs);

impl Tree {
    pub(super) fn new(listing: &Listing) -> Self {
        Self(listing.rootfs())
    }

    /// The things that a source names, themselves not followed; none if it cannot be told.
    pub(super) fn matching(&self, source: &[u8]) -> Option<Vec<Vec<u8>>> {
        buildkit::matching(&self.0, source)
    }

    /// Where a path ends, if something is there.
    pub(super) fn end(&self, path: &[u8]) -> Option<Vec<u8>> {
        let end = self.0.resolve(path).ok()?;
        (end == b"/" || self.0.get(&end).is_some()).then_some(end)
    }

    /// Whether something is at a path, itself not followed.
    pub(super) fn is_there(&self, path: &[u8]) -> bool {
        path == b"/" || self.0.get(path).is_some()
    }

    pub(super) fn is_directory(&self, path: &[u8]) -> bool {
        self.0.is_directory(path)
    }

    /// What a symlink says, by its own path.
    pub(super) fn link(&self, path: &[u8]) -> Option<&[u8]> {
        match &self.0.get(path)?.kind {
            Kind::Symlink(target) => Some(target),
            _ => None,
        }
    }

    /// The symlinks that a path goes through, each by its own path, and whether it is the path's last component; those that
    /// they lead through are not among them.
    pub(super) fn links_on_the_way(&self, path: &[u8]) -> Vec<(Vec<u8>, bool)> {
        let parts: Vec<&[u8]> = path.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).collect();
        let mut links = Vec::new();
        for (index, name) in parts.iter().enumerate() {
            let above = [&b"/"[..], &parts[..index].join(&b'/')].concat();
            let Ok(above) = self.0.resolve(&above) else { break };
            let own = gopath::join(&[&above, name]);
            if self.link(&own).is_some() {
                links.push((own, index + 1 == parts.len()));
            }
        }
        links
    }
}

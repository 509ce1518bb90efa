//! What a plain set-up of the executor, with the directory as it is in a volume, takes that this tool does not send: what
//! Docker's reading of the ignore file keeps out and the executor's does not, sockets and FIFOs.
//!
//! The model is not asked for a second time, which would walk the whole directory: what is sent is the same for both.

use super::symlink_loop::takes;
use super::{Project, ignore_weaker, run_in_mount, special_file};
use crate::context::dockerignore::{Dialect, Rules};
use crate::diagnose::Finding;
use crate::dockerfile;
use crate::executor::files::{Kind, PodFiles};
use crate::executor::resolve::{Copied, Taken, channel};
use crate::gopath;

/// Things that are looked at in search of one that is let in.
const LOOKED_AT: usize = 500;

/// What this tool does not send; paths are relative to the context.
#[derive(Debug, Clone, Copy)]
pub struct Unsent<'a> {
    /// What the ignore file keeps out: of directories, not what is in them.
    pub kept_out: &'a [Vec<u8>],
    /// What is neither file, directory nor symlink.
    pub special: &'a [Vec<u8>],
}

/// What each `COPY` and `ADD` takes of it, all else as the executor does with what is sent. `project` is as it is sent.
pub fn copied(project: &Project, unsent: &Unsent) -> Vec<Copied> {
    let let_in = let_in(project.rules, project.disk, unsent.kept_out);
    let special: Vec<(Vec<u8>, Kind)> = unsent
        .special
        .iter()
        .filter(|path| !project.rules.judge(Dialect::Kaniko, path).excluded())
        .filter_map(|path| Some((path.clone(), project.disk.kind(&gopath::join(&[b"/", path]))?)))
        .filter(|(_, kind)| matches!(kind, Kind::Socket | Kind::Fifo))
        .collect();
    let is_taken = |copied: &Copied, path: &[u8]| {
        copied.sources.iter().any(|source| source.is_known && takes(&source.path, source.is_pattern(), path))
    };
    let copied = project.resolution.copied.iter().map(|copied| Copied {
        taken: Taken {
            let_in: let_in.iter().filter(|path| is_taken(copied, path)).cloned().collect(),
            special: special.iter().filter(|(path, _)| is_taken(copied, path)).cloned().collect(),
            ..Taken::default()
        },
        ..copied.clone()
    });
    copied.collect()
}

/// What there is to say of it. `project` is as the executor sees it in the volume.
pub fn findings(project: &Project) -> Vec<Finding> {
    let special = project.resolution.copied.iter().filter_map(|copied| special_file::find(project, copied));
    let file = dockerfile::parse(project.text).ok();
    let stages = file.as_ref().and_then(|file| file.stages(channel(project.family)).ok());
    let in_mount = stages.and_then(|stages| run_in_mount::find(project, &stages));
    special.chain(ignore_weaker::find(project)).chain(in_mount).collect()
}

/// Some of what the executor copies though Docker keeps it out. Both read a pattern without `**` alike: it matches at one
/// depth, which is that of the directory that the executor tests.
fn let_in(rules: &Rules, disk: &dyn PodFiles, kept_out: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let is_suspect = |path: &&Vec<u8>| {
        let judgement = rules.judge(Dialect::Docker, path);
        let step = judgement.explanation().and_then(|explanation| explanation.deciding());
        step.is_some_and(|step| step.pattern.original().windows(2).any(|two| two == b"**"))
    };
    let mut ahead: Vec<Vec<u8>> = kept_out.iter().filter(is_suspect).rev().cloned().collect();
    let mut found = vec![];
    for _ in 0..LOOKED_AT {
        let Some(path) = ahead.pop() else { break };
        let full = gopath::join(&[b"/", &path]);
        match disk.kind(&full) {
            Some(Kind::Directory) => {
                let names = disk.names(&full);
                ahead.extend(names.iter().rev().take(LOOKED_AT).map(|name| gopath::join(&[&path, name])));
            }
            Some(Kind::File | Kind::Symlink(_)) if !rules.judge(Dialect::Kaniko, &path).excluded() => {
                found.push(path);
            }
            Some(_) | None => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::files::told::Told;

    fn found(ignore: &str, files: &[&str], kept_out: &[&str]) -> Vec<String> {
        let kept_out: Vec<Vec<u8>> = kept_out.iter().map(|path| (*path).into()).collect();
        let found = let_in(&Rules::from_file(ignore.as_bytes()).unwrap(), &Told::of(files), &kept_out);
        found.into_iter().map(|path| String::from_utf8(path).unwrap()).collect()
    }

    #[test]
    fn what_docker_keeps_out_and_the_executor_does_not_is_found_below() {
        let files = ["/node_modules/a/b", "/node_modules/c", "/node_modules/l -> c", "/web/node_modules/d", "/x/e.log"];
        let kept_out = ["node_modules", "web/node_modules", "x/e.log"];
        let all = ["node_modules/a/b", "node_modules/c", "node_modules/l"];
        assert_eq!(found("**/node_modules\n**/*.log\n", &files, &kept_out), all);
        assert_eq!(found("node_modules\nweb/node_modules\nx/*.log\n", &files, &kept_out), Vec::<String>::new());
    }

    /// Every directory holds another.
    struct Endless;

    impl PodFiles for Endless {
        fn kind(&self, _: &[u8]) -> Option<Kind> {
            Some(Kind::Directory)
        }

        fn names(&self, _: &[u8]) -> Vec<Vec<u8>> {
            vec![b"a".to_vec()]
        }

        fn content(&self, _: &[u8]) -> Option<Vec<u8>> {
            None
        }
    }

    #[test]
    fn the_search_ends_in_a_tree_of_any_size() {
        let rules = Rules::from_file(b"**/a\n").unwrap();
        assert_eq!(let_in(&rules, &Endless, &[b"a".to_vec()]), Vec::<Vec<u8>>::new());
    }
}

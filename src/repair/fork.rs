//! Switches of osscontainertools/kaniko that have it do as Docker does: variables of its environment, from v1.28.3 on
//! (one that it does not know it logs, no more), and a flag.

use super::context::Tree;
use super::scopes::Here;
use super::{Plan, Project};
use crate::dockerfile::{Command, Copy, Keyword, Source, Step};
use crate::executor::image::{Family, Version};
use crate::gopath;

/// The first version that has them, as far as it was tried.
const FROM: Version = Version(1, 28, 3);

/// What is copied belongs to root, whatever `USER` says.
const COPY_AS_ROOT: &str = "FF_KANIKO_COPY_AS_ROOT";
/// Variables in texts of the Dockerfile are expanded.
const EXPAND_HEREDOC: &str = "FF_KANIKO_EXPAND_HEREDOC";
/// What `WORKDIR` makes on the way belongs to `USER`, too.
const CHOWN: &str = "FF_KANIKO_CHOWN_ON_IMPLICIT_DIRS";
/// A directory that `COPY --chmod` makes has that mode.
const CHMOD: &str = "FF_KANIKO_COPY_CHMOD_ON_IMPLICIT_DIRS";

/// The directory that it leaves out of the image unless it is told otherwise.
const VAR_RUN: &[u8] = b"/var/run";

pub(super) fn repair(project: &Project, plan: &mut Plan) {
    let image = project.build.image;
    if image.family != Family::Fork || image.version.is_some_and(|version| version < FROM) {
        return;
    }
    let tree = Tree::new(project.build.listing);
    let keeps_var_run =
        project.flags.last("ignore-var-run").is_some() || project.flags.last("whitelist-var-run").is_some();
    project.walk(|_, step, here| {
        let by_user = here.user.as_deref().is_none_or(|user| !is_root(user));
        match &step.command {
            Command::Copy(copy) | Command::Add(copy) if copy.from.is_none() => {
                if by_user && copy.chown.is_none() {
                    switch(plan, COPY_AS_ROOT, step, here.user.is_some(), "what is copied belongs to root");
                }
                if copy.sources.iter().any(is_expanded) {
                    switch(plan, EXPAND_HEREDOC, step, true, "variables in a text are expanded");
                }
                if copy.chmod.is_some() && takes_directory(copy, here, &tree) {
                    switch(plan, CHMOD, step, true, "a directory that is made has the mode of `--chmod`");
                }
                if !keeps_var_run && !plan.flags.iter().any(|flag| flag == FLAG) && reaches_var_run(copy, here, &tree) {
                    plan.flags.push(FLAG.to_owned());
                    plan.tell(step.instruction.span.clone(), "`/var/run` is in the image".to_owned());
                }
            }
            Command::Other if by_user && step.instruction.keyword == Some(Keyword::Workdir) => {
                let typed = step.instruction.arguments.words().first().map_or("", |word| &word.text);
                let is_certain = here.user.is_some() && typed.trim_matches('/').contains('/');
                switch(plan, CHOWN, step, is_certain, "what `WORKDIR` makes on the way belongs to `USER`");
            }
            _ => {}
        }
    });
}

const FLAG: &str = "--ignore-var-run=false";

/// Turns a switch on, and tells where it is certain that it matters: a base image may have a user, or not.
fn switch(plan: &mut Plan, name: &'static str, step: &Step, is_certain: bool, what: &str) {
    if !plan.environment.iter().any(|(other, _)| *other == name) {
        plan.environment.push((name, "1"));
    }
    if is_certain && !plan.told.iter().any(|repaired| repaired.what == what) {
        plan.tell(step.instruction.span.clone(), what.to_owned());
    }
}

fn is_root(user: &str) -> bool {
    matches!(user.split(':').next(), Some("" | "0" | "root"))
}

fn is_expanded(source: &Source) -> bool {
    matches!(source, Source::Heredoc(file) if file.expand && file.lines.contains(['$', '\\']))
}

/// The directories among the sources, as far as they are known, each as it is found.
fn directories(copy: &Copy, here: &Here, tree: &Tree) -> Vec<Vec<u8>> {
    let paths = copy.sources.iter().filter_map(|source| match source {
        Source::Path(word) => here.word(&word.text),
        Source::Heredoc(_) => None,
    });
    let matched = paths.flat_map(|path| tree.matching(&gopath::join(&[b"/", path.as_bytes()])).unwrap_or_default());
    matched.filter_map(|path| tree.end(&path)).filter(|end| tree.is_directory(end)).collect()
}

fn takes_directory(copy: &Copy, here: &Here, tree: &Tree) -> bool {
    !directories(copy, here, tree).is_empty()
}

/// Whether a directory is copied to, into or over `/var/run`.
fn reaches_var_run(copy: &Copy, here: &Here, tree: &Tree) -> bool {
    let Some(destination) = here.word(&copy.destination.text) else { return false };
    let Some(destination) = here.under(&destination) else { return false };
    let destination = destination.into_bytes();
    directories(copy, here, tree).iter().any(|source| {
        let below = gopath::below(VAR_RUN, &destination);
        let is_over = below.is_some_and(|rest| tree.is_there(&gopath::join(&[source, rest])));
        gopath::below(&destination, VAR_RUN).is_some() || is_over
    })
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    fn fork(dockerfile: &str) -> Case {
        Case::of(dockerfile).family(Family::Fork).version(FROM)
    }

    /// The switches that are turned on, and how many of them are told.
    fn switches(dockerfile: &str) -> (Vec<&'static str>, usize) {
        let plan = fork(dockerfile).with(&["a", "d/", "d/b"]).plan();
        (plan.environment.iter().map(|(name, _)| *name).collect(), plan.told.len())
    }

    #[test]
    fn switches_are_on_where_they_matter() {
        assert_eq!(switches("FROM scratch\nUSER 5\nCOPY a /a\nADD a /b\n"), (vec![COPY_AS_ROOT], 1));
        assert_eq!(switches("FROM scratch\nUSER 5\nWORKDIR /a/b\n"), (vec![CHOWN], 1));
        assert_eq!(switches("FROM scratch\nCOPY <<E /e\n$PATH\nE\n"), (vec![EXPAND_HEREDOC], 1));
        assert_eq!(switches("FROM scratch\nCOPY --chmod=700 d /d/\n"), (vec![CHMOD], 1));
        assert_eq!(switches("FROM scratch AS s\nUSER x\nFROM s\nCOPY a /a\n"), (vec![COPY_AS_ROOT], 1));
        // An image may have a user.
        assert_eq!(switches("FROM debian\nCOPY a /a\nWORKDIR /w\n"), (vec![COPY_AS_ROOT, CHOWN], 0));
    }

    #[test]
    fn switches_are_off_where_nothing_depends_on_them() {
        for dockerfile in [
            "FROM scratch\nCOPY a /a\nWORKDIR /w\nUSER 5\n",
            "FROM scratch\nUSER 0:0\nCOPY a /a\nUSER root\nWORKDIR /w\n",
            "FROM scratch\nUSER 5\nCOPY --chown=5 a /a\n",
            "FROM scratch AS s\nFROM scratch\nUSER 5\nCOPY --from=s /a /a\n",
            "FROM scratch\nCOPY <<\"E\" /e\n$PATH\nE\nCOPY <<F /f\nf\nF\n",
            "FROM scratch\nCOPY --chmod=700 a /d/\n",
        ] {
            assert_eq!(switches(dockerfile), (vec![], 0), "{dockerfile}");
        }
        let dockerfile = "FROM scratch\nUSER 5\nCOPY a /a\n";
        assert!(Case::of(dockerfile).plan().environment.is_empty());
        assert!(fork(dockerfile).version(Version(1, 28, 2)).plan().environment.is_empty());
    }

    #[test]
    fn var_run_is_kept_where_a_directory_is_copied_there() {
        let files = ["a", "t/", "t/var/", "t/var/run/", "t/var/run/x", "d/", "d/b"];
        let flags = |dockerfile: &str| fork(dockerfile).with(&files).plan().flags;
        for dockerfile in [
            "FROM scratch\nCOPY t /\n",
            "FROM scratch\nCOPY t/var /var\n",
            "FROM scratch\nCOPY d /var/run/d\n",
            "FROM scratch\nWORKDIR /var/run\nCOPY d .\n",
        ] {
            assert_eq!(flags(dockerfile), [FLAG], "{dockerfile}");
        }
        for dockerfile in ["FROM scratch\nCOPY a /var/run/x\n", "FROM scratch\nCOPY d /\n", "FROM scratch\nCOPY t /t\n"]
        {
            assert_eq!(flags(dockerfile), [""; 0], "{dockerfile}");
        }
        let given = fork("FROM scratch\nCOPY t /\n").with(&files).flag("--ignore-var-run=true");
        assert!(given.plan().flags.is_empty());
        assert!(Case::of("FROM scratch\nCOPY t /\n").with(&files).plan().flags.is_empty());
    }
}

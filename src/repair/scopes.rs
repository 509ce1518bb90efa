//! What is known at each instruction: variables as BuildKit has them, and the shell of `RUN`.

use crate::buildkit::Platform;
use crate::buildkit::variables::{Globals, Scope};
use crate::dockerfile::{Command, Keyword, Origin, Step};
use crate::gopath;

use super::Project;

/// Two platforms that have nothing in common: what is the same with both depends on none.
const ANY: [(&str, &str, &str); 2] = [("linux", "amd64", "v1"), ("other", "other", "other")];

/// At an instruction.
#[derive(Clone)]
pub(super) struct Here {
    scopes: Vec<(Globals, Scope)>,
    /// What `SHELL` says; none if an image from elsewhere may say something.
    pub(super) shell: Option<Vec<String>>,
    /// What `USER` says, as typed; none if an image from elsewhere may say something.
    pub(super) user: Option<String>,
    /// What `WORKDIR` says, put together; none if that is not known.
    pub(super) directory: Option<String>,
}

impl Here {
    /// A word of an instruction, if what becomes of it is known.
    pub(super) fn word(&self, word: &str) -> Option<String> {
        self.the_same(|scope| scope.expand(word).ok().flatten())
    }

    /// The text of a heredoc, if what becomes of it is known.
    pub(super) fn text(&self, text: &str) -> Option<String> {
        self.the_same(|scope| scope.expand_text(text).ok().flatten())
    }

    /// An absolute path; none if the working directory has a say in it and is not known.
    pub(super) fn under(&self, path: &str) -> Option<String> {
        let above = match (path.starts_with('/'), &self.directory) {
            (true, _) => "/",
            (false, directory) => directory.as_ref()?,
        };
        String::from_utf8(gopath::absolute(path.as_bytes(), above.as_bytes())).ok()
    }

    fn the_same(&self, expand: impl Fn(&Scope) -> Option<String>) -> Option<String> {
        let mut all = self.scopes.iter().map(|(_, scope)| expand(scope));
        let first = all.next()??;
        all.all(|other| other.as_ref() == Some(&first)).then_some(first)
    }

    fn pass(&mut self, step: &Step) {
        for (globals, scope) in &mut self.scopes {
            // What cannot be expanded fails in every builder.
            let _ = match &step.command {
                Command::Arg(args) => scope.declare(args, globals),
                Command::Env(pairs) => scope.set(pairs),
                _ => Ok(()),
            };
        }
        let words: Vec<&str> = step.instruction.arguments.words().iter().map(|word| word.text.as_str()).collect();
        match (step.instruction.keyword, words.first()) {
            (Some(Keyword::Shell), _) => self.shell = Some(words.into_iter().map(str::to_owned).collect()),
            (Some(Keyword::User), Some(user)) => {
                self.user = Some(self.word(user).unwrap_or_else(|| (*user).to_owned()))
            }
            (Some(Keyword::Workdir), Some(typed)) => {
                self.directory = self.word(typed).and_then(|typed| self.under(&typed))
            }
            _ => {}
        }
    }
}

impl Project<'_> {
    /// Walks the instructions of the stages that the executor builds; tells the stage, and what is known before each.
    pub(super) fn walk(&self, mut see: impl FnMut(usize, &Step, &Here)) {
        let mut ends: Vec<Here> = Vec::new();
        let globals: Vec<Globals> = ANY
            .iter()
            .filter_map(|(os, architecture, variant)| {
                let platform = Platform {
                    os: (*os).to_owned(),
                    architecture: (*architecture).to_owned(),
                    variant: Some((*variant).to_owned()),
                };
                let given = self.given.clone();
                Globals::new(
                    given,
                    &self.stages.meta_args,
                    Some(&platform),
                    self.target_name.as_deref(),
                    self.file.escape,
                )
                .ok()
            })
            .collect();
        for (index, stage) in self.built().enumerate() {
            let mut here = match self.base(index) {
                Some(Origin::Stage(base)) => match ends.get(base) {
                    Some(end) => end.clone(),
                    None => return,
                },
                base => {
                    let is_scratch = base == Some(Origin::Image("scratch".to_owned()));
                    let scopes = globals.iter().map(|globals| (globals.clone(), globals.scope(is_scratch))).collect();
                    Here {
                        scopes,
                        shell: is_scratch.then(|| vec!["/bin/sh".to_owned(), "-c".to_owned()]),
                        user: is_scratch.then(String::new),
                        directory: is_scratch.then(|| "/".to_owned()),
                    }
                }
            };
            here.scopes.iter_mut().for_each(|(_, scope)| scope.enter());
            for step in &stage.steps {
                if !self.skipped.contains(&index) {
                    see(index, step, &here);
                }
                here.pass(step);
            }
            ends.push(here);
        }
    }
}

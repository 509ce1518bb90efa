//! The two names of the tool: its own, and that of a plugin of kubectl, which is the same program as
//! `kubectl-kaniko_local` on PATH. What somebody is told to type is in the words that were typed.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;

use clap::{Command, CommandFactory};

use crate::cli::Cli;

/// The file name by which kubectl finds `kubectl kaniko-local`: a dash parts commands, an underscore is a dash.
const PLUGIN_FILE: &str = "kubectl-kaniko_local";

/// How the tool was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// By a name of its own.
    Own,
    /// As a plugin, by kubectl.
    KubectlPlugin,
}

impl Program {
    /// Tells by the first word of the command line. Windows' programs have an extension.
    pub fn called(by: Option<&OsStr>) -> Self {
        match by.and_then(|name| Path::new(name).file_stem()) {
            Some(name) if name == PLUGIN_FILE => Self::KubectlPlugin,
            _ => Self::Own,
        }
    }

    /// The command line to be parsed, with help in the right words.
    pub fn command(self) -> Command {
        match self {
            Self::Own => Cli::command(),
            Self::KubectlPlugin => self.reworded(Cli::command().bin_name("kubectl kaniko-local")),
        }
    }

    fn reworded(self, command: Command) -> Command {
        let notes = command.get_after_help().map(|notes| self.in_text(&notes.to_string()).into_owned());
        let command = command.mut_subcommands(|subcommand| self.reworded(subcommand));
        match notes {
            Some(notes) => command.after_help(notes),
            None => command,
        }
    }

    /// A text in which command lines are named, each after a backtick, a quotation mark, a pipe or white space.
    pub fn in_text(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Own => Cow::Borrowed(text),
            Self::KubectlPlugin => {
                let mut reworded = text.to_owned();
                for before in ["`", "'", "| ", "  ", "$ ", "("] {
                    reworded =
                        reworded.replace(&format!("{before}kaniko-local "), &format!("{before}kubectl kaniko-local "));
                }
                Cow::Owned(reworded)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_that_kubectl_looks_for_is_that_of_a_plugin() {
        let cases = [
            ("/usr/local/bin/kubectl-kaniko_local", Program::KubectlPlugin),
            ("kubectl-kaniko_local.exe", Program::KubectlPlugin),
            ("kaniko-local", Program::Own),
            ("kubectl-kaniko_local/kaniko-local", Program::Own),
            ("kubectl-kaniko_local_old", Program::Own),
            ("", Program::Own),
        ];
        for (name, program) in cases {
            assert_eq!(Program::called(Some(name.as_ref())), program, "{name}");
        }
        assert_eq!(Program::called(None), Program::Own);
    }

    #[test]
    fn what_is_to_be_typed_is_reworded_and_the_tools_name_stays() {
        let cases = [
            ("`kaniko-local build .`", "`kubectl kaniko-local build .`"),
            ("`tar -c . | kaniko-local build -`", "`tar -c . | kubectl kaniko-local build -`"),
            ("Examples:\n  kaniko-local check", "Examples:\n  kubectl kaniko-local check"),
            ("echo 'kaniko-local check' >>run.sh", "echo 'kubectl kaniko-local check' >>run.sh"),
            ("set by kaniko-local itself", "set by kaniko-local itself"),
            ("managed-by=kaniko-local", "managed-by=kaniko-local"),
        ];
        for (text, reworded) in cases {
            assert_eq!(Program::KubectlPlugin.in_text(text), reworded);
            assert_eq!(Program::Own.in_text(text), text);
        }
    }
}

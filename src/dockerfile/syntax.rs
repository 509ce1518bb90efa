//! What a Dockerfile is made of: instructions, their parts, and where in the file each is. Spans count bytes.

use std::ops::Range;

use super::go;

/// The instructions of a Dockerfile, as its syntax alone tells them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// The parser directives at its top.
    pub directives: Vec<Directive>,
    /// What continues lines and escapes characters.
    pub escape: Escape,
    /// In order, at least one.
    pub instructions: Vec<Instruction>,
}

impl Dockerfile {
    /// The instruction that the byte `at` is in, or behind; of one that `ONBUILD` keeps, that one.
    pub fn instruction_at(&self, at: usize) -> Option<&Instruction> {
        self.instructions.iter().rfind(|instruction| instruction.span.start <= at)
    }
}

/// `# syntax=`, `# escape=` or `# check=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// In lower case.
    pub name: String,
    /// What follows the equals sign.
    pub value: Word,
    /// From the `#` to the end of the value.
    pub span: Range<usize>,
}

/// The character that continues lines and takes the meaning of the next one away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Escape {
    /// Unless said otherwise.
    #[default]
    Backslash,
    /// For Windows' paths.
    Backtick,
}

impl Escape {
    /// The character itself.
    pub fn character(self) -> char {
        match self {
            Self::Backslash => '\\',
            Self::Backtick => '`',
        }
    }
}

/// A part of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What it says; with its quotes and escapes unless said otherwise.
    pub text: String,
    /// Where it is.
    pub span: Range<usize>,
}

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// From its first line to the end of its last, heredocs included.
    pub span: Range<usize>,
    /// The number of its first line, from 1.
    pub line: usize,
    /// What stands first, as typed.
    pub name: Word,
    /// What that is, if it is known.
    pub keyword: Option<Keyword>,
    /// `--name=value` or `--name`, without quotes and escapes.
    pub flags: Vec<Word>,
    /// What follows.
    pub arguments: Arguments,
    /// The texts that follow an `ADD`, `COPY` or `RUN`, in order.
    pub heredocs: Vec<Heredoc>,
}

/// What follows the keyword and its flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arguments {
    /// Words; or a command line, a path, a name as a single one. `HEALTHCHECK` has its type first.
    Words(Vec<Word>),
    /// The JSON form, decoded. `HEALTHCHECK` has its type first, which is outside the array.
    Json(Vec<Word>),
    /// Those of `ENV` and `LABEL`.
    Pairs(Vec<Pair>),
    /// That of `ONBUILD`. A trigger that is an `ONBUILD` itself has no arguments here: no builder takes it.
    Trigger(Box<Instruction>),
}

impl Arguments {
    /// Words of either form; none of the other arguments.
    pub fn words(&self) -> &[Word] {
        match self {
            Self::Words(words) | Self::Json(words) => words,
            Self::Pairs(_) | Self::Trigger(_) => &[],
        }
    }
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// What stands before the sign.
    pub name: Word,
    /// What stands behind it.
    pub value: Word,
    /// The sign.
    pub delimiter: Delimiter,
}

/// What is between a name and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// `ENV NAME=value`.
    Equals,
    /// `ENV NAME value`, the old form.
    Whitespace,
}

/// A text within the Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it, and the name of its file.
    pub name: String,
    /// Its lines, as they are in the file.
    pub content: Word,
    /// Whether variables are expanded: nothing of the word is quoted.
    pub expand: bool,
    /// Whether tabs at the start of its lines are dropped (`<<-`).
    pub strip_tabs: bool,
    /// The number before `<<`, or 0.
    pub descriptor: u64,
}

macro_rules! keywords {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal,)+) => {
        /// The instructions there are.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Keyword {
            $($(#[$doc])+ $variant,)+
        }

        impl Keyword {
            /// Every keyword.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// In capital letters.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

keywords! {
    /// Files, archives and downloads into the image.
    Add = "ADD",
    /// A variable of the build.
    Arg = "ARG",
    /// What a container runs by default.
    Cmd = "CMD",
    /// Files into the image.
    Copy = "COPY",
    /// What a container runs.
    Entrypoint = "ENTRYPOINT",
    /// Variables of the build and the image.
    Env = "ENV",
    /// Ports.
    Expose = "EXPOSE",
    /// A stage begins.
    From = "FROM",
    /// How a container is asked whether it is well.
    Healthcheck = "HEALTHCHECK",
    /// Labels of the image.
    Label = "LABEL",
    /// Who made it, as one wrote formerly.
    Maintainer = "MAINTAINER",
    /// An instruction for builds from this image.
    Onbuild = "ONBUILD",
    /// A command of the build.
    Run = "RUN",
    /// The shell of the commands.
    Shell = "SHELL",
    /// The signal that ends a container.
    StopSignal = "STOPSIGNAL",
    /// Who runs commands.
    User = "USER",
    /// Directories kept outside the image.
    Volume = "VOLUME",
    /// Where commands run.
    Workdir = "WORKDIR",
}

impl Keyword {
    /// The keyword that `name` is, in any case.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = go::to_lower(name);
        Self::ALL.iter().copied().find(|keyword| keyword.name().eq_ignore_ascii_case(&name))
    }

    /// Whether heredocs may follow.
    pub(super) fn takes_heredocs(self) -> bool {
        matches!(self, Self::Add | Self::Copy | Self::Run)
    }
}

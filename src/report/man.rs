//! Pages of the manual, in roff: what `--help` says, in the sections that a manual has.
//!
//! `--help` ends with notes that are laid out by hand. Here their paragraphs are filled; a line of two columns becomes a
//! term and its description; other indented lines stay as they are.

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// A page of the manual.
pub struct ManPage {
    /// The words of its command, joined by dashes.
    pub name: String,
    /// The page, in roff.
    pub text: String,
}

impl ManPage {
    /// The name of its file; a manual's first section is commands.
    pub fn file_name(&self) -> String {
        format!("{}.1", self.name)
    }
}

/// The pages of a tool and of all its commands, the tool's own first.
pub fn man_pages(tool: Command) -> Vec<ManPage> {
    let mut tool = without_help(tool);
    tool.build();
    let mut pages = vec![];
    collect(&tool, None, &mut pages);
    pages
}

/// What only prints help has no page.
fn without_help(command: Command) -> Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}

fn collect(command: &Command, above: Option<&str>, pages: &mut Vec<ManPage>) {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    pages.push(ManPage { text: page(command, above), name: name.clone() });
    for subcommand in command.get_subcommands() {
        collect(subcommand, Some(&name), pages);
    }
}

fn page(command: &Command, above: Option<&str>) -> String {
    let man = Man::new(command.clone().subcommand_help_heading("COMMANDS"))
        // Without a date two builds give the same bytes. An argument that is empty has to be quoted.
        .date("\"\"")
        .source(concat!("kaniko-local ", env!("CARGO_PKG_VERSION")))
        .manual("kaniko-local");
    let mut notes = Notes::default();
    notes.read(&command.get_after_help().map(ToString::to_string).unwrap_or_default());

    let mut text = section(|to| man.render_title(to)) + &section(|to| man.render_name_section(to));
    text += &synopsis(command).to_roff();
    text += &section(|to| man.render_description_section(to));
    text += &notes.description;
    text += &grouped(command, section(|to| man.render_options_section(to)));
    if command.has_subcommands() {
        text += &section(|to| man.render_subcommands_section(to));
    }
    for (heading, notes) in [("EXIT STATUS", &notes.exit), ("EXAMPLES", &notes.examples)] {
        if !notes.is_empty() {
            text += &(Roff::new().control("SH", [heading]).to_roff() + notes);
        }
    }
    if let Some(above) = above {
        text += &Roff::new().control("SH", ["SEE ALSO"]).text([bold(above), roman("(1)")]).to_roff();
    }
    PREAMBLE.to_owned() + &text.lines().map(finished).collect::<String>()
}

/// Defines the apostrophe that [`Roff`] writes.
const PREAMBLE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

fn section(render: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> String {
    let mut bytes = vec![];
    // A vector takes everything.
    let _ = render(&mut bytes);
    String::from_utf8_lossy(&bytes).replace(PREAMBLE, "")
}

/// In a line: all flags would be a page of their own.
fn synopsis(command: &Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    for (index, line) in usage.trim_start_matches("Usage: ").lines().map(str::trim).enumerate() {
        if index > 0 {
            roff.control("br", []);
        }
        match line.strip_prefix(name) {
            Some(rest) => roff.text([bold(name), roman(rest)]),
            None => roff.text([roman(line)]),
        };
    }
    roff
}

/// Groups of options under the headings that they have in `--help`, all in one section.
fn grouped(command: &Command, options: String) -> String {
    let headings = command.get_arguments().filter_map(|argument| argument.get_help_heading());
    headings.fold(options, |options, heading| {
        let own = Roff::new().control("SH", [heading.to_uppercase().as_str()]).to_roff();
        options.replace(&own, &Roff::new().control("SS", [heading]).to_roff())
    })
}

/// The notes below `--help`, by sections.
#[derive(Default)]
struct Notes {
    description: String,
    exit: String,
    examples: String,
}

impl Notes {
    fn read(&mut self, notes: &str) {
        let mut section = &mut self.description;
        for block in notes.split("\n\n") {
            let lines: Vec<&str> = block.lines().collect();
            for part in lines.chunk_by(|left, right| is_indented(left) == is_indented(right)) {
                if part.iter().any(|line| is_indented(line)) {
                    section.push_str(&laid_out(part));
                    continue;
                }
                let (before, begins, after) = parted(part.join(" "));
                paragraph(&mut self.description, &before);
                section = match begins {
                    Begins::Description => &mut self.description,
                    Begins::Exit => &mut self.exit,
                    Begins::Examples => &mut self.examples,
                };
                paragraph(section, &after);
            }
        }
    }
}

enum Begins {
    Description,
    Exit,
    Examples,
}

/// What a paragraph has before a heading, the section that begins, and what that begins with.
fn parted(paragraph: String) -> (String, Begins, String) {
    const EXIT: &str = "Exit codes:";
    const EXAMPLES: &str = "Examples:";
    if let Some(after) = paragraph.strip_prefix(EXAMPLES) {
        (String::new(), Begins::Examples, after.trim().to_owned())
    } else if let Some((before, after)) = paragraph.split_once(EXIT) {
        (before.trim().to_owned(), Begins::Exit, after.trim().to_owned())
    } else if paragraph.starts_with("Examples") {
        (String::new(), Begins::Examples, paragraph)
    } else if paragraph.starts_with("Exit codes") {
        (String::new(), Begins::Exit, paragraph)
    } else {
        (String::new(), Begins::Description, paragraph)
    }
}

fn is_indented(line: &str) -> bool {
    line.starts_with(' ')
}

fn paragraph(section: &mut String, text: &str) {
    if !text.is_empty() {
        section.push_str(&Roff::new().control("PP", []).text([roman(text)]).to_roff());
    }
}

/// Indented lines: of two columns, or as they are.
fn laid_out(lines: &[&str]) -> String {
    let columns: Vec<_> = lines.iter().map(|line| line.trim_start().split_once("  ")).collect();
    let mut roff = Roff::new();
    if columns.iter().all(Option::is_none) {
        let indent = lines.iter().map(|line| line.len() - line.trim_start().len()).min().unwrap_or_default();
        roff.control("PP", []).control("nf", []);
        for line in lines {
            roff.text([roman(&line[indent..])]);
        }
        return roff.control("fi", []).to_roff().replace('`', GRAVE);
    }
    for (line, columns) in lines.iter().zip(columns) {
        match columns {
            Some((term, description)) => {
                roff.control("TP", [])
                    .text([bold(term)])
                    .text([roman(description.trim_start().trim_start_matches("# "))]);
            }
            None => {
                roff.control("PP", []).text([bold(line.trim_start())]);
            }
        }
    }
    roff.to_roff()
}

/// A backtick that stays one, where roff would make a quotation mark of it.
const GRAVE: &str = "\\(ga";

/// A line of roff as it is printed: what is between backticks is bold, and what roff would take for an accent, or is beyond
/// ASCII, is the name of its character.
fn finished(line: &str) -> String {
    let mut text = String::with_capacity(line.len() + 1);
    let quoted: Vec<&str> = line.split('`').collect();
    let is_paired = quoted.len() % 2 == 1;
    for (index, part) in quoted.iter().enumerate() {
        match index {
            0 => {}
            _ if !is_paired => text.push_str(GRAVE),
            _ if index % 2 == 1 => text.push_str("\\fB"),
            _ => text.push_str("\\fP"),
        }
        for character in part.chars() {
            match character {
                '~' => text.push_str("\\(ti"),
                '^' => text.push_str("\\(ha"),
                ' '..='~' => text.push(character),
                _ => text.push_str(&format!("\\[u{:04X}]", u32::from(character))),
            }
        }
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_with(notes: &'static str) -> String {
        let command = Command::new("tool").about("Does it").after_help(notes);
        man_pages(command).remove(0).text
    }

    #[test]
    fn there_is_a_page_for_each_command_and_none_for_help() {
        let pages = man_pages(Command::new("tool").subcommand(Command::new("a").subcommand(Command::new("b"))));
        let names: Vec<String> = pages.iter().map(ManPage::file_name).collect();
        assert_eq!(names, ["tool.1", "tool-a.1", "tool-a-b.1"]);
        assert!(pages[2].text.ends_with(".SH \"SEE ALSO\"\n\\fBtool\\-a\\fR(1)\n"), "{}", pages[2].text);
    }

    #[test]
    fn notes_come_into_the_sections_of_a_manual() {
        let page = page_with(
            "Examples:\n  tool a    # the first\n  tool b | c\n\nWhat else\nthere is. Exit codes:\n  0  done\n\nExamples, others:\n  $ tool\n    `x`",
        );
        let description = ".SH DESCRIPTION\nDoes it\n.PP\nWhat else there is.\n";
        let exit = ".SH \"EXIT STATUS\"\n.TP\n\\fB0\\fR\ndone\n";
        let examples = ".SH EXAMPLES\n.TP\n\\fBtool a\\fR\nthe first\n.PP\n\\fBtool b | c\\fR\n\
            .PP\nExamples, others:\n.PP\n.nf\n$ tool\n  \\(gax\\(ga\n.fi\n";
        for part in [description, exit, examples] {
            assert!(page.contains(part), "{part}\nis not in\n{page}");
        }
    }

    #[test]
    fn what_is_between_backticks_is_bold_and_no_character_becomes_another() {
        assert_eq!(finished("to `a` and `b`…"), "to \\fBa\\fP and \\fBb\\fP\\[u2026]\n");
        assert_eq!(finished("one ` alone"), "one \\(ga alone\n");
        assert_eq!(finished("~/a^b"), "\\(ti/a\\(hab\n");
    }
}

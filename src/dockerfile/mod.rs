//! What can be told from the text of a Dockerfile. Pure.
//!
//! A look at its words and no parser: heredocs and quotes are not understood.

mod images;

pub use images::base_images;

/// The words of each instruction; comments in between and marks of continuation are none.
pub fn instructions(dockerfile: &str) -> Vec<Vec<&str>> {
    let escape = escape(dockerfile);
    let mut instructions: Vec<Vec<&str>> = Vec::new();
    let mut continued = false;
    for line in dockerfile.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words = line.trim_end_matches(escape).split_whitespace();
        match instructions.last_mut() {
            Some(instruction) if continued => instruction.extend(words),
            _ => instructions.push(words.collect()),
        }
        continued = line.ends_with(escape);
    }
    instructions
}

/// The character that continues a line: a comment at the top can make it the backtick.
fn escape(dockerfile: &str) -> char {
    let top = dockerfile.lines().map_while(|line| line.trim().strip_prefix('#'));
    let is_backtick = |line: &str| line.to_ascii_lowercase().split_whitespace().collect::<String>() == "escape=`";
    if top.into_iter().any(is_backtick) { '`' } else { '\\' }
}

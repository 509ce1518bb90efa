//! What a build's log can do to the terminal of whoever builds: nothing, unless asked for.

use crate::support::cluster::{Namespace, base_image};
use crate::support::tree::Tree;

/// The clipboard, the title, a screen and a cursor elsewhere, line drawing, a reset; the last with C1 controls.
const COMMANDS: [&str; 8] = [
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1b]0;evil\x1b\\",
    "\x1b[2J",
    "\x1b[10;4H",
    "\x1b(0",
    "\x1bc",
    "\u{9d}2;evil\u{9c}",
    "\u{9b}3J",
];

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn what_run_prints_commands_no_terminal_unless_it_is_asked_for_raw() {
    let namespace = Namespace::new();
    let tree = Tree::new()
        .file("Dockerfile", format!("FROM {}\nCOPY evil /\nRUN cat /evil\n", base_image()))
        .file("evil", format!("before {}after \x1b[31mred\x1b[0m\n", COMMANDS.concat()));
    // With colours: what is no terminal is spared any escape.
    let build = || namespace.build(&tree).args(&["--color", "always"]);

    let text = build().run();
    text.reference();
    assert!(text.stderr.lines().any(|line| line == "before after \x1b[31mred\x1b[0m"), "{:?}", text.stderr);
    assert_eq!(commands_in(&text.stderr), Vec::<&str>::new(), "{:?}", text.stderr);

    let raw = build().args(&["-o", "raw"]).run();
    raw.reference();
    assert_eq!(commands_in(&raw.stderr), COMMANDS, "{:?}", raw.stderr);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn the_log_that_a_quiet_build_shows_when_it_fails_is_no_other() {
    let namespace = Namespace::new();
    let tree = Tree::new()
        .file("Dockerfile", format!("FROM {}\nCOPY evil /\nRUN cat /evil; exit 1\n", base_image()))
        .file("evil", format!("{}after\n", COMMANDS.concat()));
    let build = || namespace.build(&tree).args(&["-q", "--color", "always"]);

    let text = build().run();
    assert!(text.stderr.lines().any(|line| line == "after"), "{:?}", text.stderr);
    assert_eq!(commands_in(&text.stderr), Vec::<&str>::new(), "{:?}", text.stderr);
    assert_eq!(commands_in(&build().args(&["-o", "raw"]).run().stderr), COMMANDS);
}

fn commands_in(text: &str) -> Vec<&'static str> {
    COMMANDS.into_iter().filter(|command| text.contains(command)).collect()
}

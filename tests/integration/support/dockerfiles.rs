//! Dockerfiles and words made up by chance, most of them near something that has a meaning. The same seed gives the same.

use serde_json::{Map, Value, json};

/// Numbers that look random (SplitMix64).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// True once in `times`.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    /// Up to `limit` of what `make` gives, one after the other.
    fn some(&mut self, limit: usize, mut make: impl FnMut(&mut Self) -> String) -> String {
        (0..self.below(limit + 1)).map(|_| make(self)).collect()
    }
}

/// A Dockerfile.
pub fn dockerfile(chance: &mut Chance) -> String {
    let mut text = String::new();
    if chance.once_in(30) {
        text.push('\u{feff}');
    }
    let mut escape = '\\';
    while chance.once_in(6) {
        if chance.once_in(2) {
            escape = '`';
        }
        text += &directive(chance, escape);
    }
    if chance.once_in(5) {
        text += chance.of(&["# a comment\n", "\n", "  \t\n", "#\n", "  # escape=`\n", "\u{b}# x\n"]);
    }
    if chance.once_in(3) {
        text += &instruction(chance, "ARG", escape);
    }
    if !chance.once_in(12) {
        text += chance.of(&["FROM scratch\n", "FROM a AS b\n", "from --platform=$P a as B\n", "FROM a\n", "FROM $X\n"]);
    }
    text += &chance.some(4, |chance| {
        let name = keyword(chance);
        instruction(chance, &name, escape)
    });
    if chance.once_in(8) {
        text = text.replace('\n', "\r\n");
    }
    if chance.once_in(4) {
        text = text.trim_end_matches('\n').to_owned();
    }
    text
}

fn directive(chance: &mut Chance, escape: char) -> String {
    let name = chance.of(&["escape", "escape", "Escape", "syntax", "check", "other", "9x", "escape x"]);
    let blank = chance.of(&["", " ", "\t ", "\u{b}", "\u{a0}"]);
    let value = match chance.below(8) {
        0 => "",
        1 => " ",
        2 => "docker/dockerfile:1 x",
        3 => "``",
        4 => "\\",
        _ => &escape.to_string(),
    };
    let start = chance.of(&["# ", "#", "  #", "#\t", "##"]);
    format!("{start}{name}{blank}={blank}{value}{blank}\n")
}

const KEYWORDS: [&str; 22] = [
    "ADD",
    "COPY",
    "COPY",
    "RUN",
    "RUN",
    "ENV",
    "ENV",
    "LABEL",
    "ARG",
    "CMD",
    "ENTRYPOINT",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "MAINTAINER",
    "ONBUILD",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
    "COPY",
];

fn keyword(chance: &mut Chance) -> String {
    let name = chance.of(&KEYWORDS);
    match chance.below(30) {
        0 => name.to_lowercase(),
        1 => chance.of(&["Copy", "rUn", "CPY", "RUM", "FORM", "run:", "", "\u{212a}", "CMy", "hEALTHCHECK"]).to_owned(),
        2 => chance.of(&["WOR\u{212a}DIR", "HEALTHCHEC\u{212a}", "ONBU\u{130}LD", "u\u{17f}er", "ÄDD"]).to_owned(),
        _ => name.to_owned(),
    }
}

fn instruction(chance: &mut Chance, name: &str, escape: char) -> String {
    let indent = if chance.once_in(12) { chance.of(&[" ", "\t", "\u{a0}", "\u{b}"]) } else { "" };
    let mut line = format!("{indent}{}", unit(chance, name, escape, 0));
    if chance.once_in(10) {
        line += chance.of(&[" ", "\t ", "\r", "\u{a0}", "\u{85}", "\u{2028}"]);
    }
    if chance.once_in(16) {
        line.push(escape);
        if chance.once_in(2) {
            line.push(escape);
        }
    }
    let mut text = line.clone() + "\n";
    if line.contains("<<") {
        text += &heredoc_lines(chance, &line);
    }
    text + if chance.once_in(10) { chance.of(&["\n", "# c\n", " # c\n", "\t\n"]) } else { "" }
}

fn unit(chance: &mut Chance, name: &str, escape: char, depth: usize) -> String {
    let mut unit = name.to_owned();
    unit += &blank(chance, escape);
    while chance.once_in(4) {
        unit += &flag(chance, name, escape);
        unit += &blank(chance, escape);
    }
    let upper = name.to_uppercase();
    unit += &match upper.as_str() {
        "ENV" | "LABEL" => pairs(chance, escape),
        "ARG" if !chance.once_in(4) => pairs(chance, escape),
        "ONBUILD" if depth < 3 && !chance.once_in(6) => {
            let trigger = keyword(chance);
            self::unit(chance, &trigger, escape, depth + 1)
        }
        "HEALTHCHECK" => {
            let kind = chance.of(&["CMD", "CMD", "cmd", "NONE", "none", "OTHER", "", "\u{df}"]);
            format!("{kind}{}{}", blank(chance, escape), operands(chance, escape))
        }
        "FROM" if !chance.once_in(3) => {
            let base = chance.of(&["a", "scratch", "$X", "${X:-a}", "\"a\"", "a:1@sha256:0"]);
            let rest =
                chance.of(&["", "", " AS b", " as 0b", " As B.c-d_", " aſ b", " AS", " AS b c", " xx b", " AS ö"]);
            format!("{base}{rest}")
        }
        _ => operands(chance, escape),
    };
    unit
}

/// What is between words, a continued line with all that may be in it included.
fn blank(chance: &mut Chance, escape: char) -> String {
    match chance.below(24) {
        0 => "\t".to_owned(),
        1 => "  ".to_owned(),
        2 => chance.of(&["\u{b}", "\u{c}", "\r", "\u{a0}", "\u{3000}", ""]).to_owned(),
        3 | 4 => {
            let trailing = if chance.once_in(3) { " \t" } else { "" };
            let lines = chance.some(3, |chance| {
                chance.of(&["# comment\n", "  # comment\n", "\n", "   \n", "#\n", "\r\n", "\u{a0}\n"]).to_owned()
            });
            let before = if chance.once_in(5) { chance.of(&["\\", "`", "x", ""]) } else { " " };
            format!("{before}{escape}{trailing}\n{lines}{}", chance.of(&[" ", "", "\t", "  "]))
        }
        _ => " ".to_owned(),
    }
}

const FLAGS: [&str; 22] = [
    "--from=",
    "--from=b",
    "--from=0",
    "--chown=",
    "--chmod=",
    "--link",
    "--link=",
    "--checksum=",
    "--keep-git-dir=",
    "--exclude=",
    "--parents",
    "--mount=",
    "--network=",
    "--security=",
    "--device=",
    "--platform=",
    "--interval=",
    "--timeout=",
    "--start-period=",
    "--start-interval=",
    "--retries=",
    "--fron=",
];

const MOUNT_FIELDS: [&str; 20] = [
    "type=bind",
    "from=b",
    "from=$x",
    "from=$",
    "FROM=x",
    "source=a",
    "\"",
    "\"src=a,b\"",
    ",",
    ",",
    "required",
    "required=1",
    "required=x",
    "name=d",
    "v.com/d=e",
    "x",
    "\"\"",
    "requird=1",
    "nam=x",
    "ro",
];

const TIMES: [&str; 27] = [
    "30s",
    "1m30s",
    "1.5h",
    "0",
    "",
    "-5s",
    "1us",
    "1µs",
    "1",
    "s",
    "1x",
    "1ms",
    "0.5ms",
    ".s",
    "9999999h",
    "-0",
    "1.s",
    ".5s",
    "+1m",
    "1s\"",
    "999999999999999999999s",
    "0.99999999999999999999s",
    "\\n",
    "9223372036854775808ns",
    "-9223372036854775808ns",
    "9223372036854775807ns",
    "00s",
];

fn flag(chance: &mut Chance, name: &str, escape: char) -> String {
    if chance.once_in(12) {
        return chance.of(&["--", "---", "--=", "--=x", "-x", "--\"\"", "--'--'", "--\\--", "--x\\"]).to_owned();
    }
    let usual: &[&str] = match name.to_uppercase().as_str() {
        "COPY" => &FLAGS[0..6],
        "ADD" => &FLAGS[3..9],
        "RUN" => &FLAGS[11..15],
        "FROM" => &FLAGS[15..16],
        "HEALTHCHECK" => &FLAGS[16..21],
        _ => &FLAGS,
    };
    let flag = if chance.once_in(6) { chance.of(&FLAGS) } else { chance.of(usual) };
    if !flag.ends_with('=') {
        return flag.to_owned();
    }
    let value = match flag {
        "--mount=" | "--device=" => chance.some(4, |chance| chance.of(&MOUNT_FIELDS).to_owned()),
        "--link=" | "--keep-git-dir=" => chance.of(&["true", "false", "TRUE", "", "1", "fal\u{17f}e"]).to_owned(),
        "--network=" => chance.of(&["none", "host", "default", "", "Host", "ho\u{7f}st\""]).to_owned(),
        "--security=" => chance.of(&["insecure", "sandbox", "x"]).to_owned(),
        "--retries=" => chance.of(&["3", "-1", "+2", "x", "", "9999999999", "1_0", "--", "2147483648", "é"]).to_owned(),
        "--interval=" | "--timeout=" | "--start-period=" | "--start-interval=" => chance.of(&TIMES).to_owned(),
        _ => word(chance, escape),
    };
    let quote = if chance.once_in(8) { chance.of(&["\"", "'"]) } else { "" };
    format!("{flag}{quote}{value}{quote}")
}

fn operands(chance: &mut Chance, escape: char) -> String {
    match chance.below(7) {
        0 | 1 => array(chance),
        _ => chance.some(4, |chance| {
            let word = if chance.once_in(7) { heredoc(chance) } else { word(chance, escape) };
            word + &blank(chance, escape)
        }),
    }
}

fn pairs(chance: &mut Chance, escape: char) -> String {
    let sign = if chance.once_in(4) { " " } else { "=" };
    chance.some(3, |chance| {
        let name = chance.of(&["a", "b", "A.b", "", "'a'", "a b", "$x", "\"a b\""]);
        let sign = if chance.once_in(8) { chance.of(&["", " ", "==", " ="]) } else { sign };
        format!("{name}{sign}{}{}", word(chance, escape), blank(chance, escape))
    })
}

const PIECES: [&str; 40] = [
    "a", "b", "src", "/", "./", "*.go", "$x", "${x}", "${x:-d}", "${x#a}", "=", "\"", "'", "\"a b\"", "'a b'", "\\",
    "`", "\\\"", "\\ ", "#", "# ", "$", "${", "}", "<", "<<", "é", "日", "\u{a0}", "\\n", "--", "-", ".", ":", "@",
    ",", "[", "]", "\0", "\u{1}",
];

fn word(chance: &mut Chance, escape: char) -> String {
    if chance.once_in(3) {
        return chance.of(&["a", "/app", ".", "src/", "$HOME/x", "http://h/x", "1000:1000"]).to_owned();
    }
    let text = chance.some(4, |chance| chance.of(&PIECES).to_owned());
    if chance.once_in(10) { format!("{text}{escape}") } else { text }
}

/// Something in brackets, most often JSON.
fn array(chance: &mut Chance) -> String {
    if chance.once_in(12) {
        return chance
            .of(&[
                "[]",
                "[ ]",
                "[",
                "[\"a\"",
                "[\"a\"] x",
                "[\"a\",]",
                "['a']",
                "[\"a\" \"b\"]",
                "[\"a\\\"]",
                "[,]",
                "[[]",
                "[null",
                "[1,foo]",
                "[\"a\", 1e999]",
                "\u{a0}[\"a\"]",
                "[\"a\"]\u{a0}",
                "[\"\u{1}\"]",
                "[01]",
                "[-]",
                "[1.]",
                "[{\"a\"}]",
            ])
            .to_owned();
    }
    let elements: Vec<String> = (0..chance.below(4)).map(|_| element(chance, 0)).collect();
    let blank = chance.of(&["", "", " ", "\t", "\r"]);
    format!("[{blank}{}{blank}]", elements.join(&format!("{blank},{}", chance.of(&["", " "]))))
}

fn element(chance: &mut Chance, depth: usize) -> String {
    if chance.once_in(10) && depth < 3 {
        let inner = element(chance, depth + 1);
        return match chance.below(9) {
            0 => format!("[{inner}]"),
            1 => format!("{{\"a\": {inner}}}"),
            2 => format!("{{\"a\": {inner}, \"b\":[]}}"),
            3 => format!("[{inner}, {{}}]"),
            _ => chance.of(&["1", "null", "true", "-0.5e+3", "1e999", "{}", "tru", "0x1", "1e", "{\"a\":}"]).to_owned(),
        };
    }
    let content = chance.some(3, |chance| {
        chance
            .of(&[
                "a",
                "b c",
                "\\n",
                "\\\"",
                "\\\\",
                "\\u00e9",
                "\\ud83d\\ude00",
                "\\ud83d",
                "\\udc00x",
                "\\ud83d\\ud83d",
                "\\/",
                "é",
                "\\x",
                "$x",
                "<<EOF",
                "\t",
                "/app",
                "-c",
                "\\u12",
                "\\ud83d\\n",
                "\\b\\f\\r\\t",
            ])
            .to_owned()
    });
    format!("\"{content}\"")
}

fn heredoc(chance: &mut Chance) -> String {
    let mark = chance.of(&["<<", "<<", "<<-", "<< ", "3<<", "<<<", "<<\t-", "<<- ", "99999999999999999999<<", "x<<"]);
    let name = chance.of(&[
        "EOF",
        "EOF",
        "\"EOF\"",
        "'E F'",
        "E\"O\"F",
        "E\\F",
        "$E",
        "${E}",
        "\"\"",
        "",
        "E\\\"F",
        "${E:-x}",
        "${x-\\\"}",
        "\"E'F\"",
        "É",
    ]);
    format!("{mark}{name}")
}

/// Lines that end the heredocs of `line`, as a rule.
fn heredoc_lines(chance: &mut Chance, line: &str) -> String {
    let count = line.matches("<<").count();
    (0..count)
        .map(|_| {
            let content = chance.some(3, |chance| {
                chance
                    .of(&["text\n", "\ttext $x\n", "EOF x\n", " EOF\n", "# c\n", "\n", "a \\\n", "COPY a b\n", "E\n"])
                    .to_owned()
            });
            let tabs = if chance.once_in(4) { "\t" } else { "" };
            let name = if chance.once_in(3) {
                chance.of(&["E F", "EF", "E\"F", "$E", "${E}", "E\\F", "EOF \n", "${E:-x}", "x", "É", "E'F"])
            } else {
                "EOF"
            };
            format!("{content}{tabs}{name}\n")
        })
        .collect()
}

/// A request to expand a word.
pub fn word_request(chance: &mut Chance) -> Value {
    let mut request = Map::new();
    let escape = if chance.once_in(4) { "`" } else { "\\" };
    request.insert("word".into(), json!(expandable(chance, escape, 0)));
    request.insert("escape".into(), json!(escape));
    for (key, values) in [("quotes", ["keep", "ignore"]), ("escapes", ["keep", "keep"]), ("unset", ["keep", "keep"])] {
        if chance.once_in(4) {
            request.insert(key.into(), json!(chance.of(&values)));
        }
    }
    let values = [
        "",
        "a",
        "abcabc",
        "a/b/c",
        "foo.tar.gz",
        "a b  c",
        " x ",
        "$y",
        "aXbXc",
        "*",
        "é日é",
        "a\\b",
        "{}",
        "\"q\"",
        "aaa",
        "'",
        "a\nb",
        "$0",
        "xx/yy",
    ];
    let mut variables = Map::new();
    for name in ["x", "y", "z", "1", "long_name", "é"] {
        if chance.once_in(2) {
            variables.insert(name.to_owned(), json!(chance.of(&values)));
        }
    }
    request.insert("variables".into(), json!(variables));
    Value::Object(request)
}

fn expandable(chance: &mut Chance, escape: &str, depth: usize) -> String {
    chance.some(5 - depth, |chance| match chance.below(10) {
        0 => format!("${}", name(chance)),
        1..=4 => braces(chance, escape, depth),
        5 => format!("{escape}{}", chance.of(&["$", "\"", "'", "a", "}", "/", " ", "\\", "`", "*", "?", ""])),
        6 => {
            let quote = chance.of(&["\"", "'"]);
            let inner = if depth < 3 { expandable(chance, escape, depth + 1) } else { "a b".to_owned() };
            format!("{quote}{inner}{}", if chance.once_in(8) { "" } else { quote })
        }
        _ => chance
            .of(&[
                "a", "b c", " ", "\t", "/", "}", "{", "<", "<<", "<< EOF", "<<\"x\"", "\u{feff}", "\u{a0}", "é", "日",
                "*", "?", "#", "%", "$", "$$", "\0", "[", ".", "\u{2028}", ":", "-", "\n",
            ])
            .to_owned(),
    })
}

fn name<'a>(chance: &mut Chance) -> &'a str {
    chance.of(&[
        "x",
        "x",
        "y",
        "z",
        "1",
        "12a",
        "long_name",
        "é",
        "",
        "@",
        "?",
        "-",
        "#",
        "0",
        "$",
        "unset",
        "_",
        "x.y",
        "Ⅷ",
        "٣",
    ])
}

fn braces(chance: &mut Chance, escape: &str, depth: usize) -> String {
    let name = name(chance);
    let inner = |chance: &mut Chance| {
        if depth < 3 { expandable(chance, escape, depth + 1) } else { chance.of(&["a", "", "b*"]).to_owned() }
    };
    let pattern = |chance: &mut Chance| {
        let text = if chance.once_in(4) { inner(chance) } else { String::new() };
        let made = chance.some(3, |chance| {
            chance
                .of(&[
                    "a", "b", "*", "?", "X", "/", ".", "\\*", "\\?", "\\\\", "\\/", "\\}", "\\a", "c", "é", "'$0'",
                    "'a\\'", "$y", "'$'", "'${0}'", "'$$'", "\u{feff}", "(", "+",
                ])
                .to_owned()
        });
        text + &made
    };
    let body = match chance.below(14) {
        0 => String::new(),
        1 => {
            chance.of(&[":", "!", "~", "^", ":#a", ":%", ":/a/b", ":x", ":!y", "=x", "@Q", "//", "/", "/a"]).to_owned()
        }
        2..=4 => {
            let sign = chance.of(&[":-", ":+", "-", "+", ":?", "?"]);
            format!("{sign}{}", inner(chance))
        }
        5..=8 => {
            let sign = chance.of(&["#", "##", "%", "%%"]);
            format!("{sign}{}", pattern(chance))
        }
        _ => {
            let sign = chance.of(&["/", "//"]);
            format!("{sign}{}/{}", pattern(chance), pattern(chance))
        }
    };
    format!("${{{name}{body}{}", if chance.once_in(12) { "" } else { "}" })
}

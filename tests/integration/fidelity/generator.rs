//! Contexts and Dockerfiles made up from a seed: ordinary ones, and ones with what the reference says that differs.

use super::case::{Case, Thing, archive, compressed, directory, file, gzip, hard_link, link};
use crate::support::random::Random;

const FILES: [&str; 20] = [
    "a",
    "b.txt",
    "c.json",
    "src/main.c",
    "src/lib/x.h",
    "src/lib/y.h",
    "src/lib/deep/z.h",
    "docs/readme.md",
    "docs/img/logo.svg",
    "conf/app.conf",
    "conf/app.d/10.conf",
    "bin/run",
    "bin/tool",
    "x y",
    ".env",
    "src/.keep",
    "gen/out",
    "src/gen/out",
    "node_modules/m/index.js",
    "src/node_modules/n/index.js",
];
const DIRECTORIES: [&str; 8] = ["src", "docs", "conf", "bin", "src/lib", "gen", "empty", "conf/app.d"];
const LINKS: [(&str, &str); 14] = [
    ("latest", "a"),
    ("current", "src"),
    ("docs/link", "../a"),
    ("src/lib/w.h", "x.h"),
    ("bin/alias", "run"),
    ("conf/here", "."),
    ("dangling", "gone"),
    ("outside", "../beside"),
    ("system", "/etc"),
    ("rooted", "/a"),
    ("docs/dangling", "gone"),
    ("docs/abs", "/src/main.c"),
    ("src/up", ".."),
    ("bin/tool", "../src/lib"),
];
const ODD_NAMES: [&str; 9] =
    ["d/kaniko", "var/run/app.pid", "kaniko/x", "etc/hosts", "[x]", "src/.wh.main.c", "tmp/t", "ä é", "-dash"];
const MODES: [u32; 7] = [0o700, 0o750, 0o2755, 0o1777, 0o755, 0o775, 0o500];
const FILE_MODES: [u32; 8] = [0o600, 0o755, 0o4755, 0o2755, 0o400, 0o666, 0o000, 0o640];
const IGNORED: [&str; 12] =
    ["*.md", "node_modules", ".env", "docs", "**/*.h", "src/**", "# comment", "", "bin/*", "gen/", "!src/main.c", ".*"];
const IGNORED_ODDLY: [&str; 9] = ["**/node_modules", "**/gen", "*", "!**/gen", "a", "[", "!src/lib", "**/.*", "/conf"];

/// Where ordinary Dockerfiles put things.
const PLACES: [&str; 8] = ["/app", "/app/", "/opt/x/", "/srv", "./", ".", "/usr/share/app/", "/data/"];
const ODD_PLACES: [&str; 14] = [
    "/",
    "/v/",
    "/v/sub",
    "..",
    "rel",
    "rel/",
    "/var/run/",
    "/etc/hosts",
    "/kaniko/",
    "/workspace/",
    "/tmp/",
    "/app/current/",
    "/app/latest",
    "/proc/x",
];
const GLOBS: [&str; 7] = ["*.txt", "src/*", "*.json", "conf/*.conf", "docs/*", "b*", "src/lib/?.h"];
const ODD_GLOBS: [&str; 10] = ["*", "none*", "**", "l*", ".*", "*/a", "src/**", "[a-b]*", "cur*", "[x]"];
const ODD_SOURCES: [&str; 8] =
    ["../a", "gone", "$A", "src/../a", "/", "current/lib", "system/hosts", "src/lib/../main.c"];

const ODD_STAGE_SOURCES: [&str; 8] = ["/", "/app/*", "/app/latest", "/usr", "app", "/v", "/app/src", "/none*"];

/// Whether a line of an ignore file names a path or something above it, near enough.
fn names(line: &str, path: &str) -> bool {
    let is_above = |above: &str| path == above || path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
    match line {
        "*" => true,
        ".*" => path.starts_with('.'),
        "*.md" | "**/*.h" => path.ends_with(line.trim_start_matches(['*', '/'])),
        "**/.*" => path.starts_with('.') || path.contains("/."),
        "**/gen" | "**/node_modules" => path.split('/').any(|component| line.ends_with(component)),
        _ => is_above(line.trim_matches(['*', '/'])),
    }
}

/// Makes a case, and knows how odd it is to be.
struct Maker {
    random: Random,
    /// An odd choice is one of so many.
    odd: usize,
    /// Files, and what is called so.
    has: Vec<String>,
    archives: Vec<&'static str>,
    ignored: Vec<&'static str>,
    /// Where each stage has something.
    places: Vec<Vec<String>>,
}

impl Case {
    /// The case of this seed.
    pub fn of(seed: u64) -> Self {
        let mut random = Random::from_seed(seed);
        let odd = [150, 150, 30, 10, 4][random.below(5)];
        let mut maker = Maker { random, odd, has: vec![], archives: vec![], ignored: vec![], places: vec![] };
        let things = maker.things();
        let dockerfile = maker.dockerfile();
        let build_args =
            if maker.random.one_in(8) { vec![["A=b.txt", "V=2", "A="][maker.random.below(3)]] } else { vec![] };
        let target = if maker.odd() { Some(["s0", "s1", "S0"][maker.random.below(3)]) } else { None };
        Self { things, dockerfile, build_args, target }
    }
}

impl Maker {
    fn odd(&mut self) -> bool {
        self.random.one_in(self.odd)
    }

    /// One of these; of the odd ones seldom.
    fn pick<'a>(&mut self, ordinary: &[&'a str], odd: &[&'a str]) -> &'a str {
        if self.odd() { self.random.of(odd) } else { self.random.of(ordinary) }
    }

    fn things(&mut self) -> Vec<Thing> {
        let mut things = Vec::new();
        for path in DIRECTORIES {
            if self.odd() {
                things.push(directory(path).mode(self.random.of_numbers(&MODES)));
            } else if path == "empty" && self.random.one_in(3) {
                things.push(directory(path));
            }
        }
        for path in FILES {
            if self.random.one_in(4) && path != "a" {
                continue;
            }
            self.has.push(path.to_owned());
            let mode = if path.starts_with("bin/") { 0o755 } else { 0o644 };
            let mode = if self.odd() { self.random.of_numbers(&FILE_MODES) } else { mode };
            things.push(file(path, format!("content of {path}\n")).mode(mode));
        }
        for (path, target) in LINKS {
            if self.odd() {
                self.has.push(path.to_owned());
                things.push(link(path, target));
            }
        }
        for path in ODD_NAMES {
            if self.odd() && self.random.one_in(2) {
                self.has.push(path.to_owned());
                things.push(file(path, "odd\n"));
            }
        }
        if self.odd() && self.random.one_in(6) {
            things.extend([link("docs/circle", "round"), link("docs/round", "circle")]);
        }
        if self.odd() {
            things.push(directory(".").mode(self.random.of_numbers(&MODES)));
        }
        self.archives(&mut things);
        if self.random.one_in(3) {
            let count = 1 + self.random.below(4);
            self.ignored = (0..count).map(|_| self.pick(&IGNORED, &IGNORED_ODDLY)).collect();
            let lines: String = self.ignored.iter().map(|line| format!("{line}\n")).collect();
            let name = if self.random.one_in(6) { "Dockerfile.dockerignore" } else { ".dockerignore" };
            things.push(file(name, lines));
        }
        // A developer's own files.
        if self.random.one_in(4) {
            things = things.into_iter().map(|thing| thing.owner(501, 20)).collect();
            things.push(directory(".").owner(501, 20));
        } else if self.odd() {
            let number = self.random.below(things.len());
            let thing = things.remove(number);
            things.insert(number, thing.owner(1000, 1000));
        }
        things
    }

    fn archives(&mut self, things: &mut Vec<Thing>) {
        let make = |maker: &mut Self| {
            let mut members = vec![file("member", "m\n"), directory("dir/"), file("dir/member", "n\n").mode(0o755)];
            if maker.odd() {
                members.push(file("owned", "o\n").owner(7, 8));
            }
            if maker.odd() {
                members.extend([directory("lib/"), file("lib/so", "s\n"), link("dir/link", "member")]);
            }
            if maker.odd() {
                members.extend([link("to", maker.random.of(&["dir", "/dir", "../app", "gone"])), file("to/x", "x\n")]);
            }
            if maker.odd() {
                members.push(hard_link("dir/again", maker.random.of(&["member", "dir/member", "dir", "gone"])));
            }
            if maker.odd() {
                let root = directory("./").mode(maker.random.of_numbers(&[0o755, 0o700]));
                members.insert(0, root.owner(maker.random.of_numbers(&[0, 7]), 0));
            }
            if maker.odd() && maker.random.one_in(2) {
                let again = [file("dir", "no directory\n"), directory("member/"), link("dir/member", "/member")];
                members.push(again[maker.random.below(3)].clone());
            }
            if maker.odd() && maker.random.one_in(3) {
                members.push(file(maker.random.of(&["../up", "var/run/p", "src/main.c"]), "p\n"));
            }
            archive(&members)
        };
        let mut put = |maker: &mut Self, name: &'static str, content: Vec<u8>| {
            maker.archives.push(name);
            things.push(file(name, content));
        };
        if self.random.one_in(4) {
            let plain = make(self);
            put(self, "t.tar", plain);
        }
        if self.random.one_in(5) {
            let plain = make(self);
            put(self, "t.tgz", gzip(&plain));
        }
        if self.odd() {
            let plain = make(self);
            let (name, how) =
                [("t.tar.xz", "--xz"), ("t.tar.zst", "--zstd"), ("t.tbz", "--bzip2")][self.random.below(3)];
            put(self, name, compressed(how, &plain));
        }
        if self.odd() {
            put(self, "dump.gz", gzip(b"no archive\n"));
        }
    }

    fn dockerfile(&mut self) -> String {
        let mut text = String::new();
        if self.odd() && self.random.one_in(4) {
            text += "# escape=`\n";
        }
        if self.odd() && self.random.one_in(2) {
            text += "ARG A=a\n";
        }
        let stages = 1 + [0, 0, 1, 1, 2][self.random.below(5)];
        for stage in 0..stages {
            let base = match self.random.below(3) {
                0 if stage > 0 => format!("s{}", self.random.below(stage)),
                _ => "scratch".to_owned(),
            };
            text += &format!("FROM {base} AS s{stage}\n");
            let inherited = base.strip_prefix('s').and_then(|number| number.parse::<usize>().ok());
            self.places.push(inherited.map_or_else(Vec::new, |number| self.places[number].clone()));
            // Something to build in each.
            text += &self.copy(0);
            for _ in 0..self.random.below(5) {
                text += &self.instruction(stage);
            }
        }
        text
    }

    fn instruction(&mut self, stage: usize) -> String {
        match self.random.below(22) {
            0..8 => self.copy(0),
            8..11 if stage > 0 => self.copy(stage),
            11 | 12 => self.add(),
            13 | 14 => format!(
                "WORKDIR {}\n",
                self.pick(&["/app", "/srv", "sub"], &["/a/b", "/w/../x", "//a", "/v", "/app/b.txt"])
            ),
            15 => format!("USER {}\n", self.pick(&["0", "root"], &["5", "5:6", "app", "1000"])),
            16 if self.odd() => format!("VOLUME {}\n", self.random.of(&["/v", "/app", "[\"/data\", \"/v\"]"])),
            17 => self
                .pick(&["ENV A=a\n", "ENV V=1 W=two\n", "ENV P=\"x y\"\n"], &["ENV W=$V\n", "ENV P=C:\\t\n", "ENV A\n"])
                .to_owned(),
            18 => self
                .pick(
                    &["ARG A\n", "ARG V=2\n", "ARG A=b.txt\n"],
                    &[
                        "ARG TARGETARCH\nLABEL t=$TARGETARCH\n",
                        "ARG TARGETOS\nENV OS=$TARGETOS\n",
                        "ENV V=1\nARG V=2\nENV W=$V\n",
                    ],
                )
                .to_owned(),
            19 => self
                .pick(&["LABEL a=b\n", "LABEL x=\"y z\" b=$A\n"], &["LABEL c='run $A'\n", "LABEL \"d e\"=f\n"])
                .to_owned(),
            20 => self
                .pick(
                    &["EXPOSE 80\n", "EXPOSE 80/udp 443\n"],
                    &["EXPOSE 3000-3002\n", "EXPOSE 8080:80\n", "EXPOSE 99999\n"],
                )
                .to_owned(),
            _ => self
                .pick(
                    &[
                        "CMD [\"/app/bin/run\"]\n",
                        "ENTRYPOINT [\"/bin/tool\", \"-x\"]\n",
                        "CMD echo x\n",
                        "STOPSIGNAL SIGINT\n",
                        "HEALTHCHECK --interval=5s CMD x\n",
                        "HEALTHCHECK NONE\n",
                    ],
                    &[
                        "CMD\n",
                        "HEALTHCHECK --start-interval=2s CMD x\n",
                        "SHELL [\"/bin/x\"]\n",
                        "ONBUILD COPY a /onbuild\n",
                        "MAINTAINER x\n",
                    ],
                )
                .to_owned(),
        }
    }

    /// A source in the context: a file, or a directory. Seldom one that is ignored.
    fn source(&mut self) -> String {
        if self.odd() {
            return self.random.of(&ODD_SOURCES).to_owned();
        }
        for _ in 0..20 {
            let path = self.has[self.random.below(self.has.len())].clone();
            let path = match path.rsplit_once('/') {
                Some((above, _)) if !self.random.one_in(3) => above.to_owned(),
                _ => path,
            };
            if !self.ignored.iter().any(|line| names(line, &path)) || self.odd() {
                return path;
            }
        }
        "a".to_owned()
    }

    /// From the context, or from one of so many stages before.
    fn copy(&mut self, stages: usize) -> String {
        let mut flags = self.flags();
        if stages > 0 {
            let stage = self.random.below(stages);
            flags += &if self.random.one_in(3) { format!("--from={stage} ") } else { format!("--from=s{stage} ") };
            let has = self.places[stage].clone();
            let source = if has.is_empty() || self.odd() {
                self.random.of(&ODD_STAGE_SOURCES).to_owned()
            } else {
                has[self.random.below(has.len())].clone()
            };
            let place = self.pick(&PLACES, &ODD_PLACES);
            // It may be a file.
            let slash = if place.ends_with(['/', '.']) || self.odd() { "" } else { "/" };
            self.placed(place);
            return format!("COPY {flags}{source} {place}{slash}\n");
        }
        let keyword = if self.random.one_in(8) { "ADD" } else { "COPY" };
        if self.odd() && self.random.one_in(3) {
            let text = self.random.of(&["text", "$A", "\\$x", "two\nlines"]);
            let word = self.random.of(&["EOF", "\"EOF\""]);
            return format!("{keyword} {flags}<<{word} /app/heredoc\n{text}\n{}\n", word.trim_matches('"'));
        }
        let sources = match self.random.below(10) {
            0 => vec![".".to_owned()],
            1 | 2 => vec![self.pick(&GLOBS, &ODD_GLOBS).to_owned()],
            3 => (0..2 + self.random.below(2)).map(|_| self.source()).collect(),
            _ => vec![self.source()],
        };
        let mut place = self.pick(&PLACES, &ODD_PLACES).to_owned();
        let is_directory = sources.len() == 1 && (sources[0] == "." || !self.has.contains(&sources[0]));
        let is_directory = is_directory && !sources[0].contains(['*', '?', '[']);
        if !is_directory && !place.ends_with(['/', '.']) && !self.odd() {
            // What is not to be taken for a file's name.
            place += if sources.len() == 1 && self.has.contains(&sources[0]) && self.random.one_in(3) {
                "/renamed"
            } else {
                "/"
            };
        }
        self.placed(&place);
        if sources.iter().any(|source| source.contains(' ')) {
            let words: Vec<String> = sources.iter().map(|source| format!("\"{source}\"")).collect();
            return format!("{keyword} {flags}[{}, \"{place}\"]\n", words.join(", "));
        }
        format!("{keyword} {flags}{} {place}\n", sources.join(" "))
    }

    /// Notes that the stage has something there.
    fn placed(&mut self, place: &str) {
        if place.starts_with('/') && place != "/" {
            self.places.last_mut().unwrap().push(place.trim_end_matches('/').to_owned());
        }
    }

    fn flags(&mut self) -> String {
        let mut flags = String::new();
        if self.random.one_in(12) || self.odd() {
            flags += self.pick(
                &["--chown=0:0 ", "--chown=1:2 ", "--chown=1000 "],
                &["--chown=root:root ", "--chown=:2 ", "--chown=bob "],
            );
        }
        if self.random.one_in(12) || self.odd() {
            flags += self.pick(&["--chmod=755 ", "--chmod=0644 "], &["--chmod=u+x ", "--chmod=700 ", "--chmod=4755 "]);
        }
        if self.odd() {
            flags +=
                self.random.of(&["--link ", "--link ", "--link=false ", "--link ", "--exclude=*.md ", "--parents "]);
        }
        flags
    }

    fn add(&mut self) -> String {
        if self.archives.is_empty() {
            return self.copy(0);
        }
        let name = self.archives[self.random.below(self.archives.len())];
        let flags = if self.odd() { self.flags() } else { String::new() };
        format!("ADD {flags}{name} {}\n", self.pick(&["/app/", "/opt/t/", "/app"], &["/", ".", "o", "/app/latest"]))
    }
}

//! Each rule about big things on a listing made up for it: what fires, near misses, and that the advised line does what
//! it says.

use super::*;
use crate::context::dockerignore::Matcher;
use crate::context::listing::{Content, Entry};

const MIB: u64 = 1 << 20;

/// A listing of files with their sizes in MiB and the directories above them.
fn listing(files: &[(&str, u64)]) -> Listing {
    let mut entries: Vec<Entry> = Vec::new();
    for (path, size) in files {
        let above = Path::new(path).ancestors().skip(1).filter(|path| !path.as_os_str().is_empty());
        entries.extend(above.map(|path| Entry::made_directory(path.to_str().unwrap())));
        let kind = Kind::File { size: size * MIB, content: Content::Disk };
        entries.push(Entry { kind, ..Entry::made(path, "") });
    }
    entries.sort_by(|left, right| left.path.cmp(&right.path));
    entries.dedup_by(|left, right| left.path == right.path);
    Listing { entries, ..Listing::default() }
}

fn facts(ignore_file: &str, dockerfile: &str, gitignore: &str) -> Facts {
    let gitignores = vec![GitignoreFile { directory: "".into(), content: gitignore.into() }];
    let ignore_file = Some(IgnoreFile { path: ".dockerignore".into(), content: Some(ignore_file.into()) });
    Facts { ignore_file, dockerfile: dockerfile.into(), gitignores, ..Facts::default() }
}

#[test]
fn a_disk_that_keeps_no_modes_is_told_of_once_and_any_other_is_not() {
    let files = [("run.sh", 0), ("bin/tool", 0)];
    let of = |without_modes| advice(&listing(&files), &Facts { without_modes, ..facts("", "", "") });
    assert_eq!(of(true).iter().map(|advice| advice.code).collect::<Vec<_>>(), [Code::ContextModes]);
    assert_eq!(of(false), []);
}

fn told(files: &[(&str, u64)], facts: &Facts) -> Vec<String> {
    advice(&listing(files), facts).into_iter().map(|advice| advice.ignore_line.unwrap()).collect()
}

#[test]
fn what_tools_make_is_unintended_where_its_sign_is() {
    for (files, wanted) in [
        (&[(".git/HEAD", 0), (".git/objects/x", 20)][..], &[".git/"][..]),
        (&[(".git/x", 20)], &[]),
        (&[("sub/.git/HEAD", 20)], &["sub/.git/"]),
        (&[(".hg/store/x", 20)], &[".hg/"]),
        (&[(".svn/wc.db", 20)], &[".svn/"]),
        (&[("a/node_modules/x", 20), ("a/package.json", 0)], &["a/node_modules/"]),
        (&[("a/node_modules/x", 20), ("package.json", 0)], &[]),
        (&[("Cargo.toml", 0), ("target/x", 20)], &["target/"]),
        (&[("pom.xml", 0), ("target/x", 20)], &["target/"]),
        (&[("target/x", 20)], &[]),
        (&[("Cargo.toml", 0), ("targets/x", 20)], &[]),
        (&[("build.gradle.kts", 0), ("build/x", 20)], &["build/"]),
        (&[("build/x", 20), ("package.json", 0)], &[]),
        (&[(".gradle/x", 20), ("settings.gradle", 0)], &[".gradle/"]),
        (&[(".m2/repository/x", 20)], &[".m2/"]),
        (&[(".terraform/providers/x", 20)], &[".terraform/"]),
        (&[("a/__pycache__/x", 20)], &["a/__pycache__/"]),
        (&[("env/pyvenv.cfg", 0), ("env/lib/x", 20)], &["env/"]),
        (&[("env/lib/x", 20)], &[]),
        (&[("out/CMakeCache.txt", 0), ("out/x", 20)], &["out/"]),
        (&[("c/CACHEDIR.TAG", 0), ("c/x", 20)], &["c/"]),
        (&[("vendor/x", 20), ("dist/x", 20)], &[]),
    ] {
        assert_eq!(told(files, &facts("", "", "")), wanted, "{files:?}");
    }
}

#[test]
fn only_what_is_big_is_worth_an_advice() {
    let cargo = |size, other| [("Cargo.toml", 0), ("src/x", other), ("target/x", size)];
    assert_eq!(told(&cargo(9, 0), &facts("", "", "")), [""; 0], "below 10 MiB");
    assert_eq!(told(&cargo(10, 89), &facts("", "", "")), ["target/"], "10 %");
    assert_eq!(told(&cargo(10, 95), &facts("", "", "")), [""; 0], "less than 10 %");
    assert_eq!(told(&cargo(100, 2000), &facts("", "", "")), ["target/"], "100 MiB in any context");
    let many = |count| {
        let mut files = vec![("package.json".to_owned(), 0)];
        files.extend((0..count).map(|file| (format!("node_modules/{file}"), 0)));
        let files: Vec<_> = files.iter().map(|(path, size)| (path.as_str(), *size)).collect();
        told(&files, &facts("", "", ""))
    };
    assert_eq!(many(1000), ["node_modules/"]);
    assert_eq!(many(999), [""; 0]);
}

#[test]
fn the_topmost_directory_is_told_and_the_largest_first() {
    let files = [
        ("Cargo.toml", 0),
        ("package.json", 0),
        ("node_modules/a/node_modules/x", 50),
        ("node_modules/a/package.json", 0),
        ("target/x", 60),
    ];
    let advice = advice(&listing(&files), &facts("", "", "node_modules"));
    let told: Vec<_> = advice.iter().map(|advice| advice.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "`target/` is sent and looks unintended: 60.00 MiB in 1 file, 54 % of the context",
            "`node_modules/` is sent and looks unintended: 50.00 MiB in 2 files, 45 % of the context",
        ]
    );
    let notes = [
        "it holds packages that an install puts there: `package.json` is beside it",
        "git ignores it: `node_modules` in `.gitignore`",
    ];
    assert_eq!(advice[1].notes, notes);
    assert_eq!(advice[1].help.as_deref(), Some("add the line `node_modules/` to `.dockerignore`"));
}

#[test]
fn what_git_ignores_is_unintended_directories_and_files() {
    let files = [("a/dump.sql", 30), ("dist/x", 20), ("src/x", 20)];
    assert_eq!(told(&files, &facts("", "", "dist\n*.sql\n")), ["a/dump.sql", "dist/"]);
    assert_eq!(told(&files, &facts("", "", "*.sql\n!dump.sql\n")), [""; 0]);
}

#[test]
fn what_is_sent_on_purpose_is_not_unintended() {
    let maven = [("pom.xml", 0), ("target/app.jar", 20), ("target/classes/x", 20)];
    let files = &maven[..];
    for (ignore_file, dockerfile, wanted) in [
        ("", "FROM x\nCOPY . .\n", &["target/"][..]),
        ("", "FROM x\nCOPY target/app.jar /\n", &[]),
        ("", "FROM x\nARG JAR=target/*.jar\nCOPY ${JAR} /\n", &[]),
        ("", "FROM x AS build\nCOPY . .\nFROM y\nCOPY --from=build /target/app.jar /\n", &["target/"]),
        ("target\n!target/app.jar\n", "", &[]),
        ("*\n!target\n!pom.xml\n", "", &[]),
        ("*.log\n!x.log\n", "", &["target/"]),
    ] {
        assert_eq!(told(files, &facts(ignore_file, dockerfile, "target\n")), wanted, "{ignore_file:?} {dockerfile:?}");
    }
    // Taking back a directory says nothing about what lies deep in it.
    let nested = [("web/node_modules/x", 20), ("web/package.json", 0)];
    assert_eq!(told(&nested, &facts("*\n!web\n", "COPY web /", "")), ["web/node_modules/"]);
}

#[test]
fn what_is_left_over_from_something_else_is_unintended() {
    let files = [("core.17", 20), ("data", 20)];
    let artifacts = vec![(0, Artifact::CoreDump)];
    let advice = advice(&listing(&files), &Facts { artifacts, ..facts("", "", "") });
    assert_eq!(advice[0].message, "`core.17` is sent and looks unintended: 20.00 MiB, 50 % of the context");
    assert_eq!(advice[0].notes, ["it is the core dump of a process"]);
}

#[test]
fn a_repository_that_the_dockerfile_runs_git_on_is_not_unintended() {
    let files = [(".git/HEAD", 0), (".git/config", 0), (".git/objects/x", 20)];
    for (dockerfile, wanted) in [
        ("COPY . .\nRUN git describe > version\n", &[][..]),
        ("RUN --mount=type=bind,source=.git,target=.git make\n", &[]),
        ("COPY . .\nRUN apk add git\n", &[".git/"]),
    ] {
        assert_eq!(told(&files, &facts("", dockerfile, "")), wanted, "{dockerfile}");
    }
    let git = "COPY . .\nRUN git describe > version\n";
    let advice = advice(&listing(&files), &Facts { exposed: exposed(2), ..facts("", git, "") });
    assert_eq!(advice[0].path, Path::new(".git/config"));
    assert_eq!((advice[0].notes.len(), &advice[0].help), (1, &None), "a token in there is told all the same");
}

fn exposed(entry: usize) -> Vec<Exposed> {
    vec![Exposed { entry, secret: secret::Secret::PrivateKey, line: Some(3) }]
}

#[test]
fn a_secret_is_told_with_its_line_and_where_to_leave_it_out() {
    let files = [("[x]/tls.key", 0)];
    let told = |ignore_file| advice(&listing(&files), &Facts { exposed: exposed(1), ignore_file, ..Facts::default() });
    let none = Some(IgnoreFile { path: ".dockerignore".into(), content: None });
    assert_eq!(told(None)[0].message, "`[x]/tls.key` is sent and looks like a secret: a private key in line 3");
    assert_eq!(told(None)[0].help, None, "an archive");
    assert_eq!(told(none)[0].help.as_deref(), Some(r"create `.dockerignore` with the line `\[x\]/tls.key`"));
    for (ignore_file, dockerfile, note) in [
        ("", "COPY --chmod=600 [x]/tls.key /", "the Dockerfile names it"),
        ("*\n!*/tls.key\n", "", "the ignore file takes it back in by name"),
    ] {
        let told = advice(&listing(&files), &Facts { exposed: exposed(1), ..facts(ignore_file, dockerfile, "") });
        assert_eq!((told[0].notes.as_slice(), &told[0].help), (&[note.to_owned()][..], &None));
    }
}

#[test]
fn the_advised_line_added_to_the_ignore_file_leaves_exactly_the_entry_out() {
    let files = [
        ("Cargo.toml", 0),
        ("[id]/package.json", 0),
        ("[id]/node_modules/x/y", 20),
        ("i/node_modules/x", 1),
        ("target/keep/x", 20),
        ("targets", 1),
        ("!x/pyvenv.cfg", 20),
        ("#y/pyvenv.cfg", 20),
        ("x/pyvenv", 1),
    ];
    for before in ["", "*.log\n", "# no newline at its end\n!target/keep", "*\n!**\n"] {
        let listing = listing(&files);
        let advised = advice(&listing, &facts(before, "", ""));
        assert_eq!(advised.len(), 4, "{before}");
        for advice in advised {
            let line = advice.ignore_line.unwrap();
            let matcher = Matcher::from_file(format!("{before}\n{line}\n").as_bytes()).unwrap();
            for entry in &listing.entries {
                let excluded = matcher.verdict(entry.path.as_os_str().as_bytes()).unwrap().excluded;
                assert_eq!(excluded, entry.path.starts_with(&advice.path), "{line} {:?}", entry.path);
            }
        }
    }
}

/// Advice where every file of that name is a secret, but for those in `harmless`.
fn told_of_name(name: &str, files: &[(&str, u64)], facts: Facts) -> (Listing, Vec<Advice>) {
    let listing = listing(files);
    let is_secret = |entry: &Entry| entry.path.ends_with(name) && !entry.path.starts_with("harmless");
    let secrets = (0..listing.entries.len()).filter(|&index| is_secret(&listing.entries[index]));
    let exposed = secrets.flat_map(exposed).collect();
    let advice = advice(&listing, &Facts { exposed, ..facts });
    (listing, advice)
}

const SIX: [(&str, u64); 8] = [
    (".env", 0),
    ("a/.env", 0),
    ("a/b.env", 0),
    ("a/tls.key", 0),
    ("b/.env", 0),
    ("c/d/.env", 0),
    ("e/.env", 0),
    ("f/.env", 0),
];

#[test]
fn many_secrets_of_one_name_share_a_line_that_leaves_exactly_them_out() {
    for before in ["", "*.log\n", "# no newline at its end\n!a/.env.x", "*\n!**\n"] {
        let (listing, advised) = told_of_name(".env", &SIX, facts(before, "", ""));
        assert_eq!(advised.len(), 6);
        assert!(
            advised.iter().all(|advice| advice.help.as_deref() == Some("add the line `**/.env` to `.dockerignore`"))
        );
        let matcher = Matcher::from_file(format!("{before}\n**/.env\n").as_bytes()).unwrap();
        for entry in &listing.entries {
            let excluded = matcher.verdict(entry.path.as_os_str().as_bytes()).unwrap().excluded;
            assert_eq!(excluded, advised.iter().any(|advice| advice.path == entry.path), "{before} {:?}", entry.path);
        }
    }
}

#[test]
fn secrets_that_share_a_line_are_told_beside_the_first() {
    let listing = listing(&SIX);
    let is_secret = |path: &Path| path.ends_with(".env") || path.ends_with("tls.key");
    let secrets = (0..listing.entries.len()).filter(|&index| is_secret(&listing.entries[index].path));
    let exposed = secrets.flat_map(exposed).collect();
    let advised = advice(&listing, &Facts { exposed, ..facts("", "", "") });
    let lines: Vec<_> = advised.iter().map(|advice| advice.ignore_line.as_deref().unwrap()).collect();
    assert_eq!(lines, ["**/.env", "**/.env", "**/.env", "**/.env", "**/.env", "**/.env", "a/tls.key"]);
}

#[test]
fn few_secrets_of_one_name_or_others_that_bear_it_leave_each_its_own_line() {
    let lines = |files: &[(&str, u64)], dockerfile: &str| -> Vec<Option<String>> {
        let (_, advised) = told_of_name(".env", files, facts("", dockerfile, ""));
        advised.into_iter().map(|advice| advice.ignore_line).collect()
    };
    let has_shared = |files: &[(&str, u64)], dockerfile| lines(files, dockerfile).contains(&Some("**/.env".to_owned()));
    assert!(has_shared(&SIX, ""));
    assert!(!has_shared(&SIX[1..], ""), "five");
    assert!(!has_shared(&[&SIX[..], &[("harmless/.env", 0)]].concat(), ""), "one is no secret");
    assert!(!has_shared(&[&SIX[..], &[("g/.env", 0)]].concat(), "COPY g/.env /"), "one is copied by name");
}

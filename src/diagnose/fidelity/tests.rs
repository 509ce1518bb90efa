//! Dockerfiles whose images differ, and near misses. Numbers of rows are those of the differences that were run against
//! both builders.

use std::collections::BTreeMap;

use super::*;
use crate::buildkit::{self, Asked, Contents, Platform};
use crate::context::as_sent::{self, AsSent, Inside};
use crate::context::listing::{Entry, Kind as EntryKind, Listing};
use crate::dockerfile::{self, Channel};
use crate::executor::ContextPlace;
use crate::executor::resolve::{End, Setup, resolve};
use crate::members::{Found, Members, told};
use crate::rootfs::{Content, Kind, Node, RootFs};

/// `path`, `path/`, `path -> target`, each with ` 0700` and the like behind it.
fn listing(things: &[&str]) -> Listing {
    let entry = |thing: &&str| {
        let (thing, mode) = thing.rsplit_once(" 0").map_or((*thing, None), |(thing, mode)| (thing, Some(mode)));
        let (path, made) = match thing.split_once(" -> ") {
            Some((path, target)) => {
                let kind = EntryKind::Symlink { target: target.into() };
                (path, Entry { kind, mode: 0o777, ..Entry::made("", "") })
            }
            None if thing.ends_with('/') => (thing.trim_end_matches('/'), Entry::made_directory("")),
            None => (thing, Entry::made("", "")),
        };
        let mode = mode.map_or(made.mode, |mode| u32::from_str_radix(mode, 8).unwrap());
        Entry { path: path.into(), mode, ..made }
    };
    Listing { entries: things.iter().map(entry).collect(), ..Listing::default() }
}

/// Archives of the context, each with its members ([`told::members`]).
struct Archives(BTreeMap<Vec<u8>, Members>);

impl Archives {
    fn at(&self, path: &[u8]) -> Found {
        self.0.get(path).map_or(Found::File, |members| Found::Archive(Some(members.clone())))
    }
}

impl Contents for Archives {
    fn text(&self, _: &Content) -> Option<Vec<u8>> {
        None
    }

    fn found(&self, content: &Content) -> Found {
        let Content::Context(path) = content else { return Found::Unknown };
        self.at(path)
    }
}

impl Inside for Archives {
    fn start(&self, file: &[u8], _: usize) -> Option<Vec<u8>> {
        // What nobody can read the start of may be an archive.
        (Inside::found(self, file) == Found::File).then(Vec::new)
    }

    fn found(&self, file: &[u8]) -> Found {
        gopath::below(file, &as_sent::root()).map_or(Found::File, |path| self.at(path))
    }
}

fn found(dockerfile: &str, things: &[&str]) -> Vec<Finding> {
    found_with(dockerfile, things, &[])
}

/// With `t.tar`, which holds these.
fn unpacked(dockerfile: &str, members: &[&str]) -> Vec<Finding> {
    found_with(dockerfile, &["a", "t.tar"], members)
}

fn found_with(dockerfile: &str, things: &[&str], members: &[&str]) -> Vec<Finding> {
    let archive = things.contains(&"t.tar").then(|| (b"t.tar".to_vec(), told::members(members).into()));
    let archives = Archives(archive.into_iter().collect());
    let listing = listing(things);
    let file = dockerfile::parse(dockerfile).unwrap();
    let stages = file.stages(Channel::Any).unwrap();
    let mut context = RootFs::default();
    for entry in &listing.entries {
        let path = entry.path.to_str().unwrap();
        let kind = match &entry.kind {
            EntryKind::Directory => Kind::Directory,
            EntryKind::File { .. } => Kind::File(Content::Context(path.into())),
            EntryKind::Symlink { target } => Kind::Symlink(target.to_str().unwrap().into()),
        };
        context.put(format!("/{path}").into(), Node { kind, mode: entry.mode, ..Node::directory(0) });
    }
    let asked = Asked {
        given: BTreeMap::new(),
        target: None,
        platform: Some(Platform::default()),
        context: &context,
        contents: &archives,
    };
    let mut arguments = ContextPlace::Volume.args();
    arguments.push("--no-push".to_owned());
    let resolution = resolve(&Setup {
        mounts: &as_sent::mounts(),
        ..Setup::new(&arguments, &AsSent::new(&listing, dockerfile.as_bytes(), &[]).looking(&archives))
    });
    let End::Built = resolution.end else { panic!("{dockerfile}: {:?}", resolution.end) };
    let docker = match buildkit::build(&file, &asked) {
        buildkit::End::Built(built) => built,
        buildkit::End::Failed { by, words } => {
            return vec![fails(by, &words, Path::new("Dockerfile"), dockerfile, &stages, &file)];
        }
        buildkit::End::Unknown => panic!("{dockerfile}"),
    };
    let kaniko = &resolution.made.unwrap();
    let mounts = &as_sent::mounts();
    let images = Images { docker: &docker, kaniko, original: &|at| at, mounts, same: &|one, other| one == other };
    findings(&images, Path::new("Dockerfile"), dockerfile, &stages, &file)
}

/// The codes, each with the line it is about.
fn codes(dockerfile: &str, things: &[&str]) -> Vec<String> {
    let told = |finding: &Finding| format!("{} {}", finding.code.name(), finding.spans[0].place.line);
    found(dockerfile, things).iter().map(told).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn equal_images_have_no_findings() {
    for instructions in [
        "COPY . /app",
        "COPY a /o",
        "COPY --chown=1:2 d /o/",
        "COPY --chmod=755 a d/x /o/",
        "WORKDIR /w\nCOPY a .\nADD d/ sub/",
        "USER 5\nWORKDIR /w\nCOPY a .",
        "VOLUME /v",
        "VOLUME /v\nCOPY a /v/",
        "ENV A=1\nLABEL l=$A\nEXPOSE 80 53/udp",
        "COPY d* /o/",
        "COPY a /workspace/",
        "RUN make\nCOPY a /o",
    ] {
        assert_eq!(codes(&format!("FROM scratch\n{instructions}\n"), &["a", "d/", "d/x"]), NONE, "{instructions}");
    }
    let stages = "FROM scratch AS s\nCOPY d /d\nFROM s\nCOPY a /a\nFROM scratch\nCOPY --from=s /d /o\nCOPY --from=1 /a /d/x /o/\n";
    assert_eq!(codes(stages, &["a", "d/", "d/x"]), NONE);
    let built = "FROM maven AS s\nCOPY a /a\nRUN mvn package\nFROM debian\nCOPY --from=s /target/*.jar /app.jar\n";
    assert_eq!(codes(built, &["a"]), NONE);
    assert_eq!(codes("FROM debian\nWORKDIR x\nCOPY --chown=app a b\nCOPY --from=s /x /y\n", &["a"]), NONE);
}

/// Row 16.
#[test]
fn a_pattern_that_matches_the_context_itself_copies_it_once_more() {
    let found = found("FROM scratch\nCOPY * /w/\n", &["a", "d/", "d/x"]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].code, found[0].severity), (Code::ImageFilesAdded, Severity::Error));
    assert_eq!(found[0].notes, ["`/w/d` is there with Kaniko", "`/w/d/x` is there with Kaniko"]);
    assert_eq!(codes("FROM scratch\nCOPY d/* /w/\n", &["a", "d/", "d/x"]), NONE);
}

/// What is there in an image is not made.
#[test]
fn directories_on_the_way_may_be_in_the_image() {
    for instructions in [
        "COPY --chown=101:101 d /usr/share/nginx/html",
        "COPY --chmod=600 a /root/.ssh/id",
        "USER 1000\nWORKDIR /home/node/app",
        "RUN mkdir /app\nCOPY a /app\nWORKDIR /app\nCOPY d d",
        "ARG UID=$SOMEBODY\nUSER $UID\nENV D=$UID",
        "WORKDIR /app/",
    ] {
        assert_eq!(codes(&format!("FROM debian\n{instructions}\n"), &["a", "d/", "d/x"]), NONE, "{instructions}");
    }
}

/// Row 17: it is told with the pattern that matches nothing.
#[test]
fn the_executors_own_files_are_not_told_one_by_one() {
    for dockerfile in ["FROM scratch\nCOPY a /a\nCOPY opt* /o/\n", "FROM node\nCOPY .npmrc* /app/\nRUN make\n"] {
        assert_eq!(codes(dockerfile, &["a"]), NONE, "{dockerfile}");
    }
}

/// Rows 18 and 19.
#[test]
fn directories_that_are_there_or_are_made_on_the_way_have_other_owners() {
    let dockerfile = "FROM scratch\nWORKDIR /app\nCOPY --chown=1:2 . .\n";
    let found = found(dockerfile, &["a"]);
    assert_eq!((found[0].code, found[0].severity), (Code::ImageOwnersDiffer, Severity::Warning));
    assert_eq!(found[0].notes, ["`/app` is 0:0 with docker build, and 1:2 with Kaniko"]);
    assert_eq!(codes("FROM scratch\nUSER 5\nWORKDIR /a/b\n", &["a"]), ["image-owners-differ 3"]);
    assert_eq!(codes("FROM scratch\nUSER 5\nWORKDIR /a\n", &["a"]), NONE);
}

/// Rows 20 and 29.
#[test]
fn a_directory_that_is_named_gives_its_mode() {
    assert_eq!(codes("FROM scratch\nCOPY d /o\n", &["d/ 0700", "d/x"]), ["image-modes-differ 2"]);
    assert_eq!(codes("FROM scratch\nCOPY . /o\n", &["d/ 0700", "d/x"]), NONE);
    let existing = "FROM scratch\nCOPY a /o/\nCOPY --chmod=700 d /o/\n";
    assert_eq!(codes(existing, &["a", "d/", "d/x"]), ["image-modes-differ 3"]);
}

/// Rows 4, 5 and 41.
#[test]
fn a_link_that_is_named_is_copied_as_one() {
    let things = &["f", "l -> f", "d/", "d/x", "ld -> d", "gone -> no"];
    assert_eq!(codes("FROM scratch\nCOPY l /o\n", things), ["image-files-differ 2"]);
    assert_eq!(codes("FROM scratch\nCOPY ld /o/\n", things), ["image-files-missing 2", "image-files-added 2"]);
    assert_eq!(codes("FROM scratch\nCOPY gone /o\n", things), ["docker-build-fails 2"]);
    assert_eq!(codes("FROM scratch\nCOPY . /o\n", things), NONE);
}

/// Row 6.
#[test]
fn a_link_of_another_stage_is_copied_as_one() {
    let things = &["r/", "r/app", "r/bin/", "r/bin/app -> ../app"];
    let base = "FROM scratch AS s\nCOPY r /r\nFROM scratch\n";
    assert_eq!(codes(&format!("{base}COPY --from=s /r/bin/app /app\n"), things), ["image-files-differ 4"]);
    assert_eq!(codes(&format!("{base}COPY --from=s /r /r\n"), things), NONE);
}

/// Row 22.
#[test]
fn setuid_is_lost_in_a_directory_of_another_stage() {
    let things = &["r/", "r/su 04755"];
    let base = "FROM scratch AS s\nCOPY r /r\nFROM scratch\n";
    assert_eq!(codes(&format!("{base}COPY --from=s /r /r\n"), things), ["image-modes-differ 4"]);
    assert_eq!(codes(&format!("{base}COPY --from=s /r/su /r/\n"), things), NONE);
}

/// Row 25.
#[test]
fn a_mount_of_every_pod_hides_what_is_copied_there() {
    assert_eq!(codes("FROM scratch\nCOPY a /etc/hosts\n", &["a"]), ["image-files-missing 2"]);
    assert_eq!(codes("FROM scratch\nCOPY a /etc/host\n", &["a"]), NONE);
}

/// Rows 35 and 36.
#[test]
fn settings_that_the_executor_reads_otherwise_are_told() {
    assert_eq!(codes("FROM scratch\nEXPOSE 3000-3002\n", &["a"]), ["image-settings-differ 2"]);
    assert_eq!(codes("FROM scratch\nHEALTHCHECK --start-interval=2s CMD x\n", &["a"]), ["image-settings-differ 2"]);
    assert_eq!(codes("FROM scratch\nENV V=1\nARG V=2\nENV W=$V\n", &["a"]), ["image-settings-differ 4"]);
}

/// Rows 44 and 46.
#[test]
fn a_link_in_the_way_is_written_through() {
    let things = &["t/", "t/l -> v2", "t/v2", "t/real/", "t/d -> real", "n/", "n/l", "f"];
    let found = found("FROM scratch\nCOPY t /t\nCOPY n /t/\n", things);
    assert_eq!(found[0].code, Code::ImageFilesDiffer);
    assert_eq!(
        found[0].notes,
        [
            "`/t/l` is a file with docker build, and a symlink to `v2` with Kaniko",
            "`/t/v2` is `t/v2` of the context with docker build, and `n/l` of the context with Kaniko",
        ]
    );
    let linked = codes("FROM scratch\nCOPY t /t\nCOPY --link f /t/d/\n", things);
    assert_eq!(linked, ["image-files-differ 2", "image-files-missing 3", "image-files-added 3"]);
}

/// What it copies is there with docker build, whatever was run.
#[test]
fn no_command_changes_what_a_mount_hides() {
    let found = found("FROM debian\nRUN make\nCOPY a /etc/hosts\nRUN make\n", &["a"]);
    assert_eq!((found.len(), found[0].code), (1, Code::ImageFilesMissing));
    assert_eq!(found[0].notes, ["`/etc/hosts` is there with docker build", "every runtime mounts something over it"]);
}

/// The other stage gives it files, and no more.
#[test]
fn a_run_of_a_stage_that_the_image_does_not_build_on_changes_nothing_in_it() {
    for other in ["FROM debian AS s\nRUN make\n", ""] {
        let dockerfile = format!("{other}FROM scratch AS t\nCOPY t /t\nFROM t\nCOPY n /t/\n");
        let found = found(&dockerfile, &["t/", "t/l -> v2", "t/v2", "n/", "n/l"]);
        assert_eq!((found[0].code, found[0].severity), (Code::ImageFilesDiffer, Severity::Error), "{dockerfile}");
    }
    let dockerfile = "FROM scratch AS t\nCOPY t /t\nFROM t\nRUN make\nCOPY n /t/\n";
    let found = found(dockerfile, &["t/", "t/l -> v2", "t/v2", "n/", "n/l"]);
    assert_eq!(found[0].severity, Severity::Warning);
}

/// They get what the archive says, whatever the image had there.
#[test]
fn directories_that_an_archive_names_are_compared_on_base_images_too() {
    for base in ["scratch", "debian"] {
        let modes = unpacked(&format!("FROM {base}\nADD t.tar /app/\n"), &["./ | 700 0:0", "x"]);
        assert_eq!((modes.len(), modes[0].code), (1, Code::ImageModesDiffer), "{modes:?}");
        assert_eq!(modes[0].notes, ["`/app` is 0755 with docker build, and 0700 with Kaniko"]);
        let owners = unpacked(&format!("FROM {base}\nADD --chown=1:2 t.tar /\n"), &["app/", "app/x"]);
        assert_eq!((owners.len(), owners[0].code), (1, Code::ImageOwnersDiffer), "{owners:?}");
        assert_eq!(owners[0].notes[0], "`/app` is 1:2 with docker build, and 0:0 with Kaniko");
    }
    assert_eq!(unpacked("FROM debian\nADD t.tar /app/\n", &["./", "x/", "y/z | 600 1:1"]), []);
    // What is made on the way may be there.
    assert_eq!(unpacked("FROM debian\nADD --chown=0:0 t.tar /app/\n", &["y/z"]), []);
}

/// `--chown` and `--chmod` do nothing there.
#[test]
fn of_an_archive_the_owner_is_the_one_that_it_is_packed_with() {
    let help = |instruction: &str, members: &[&str]| {
        unpacked(&format!("FROM scratch\n{instruction}\n"), members)[0].help.clone().unwrap()
    };
    assert_eq!(
        help("ADD --chown=1:2 t.tar /o/", &["x"]),
        "pack the archive with that owner, or have a `RUN chown` behind it"
    );
    assert_eq!(
        help("ADD t.tar /o/", &["./ | 700 0:0"]),
        "pack the archive with that mode, or have a `RUN chmod` behind it"
    );
}

/// Row 27.
#[test]
fn what_runtimes_mount_over_weighs_less_and_comes_last() {
    let members = ["dev/", "etc/", "etc/hosts", "etc/passwd", "var/", "var/run/", "var/run/p"];
    let found = unpacked("FROM scratch\nADD t.tar /\n", &members);
    assert_eq!((found.len(), found[0].code, found[0].severity), (1, Code::ImageFilesMissing, Severity::Error));
    assert_eq!(
        found[0].notes[..2],
        ["`/var/run` is there with docker build", "`/var/run/p` is there with docker build"]
    );
    assert_eq!(found[0].help.as_deref(), Some("use `--ignore-var-run=false`"));
    let found = unpacked("FROM scratch\nADD t.tar /\n", &["dev/", "dev/null", "etc/", "etc/hosts"]);
    assert_eq!((found.len(), found[0].severity, &found[0].help), (1, Severity::Advice, &None), "{found:?}");
    assert_eq!(found[0].notes.last().unwrap(), "every runtime mounts something over it");
}

/// An empty archive makes no destination with Kaniko, and the image may have it.
#[test]
fn a_directory_that_the_image_may_have_weighs_less() {
    let found = unpacked("FROM debian\nADD t.tar /opt/\n", &[]);
    assert!(found.iter().all(|finding| finding.code != Code::ImageFilesMissing || finding.severity != Severity::Error));
}

#[test]
fn what_a_later_run_may_change_weighs_less() {
    let dockerfile = "FROM debian\nUSER 0\nWORKDIR /o\nCOPY --chown=1:2 d /o\nRUN chown 0:0 /o\n";
    let found = found(dockerfile, &["d/", "d/x"]);
    assert_eq!(found[0].severity, Severity::Advice);
    assert!(found[0].notes.contains(&"what a `RUN` makes of it is not known".to_owned()));
}

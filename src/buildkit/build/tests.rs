//! What BuildKit does, as it was seen to do.

use std::fmt::Write;

use super::*;
use crate::buildkit::NoContents;
use crate::rootfs::Id;

/// A build context, each thing as `path`, `path/`, `path -> target`, with ` mode` behind it if it is not the usual one.
fn context(things: &[&str]) -> RootFs {
    let mut rootfs = RootFs::default();
    for thing in things {
        let (thing, mode) = thing.rsplit_once(" 0").map_or((*thing, None), |(thing, mode)| (thing, Some(mode)));
        let (path, kind, usual) = match thing.split_once(" -> ") {
            Some((path, target)) => (path, Kind::Symlink(target.into()), 0o777),
            None if thing.ends_with('/') => (thing.trim_end_matches('/'), Kind::Directory, 0o755),
            None => (thing, Kind::File(Content::Context(thing.into())), 0o644),
        };
        let mode = mode.map_or(usual, |mode| u32::from_str_radix(mode, 8).unwrap());
        make_directories(&mut rootfs, &gopath::parent(format!("/{path}").as_bytes()), 0o755, None, 0).unwrap();
        rootfs.put(format!("/{path}").into(), Node { kind, mode, ..Node::directory(0) });
    }
    rootfs
}

fn built(dockerfile: &str, things: &[&str]) -> End {
    let file = dockerfile::parse(dockerfile).unwrap();
    let context = context(things);
    let (given, platform) = (Values::new(), Some(Platform::default()));
    build(&file, &Asked { given, target: None, platform, context: &context, contents: &NoContents })
}

/// What is in the image, a thing a word: its path, ` -> ` or ` = `, and what is not as usual.
fn image(dockerfile: &str, things: &[&str]) -> String {
    let built = match built(dockerfile, things) {
        End::Built(built) => built,
        other => panic!("{dockerfile}: {other:?}"),
    };
    let mut told = String::new();
    for (path, node) in built.rootfs.iter() {
        let usual = match &node.kind {
            Kind::Directory => {
                write!(told, "{}/", String::from_utf8_lossy(path)).unwrap();
                0o755
            }
            Kind::File(content) => {
                let content = match content {
                    Content::Context(path) => String::from_utf8_lossy(path).into_owned(),
                    other => format!("{other:?}"),
                };
                write!(told, "{}={content}", String::from_utf8_lossy(path)).unwrap();
                0o644
            }
            Kind::Symlink(target) => {
                write!(told, "{}->{}", String::from_utf8_lossy(path), String::from_utf8_lossy(target)).unwrap();
                node.mode
            }
        };
        if node.mode != usual {
            write!(told, ",{:o}", node.mode).unwrap();
        }
        if let (Id::Known(user), Id::Known(group)) = (node.owner.user, node.owner.group)
            && (user, group) != (0, 0)
        {
            write!(told, ",{user}:{group}").unwrap();
        }
        told.push(' ');
    }
    told.trim_end().to_owned()
}

fn fails(dockerfile: &str, things: &[&str]) -> String {
    match built(dockerfile, things) {
        End::Failed { words, .. } => words,
        other => panic!("{dockerfile}: {other:?}"),
    }
}

const TREE: &[&str] = &["f", "g 0600", "d/ 0700", "d/x", "d/sub/y", "l -> f", "ld -> d", "d/in -> x"];

fn copied(instructions: &str) -> String {
    image(&format!("FROM scratch\n{instructions}\n"), TREE)
}

#[test]
fn a_file_goes_to_a_name_or_into_a_directory() {
    assert_eq!(copied("COPY f /o"), "/o=f");
    assert_eq!(copied("COPY f /o/"), "/o/ /o/f=f");
    assert_eq!(copied("COPY f /o/."), "/o/ /o/f=f");
    assert_eq!(copied("COPY f o/p"), "/o/ /o/p=f");
    assert_eq!(copied("WORKDIR /w\nCOPY f ."), "/w/ /w/f=f");
    assert_eq!(copied("WORKDIR /w\nCOPY g ../o"), "/o=g,600 /w/");
    assert_eq!(copied("COPY f ''"), "/f=f");
    assert_eq!(copied("COPY f g /o"), "/o=g,600");
}

#[test]
fn a_directory_gives_what_is_in_it() {
    assert_eq!(copied("COPY d /o"), "/o/ /o/in->x /o/sub/ /o/sub/y=d/sub/y /o/x=d/x");
    assert_eq!(copied("COPY --chown=1:2 --chmod=700 d/sub /o"), "/o/,700,1:2 /o/y=d/sub/y,700,1:2");
    assert_eq!(copied("WORKDIR /o\nCOPY --chown=1:2 d/sub ."), "/o/ /o/y=d/sub/y,1:2");
}

#[test]
fn a_source_is_followed_and_a_link_within_is_not() {
    assert_eq!(copied("COPY l /o"), "/o=f");
    assert_eq!(copied("COPY l /o/"), "/o/ /o/l=f");
    assert_eq!(copied("COPY ld /o/"), "/o/ /o/in->x /o/sub/ /o/sub/y=d/sub/y /o/x=d/x");
    assert_eq!(copied("COPY ../f /o"), "/o=f");
    assert_eq!(copied("COPY ld/in /o"), "/o=d/x");
    assert_eq!(fails("FROM scratch\nCOPY gone /o\n", TREE), "/gone: not found");
    assert_eq!(fails("FROM debian\nCOPY gone /o\n", TREE), "/gone: not found");
}

#[test]
fn a_pattern_takes_what_it_matches_and_may_match_nothing() {
    assert_eq!(copied("COPY ? /o/"), "/o/ /o/f=f /o/g=g,600 /o/in->x /o/l=f /o/sub/ /o/sub/y=d/sub/y /o/x=d/x");
    assert_eq!(copied("COPY d/*/y no* /o/"), "/o/ /o/y=d/sub/y");
    assert_eq!(copied("COPY no* /o/"), "");
}

#[test]
fn what_is_in_the_way_of_a_file_goes_and_of_a_directory_stays() {
    assert_eq!(copied("COPY f /o\nCOPY g /o"), "/o=g,600");
    assert_eq!(fails("FROM scratch\nCOPY f /o/x/z\nCOPY d /o\n", TREE), "cannot replace to directory /o/x with file");
    assert_eq!(fails("FROM scratch\nCOPY f /o\nCOPY d /o\n", TREE), "cannot copy to non-directory: /o");
}

#[test]
fn a_link_in_the_image_leads_on_and_one_in_the_way_goes() {
    let things = &["t/real/", "t/l -> real", "t/f -> x", "n/f", "f"];
    let base = "FROM scratch\nCOPY t /t\n";
    assert_eq!(
        image(&format!("{base}COPY f /t/l/\nCOPY n /t/\n"), things),
        "/t/ /t/f=n/f /t/l->real /t/real/ /t/real/f=f"
    );
    assert_eq!(image(&format!("{base}COPY --link f /t/l/\n"), things), "/t/ /t/f->x /t/l/ /t/l/f=f /t/real/");
}

#[test]
fn stages_hand_on_what_they_are_asked_for() {
    let base = "FROM scratch AS s\nENV A=d\nUSER 5\nCOPY d /d\n";
    assert_eq!(image(&format!("{base}FROM scratch\nCOPY --from=s /d/sub /o\n"), TREE), "/o/ /o/y=d/sub/y");
    assert_eq!(
        image(&format!("{base}FROM s\nWORKDIR /$A/new/x\n"), TREE),
        "/d/ /d/in->x /d/new/,5:5 /d/new/x/,5:5 /d/sub/ /d/sub/y=d/sub/y /d/x=d/x"
    );
    let onbuild = "FROM scratch AS s\nONBUILD COPY f /o\nFROM s\n";
    assert_eq!(image(onbuild, TREE), "/o=f");
    assert_eq!(image("FROM scratch\nCOPY gone /o\nFROM scratch\nCOPY f /o\n", TREE), "/o=f");
}

#[test]
fn a_text_in_the_dockerfile_is_a_file() {
    let dockerfile = "FROM scratch\nARG A=1\nCOPY <<F <<'G' /o/\na=$A \"x\"\nF\na=$A\nG\n";
    assert_eq!(image(dockerfile, &[]), "/o/ /o/F=Text(\"a=1 \\\"x\\\"\\n\") /o/G=Text(\"a=$A\\n\")");
}

#[test]
fn what_comes_from_elsewhere_is_not_told() {
    let untold = |dockerfile: &str| match built(dockerfile, TREE) {
        End::Built(built) => built.untold.len(),
        other => panic!("{other:?}"),
    };
    for instruction in [
        "COPY --from=debian /etc /etc",
        "ADD https://example.com/x /x",
        "COPY $HOME /x",
        "COPY f x",
        "COPY --parents d/x /o/",
        "COPY --chmod=u+x f /o",
        "WORKDIR x",
    ] {
        assert_eq!(untold(&format!("FROM debian\n{instruction}\n")), 1, "{instruction}");
    }
    assert_eq!(untold("FROM debian AS s\nCOPY f /f\nFROM scratch\nCOPY --from=s /f /bin/sh /o/\n"), 1);
    assert_eq!(untold("FROM debian\nRUN make\nCOPY f /x\n"), 0);
}

#[test]
fn settings_are_what_the_dockerfile_says() {
    let dockerfile = "FROM scratch\nENV V=1\nARG V=2\nENV W=$V\nEXPOSE 3000-3002 8080:80/UDP $V\nLABEL c='run $V'\n\
                      VOLUME /v$V\nUSER $V:3\nHEALTHCHECK --start-interval=2s CMD x\nWORKDIR /w/../x\n";
    let End::Built(built) = built(dockerfile, &[]) else { panic!() };
    let told: Vec<String> =
        built.settings.iter().map(|((setting, name), set)| format!("{setting:?} {name}={}", set.value)).collect();
    assert_eq!(
        told,
        [
            "Environment V=1",
            "Environment W=2",
            "Label c=run $V",
            "Port 2/tcp=",
            "Port 3000/tcp=",
            "Port 3001/tcp=",
            "Port 3002/tcp=",
            "Port 80/udp=",
            "Volume /v2=",
            "User =2:3",
            "WorkingDirectory =/w/../x",
            "HealthCheck start-interval=2s",
        ]
    );
}

//! The reference's differences, each as its smallest case: what BuildKit and the executor make of it.
//!
//! Numbers are those of the reference's tables. Left out: 32 (times are not compared).

use super::case::{Case, Thing, archive, compressed, directory, file, gzip, link};
use crate::support::oracle::Place;

/// One difference.
pub struct Row {
    pub number: u32,
    pub case: Case,
    /// Arguments of the executor besides.
    pub more: &'static [&'static str],
    pub place: Place,
    /// What the pod mounts besides.
    pub mounts: &'static [&'static str],
    pub upstream: Outcome,
}

/// What comes of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Same,
    /// Both build: these are the differences, in brief. `*` at the end of one stands for any number of them.
    Differs(&'static [&'static str]),
    /// BuildKit alone builds. What the executor says has this in it.
    Fails(&'static str),
    /// The executor alone builds. What BuildKit says has this in it.
    BuildKitFails(&'static str),
    /// Neither builds.
    BothFail,
}

use Outcome::{BothFail, BuildKitFails, Differs, Fails, Same};

fn row<const N: usize>(number: u32, things: [Thing; N], dockerfile: &str, upstream: Outcome) -> Row {
    let case = Case { things: things.into(), dockerfile: dockerfile.replace(" ; ", "\n") + "\n", ..Case::default() };
    Row { number, case, more: &[], place: Place::BuildContext, mounts: &[], upstream }
}

impl Row {
    fn more(self, more: &'static [&'static str]) -> Self {
        Self { more, ..self }
    }

    fn mounts(self, mounts: &'static [&'static str]) -> Self {
        Self { mounts, ..self }
    }

    fn place(self, place: Place) -> Self {
        Self { place, ..self }
    }
}

/// A file in it.
fn tree(path: &str) -> Thing {
    file(path, format!("content of {path}\n"))
}

pub fn rows() -> Vec<Row> {
    likely().into_iter().chain(copying()).chain(possible()).chain(metadata()).collect()
}

const PASSWD: &str = "bob:x:50:60::/:/bin/sh\n";

fn likely() -> Vec<Row> {
    let a = || tree("a");
    let archived = || archive(&[file("m", "member\n").owner(7, 8)]);
    vec![
        row(1, [tree("f").owner(501, 20)], "FROM scratch ; COPY f /o", Differs(&["owner /o"])),
        row(1, [tree("f").owner(501, 20)], "FROM scratch ; COPY f /p/o", Differs(&["owner /p", "owner /p/o"])),
        row(1, [tree("f").owner(501, 20)], "FROM scratch ; COPY --chown=0:0 f /o", Same),
        row(2, [tree("d/x")], "FROM scratch ; USER 5 ; COPY d /o", Same),
        row(3, [a()], "FROM scratch ; USER app ; COPY a /a", Same),
        row(4, [tree("f"), link("l", "f")], "FROM scratch ; COPY l /o", Differs(&["kind /o"])),
        row(4, [tree("f"), link("l", "f")], "FROM scratch ; COPY l* /o/", Differs(&["kind /o/l"])),
        row(4, [tree("d/f"), link("d/l", "f")], "FROM scratch ; COPY d /o", Same),
        row(5, [tree("d/x"), link("ld", "d")], "FROM scratch ; COPY ld /o/", Differs(&["extra /o/ld", "missing /o/x"])),
        row(5, [tree("d/x"), link("ld", "d")], "FROM scratch ; COPY ld /o", Differs(&["kind /o", "missing /o/x"])),
        row(
            6,
            [tree("r/opt/app"), link("r/usr/bin/app", "../../opt/app")],
            "FROM scratch AS s ; COPY r / ; FROM scratch ; COPY --from=s /usr/bin/app /app",
            Differs(&["kind /app"]),
        ),
        row(
            7,
            [
                file(".dockerignore", "**/node_modules\n"),
                tree("node_modules/m"),
                tree("x/node_modules/m"),
                tree("x/y/k"),
                tree("x/y/node_modules/m"),
            ],
            "FROM scratch ; COPY . /o",
            Differs(&[
                "extra /o/node_modules",
                "extra /o/node_modules/m",
                "extra /o/x/y/node_modules",
                "extra /o/x/y/node_modules/m",
            ]),
        ),
        row(
            8,
            [file(".dockerignore", "*\n!**/gen\n"), tree("gen/m"), tree("x/gen/m"), tree("x/y/gen/m")],
            "FROM scratch ; COPY . /o",
            Differs(&["missing /o/gen/m", "missing /o/x/y/gen/m"]),
        ),
        row(9, [file(".dockerignore", "a\n"), a()], "FROM scratch ; COPY a /o/", BuildKitFails("\"/a\": not found")),
        row(
            10,
            [file(".dockerignore", "a\n[b\n"), a(), tree("k")],
            "FROM scratch ; COPY . /o/",
            BuildKitFails("syntax error in pattern"),
        ),
        row(11, [], "FROM scratch ; ARG TARGETOS ; LABEL os=on-$TARGETOS", Differs(&["config Labels"])),
        row(12, [a()], "FROM scratch AS s-linux ; COPY a / ; FROM s-$TARGETOS", Fails("dial tcp: lookup")),
        row(13, [], "FROM scratch ; COPY <<EOF /o ; text ; EOF", Fails("resolved envs is empty")),
        row(14, [], "FROM scratch ; ENV A=1 ; COPY <<EOF /o ; $A ; EOF", Fails("resolved envs is empty")),
        row(15, [tree("d/x")], "FROM scratch ; VOLUME /v ; COPY d /v/", Same),
        row(16, [tree("b"), tree("d/x")], "FROM scratch ; COPY * /w/", Differs(&["extra /w/d", "extra /w/d/x"])),
        row(16, [tree("b.json"), tree("d/x")], "FROM scratch ; COPY *.json d/* /w/", Same),
        row(17, [a()], "FROM scratch ; COPY a /a ; COPY opt* /o/", Differs(&["extra *"])),
        row(17, [a()], "FROM scratch ; ADD --chown=1:2 opt* sub?/x /o/ ; COPY a /a", Differs(&["extra *"])),
        row(17, [tree("d/x")], "FROM scratch ; COPY d/*.jar /o/ ; COPY d /d", Differs(&["extra *"])),
        // BuildKit is sent nothing of a directory that nothing is taken from.
        row(17, [a(), tree("d/x")], "FROM scratch ; COPY d/*.jar /o/ ; COPY a /a", BuildKitFails("lstat /d")),
        row(17, [a()], "FROM scratch ; COPY a /a ; COPY opt* /o/", Same).more(&["--single-snapshot"]),
        row(18, [a()], "FROM scratch ; WORKDIR /app ; COPY --chown=1:2 . .", Differs(&["owner /app"])),
        row(19, [], "FROM scratch ; USER 5 ; WORKDIR /a/b", Differs(&["owner /a"])),
        row(20, [directory("d").mode(0o700), tree("d/x")], "FROM scratch ; COPY d /o", Differs(&["mode /o"])),
        row(20, [directory(".").mode(0o700), a()], "FROM scratch ; COPY . /app", Differs(&["mode /app"])),
        row(21, [tree("s/b")], "FROM scratch ; COPY --parents s/b /o/", Fails("unknown flag: --parents")),
        row(21, [a(), tree("b.md")], "FROM scratch ; COPY --exclude=*.md . /o/", Fails("unknown flag: --exclude")),
        row(
            21,
            [file("t.tar", archived())],
            "FROM scratch ; ADD --unpack=false t.tar /o/",
            Fails("unknown flag: --unpack"),
        ),
        row(
            22,
            [tree("r/su").mode(0o4755)],
            "FROM scratch AS s ; COPY r /r ; FROM scratch ; COPY --from=s /r /r",
            Differs(&["mode /r/su"]),
        ),
        row(23, [file("dump.gz", gzip(b"text\n"))], "FROM scratch ; ADD dump.gz /o/", Fails("unexpected EOF")),
        row(23, [file("t.tgz", gzip(&gzip(&archived())))], "FROM scratch ; ADD t.tgz /o/", Fails("unexpected EOF")),
        row(
            24,
            [file("t.tar.xz", compressed("--xz", &archived()))],
            "FROM scratch ; ADD t.tar.xz /o/",
            Fails("path does not lead to local tar archive"),
        ),
        row(
            24,
            [file("t.tar.zst", compressed("--zstd", &archived()))],
            "FROM scratch ; ADD t.tar.zst /o/",
            Fails("path does not lead to local tar archive"),
        ),
        row(24, [file("t.tgz", gzip(&archived()))], "FROM scratch ; ADD t.tgz /o/", Same),
        row(24, [file("t.tbz", compressed("--bzip2", &archived()))], "FROM scratch ; ADD t.tbz /o/", Same),
    ]
}

fn copying() -> Vec<Row> {
    let a = || tree("a");
    vec![
        row(25, [a()], "FROM scratch ; COPY a /etc/hosts", Differs(&["missing /etc", "missing /etc/hosts"]))
            .mounts(&["/etc/hosts"]),
        row(25, [tree("t/etc/hosts")], "FROM scratch ; COPY t /", Differs(&["missing /etc/hosts"]))
            .mounts(&["/etc/hosts"]),
        row(26, [tree("t/var/run/x.pid")], "FROM scratch ; COPY t /", Same),
        row(
            27,
            [file("t.tar", archive(&[directory("var/"), directory("var/run/"), file("var/run/p", "1\n")]))],
            "FROM scratch ; ADD t.tar /",
            Differs(&["missing /var/run", "missing /var/run/p"]),
        ),
        row(
            27,
            [file("t.tar", archive(&[directory("var/"), directory("var/run/"), file("var/run/p", "1\n")]))],
            "FROM scratch ; ADD t.tar /",
            Same,
        )
        .more(&["--ignore-var-run=false"]),
        row(28, [a()], "FROM scratch ; COPY --chmod=u+x a /o", Fails("parsing \"u+x\"")),
        row(
            29,
            [tree("d/x"), tree("e/y")],
            "FROM scratch ; COPY e /o/ ; COPY --chmod=700 d /o/",
            Differs(&["mode /o"]),
        ),
        row(
            30,
            [a(), file("etc/passwd", PASSWD)],
            "FROM scratch ; COPY etc/passwd /etc/passwd ; COPY --chown=bob a /a",
            Differs(&["owner /a"]),
        ),
        row(31, [a()], "FROM scratch ; COPY --chown=root:root a /a", Fails("getting user group from chown")),
        row(31, [a()], "FROM scratch ; COPY --chown=:2 a /a", Fails("getting user group from chown")),
        row(
            33,
            [file("t.tar", archive(&[file("m", "member\n").owner(7, 8)]))],
            "FROM scratch ; ADD --chown=1:2 t.tar /o/",
            Differs(&["owner /o", "owner /o/m"]),
        ),
        row(38, [tree("b")], "FROM scratch AS unused ; COPY gone /a ; FROM scratch ; COPY b /b", Fails("gone")),
        row(38, [tree("b")], "FROM scratch AS unused ; COPY gone /a ; FROM scratch ; COPY b /b", Same)
            .more(&["--skip-unused-stages"]),
        // It finds no stage that the last one takes from, and then keeps them all.
        row(38, [], "FROM scratch AS unused ; COPY gone /a ; FROM scratch ; LABEL a=b", Fails("gone")),
        row(39, [a(), tree("b")], "FROM scratch ; COPY a b /o", Fails("must be a directory")),
        row(40, [link("l", "/etc"), file("etc/hosts", "h\n")], "FROM scratch ; COPY l/hosts /o", Fails("hosts")),
        row(41, [link("dang", "gone")], "FROM scratch ; COPY dang /o", BuildKitFails("\"/dang\": not found")),
        row(42, [a()], "FROM scratch ; COPY ../a /o", Fails("failed to get fileinfo")),
        row(42, [a()], "FROM scratch ; COPY ../buildcontext/a /o", BuildKitFails("not found")),
        row(
            43,
            [tree("t/a"), link("t/b", "c"), link("t/c", "b"), tree("t/d")],
            "FROM scratch ; COPY t /o",
            Differs(&["missing /o/c", "missing /o/d"]),
        ),
        row(
            44,
            [tree("t/v2"), link("t/l", "v2"), tree("n/l")],
            "FROM scratch ; COPY t /t ; COPY n /t/",
            Differs(&["kind /t/l", "content /t/v2"]),
        ),
        row(45, [link("t/l", "v2"), tree("t/v2/x"), tree("n/l/y")], "FROM scratch ; COPY t /t ; COPY n /t/", BothFail),
        row(
            46,
            [link("t/l", "real"), directory("t/real"), tree("f")],
            "FROM scratch ; COPY t /t ; COPY --link f /t/l/",
            Differs(&["kind /t/l", "missing /t/l/f", "extra /t/real/f"]),
        ),
    ]
}

fn possible() -> Vec<Row> {
    let a = || tree("a");
    vec![
        row(47, [a()], "FROM scratch ; COPY a /kaniko/x", Same),
        row(47, [a()], "FROM scratch ; COPY a /kaniko/executor", Fails("text file busy")),
        row(48, [a()], "FROM scratch ; COPY a /proc/p", Fails("/proc/p")),
        row(
            49,
            [tree("d/x/kaniko")],
            "FROM scratch AS s ; COPY d /d ; FROM scratch ; COPY --from=s /d /o",
            Fails("could not save file"),
        ),
        row(
            50,
            [a()],
            "FROM scratch AS s ; COPY a /a ; FROM scratch ; COPY --from=s / /",
            Fails("could not save file"),
        ),
        row(
            50,
            [a()],
            "FROM scratch AS s ; COPY a /a ; FROM scratch ; COPY --from=s /* /o/",
            Fails("could not save file"),
        ),
        row(
            51,
            [a(), tree("b")],
            "FROM scratch AS s ; WORKDIR /workspace ; COPY a . ; FROM scratch ; COPY --from=s /workspace /o",
            Differs(&["extra /o/Dockerfile", "extra /o/b"]),
        )
        .place(Place::OwnDisk),
        row(
            51,
            [a(), tree("b")],
            "FROM scratch AS s ; WORKDIR /workspace ; COPY a . ; FROM scratch ; COPY --from=s /workspace /o",
            Same,
        ),
        row(
            52,
            [directory("t/d").mode(0o700), tree("t/d/x"), tree("t2/d/y")],
            "FROM scratch ; COPY t / ; COPY t2 /",
            Same,
        ),
        // An empty directory of the volume is left out of the comparison.
        row(53, [a()], "FROM scratch ; VOLUME /v ; COPY a /a", Same),
        row(54, [tree("d/x")], "FROM scratch ; VOLUME /v ; COPY d /v/", Differs(&["missing /v/x"]))
            .more(&["--single-snapshot"]),
        row(
            55,
            [file("t.tar", archive(&[file("m", "member\n")]))],
            "FROM scratch ; ADD t.tar o",
            Differs(&["missing /o", "missing /o/m"]),
        ),
        row(
            56,
            [
                tree("r/usr/lib/x"),
                link("r/lib", "usr/lib"),
                file("t.tar", archive(&[directory("lib/"), file("lib/m", "")])),
            ],
            "FROM scratch ; COPY r / ; ADD t.tar /",
            Differs(&["kind /lib", "missing /lib/m", "extra /usr/lib/m"]),
        ),
        row(
            57,
            [file("t.tar", archive(&[file("../up", "member\n")]))],
            "FROM scratch ; ADD t.tar /o/",
            Differs(&["missing /o", "missing /o/up", "extra /up"]),
        ),
        row(61, [tree("[x]")], "FROM scratch ; LABEL a=b ; COPY [x] /o/", Differs(&["extra /o", "extra /o/[x]"])),
        row(62, [a()], "FROM scratch ; COPY a /f ; WORKDIR /f", BuildKitFails("not a directory")),
        row(62, [], "FROM scratch ; EXPOSE 99999", BuildKitFails("99999")),
        row(62, [a()], "FROM scratch ; COPY a* gone /o/", BuildKitFails("not found")),
        row(
            63,
            [tree("d/b"), tree("d/.wh.b")],
            "FROM scratch ; COPY d /o ; COPY d/.wh.b /o/",
            Differs(&["missing /o/b"]),
        ),
        row(
            63,
            [tree("b"), file("t.tar", archive(&[file(".wh.b", "")]))],
            "FROM scratch ; COPY b /o/ ; ADD t.tar /o/",
            Same,
        ),
        row(63, [tree("b"), tree(".wh.b")], "FROM scratch ; COPY b /o/ ; COPY .wh.b /o/", Same),
    ]
}

fn metadata() -> Vec<Row> {
    let config = |number, text, field| row(number, [], &format!("FROM scratch ; {text}"), Differs(field));
    vec![
        config(34, "ENV V=1 ; ARG V=2 ; ENV W=$V", &["config Env"]),
        config(35, "EXPOSE 3000-3002 8080:80", &["config ExposedPorts"]),
        row(35, [], "FROM scratch ; EXPOSE 53/sctp", Fails("invalid protocol")),
        config(36, "HEALTHCHECK --start-interval=2s CMD x", &["config Healthcheck"]),
        row(37, [], "FROM scratch ; LABEL c='run $A'", Same),
        row(58, [], "# escape=` ; FROM scratch ; ENV P=C:\\t", Differs(&["config Env"])),
        row(59, [], "FROM scratch ; CMD", Same),
        config(60, "WORKDIR /w/../x", &["config WorkingDir"]),
    ]
}

use super::*;
use crate::executor::files::Origin;
use crate::executor::files::told::Told;

/// One case: where the executor starts, what it is given, what is there.
fn resolution(directory: &str, arguments: &[&str], files: &[&str]) -> Resolution {
    let mut arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    arguments.push("--no-push".to_owned());
    resolve(&Setup { working_directory: Some(directory), ..Setup::new(&arguments, &Told::of(files)) })
}

fn chosen(arguments: &[&str], files: &[&str]) -> String {
    let resolution = resolution("/workspace", arguments, files);
    let chosen = resolution.dockerfile.as_ref().and_then(|dockerfile| dockerfile.chosen.clone());
    match (&resolution.end, chosen) {
        (End::Built, Some(chosen)) => String::from_utf8(chosen).unwrap(),
        (End::Failed(text), _) => text.clone(),
        (end, chosen) => panic!("{end:?} {chosen:?}"),
    }
}

const NO_DOCKERFILE: &str = "Error: error resolving dockerfile path: please provide a valid path to a Dockerfile within the build context with --dockerfile";

/// kaniko#1414 and the tutorial's own manifest.
#[test]
fn two_slashes_make_a_path_relative_to_the_working_directory() {
    let arguments = ["--context=dir://workspace", "--dockerfile=sub/Dockerfile"];
    assert_eq!(chosen(&arguments, &["/workspace/workspace/sub/Dockerfile"]), "/workspace/workspace/sub/Dockerfile");
    assert_eq!(chosen(&["--context=dir://workspace", "--dockerfile=a"], &["/workspace/b", "/a"]), NO_DOCKERFILE);
    let root = resolution("/workspace", &arguments, &["/workspace/x"]).context.unwrap().absolute;
    assert_eq!(root, b"/workspace/workspace");
}

/// kaniko#1381.
#[test]
fn a_dockerfile_in_the_working_directory_goes_before_the_one_in_the_context() {
    let files = ["/workspace/Dockerfile", "/workspace/sub/Dockerfile"];
    let resolution = resolution("/workspace", &["--context=dir:///workspace/sub"], &files);
    let dockerfile = resolution.dockerfile.unwrap();
    assert_eq!(dockerfile.chosen.as_deref(), Some(&b"/workspace/Dockerfile"[..]));
    let outcomes: Vec<_> = dockerfile.candidates.iter().map(|candidate| candidate.outcome).collect();
    assert_eq!(outcomes, [Outcome::Chosen, Outcome::Shadowed]);
}

#[test]
fn an_absolute_dockerfile_is_looked_for_below_the_context_too() {
    assert_eq!(chosen(&["--context=dir:///ctx", "--dockerfile=/Dockerfile"], &["/ctx/Dockerfile"]), "/ctx/Dockerfile");
}

#[test]
fn the_letter_case_counts() {
    assert_eq!(chosen(&["--context=/ctx"], &["/ctx/dockerfile"]), NO_DOCKERFILE);
}

/// Other relative contexts are made absolute before the executor changes to `/`.
#[test]
fn an_empty_directory_is_the_working_directory_for_the_dockerfile_and_the_root_for_the_rest() {
    let resolution =
        resolution("/workspace", &["--context=dir://"], &["/workspace/Dockerfile", "/workspace/.dockerignore/"]);
    assert_eq!((resolution.end, resolution.context.unwrap().absolute), (End::Built, b"/".to_vec()));
}

/// osscontainertools/kaniko#1026.
#[test]
fn a_sub_path_counts_only_with_a_scheme() {
    let files = ["/ctx/sub/Dockerfile"];
    assert_eq!(chosen(&["--context=/ctx", "--context-sub-path=sub"], &files), NO_DOCKERFILE);
    assert_eq!(chosen(&["--context=dir:///ctx", "--context-sub-path=/sub"], &files), "/ctx/sub/Dockerfile");
    assert_eq!(
        chosen(&["--context=dir:///ctx", "--context-sub-path=no"], &files),
        "Error: error resolving source context: stat /ctx/no: no such file or directory"
    );
}

/// kaniko#3201.
#[test]
fn nobody_looks_whether_the_context_exists() {
    assert_eq!(chosen(&["--context=dir:///nowhere"], &["/workspace/Dockerfile"]), "/workspace/Dockerfile");
}

#[test]
fn whatever_is_there_is_taken_for_a_dockerfile_and_may_not_be_one() {
    for (files, why) in [
        (
            &["/workspace/Dockerfile -> gone"][..],
            "copying dockerfile: stat /workspace/Dockerfile: no such file or directory",
        ),
        (
            &["/workspace/Dockerfile/"],
            "copying dockerfile: copying file: write /kaniko/Dockerfile: copy_file_range: is a directory",
        ),
        (
            &["/workspace/Dockerfile -> Dockerfile"],
            "copying dockerfile: stat /workspace/Dockerfile: too many levels of symbolic links",
        ),
        (
            &["/workspace/Dockerfile", "/workspace/Dockerfile.dockerignore/"],
            "copying Dockerfile.dockerignore: copying file: write /kaniko/Dockerfile.dockerignore: copy_file_range: is a directory",
        ),
    ] {
        assert_eq!(chosen(&[], files), format!("Error: error resolving dockerfile path: {why}"));
    }
    let empty = "Error: error resolving dockerfile path: copying dockerfile: copying file: write /kaniko/Dockerfile: copy_file_range: is a directory";
    assert_eq!(chosen(&["--dockerfile="], &["/workspace/x"]), empty);
    // What lies below a file is not missing either.
    let below =
        "Error: error resolving dockerfile path: copying dockerfile: stat /workspace/f/Dockerfile: not a directory";
    assert_eq!(chosen(&["--dockerfile=f/Dockerfile"], &["/workspace/f"]), below);
}

#[test]
fn the_ignore_file_beside_the_dockerfile_goes_before_the_contexts() {
    let own = resolution("/", &["--context=dir:///c"], &["/c/Dockerfile", "/c/.dockerignore"]);
    assert_eq!(own.ignore_file.as_deref(), Some(&b"/c/.dockerignore"[..]));
    let files = ["/c/d/Dockerfile", "/c/d/Dockerfile.dockerignore", "/c/d/.dockerignore", "/c/.dockerignore"];
    let beside = resolution("/", &["--context=/c", "--dockerfile=d/Dockerfile"], &files);
    assert_eq!(beside.ignore_file.as_deref(), Some(&b"/c/d/Dockerfile.dockerignore"[..]));
    let below =
        resolution("/", &["--context=/c", "--dockerfile=d/Dockerfile"], &["/c/d/Dockerfile", "/c/d/.dockerignore"]);
    assert_eq!(below.ignore_file, None);
}

#[test]
fn contexts_that_are_none_are_told_in_the_executors_words() {
    let prefix = "unknown build context prefix provided, please use one of the following: gs://, dir://, tar://, s3://, git://, https://";
    for (context, why) in [
        ("", "please specify a path to the build context with the --context flag or a bucket with the --bucket flag"),
        ("http://x/y.tgz", prefix),
        ("file:///workspace", prefix),
        ("DIR:///workspace", prefix),
        ("tar://stdin", "no data found.. don't forget to add the '--interactive, -i' flag"),
        ("tar:///no.tgz", "open /no.tgz: no such file or directory"),
        ("tar://", "open : no such file or directory"),
        ("tar:///workspace", "read /workspace: is a directory"),
        ("tar:///plain.tar", "gzip: invalid header"),
        ("tar:///empty", "EOF"),
        ("tar:///short", "unexpected EOF"),
    ] {
        let files = ["/workspace/Dockerfile", "/plain.tar=0123456789 no gzip", "/empty", "/short=012"];
        let given = format!("--context={context}");
        assert_eq!(chosen(&[&given], &files), format!("Error: error resolving source context: {why}"), "{context}");
    }
}

/// kaniko#1506.
#[test]
fn a_git_address_without_a_scheme_is_a_path() {
    assert_eq!(chosen(&["--context=git@github.com:o/r.git"], &["/x"]), NO_DOCKERFILE);
    let remote = ["--context=git://github.com/o/r.git", "--dockerfile=/df/Dockerfile"];
    assert_eq!(resolution("/workspace", &remote, &["/x"]).end, End::Unknown(Unknown::Remote));
    let apart = resolution("/workspace", &remote, &["/df/Dockerfile=FROM scratch\nCOPY a /\n"]);
    assert_eq!(apart.end, End::Unknown(Unknown::Remote));
}

#[test]
fn flags_are_checked_before_anything_is_looked_for() {
    let resolve = |arguments: &[&str], environment: &[(&str, &str)]| {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let files = Told::of(&["/workspace/Dockerfile"]);
        resolve(&Setup { environment: &environment, ..Setup::new(&arguments, &files) }).end
    };
    let failed = |text: &str| End::Failed(format!("Error: {text}"));
    let no_destination = failed("you must provide --destination, or use --no-push");
    assert_eq!(resolve(&["--context=http://x"], &[]), no_destination);
    assert_eq!(resolve(&[], &[("KANIKO_NO_PUSH", "true")]), End::Built);
    assert_eq!(resolve(&["--no-push"], &[("KANIKO_NO_PUSH", "false")]), no_destination);
    assert_eq!(
        resolve(&["--no-push", "--cache"], &[]),
        failed("cache flags invalid: if using cache with --no-push, specify cache repo with --cache-repo")
    );
    assert_eq!(
        resolve(&["--no-push", "--image-name-with-digest-file=/x"], &[]),
        failed("you must provide --destination if setting ImageNameDigestFile")
    );
    assert_eq!(
        resolve(&["--no-push", "-v", "loud"], &[]),
        failed("parsing log level: not a valid logrus Level: \"loud\"")
    );
    assert_eq!(resolve(&["-d", "r.example.com/a"], &[]), End::Built);
    assert_eq!(resolve(&["version"], &[]), End::NoBuild);
}

/// A build in `/c`, its Dockerfile behind `FROM scratch`; how it ends, and what is in the image then.
fn built(instructions: &str, files: &[&str]) -> (End, Vec<String>) {
    let dockerfile = format!("/c/Dockerfile=FROM scratch\n{instructions}\n");
    let files: Vec<&str> = files.iter().copied().chain([&*dockerfile, "/tmp/"]).collect();
    let resolution = resolution("/workspace", &["--context=dir:///c"], &files);
    let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    let written = resolution.written.iter().map(|(path, written)| match written {
        Written::Gone => format!("{} gone", text(path)),
        Written::NewDirectory => format!("{}/", text(path)),
        Written::File(Origin::File(source)) => format!("{}={}", text(path), text(source)),
        Written::File(Origin::Member(archive, number)) => format!("{}={} {number}", text(path), text(archive)),
        Written::File(Origin::Unknown) => format!("{}=?", text(path)),
        Written::Symlink(target) => format!("{} -> {}", text(path), text(target)),
    });
    (resolution.end, written.collect())
}

fn fails(instructions: &str, files: &[&str], words: &str) {
    let (end, _) = built(instructions, files);
    assert_eq!(end, End::Failed(format!("error building image: {words}")), "{instructions}");
}

fn copies(instructions: &str, files: &[&str], expected: &[&str]) {
    assert_eq!(built(instructions, files), (End::Built, expected.iter().map(|path| (*path).to_owned()).collect()));
}

#[test]
fn sources_go_where_the_executor_puts_them() {
    copies("COPY a /out/", &["/c/a"], &["/out/", "/out/a=/c/a"]);
    copies("COPY a /out", &["/c/a"], &["/out=/c/a"]);
    copies("COPY d /out", &["/c/d/a"], &["/out/", "/out/a=/c/d/a"]);
    copies("WORKDIR w\nCOPY a .", &["/c/a"], &["/w/", "/w/a=/c/a"]);
    copies("ENV D=d\nCOPY $D/a ${E:-x}", &["/c/d/a"], &["/x=/c/d/a"]);
    copies("COPY l /", &["/c/l -> a", "/c/a"], &["/l -> a"]);
}

/// kaniko#2630, kaniko#3416.
/// Whatever an image holds.
#[test]
fn what_is_compressed_and_holds_no_archive_cannot_be_unpacked() {
    let words = "error building stage: failed to execute command: unpacking local tar: it cannot be decompressed";
    fails("ADD a.bz2 /o/", &["/c/a.bz2=BZh9 and no more of it"], words);
    fails("ADD a.bz2 o\nCOPY b /b", &["/c/a.bz2=BZh9 and no more of it", "/c/b"], words);
}

#[test]
fn what_is_not_matched_or_is_ignored_is_left_out_in_silence() {
    copies("COPY no* /out/", &["/c/a"], &[]);
    copies("COPY a /out/", &["/c/a", "/c/.dockerignore=a"], &[]);
    copies("COPY a no* b /out/", &["/c/b"], &["/out/", "/out/b=/c/b"]);
}

#[test]
fn a_missing_source_is_told_in_one_way_alone_and_in_another_among_several() {
    let lstat = "lstat /c/no: no such file or directory";
    let phase = "error building stage: failed to get files used from context:";
    fails("COPY no /", &["/c/a"], &format!("{phase} failed to get fileinfo for /c/no: {lstat}"));
    fails("COPY a no /o/", &["/c/a"], &format!("{phase} failed to get relative files: {lstat}"));
    fails(
        "COPY ../no /",
        &["/c/a"],
        &format!("{phase} failed to get fileinfo for /no: lstat /no: no such file or directory"),
    );
}

#[test]
fn a_mode_is_read_before_anything_is_copied() {
    let words = "error building stage: failed to execute command: getting permissions from chmod: parsing value from chmod: strconv.ParseUint: parsing \"x\": invalid syntax";
    fails("COPY --chmod=x d /out/a/", &["/c/d/b", "/out/a"], words);
}

/// Go's `filepath.EvalSymlinks` walks by itself: it names what a link leads to, with `..` where it does not go up.
#[test]
fn a_destination_that_is_a_dangling_symlink_is_told_by_where_it_leads() {
    let words = |path: &str| {
        let why = "resolving dest symlink: failed to eval symlinks";
        format!("error building stage: failed to execute command: {why}: lstat {path}: no such file or directory")
    };
    fails("COPY a /out/l", &["/c/a", "/out/l -> gone"], &words("/out/gone"));
    fails("COPY a /out/l", &["/c/a", "/out/l -> ../gone"], &words("/out/../gone"));
    fails("COPY a /l", &["/c/a", "/l -> ../gone"], &words("/../gone"));
}

#[test]
fn a_file_of_a_directory_is_written_through_a_dangling_symlink() {
    copies("COPY d /out", &["/c/d/a", "/out/a -> gone"], &["/out/gone=/c/d/a"]);
}

#[test]
fn a_symlink_that_lies_in_what_makes_way_for_it_is_lost() {
    let words =
        "error building stage: failed to execute command: copying symlink: symlink  /c/d: no such file or directory";
    fails("COPY d/l /out/", &["/c/d/l -> a", "/out/l -> /c/d"], words);
}

/// kaniko#1210.
#[test]
fn a_context_that_is_no_mount_is_gone_after_the_first_stage() {
    let words = "error building stage: failed to get files used from context: failed to get fileinfo for /c/a: lstat /c/a: no such file or directory";
    fails("FROM scratch\nCOPY a /", &["/c/a"], words);
}

#[test]
fn upstream_takes_all_stages_for_used_if_the_last_needs_none() {
    let files = ["/c/Dockerfile=FROM scratch AS a\nCOPY no /\nFROM scratch AS b\n", "/tmp/"];
    let end = |arguments: &[&str]| resolution("/", arguments, &files).end;
    let context = "--context=/c";
    assert!(matches!(end(&[context, "--skip-unused-stages"]), End::Failed(_)));
    assert_eq!(end(&[context, "--skip-unused-stages", "--target=b"]), End::Built);
}

#[test]
fn arguments_live_on_in_the_stages_that_follow() {
    let files = ["/kaniko/c/Dockerfile=FROM scratch\nARG A=a\nFROM scratch\nCOPY $A /\n", "/kaniko/c/a"];
    assert_eq!(resolution("/", &["--context=/kaniko/c"], &files).end, End::Built);
}

/// The context is `/` then, and what is in `/proc` is never the same twice.
#[test]
fn a_pattern_over_everything_is_not_foretold() {
    let files = ["/Dockerfile=FROM scratch\nCOPY * /out/\n"];
    assert_eq!(resolution("/", &["--context=/"], &files).end, End::Unknown(Unknown::Root));
}

/// Since v1.25.4 of the fork.
#[test]
fn a_file_in_the_dockerfile_is_known_to_the_fork_alone() {
    let files = Told::of(&["/c/Dockerfile=FROM scratch\nCOPY <<E /e\nx\nE\n"]);
    let arguments = ["--context=/c".to_owned(), "--no-push".to_owned()];
    let end = |image: &str| {
        let setup = Setup { image: image.parse().unwrap(), ..Setup::new(&arguments, &files) };
        resolve(&setup).end
    };
    assert_eq!(end("fork"), End::Built);
    let words = "error building stage: failed to get files used from context: resolved envs is empty";
    assert_eq!(end("upstream"), End::Failed(format!("error building image: {words}")));
}

/// What is unpacked is known where it is told to be there.
#[test]
fn what_comes_over_standard_input_is_not_known_unless_it_is_told() {
    let end = |arguments: &[&str], files: &[&str]| {
        let arguments: Vec<String> =
            arguments.iter().chain(&["--no-push"]).map(|argument| (*argument).to_owned()).collect();
        let files = Told::of(files);
        let setup = Setup { stdin: Stdin::Stream, ..Setup::new(&arguments, &files) };
        resolve(&setup).end
    };
    let stream = "--context=tar://stdin";
    assert_eq!(end(&[stream], &["/workspace/"]), End::Unknown(Unknown::Archive));
    assert_eq!(end(&[stream, "--context-sub-path=a"], &["/workspace/"]), End::Unknown(Unknown::Archive));
    assert_eq!(end(&[stream], &["/kaniko/buildcontext/Dockerfile"]), End::Built);
    assert_eq!(end(&[stream], &["/kaniko/buildcontext/a"]), End::Failed(NO_DOCKERFILE.to_owned()));
}

#[test]
fn a_user_of_a_file_that_was_copied_is_known() {
    let dockerfile =
        "/workspace/Dockerfile=FROM scratch\nCOPY passwd /etc/passwd\nCOPY --chown=bob a /a\nUSER bob\nWORKDIR /w\n";
    let files = [dockerfile, "/workspace/passwd=bob:x:50:60::/:\n", "/workspace/a"];
    let made = resolution("/workspace", &["--context=/workspace"], &files).made.unwrap();
    let owner = |path: &str| made.rootfs.get(path.as_bytes()).unwrap().owner;
    assert_eq!((owner("/a"), owner("/w")), (crate::rootfs::Owner::new(50, 50), crate::rootfs::Owner::new(50, 50)));
}

/// It takes the word apart at the colon first.
#[test]
fn a_user_with_a_default_is_never_one() {
    let end = resolution("/workspace", &[], &["/workspace/Dockerfile=FROM debian\nUSER ${UID:-1000}\n"]).end;
    let End::Failed(words) = end else { panic!("{end:?}") };
    assert!(words.contains("failed to execute command: resolving user ${UID: "), "{words}");
}

/// kaniko v1.24.0 `newStageBuilder` begins with the list it has without them.
#[test]
fn a_volume_of_one_stage_is_none_of_the_next() {
    let dockerfile = "/c/Dockerfile=FROM scratch\nVOLUME /v\nFROM scratch\nCOPY a /v/\n";
    let resolution = resolve(&Setup {
        mounts: &[b"/c".to_vec()],
        ..Setup::new(&["--context=dir:///c".to_owned(), "--no-push".to_owned()], &Told::of(&[dockerfile, "/c/a"]))
    });
    let made = resolution.made.unwrap_or_else(|| panic!("{:?}", resolution.end));
    assert!(made.rootfs.get(b"/v/a").is_some());
}

use super::*;
use crate::executor::files::told::Told;

/// One case: where the executor starts, what it is given, what is there.
fn resolution(directory: &str, arguments: &[&str], files: &[&str]) -> Resolution {
    let mut arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    arguments.push("--no-push".to_owned());
    resolve(&Setup {
        image: Image::default(),
        arguments: &arguments,
        working_directory: Some(directory),
        environment: &BTreeMap::new(),
        stdin: Stdin::Device,
        mounts: &[],
        files: &Told::of(files),
    })
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
    let remote = resolution("/workspace", &["--context=git://github.com/o/r.git"], &["/x"]);
    assert_eq!(remote.end, End::Unknown(Unknown::Remote));
}

#[test]
fn flags_are_checked_before_anything_is_looked_for() {
    let resolve = |arguments: &[&str], environment: &[(&str, &str)]| {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let files = Told::of(&["/workspace/Dockerfile"]);
        resolve(&Setup {
            image: Image::default(),
            arguments: &arguments,
            working_directory: None,
            environment: &environment,
            stdin: Stdin::Device,
            mounts: &[],
            files: &files,
        })
        .end
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

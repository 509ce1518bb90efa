//! Addresses of git contexts: as users have them, and as the executor takes them. Pure.
//!
//! Users have URLs of git with `#REF` or `#REF:DIRECTORY` behind them, as `docker build` takes them. The executor takes
//! `git://HOST/PATH#REF#COMMIT`, fetches it over HTTPS, or HTTP if `GIT_PULL_METHOD` says so, and has a flag for the
//! directory. It has no SSH (kaniko v1.24.0 `pkg/buildcontext/git.go`).
//!
//! An address may have a login in it. No error tells one.

use std::fmt;

use super::object::ObjectId;
use super::parts::{HOSTS, host, is_address, of_scp, without_user};

/// A git context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    method: PullMethod,
    /// `host[:port]/path`.
    repository: String,
    reference: Option<Reference>,
    commit: Option<ObjectId>,
    sub_path: Option<String>,
    translated: Option<Translated>,
}

/// A branch, a tag or something else that moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// The name of a branch or a tag: which of them only the repository knows.
    Name(String),
    /// `refs/…`.
    Full(String),
}

impl Reference {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(name) | Self::Full(name) => name,
        }
    }
}

/// How the executor fetches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullMethod {
    /// What it does unless it is told otherwise.
    Https,
    /// Without encryption.
    Http,
}

impl PullMethod {
    /// The value of `GIT_PULL_METHOD`, which is the scheme of the URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }
}

/// What the address was for, if the executor fetches in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Translated {
    Ssh,
    GitProtocol,
}

/// What the executor is given for a git context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KanikoGit {
    /// The value of `--context`.
    pub context: String,
    /// The value of `--context-sub-path`.
    pub sub_path: Option<String>,
    /// The value of `GIT_PULL_METHOD` in its environment.
    pub pull_method: PullMethod,
}

impl Address {
    /// Reads an address as users have it; Kaniko's own `#REF#COMMIT` is one, too.
    ///
    /// # Errors
    /// What the executor cannot fetch, and what should not be written into an address.
    pub fn parse(typed: &str) -> Result<Self, AddressError> {
        let (location, fragment) = typed.split_once('#').unwrap_or((typed, ""));
        let (method, repository, translated) = locate(location).map_err(|error| error.of(typed))?;
        let (names, sub_path) = fragment.split_once(':').unwrap_or((fragment, ""));
        let (name, commit) = names.split_once('#').map_or((names, None), |(name, commit)| (name, Some(commit)));
        let mut address =
            Self { method, repository, reference: None, commit: None, sub_path: directory(sub_path)?, translated };
        match ObjectId::parse(name.as_bytes()) {
            Some(commit) => address.commit = Some(commit),
            None => address.reference = reference(name)?,
        }
        if let Some(commit) = commit {
            let refused = || AddressError::Reference { reference: commit.to_owned() };
            short_commit(commit)?;
            address.commit = Some(ObjectId::parse(commit.as_bytes()).ok_or_else(refused)?);
        }
        Ok(address)
    }

    /// The same of one commit, which is to be reached from `reference`: the executor clones that and checks the commit
    /// out, which every server allows.
    #[must_use]
    pub fn pinned(&self, reference: &str, commit: ObjectId) -> Self {
        Self { reference: Some(Reference::Full(reference.to_owned())), commit: Some(commit), ..self.clone() }
    }

    /// The same with a directory of the repository as the context.
    ///
    /// # Errors
    /// The directory is none of the repository.
    pub fn below(&self, typed: &str) -> Result<Self, AddressError> {
        Ok(Self { sub_path: directory(typed)?, ..self.clone() })
    }

    /// What the executor is given.
    pub fn kaniko(&self) -> KanikoGit {
        let mut context = format!("git://{}", self.repository);
        let commit = self.commit.map(|commit| commit.to_string());
        for part in self.reference.as_ref().map(Reference::as_str).into_iter().chain(commit.as_deref()) {
            context.push('#');
            context.push_str(part);
        }
        KanikoGit { context, sub_path: self.sub_path.clone(), pull_method: self.method }
    }

    /// The URL that git fetches.
    pub fn url(&self) -> String {
        format!("{}://{}", self.method.as_str(), self.repository)
    }

    /// The branch or tag, if one is named.
    pub fn reference(&self) -> Option<&Reference> {
        self.reference.as_ref()
    }

    /// The commit, if one is named.
    pub fn commit(&self) -> Option<ObjectId> {
        self.commit
    }

    /// The directory of the repository that is the context, without slashes at its ends; none if all of it is.
    pub fn sub_path(&self) -> Option<&str> {
        self.sub_path.as_deref()
    }

    /// Whether `url`, a remote's, is the same repository, however it is fetched.
    pub(super) fn is_at(&self, url: &str) -> bool {
        let url = url.split_once("://").map_or(url, |(_, rest)| rest);
        let other = of_scp(url).unwrap_or_else(|| without_user(url).to_owned());
        bare(&other) == bare(&self.repository)
    }

    /// What a user may want to know: that it is fetched in another way than the address says.
    pub fn note(&self) -> Option<String> {
        let why = match self.translated? {
            Translated::Ssh => "Kaniko has no SSH",
            Translated::GitProtocol => "Kaniko has no `git://` but in name",
        };
        Some(format!("the repository is fetched from `{}`: {why}", self.url()))
    }
}

/// Without what addresses of the same repository differ in.
fn bare(repository: &str) -> &str {
    let repository = repository.trim_end_matches('/');
    repository.strip_suffix(".git").unwrap_or(repository)
}

impl fmt::Display for Address {
    /// As `docker build` takes it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.url())?;
        let commit = self.commit.map(|commit| commit.to_string());
        let name = commit.as_deref().or(self.reference.as_ref().map(Reference::as_str)).unwrap_or_default();
        match &self.sub_path {
            Some(directory) => write!(out, "#{name}:{directory}"),
            None if name.is_empty() => Ok(()),
            None => write!(out, "#{name}"),
        }
    }
}

/// Why an address cannot be a git context. None of it tells a login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing that could be fetched.
    #[error("`{address}` is no address of a git repository")]
    NoRepository {
        /// As typed, without a login.
        address: String,
    },
    /// A user, a password or a token in the address.
    #[error("the address of the git repository has a login in it")]
    Login,
    /// A query in the address, which may be a token.
    #[error("the address of the git repository has a query in it")]
    Query,
    /// A path, which no pod can fetch from.
    #[error("`{path}` is on this machine, and Kaniko fetches from a server")]
    Local {
        /// As typed.
        path: String,
    },
    /// An address of SSH whose other address is not known.
    #[error("`{address}` is an address of SSH, which Kaniko does not have")]
    Ssh {
        /// As typed, without a login.
        address: String,
        /// What it may be over HTTPS.
        likely: Option<String>,
    },
    /// Another scheme.
    #[error("`{scheme}://` is nothing that Kaniko fetches from")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// The start of a commit's name.
    #[error("`{commit}` is the start of a commit's name")]
    ShortCommit {
        /// As typed.
        commit: String,
    },
    /// A commit of a repository of SHA-256.
    #[error("`{commit}` is a commit of a repository of SHA-256")]
    Sha256 {
        /// As typed.
        commit: String,
    },
    /// What git would not take for a name.
    #[error("`{reference}` is no branch, tag or commit")]
    Reference {
        /// As typed.
        reference: String,
    },
    /// A directory that is not in the repository.
    #[error("`{path}` leads out of the repository")]
    SubPath {
        /// As typed.
        path: String,
    },
}

impl AddressError {
    /// The evidence, a line each.
    pub fn notes(&self) -> Vec<String> {
        let note = match self {
            Self::Login | Self::Query => "whoever may read the Pod would see it",
            Self::ShortCommit { .. } => "the executor looks for all 40 digits: `object not found`",
            Self::Sha256 { .. } => "Kaniko's git library reads SHA-1 alone",
            Self::Ssh { .. } => "the path over HTTPS need not be the same on this server",
            Self::NoRepository { .. }
            | Self::Local { .. }
            | Self::Scheme { .. }
            | Self::Reference { .. }
            | Self::SubPath { .. } => return vec![],
        };
        vec![note.to_owned()]
    }

    /// One action.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Login | Self::Query => {
                "put it into a Secret with the keys `GIT_USERNAME` and `GIT_PASSWORD`, or `GIT_TOKEN`: the executor reads them from its environment".to_owned()
            }
            Self::NoRepository { .. } | Self::Local { .. } | Self::Scheme { .. } => {
                "write it like `https://git.example.com/team/app.git#main`".to_owned()
            }
            Self::Ssh { likely: Some(likely), .. } => format!("if that is the repository's address, use `{likely}`"),
            Self::Ssh { likely: None, .. } => "use the repository's address over HTTPS".to_owned(),
            Self::ShortCommit { commit } => {
                format!("give all 40 digits, or `refs/heads/{commit}` if it is a branch")
            }
            Self::Reference { .. } => "write it like `#main`, `#refs/tags/v1` or `#main:directory`".to_owned(),
            Self::Sha256 { .. } | Self::SubPath { .. } => return None,
        })
    }

    /// With the whole address for what is told of it.
    fn of(self, typed: &str) -> Self {
        match self {
            Self::NoRepository { .. } => Self::NoRepository { address: shown(typed) },
            Self::Ssh { likely, .. } => Self::Ssh { address: shown(typed), likely },
            Self::Local { .. } => Self::Local { path: shown(typed) },
            other => other,
        }
    }
}

/// An address without a login and a query. Where a login ends cannot be told from where its password says it does: it
/// ends at the last `@`.
fn shown(address: &str) -> String {
    let is_scheme = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let scheme = address.find("://").filter(|at| is_scheme(&address[..*at])).map_or(0, |at| at + 3);
    let (scheme, rest) = address.split_at(scheme);
    let rest = match rest.rsplit_once('@') {
        Some(("git", rest)) => format!("git@{rest}"),
        Some((_, rest)) => format!("…@{rest}"),
        None => rest.to_owned(),
    };
    format!("{scheme}{}", rest.split('?').next().unwrap_or_default())
}

/// Text of git's in which URLs may have logins.
pub(super) fn without_logins(text: &str) -> String {
    let ends = |character: char| character.is_whitespace() || matches!(character, '\'' | '"' | '`');
    let words = text.split_inclusive(ends);
    words.map(|word| if word.contains("://") { shown(word) } else { word.to_owned() }).collect()
}

type Location = (PullMethod, String, Option<Translated>);

/// Where a repository is: an address up to its `#`. The addresses in its errors are still to be filled in.
fn locate(mut location: &str) -> Result<Location, AddressError> {
    let untold = String::new;
    // Two schemes, as `--context` would need them: the second one counts.
    while let Some(rest) = location.strip_prefix("git://").filter(|rest| rest.contains("://")) {
        location = rest;
    }
    if location.contains(|character: char| character.is_whitespace() || character.is_control()) {
        return Err(AddressError::NoRepository { address: untold() });
    }
    let Some((scheme, rest)) = location.split_once("://") else {
        return without_scheme(location);
    };
    match scheme.to_ascii_lowercase().as_str() {
        "https" => fetched(PullMethod::Https, rest, None),
        "http" => fetched(PullMethod::Http, rest, None),
        "git" => match of_scp(rest) {
            Some(meant) => ssh(rest, &meant),
            None => fetched(PullMethod::Https, rest, Some(Translated::GitProtocol)),
        },
        "ssh" | "git+ssh" | "ssh+git" => {
            let meant = of_scp(rest).unwrap_or_else(|| without_user(rest).to_owned());
            ssh(rest, &meant)
        }
        "file" => Err(AddressError::Local { path: untold() }),
        scheme => Err(AddressError::Scheme { scheme: scheme.to_owned() }),
    }
}

fn without_scheme(location: &str) -> Result<Location, AddressError> {
    if let Some(meant) = of_scp(location) {
        return ssh(location, &meant);
    }
    match location {
        "" => Err(AddressError::NoRepository { address: String::new() }),
        // A path from the root of SSH's server.
        _ if location.contains('@') && location.split('/').next().is_some_and(|host| host.ends_with(':')) => {
            Err(AddressError::Ssh { address: String::new(), likely: None })
        }
        _ if is_address(location) => fetched(PullMethod::Https, location, None),
        _ if location.starts_with(['/', '.', '~']) || !location.contains('/') => {
            Err(AddressError::Local { path: String::new() })
        }
        _ if location.contains('@') => Err(AddressError::Ssh { address: String::new(), likely: None }),
        _ => Err(AddressError::NoRepository { address: String::new() }),
    }
}

/// `host[:port]/path`. Whatever is before an `@` may be a login, even behind a slash.
fn fetched(method: PullMethod, repository: &str, translated: Option<Translated>) -> Result<Location, AddressError> {
    let authority = repository.split(['/', '?']).next().unwrap_or_default();
    if repository.contains('@') {
        return Err(AddressError::Login);
    }
    if repository.contains('?') {
        return Err(AddressError::Query);
    }
    let path = repository[authority.len()..].trim_matches('/');
    if path.is_empty() || !is_authority(authority) {
        return Err(AddressError::NoRepository { address: String::new() });
    }
    Ok((method, format!("{authority}/{path}"), translated))
}

/// A host, and perhaps a port.
fn is_authority(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_host = !host.is_empty() && (!host.contains(':') || host.starts_with('[') && host.ends_with(']'));
    is_host && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// An address of SSH, which `meant` is over HTTPS where a known host says so.
fn ssh(address: &str, meant: &str) -> Result<Location, AddressError> {
    let user = address.strip_suffix(without_user(address)).unwrap_or_default();
    if user.contains(':') {
        return Err(AddressError::Login);
    }
    let has_owner = meant.trim_end_matches('/').split('/').count() >= 3;
    let (method, repository, _) = match fetched(PullMethod::Https, meant, None) {
        Err(AddressError::NoRepository { .. }) => {
            return Err(AddressError::Ssh { address: String::new(), likely: None });
        }
        other => other?,
    };
    // A port would be one of SSH.
    if repository.split('/').next().is_some_and(|authority| HOSTS.contains(&authority)) && has_owner {
        return Ok((method, repository, Some(Translated::Ssh)));
    }
    let path = repository.split_once('/').map_or("", |(_, path)| path);
    let likely = format!("https://{}/{path}", host(&repository));
    Err(AddressError::Ssh { address: String::new(), likely: Some(likely) })
}

/// A branch, a tag or a whole reference; none for the empty one.
fn reference(name: &str) -> Result<Option<Reference>, AddressError> {
    if name.is_empty() {
        return Ok(None);
    }
    short_commit(name)?;
    // git's `check-ref-format`, in short.
    let is_odd = |character: char| character.is_whitespace() || character.is_control() || "~^?*[\\".contains(character);
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    let is_reference = !name.contains(is_odd)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.starts_with('-')
        && !name.ends_with('.')
        && name.split('/').all(is_part);
    if !is_reference {
        return Err(AddressError::Reference { reference: name.to_owned() });
    }
    let name = name.to_owned();
    Ok(Some(if name.starts_with("refs/") { Reference::Full(name) } else { Reference::Name(name) }))
}

/// Refuses what is no whole commit and looks like one. Digits alone may be a date.
fn short_commit(name: &str) -> Result<(), AddressError> {
    let is_hexadecimal = name.bytes().all(|byte| byte.is_ascii_hexdigit());
    match name.len() {
        64 if is_hexadecimal => Err(AddressError::Sha256 { commit: name.to_owned() }),
        7..40 if is_hexadecimal && name.bytes().any(|byte| byte.is_ascii_alphabetic()) => {
            Err(AddressError::ShortCommit { commit: name.to_owned() })
        }
        _ => Ok(()),
    }
}

/// The directory behind a colon, from the repository's top; none for the top itself.
fn directory(typed: &str) -> Result<Option<String>, AddressError> {
    let parts: Vec<&str> = typed.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") || typed.contains(char::is_control) {
        return Err(AddressError::SubPath { path: typed.to_owned() });
    }
    Ok((!parts.is_empty()).then(|| parts.join("/")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn kaniko(typed: &str) -> (String, Option<String>, &'static str) {
        let given = Address::parse(typed).unwrap().kaniko();
        (given.context, given.sub_path, given.pull_method.as_str())
    }

    #[test]
    fn addresses_of_users_become_those_of_the_executor() {
        for (typed, context, sub_path, method) in [
            ("https://h.example/o/r.git", "git://h.example/o/r.git", None, "https"),
            ("http://h.example:8080/r.git/", "git://h.example:8080/r.git", None, "http"),
            ("HTTPS://[::1]:1/r", "git://[::1]:1/r", None, "https"),
            ("git://h.example/r.git#v1", "git://h.example/r.git#v1", None, "https"),
            ("git://https://h.example/r.git", "git://h.example/r.git", None, "https"),
            ("github.com/o/r#main", "git://github.com/o/r#main", None, "https"),
            ("git.example.com/o/r.git", "git://git.example.com/o/r.git", None, "https"),
            ("ssh://git@github.com/o/r.git", "git://github.com/o/r.git", None, "https"),
            ("git@gitlab.com:g/s/r.git#dev:app", "git://gitlab.com/g/s/r.git#dev", Some("app"), "https"),
            ("git://git@github.com:o/r.git", "git://github.com/o/r.git", None, "https"),
            ("https://h.example/r#:./a//b/", "git://h.example/r", Some("a/b"), "https"),
            ("https://h.example/r#main:/", "git://h.example/r#main", None, "https"),
            ("https://h.example/r#refs/pull/7/head", "git://h.example/r#refs/pull/7/head", None, "https"),
            ("https://h.example/r#feature/x@2", "git://h.example/r#feature/x@2", None, "https"),
            ("https://h.example/r#20240131", "git://h.example/r#20240131", None, "https"),
        ] {
            assert_eq!(kaniko(typed), (context.to_owned(), sub_path.map(str::to_owned), method), "{typed}");
        }
    }

    #[test]
    fn a_commit_is_asked_for_alone_or_reached_from_a_reference() {
        let alone = Address::parse(&format!("https://h.example/r#{}", COMMIT.to_uppercase())).unwrap();
        assert_eq!(alone.kaniko().context, format!("git://h.example/r#{COMMIT}"));
        let pinned = alone.pinned("refs/heads/main", alone.commit().unwrap());
        let context = format!("git://h.example/r#refs/heads/main#{COMMIT}");
        assert_eq!(pinned.kaniko().context, context);
        assert_eq!(Address::parse(&context).unwrap().kaniko(), pinned.kaniko());
        assert_eq!(pinned.to_string(), format!("https://h.example/r#{COMMIT}"));
    }

    #[test]
    fn what_is_fetched_in_another_way_is_noted() {
        let note = |typed: &str| Address::parse(typed).unwrap().note();
        assert_eq!(
            note("git@github.com:o/r.git").unwrap(),
            "the repository is fetched from `https://github.com/o/r.git`: Kaniko has no SSH"
        );
        assert!(note("git://h.example/r").unwrap().contains("`https://h.example/r`"));
        assert_eq!(note("https://h.example/r"), None);
    }

    #[test]
    fn what_the_executor_cannot_fetch_is_refused_with_the_reason() {
        for (typed, message) in [
            ("", "`` is no address of a git repository"),
            ("https://h.example", "`https://h.example` is no address of a git repository"),
            ("https:///o/r", "`https:///o/r` is no address of a git repository"),
            ("https://h.example:http/r", "`https://h.example:http/r` is no address of a git repository"),
            ("https://h.example/a b", "`https://h.example/a b` is no address of a git repository"),
            (".", "`.` is on this machine, and Kaniko fetches from a server"),
            ("/srv/r.git#main", "`/srv/r.git#main` is on this machine, and Kaniko fetches from a server"),
            ("file:///srv/r.git", "`file:///srv/r.git` is on this machine, and Kaniko fetches from a server"),
            ("s3://b/x", "`s3://` is nothing that Kaniko fetches from"),
            ("git@h.example:o/r", "`git@h.example:o/r` is an address of SSH, which Kaniko does not have"),
            (
                "ssh://git@github.com:22/o/r",
                "`ssh://git@github.com:22/o/r` is an address of SSH, which Kaniko does not have",
            ),
            ("https://h.example/r#0123abc", "`0123abc` is the start of a commit's name"),
            ("https://h.example/r#main#0123abc", "`0123abc` is the start of a commit's name"),
            ("https://h.example/r#a..b", "`a..b` is no branch, tag or commit"),
            ("https://h.example/r#-x", "`-x` is no branch, tag or commit"),
            ("https://h.example/r#a#b", "`b` is no branch, tag or commit"),
            ("https://h.example/r#main:../x", "`../x` leads out of the repository"),
        ] {
            assert_eq!(Address::parse(typed).unwrap_err().to_string(), message, "{typed}");
        }
        let sha256 = format!("https://h.example/r#{}", "ab".repeat(32));
        assert!(matches!(Address::parse(&sha256), Err(AddressError::Sha256 { .. })));
    }

    #[test]
    fn what_an_address_of_ssh_may_be_is_told_and_not_taken() {
        for (typed, likely) in [
            ("git@h.example:o/r.git#x", Some("https://h.example/o/r.git")),
            ("ssh://git@h.example:7999/o/r.git", Some("https://h.example/o/r.git")),
            ("git@github.com:r", Some("https://github.com/r")),
            ("git@h.example:/srv/r.git", None),
        ] {
            let Err(AddressError::Ssh { likely: found, .. }) = Address::parse(typed) else { panic!("{typed}") };
            assert_eq!(found.as_deref(), likely, "{typed}");
        }
    }

    #[test]
    fn what_is_no_scheme_is_told_no_more_than_a_login() {
        let error = Address::parse("hush#://@h.example:r").unwrap_err();
        assert!(!error.to_string().contains("hush"), "{error}");
    }

    #[test]
    fn a_login_is_refused_and_never_told() {
        for typed in [
            "https://hush@h.example/r",
            "https://user:hush@h.example/r#main",
            "https://user:hu/sh@h.example/r",
            "https://user:hu#sh@h.example/r",
            "https://user:hu?sh@h.example/r",
            "https://h.example/r?token=hush",
            "ssh://user:hush@github.com/o/r",
            "user:hush@github.com:o/r.git",
            "user:hush@h.example/r",
            "user:hush@h.example",
            "git://hush@h.example/r",
            "git://hush@h.example:x/r",
            "ftp://user:hush@h.example/r",
            "file://user:hush@h.example/r",
            "https:// user:hush@h.example/r",
        ] {
            let error = Address::parse(typed).unwrap_err();
            let told = format!("{error} {error:?} {:?} {:?}", error.notes(), error.help());
            assert!(!told.contains("hu"), "{typed}: {told}");
        }
        let text = "fatal: unable to access 'https://user:hush@h.example/r/': no\n";
        assert_eq!(without_logins(text), "fatal: unable to access 'https://…@h.example/r/': no\n");
    }

    #[test]
    fn a_remote_is_known_however_it_is_fetched() {
        let address = Address::parse("https://github.com/o/r.git").unwrap();
        for (url, is_same) in [
            ("https://github.com/o/r", true),
            ("https://token@github.com/o/r.git/", true),
            ("git@github.com:o/r.git", true),
            ("ssh://git@github.com/o/r.git", true),
            ("https://github.com/o/other.git", false),
            ("/srv/r.git", false),
        ] {
            assert_eq!(address.is_at(url), is_same, "{url}");
        }
    }

    proptest! {
        #[test]
        fn no_address_makes_it_panic(typed in "(git|ssh|https?|file)?(://)?[a-z@:/.#?\\[\\]~é -]{0,24}") {
            if let Ok(address) = Address::parse(&typed) {
                let again = Address::parse(&address.to_string()).unwrap();
                prop_assert_eq!(again.kaniko().sub_path, address.kaniko().sub_path);
                prop_assert!(!address.url().contains('@'));
            }
        }

        #[test]
        fn a_login_before_the_host_is_never_told(login in "[a-z:]{0,6}HUSH[a-z:/#?]{0,6}") {
            prop_assume!(!login.contains("HUSH://"), "that is a scheme");
            for typed in [format!("https://{login}@h.example/r"), format!("{login}@h.example:r")] {
                if let Err(error) = Address::parse(&typed) {
                    let told = format!("{error} {:?} {:?}", error.notes(), error.help());
                    prop_assert!(!told.contains("HUSH"), "{}: {}", typed, told);
                }
            }
        }
    }
}

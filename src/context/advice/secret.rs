//! What looks like a secret: by its name where that is enough, else by the head of its content.
//!
//! A content is judged where it is read and goes no further: what comes out of here is a kind and a line number.

use std::path::Path;

use crate::context::listing::{Entry, Kind, Listing};

/// Bytes of a file that are looked at.
pub const HEAD: usize = 4096;

/// Files whose content is read because of their name; of those beyond it only names are judged.
const NAMED_LIMIT: usize = 1024;

/// Files that are read though their name says nothing, those near the root first. With the limit above, a listing of
/// any length costs at most 1,536 reads of 4 KiB, which is some 20 ms from memory.
const UNNAMED_LIMIT: usize = 512;

/// Sizes of the files that are read though their name says nothing: a key has more, a credentials file has less.
const UNNAMED_SIZES: std::ops::RangeInclusive<u64> = 40..=64 * 1024;

/// Extensions of such files, besides none at all.
const UNNAMED_EXTENSIONS: [&str; 15] = [
    "asc",
    "cer",
    "cert",
    "cfg",
    "conf",
    "config",
    "crt",
    "ini",
    "json",
    "p8",
    "pk8",
    "properties",
    "txt",
    "yaml",
    "yml",
];

/// Directories of other people's files: the keys in there are those of their tests.
const DEPENDENCIES: [&str; 9] = [
    ".git",
    ".gradle",
    ".m2",
    ".terraform",
    "__pycache__",
    "bower_components",
    "node_modules",
    "site-packages",
    "vendor",
];

/// Files that are the user's own in such a directory.
const HOMES: [(&str, &str); 4] = [
    (".gradle", "gradle.properties"),
    (".m2", "settings.xml"),
    (".terraform", "terraform.tfstate"),
    (".terraform", "terraform.tfstate.backup"),
];

/// Directories of keys that are made for tests and open nothing. What is a secret by its name is one there too.
const TESTS: [&str; 6] = ["__fixtures__", "fixtures", "test", "test_data", "testdata", "tests"];

/// Parts of a name before or behind `.env` that make it an example.
const EXAMPLES: [&str; 9] = ["default", "defaults", "dist", "example", "sample", "schema", "template", "tmpl", "vault"];

/// Values that say that there is none.
const NO_VALUES: [&str; 13] =
    ["null", "nil", "none", "undefined", "true", "false", "yes", "no", "on", "off", "password", "passwd", "secret"];

/// Beginnings of values that are encrypted or say where the secret is.
const ELSEWHERE: [&str; 6] = ["arn:", "enc(", "enc[", "encrypted:", "file:", "vault:"];

/// Prefixes of variables that a bundler puts into what every browser gets.
const PUBLIC: [&str; 9] = [
    "EXPO_PUBLIC_",
    "GATSBY_",
    "NEXT_PUBLIC_",
    "NUXT_PUBLIC_",
    "PUBLIC_",
    "REACT_APP_",
    "STORYBOOK_",
    "VITE_",
    "VUE_APP_",
];

/// Parts of names of variables that hold a secret…
const SECRET_PARTS: [&str; 14] = [
    "access_key",
    "api_key",
    "apikey",
    "app_key",
    "auth_key",
    "credential",
    "encryption_key",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "secret",
    "signing_key",
    "token",
];

/// …and their ends, where no more than that is needed…
const SECRET_ENDS: [&str; 3] = ["_auth", "_pass", "_pwd"];

/// …unless they end like this: then they hold where it is, what it is called or how it is used.
const ABOUT_SECRETS: [&str; 43] = [
    "_age",
    "_alg",
    "_algorithm",
    "_arn",
    "_audience",
    "_backend",
    "_class",
    "_cookie",
    "_count",
    "_dir",
    "_domain",
    "_enabled",
    "_endpoint",
    "_expiration",
    "_expires",
    "_expires_in",
    "_expiry",
    "_field",
    "_file",
    "_header",
    "_host",
    "_id",
    "_issuer",
    "_key_name",
    "_length",
    "_lifetime",
    "_limit",
    "_manager",
    "_method",
    "_mode",
    "_name",
    "_path",
    "_policy",
    "_prefix",
    "_provider",
    "_region",
    "_store",
    "_timeout",
    "_ttl",
    "_type",
    "_uri",
    "_url",
    "_version",
];

/// What kind of secret something looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// A private key in any of its text forms.
    PrivateKey,
    /// `master.key` of Rails.
    MasterKey,
    /// PKCS#12 and Java's own.
    Keystore,
    /// Of npm, PyPI, Cargo…
    PackageToken,
    /// Of Docker's `config.json`.
    RegistryCredentials,
    /// Of a kubeconfig.
    ClusterCredentials,
    /// Of AWS or Google.
    CloudKey,
    /// A password or token anywhere else.
    Password,
    /// `https://user:password@host`.
    UrlPassword,
    /// `.htpasswd`.
    PasswordHashes,
    /// `terraform.tfstate`.
    TerraformState,
}

impl Secret {
    /// What it is, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::PrivateKey => "a private key",
            Self::MasterKey => "the key of encrypted credentials",
            Self::Keystore => "a keystore, which can hold private keys",
            Self::PackageToken => "a token or password of a package registry",
            Self::RegistryCredentials => "credentials of a container registry",
            Self::ClusterCredentials => "credentials of a cluster",
            Self::CloudKey => "a secret key of a cloud provider",
            Self::Password => "a password or token",
            Self::UrlPassword => "a URL with a password in it",
            Self::PasswordHashes => "hashes of passwords",
            Self::TerraformState => "a Terraform state, which has secrets in clear text",
        }
    }
}

/// An entry of a listing that looks like a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposed {
    /// Index of the entry.
    pub entry: usize,
    /// What it looks like.
    pub secret: Secret,
    /// The line it is in, counted from 1.
    pub line: Option<usize>,
}

/// What a content has to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A private key as text.
    Key,
    /// `master.key` of Rails: 32 hexadecimal digits.
    MasterKey,
    /// PKCS#12 or a Java keystore.
    Keystore,
    /// `.npmrc`.
    Npm,
    /// `.yarnrc.yml`.
    Yarn,
    /// `.pypirc`.
    PyPi,
    /// `credentials.toml` of Cargo.
    Cargo,
    /// `.netrc`.
    Netrc,
    /// `.pgpass`.
    PgPass,
    /// `.my.cnf`.
    MyCnf,
    /// `settings.xml` of Maven.
    Maven,
    /// `auth.json` of Composer.
    Composer,
    /// A kubeconfig.
    Kubeconfig,
    /// Docker's `config.json`.
    Docker,
    /// `credentials` of the AWS tools.
    Aws,
    /// Assignments to names such as `db_password`, and URLs with a password.
    Variables,
    /// A Terraform state with something in it.
    TerraformState,
    /// A URL with a password.
    Url,
    /// Whatever is unmistakable: a private key, Google's and AWS's keys, client keys of a kubeconfig.
    Anything,
}

/// What is to be done to know about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suspicion {
    /// Its name says it.
    Certain(Secret),
    /// Its content has to say it.
    Read(Rule),
    /// Like that, but nothing in its name is suspicious.
    Unnamed,
}

/// What the names in a listing tell about secrets.
#[derive(Debug, Default)]
pub struct Suspects {
    /// Known by name.
    pub certain: Vec<Exposed>,
    /// To be read: index of the entry, and what makes it a secret.
    pub to_read: Vec<(usize, Rule)>,
}

impl Suspects {
    /// Looks at each name.
    pub fn of(listing: &Listing) -> Self {
        let mut suspects = Self::default();
        let mut unnamed: Vec<(usize, usize)> = Vec::new();
        for (index, entry) in listing.entries.iter().enumerate() {
            match suspicion(entry) {
                None => {}
                Some(Suspicion::Certain(secret)) => {
                    suspects.certain.push(Exposed { entry: index, secret, line: None });
                }
                Some(Suspicion::Read(rule)) if suspects.to_read.len() < NAMED_LIMIT => {
                    suspects.to_read.push((index, rule));
                }
                Some(Suspicion::Read(_)) => {}
                Some(Suspicion::Unnamed) => unnamed.push((entry.path.components().count(), index)),
            }
        }
        unnamed.sort_unstable();
        suspects.to_read.extend(unnamed.into_iter().take(UNNAMED_LIMIT).map(|(_, index)| (index, Rule::Anything)));
        suspects
    }
}

fn suspicion(entry: &Entry) -> Option<Suspicion> {
    let Kind::File { size, .. } = entry.kind else { return None };
    let name = entry.path.file_name()?.to_str()?;
    if size == 0 {
        return None;
    }
    let directory = entry.path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    // A clone over HTTPS keeps its token there.
    if (directory, name) == (".git", "config") {
        return Some(Suspicion::Read(Rule::Url));
    }
    let named = by_name(directory, name);
    if named.is_none() && (!UNNAMED_SIZES.contains(&size) || !is_unnamed_candidate(name)) {
        return None;
    }
    let own = if HOMES.contains(&(directory, name)) { 2 } else { 1 };
    let is_below =
        |names: &[&str]| entry.path.iter().rev().skip(own).any(|name| names.iter().any(|known| name == *known));
    let is_key = matches!(named, None | Some(Suspicion::Read(Rule::Key | Rule::MasterKey | Rule::Keystore)));
    if is_below(&DEPENDENCIES) || is_key && is_below(&TESTS) {
        return None;
    }
    named.or(Some(Suspicion::Unnamed))
}

fn by_name(directory: &str, name: &str) -> Option<Suspicion> {
    use Suspicion::{Certain, Read};
    let certain = match name {
        ".htpasswd" => Some(Secret::PasswordHashes),
        ".git-credentials" => Some(Secret::UrlPassword),
        "id_rsa" | "id_ed25519" | "id_ecdsa" | "id_dsa" => Some(Secret::PrivateKey),
        ".vault-token" => Some(Secret::Password),
        _ => None,
    };
    let rule = match (directory, name) {
        (".docker", "config.json") | (_, ".dockercfg" | ".dockerconfigjson") => Some(Rule::Docker),
        (".kube", "config") | (_, "kubeconfig" | "kubeconfig.yaml" | "kubeconfig.yml") => Some(Rule::Kubeconfig),
        (".aws", "credentials") => Some(Rule::Aws),
        (".cargo", "credentials" | "credentials.toml") => Some(Rule::Cargo),
        (_, ".npmrc") => Some(Rule::Npm),
        (_, ".yarnrc.yml") => Some(Rule::Yarn),
        (_, ".pypirc") => Some(Rule::PyPi),
        (_, "pip.conf") => Some(Rule::Url),
        (_, ".netrc" | "_netrc") => Some(Rule::Netrc),
        (_, ".pgpass") => Some(Rule::PgPass),
        (_, ".my.cnf") => Some(Rule::MyCnf),
        (_, "settings.xml") => Some(Rule::Maven),
        (_, "auth.json") => Some(Rule::Composer),
        ("config", "master.key") => Some(Rule::MasterKey),
        (_, ".env" | ".envrc") | (".gradle", "gradle.properties") => Some(Rule::Variables),
        _ if name.strip_prefix(".env.").is_some_and(|rest| !is_example(rest)) => Some(Rule::Variables),
        _ if name.starts_with("requirements") && name.ends_with(".txt") => Some(Rule::Url),
        (_, "terraform.tfstate" | "terraform.tfstate.backup") => Some(Rule::TerraformState),
        _ => by_extension(name),
    };
    certain.map(Certain).or(rule.map(Read))
}

fn by_extension(name: &str) -> Option<Rule> {
    let (stem, extension) = name.rsplit_once('.')?;
    match extension.to_ascii_lowercase().as_str() {
        "pem" | "key" | "ppk" => Some(Rule::Key),
        // A trust store has other people's certificates; Android's debug keystore is the same for everybody.
        "p12" | "pfx" | "jks" | "keystore" if is_truststore(stem) || name == "debug.keystore" => None,
        "p12" | "pfx" | "jks" | "keystore" => Some(Rule::Keystore),
        "kubeconfig" => Some(Rule::Kubeconfig),
        "env" if is_example(stem) => None,
        "tfvars" | "env" => Some(Rule::Variables),
        _ => None,
    }
}

fn is_truststore(stem: &str) -> bool {
    let stem = stem.to_ascii_lowercase();
    stem.contains("trust") || stem.contains("cacerts")
}

fn is_example(rest: &str) -> bool {
    rest.split(['.', '-', '_']).any(|part| EXAMPLES.contains(&part.to_ascii_lowercase().as_str()))
}

fn is_unnamed_candidate(name: &str) -> bool {
    match name.trim_start_matches('.').rsplit_once('.') {
        None => true,
        Some((_, extension)) => UNNAMED_EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)),
    }
}

/// Whether the first bytes of a file make it a secret, and in which line.
pub fn judge(rule: Rule, head: &[u8]) -> Option<(Secret, Option<usize>)> {
    if rule == Rule::Keystore {
        return is_keystore(head).then_some((Secret::Keystore, None));
    }
    let text = String::from_utf8_lossy(head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head));
    let found = |secret, line: Option<usize>| line.map(|line| (secret, Some(line)));
    match rule {
        Rule::Keystore => None,
        Rule::Key => found(Secret::PrivateKey, private_key(&text)),
        Rule::MasterKey => is_master_key(&text).then_some((Secret::MasterKey, None)),
        Rule::Npm => found(Secret::PackageToken, line_of(&text, |line| assigns(line, '=', is_npm_secret))),
        Rule::Yarn => found(Secret::PackageToken, line_of(&text, |line| assigns(line, ':', is_yarn_secret))),
        Rule::PyPi => {
            let password = |line: &str| assigns(line, '=', is_password) || assigns(line, ':', is_password);
            found(Secret::PackageToken, line_of(&text, password))
        }
        Rule::Cargo => found(Secret::PackageToken, line_of(&text, |line| assigns(line, '=', |key| key == "token"))),
        Rule::Netrc => found(Secret::Password, netrc_password(&text)),
        Rule::PgPass => found(Secret::Password, line_of(&text, has_pgpass_password)),
        Rule::MyCnf => found(Secret::Password, line_of(&text, |line| assigns(line, '=', is_password))),
        Rule::Composer => found(Secret::PackageToken, composer_token(&text)),
        Rule::Maven => found(Secret::Password, line_of(&without_xml_comments(&text), has_maven_password)),
        Rule::Kubeconfig => found(Secret::ClusterCredentials, cluster_credentials(&text)),
        Rule::Docker => found(Secret::RegistryCredentials, registry_credentials(&text)),
        Rule::Aws => found(Secret::CloudKey, aws_key(&text)),
        Rule::Variables => found(Secret::Password, line_of(&text, sets_secret))
            .or_else(|| found(Secret::UrlPassword, line_of(&text, has_url_password))),
        Rule::TerraformState => terraform_state(&text).map(|line| (Secret::TerraformState, line)),
        Rule::Url => found(Secret::UrlPassword, line_of(&text, has_url_password)),
        Rule::Anything => found(Secret::PrivateKey, private_key(&text))
            .or_else(|| found(Secret::CloudKey, google_key(&text).or_else(|| aws_key(&text))))
            .or_else(|| found(Secret::ClusterCredentials, client_key(&text))),
    }
}

/// The first line that `test` is true for, counted from 1; comments do not count.
fn line_of(text: &str, test: impl Fn(&str) -> bool) -> Option<usize> {
    let is_comment = |line: &str| line.starts_with(['#', ';']) || line.starts_with("//") && !line.contains('=');
    text.lines().map(str::trim).position(|line| !is_comment(line) && test(line)).map(|index| index + 1)
}

/// Whether the line gives a value to a key that `key` is true for.
fn assigns(line: &str, separator: char, key: impl Fn(&str) -> bool) -> bool {
    assignment(line, separator).is_some_and(|(left, right)| key(left) && is_literal(right))
}

/// The key and the value on a line.
fn assignment(line: &str, separator: char) -> Option<(&str, &str)> {
    let (left, right) = line.split_once(separator)?;
    let left = left.trim().trim_start_matches("- ").trim_start_matches("export ");
    Some((left.trim_matches(['"', '\'', ' ']), unquoted(right)))
}

fn unquoted(value: &str) -> &str {
    value.trim().trim_end_matches(',').trim_matches(['"', '\'']).trim()
}

/// Whether a value is there, and is no variable, no placeholder and not the name of a secret that is elsewhere.
fn is_literal(value: &str) -> bool {
    let value = unquoted(value);
    let mut characters = value.chars();
    let Some(first) = characters.next() else { return false };
    let is_filler = characters.all(|character| character == first) && !first.is_ascii_digit();
    let lower = value.to_ascii_lowercase();
    let is_elsewhere = ELSEWHERE.iter().any(|prefix| lower.starts_with(prefix));
    !is_filler && !is_elsewhere && !is_placeholder(&lower) && !matches!(first, '$' | '{' | '<' | '%' | '#' | '[' | '`')
}

/// Compares letters and digits alone: `Change-Me!` is one too.
fn is_placeholder(lower: &str) -> bool {
    let letters: String = lower.chars().filter(|character| character.is_alphanumeric()).collect();
    let starts = ["your", "xxx", "replace", "insert", "enter", "placeholder", "example", "dummy", "todo"];
    NO_VALUES.contains(&letters.as_str())
        || starts.iter().any(|start| letters.starts_with(start))
        || ["changeme", "changethis", "yourtoken", "yourpassword"].iter().any(|part| letters.contains(part))
}

fn is_npm_secret(key: &str) -> bool {
    ["_authToken", "_password", "_auth"].iter().any(|secret| key.ends_with(secret))
}

fn is_yarn_secret(key: &str) -> bool {
    matches!(key, "npmAuthToken" | "npmAuthIdent")
}

fn is_password(key: &str) -> bool {
    key == "password"
}

/// Whether the line sets a variable to what looks like a secret by both its name and its value.
fn sets_secret(line: &str) -> bool {
    let Some((name, value)) = assignment(line, '=') else { return false };
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let may_be_number = name.to_ascii_lowercase().contains("pass");
    is_secret_name(name) && is_literal(value) && !is_place(value) && (may_be_number || !is_number)
}

/// Names of variables that hold a secret, not where one is or what it is called.
fn is_secret_name(name: &str) -> bool {
    let is_public = PUBLIC.iter().any(|prefix| name.starts_with(prefix));
    let name = name.to_ascii_lowercase().replace("tokeniz", "");
    let is_secret = SECRET_PARTS.iter().any(|part| name.contains(part))
        || SECRET_ENDS.iter().any(|end| name.ends_with(end) || name == end[1..]);
    is_secret && !is_public && !ABOUT_SECRETS.iter().any(|end| name.ends_with(end))
}

/// Whether the value is a path or a URL; one with a password is told as that.
fn is_place(value: &str) -> bool {
    let is_absolute = value.strip_prefix('/').is_some_and(|rest| rest.contains(['/', '.']));
    is_absolute || value.contains("://") || ["./", "../", "~/"].iter().any(|start| value.starts_with(start))
}

/// 32 hexadecimal digits, and nothing else.
fn is_master_key(text: &str) -> bool {
    let text = text.trim();
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `host:port:database:user:password`, where a backslash escapes a colon.
fn has_pgpass_password(line: &str) -> bool {
    let line = line.replace("\\:", "");
    line.splitn(5, ':').nth(4).is_some_and(is_literal)
}

/// A password below `http-basic`, or the first token below one of the others. A file of translations has neither.
fn composer_token(text: &str) -> Option<usize> {
    let basic = text.find("\"http-basic\"").and_then(|at| {
        let line = json_value(&text[at..], "password", is_literal)?;
        Some(text[..at].matches('\n').count() + line)
    });
    let tokens = ["github-oauth", "gitlab-oauth", "gitlab-token", "bearer"];
    basic.or_else(|| tokens.iter().find_map(|key| first_value(text, key)))
}

/// The line of the first literal value in the object of plain values that is `key`'s.
fn first_value(text: &str, key: &str) -> Option<usize> {
    let quoted = format!("\"{key}\"");
    let start = text.find(&quoted)? + quoted.len();
    let object = text[start..].trim_start().strip_prefix(':')?.trim_start().strip_prefix('{')?.split('}').next()?;
    let start = start + text[start..].find('{')? + 1;
    let quotes: Vec<usize> = object.match_indices('"').map(|(at, _)| at).collect();
    let strings = quotes.chunks_exact(2).map(|ends| (ends[0], &object[ends[0] + 1..ends[1]]));
    let found = strings.skip(1).step_by(2).find(|(_, value)| is_literal(value));
    found.map(|(at, _)| text[..start + at].matches('\n').count() + 1)
}

/// A line that begins one, followed by a line of one. A text about keys has the first alone.
fn private_key(text: &str) -> Option<usize> {
    let mut lines = text.lines().map(str::trim).enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let begins = line.starts_with("-----BEGIN ")
            && (line.ends_with("PRIVATE KEY-----") || line.ends_with("PRIVATE KEY BLOCK-----"));
        let follows = |line: &str| is_base64(line) || line.contains(": ") || line.is_empty();
        if line.starts_with("PuTTY-User-Key-File-") || begins && lines.peek().is_some_and(|(_, next)| follows(next)) {
            return Some(index + 1);
        }
    }
    None
}

fn is_base64(line: &str) -> bool {
    line.len() >= 16 && line.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
}

/// `"private_key": "-----BEGIN …`, a service account of Google.
fn google_key(text: &str) -> Option<usize> {
    json_value(text, "private_key", |value| value.starts_with("-----BEGIN ") && value.len() > 64)
}

fn aws_key(text: &str) -> Option<usize> {
    let is_key = |key: &str| matches!(key.to_ascii_lowercase().as_str(), "aws_secret_access_key" | "aws_session_token");
    line_of(text, |line| assigns(line, '=', is_key) || assigns(line, ':', is_key))
}

fn client_key(text: &str) -> Option<usize> {
    let is_key = |key: &str| key == "client-key-data";
    line_of(text, |line| assigns(line, ':', is_key)).or_else(|| json_value(text, "client-key-data", is_literal))
}

fn cluster_credentials(text: &str) -> Option<usize> {
    let is_key = |key: &str| matches!(key, "token" | "password");
    client_key(text)
        .or_else(|| line_of(text, |line| assigns(line, ':', is_key)))
        .or_else(|| json_value(text, "token", is_literal))
        .or_else(|| json_value(text, "password", is_literal))
}

fn registry_credentials(text: &str) -> Option<usize> {
    ["auth", "identitytoken", "registrytoken", "password"].iter().find_map(|key| json_value(text, key, is_literal))
}

/// The line of the first `"key": "value"` whose value `test` is true for. A value that goes on past the end is one.
fn json_value(text: &str, key: &str, test: impl Fn(&str) -> bool) -> Option<usize> {
    let quoted = format!("\"{key}\"");
    text.match_indices(&quoted).find_map(|(at, _)| {
        let rest = text[at + quoted.len()..].trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
        let value = rest.split('"').next()?;
        test(value).then(|| text[..at].matches('\n').count() + 1)
    })
}

/// `password` and a word, on one line or on two.
fn netrc_password(text: &str) -> Option<usize> {
    let words = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#'));
    let mut words = words.flat_map(|(index, line)| line.split_whitespace().map(move |word| (index, word))).peekable();
    while let Some((index, word)) = words.next() {
        if word == "password" && words.peek().is_some_and(|(_, value)| is_literal(value)) {
            return Some(index + 1);
        }
    }
    None
}

/// `<password>…`, unless it is a variable or encrypted, which Maven writes in braces.
fn has_maven_password(line: &str) -> bool {
    ["<password>", "<passphrase>"].iter().any(|tag| {
        let value = line.split_once(tag).and_then(|(_, rest)| rest.split('<').next());
        value.is_some_and(is_literal)
    })
}

/// The text with nothing but line ends in its comments: the `settings.xml` that Maven comes with has examples there.
fn without_xml_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("<!--") {
        let (comment, after) = comment.split_once("-->").unwrap_or((comment, ""));
        out.push_str(before);
        out.extend(comment.chars().filter(|character| *character == '\n'));
        rest = after;
    }
    out + rest
}

/// `scheme://user:password@host`; `postgres:postgres` is everybody's.
fn has_url_password(line: &str) -> bool {
    line.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', ' ', '"', '\'']).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        let credentials = user.and_then(|user| user.split_once(':'));
        credentials.is_some_and(|(user, password)| password != user && is_literal(password))
    })
}

/// A state with resources; of one that says where the state is, the line of what opens it.
fn terraform_state(text: &str) -> Option<Option<usize>> {
    let without_blanks: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    if without_blanks.contains("\"backend\":{") {
        let keys = ["access_key", "secret_key", "sas_token", "client_secret", "token", "password"];
        return keys.iter().find_map(|key| json_value(text, key, is_literal)).map(Some);
    }
    let has_more = without_blanks.contains("\"terraform_version\"") && !without_blanks.contains("\"resources\":[]");
    has_more.then_some(None)
}

/// Java's `JKS` and `JCEKS`, or the sequence that opens PKCS#12 in DER.
fn is_keystore(head: &[u8]) -> bool {
    match head {
        [0xfe, 0xed, 0xfe, 0xed, ..] | [0xce, 0xce, 0xce, 0xce, ..] => true,
        [0x30, 0x80 | 0x82 | 0x83 | 0x84, ..] => head.len() > 100,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &str) -> Option<Suspicion> {
        suspicion(&Entry::made(path, "x".repeat(50)))
    }

    #[test]
    fn some_names_suffice() {
        for (path, secret) in [
            ("id_rsa", Secret::PrivateKey),
            (".ssh/id_ed25519", Secret::PrivateKey),
            (".git-credentials", Secret::UrlPassword),
            ("www/.htpasswd", Secret::PasswordHashes),
            (".vault-token", Secret::Password),
        ] {
            assert_eq!(named(path), Some(Suspicion::Certain(secret)), "{path}");
        }
    }

    #[test]
    fn some_names_need_their_content() {
        for (path, rule) in [
            (".npmrc", Rule::Npm),
            (".yarnrc.yml", Rule::Yarn),
            ("tls/server.KEY", Rule::Key),
            ("cert.pem", Rule::Key),
            ("a.p12", Rule::Keystore),
            ("release.keystore", Rule::Keystore),
            (".docker/config.json", Rule::Docker),
            (".kube/config", Rule::Kubeconfig),
            ("prod.kubeconfig", Rule::Kubeconfig),
            (".aws/credentials", Rule::Aws),
            ("settings.xml", Rule::Maven),
            (".m2/settings.xml", Rule::Maven),
            (".gradle/gradle.properties", Rule::Variables),
            (".terraform/terraform.tfstate", Rule::TerraformState),
            (".env", Rule::Variables),
            ("svc/.env.production", Rule::Variables),
            ("tests/.env", Rule::Variables),
            ("web/config/master.key", Rule::MasterKey),
            (".pgpass", Rule::PgPass),
            (".my.cnf", Rule::MyCnf),
            ("requirements.txt", Rule::Url),
            ("requirements-dev.txt", Rule::Url),
            ("auth.json", Rule::Composer),
            ("prod.tfvars", Rule::Variables),
            ("terraform.tfstate", Rule::TerraformState),
            (".git/config", Rule::Url),
            ("sub/.git/config", Rule::Url),
        ] {
            assert_eq!(named(path), Some(Suspicion::Read(rule)), "{path}");
        }
    }

    #[test]
    fn near_misses_by_name_are_no_more_than_small_files() {
        for path in [
            ".env.example",
            ".env.local.sample",
            ".env.template",
            "id_rsa.pub",
            "cacerts.jks",
            "truststore.p12",
            "debug.keystore",
            "node_modules/x/test/key.pem",
            "vendor/x/.env",
            "example.env",
            "vendor/x/.m2/settings.xml",
            ".m2/repository/x/settings.xml",
            ".m2/repository/x/a.pem",
            "test/dummy/config/master.key",
            "tests/tls/server.key",
            "x/testdata/config.json",
            "src/main.rs",
            "key.pem.md",
        ] {
            assert_eq!(named(path), None, "{path}");
        }
        for path in ["config/config.json", "credentials", "config", "app.yaml"] {
            assert_eq!(named(path), Some(Suspicion::Unnamed), "{path}");
        }
        assert_eq!(suspicion(&Entry::made(".env", "")), None, "empty");
        let link = Kind::Symlink { target: "x".into() };
        assert_eq!(suspicion(&Entry { kind: link, ..Entry::made(".env", "x") }), None, "a link");
    }

    const KEY: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA1c7+9z5Pad7OejecsQ0bu3aumnAAAA\n";

    #[test]
    fn contents_that_are_secrets_with_their_line() {
        let long_key = format!("{{\n\"private_key\": \"{}{}\"}}", "-----BEGIN PRIVATE KEY-----\\n", "M".repeat(60));
        for (rule, content, secret, line) in [
            (Rule::Key, KEY, Secret::PrivateKey, 1),
            (Rule::Key, &KEY.replace("RSA ", "OPENSSH "), Secret::PrivateKey, 1),
            (Rule::Key, "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", Secret::PrivateKey, 1),
            (Rule::Key, "PuTTY-User-Key-File-2: ssh-rsa\n", Secret::PrivateKey, 1),
            (Rule::Anything, &format!("a: 1\ntls.key: |\n  {}", KEY.replace('\n', "\n  ")), Secret::PrivateKey, 3),
            (Rule::Anything, &long_key, Secret::CloudKey, 2),
            (Rule::Anything, "[x]\naws_secret_access_key = wJalrXUtnFEMI\n", Secret::CloudKey, 2),
            (Rule::Anything, "users:\n- user:\n    client-key-data: LS0tLS1C\n", Secret::ClusterCredentials, 3),
            (Rule::Npm, "registry=https://r\n//r/:_authToken=npm_abc\n", Secret::PackageToken, 2),
            (Rule::Npm, "_password = aGVsbG8=\n", Secret::PackageToken, 1),
            (Rule::Yarn, "npmAuthToken: \"abcdef\"\n", Secret::PackageToken, 1),
            (Rule::PyPi, "[pypi]\nusername = __token__\npassword = pypi-AgE\n", Secret::PackageToken, 3),
            (Rule::Cargo, "[registry]\ntoken = \"cio1\"\n", Secret::PackageToken, 2),
            (Rule::Netrc, "machine h\nlogin me\npassword hunter2\n", Secret::Password, 3),
            (Rule::Netrc, "machine h login me password hunter2", Secret::Password, 1),
            (Rule::Maven, "<server>\n <password>hunter2</password>\n", Secret::Password, 2),
            (Rule::Maven, "<!-- a\nb -->\n<password>hunter2</password>\n", Secret::Password, 3),
            (Rule::Kubeconfig, "users:\n- user:\n    token: abcdef\n", Secret::ClusterCredentials, 3),
            (Rule::Kubeconfig, r#"{"users": [{"user": {"token": "abc"}}]}"#, Secret::ClusterCredentials, 1),
            (Rule::Docker, "{\"auths\": {\"r\": {\n\"auth\": \"dXNlcjpwdw==\"}}}", Secret::RegistryCredentials, 2),
            (Rule::Aws, "[default]\naws_secret_access_key=abc\n", Secret::CloudKey, 2),
            (Rule::Variables, "region = \"eu\"\ndb_password = \"hunter2\"\n", Secret::Password, 2),
            (Rule::Variables, "export API_TOKEN=abcdef\n", Secret::Password, 1),
            (Rule::Variables, "NODE_ENV=production\nSTRIPE_SECRET_KEY=\"sk_live_51H\"\n", Secret::Password, 2),
            (Rule::Variables, "DB_PASS=hunter2\n", Secret::Password, 1),
            (Rule::Variables, "DB_PASSWORD=123456\n", Secret::Password, 1),
            (Rule::Variables, "NPM_AUTH=bWU6aHVudGVyMg==\n", Secret::Password, 1),
            (Rule::Variables, "mavenPassword=hunter2\nsigning.password=hunter2\n", Secret::Password, 1),
            (Rule::Variables, "A=b\nDATABASE_URL=postgres://app:hunter2@db/app\n", Secret::UrlPassword, 2),
            (Rule::Variables, "SENTRY_DSN=https://abc:hunter2@sentry.io/1\n", Secret::UrlPassword, 1),
            (Rule::PgPass, "# c\ndb:5432:*:me:hunter2\n", Secret::Password, 2),
            (Rule::MyCnf, "[client]\npassword = \"hunter2\"\n", Secret::Password, 2),
            (Rule::Composer, "{\n\"github-oauth\": {\n\"github.com\": \"ghp_abc\"}}", Secret::PackageToken, 3),
            (Rule::Composer, "{\"bearer\": {\"a\": \"\",\n\"b\": \"abc\"}}", Secret::PackageToken, 2),
            (
                Rule::Composer,
                "{\"http-basic\": {\n\"h\": {\"username\": \"me\",\n\"password\": \"hunter2\"}}}",
                Secret::PackageToken,
                3,
            ),
            (Rule::Key, &format!("\u{feff}{KEY}"), Secret::PrivateKey, 1),
            (Rule::Anything, &format!("\u{feff}{KEY}"), Secret::PrivateKey, 1),
            (Rule::Url, "flask\n--extra-index-url https://me:hunter2@pypi.corp/simple\n", Secret::UrlPassword, 2),
            (
                Rule::TerraformState,
                "{\"backend\": {\n\"config\": {\"secret_key\": \"abc\"}}, \"modules\": []}",
                Secret::TerraformState,
                2,
            ),
            (Rule::Url, "[remote]\n url = https://me:ghp_abc@github.com/x\n", Secret::UrlPassword, 2),
        ] {
            assert_eq!(judge(rule, content.as_bytes()), Some((secret, Some(line))), "{rule:?} {content}");
        }
        let state = br#"{"version": 4, "terraform_version": "1.5", "resources": [{"type": "x"}]}"#;
        assert_eq!(judge(Rule::TerraformState, state), Some((Secret::TerraformState, None)));
        assert_eq!(judge(Rule::MasterKey, &[b'a'; 32]), Some((Secret::MasterKey, None)));
        assert_eq!(judge(Rule::Keystore, b"\xfe\xed\xfe\xed\0\0\0\x02"), Some((Secret::Keystore, None)));
        assert_eq!(judge(Rule::Keystore, &[&[0x30, 0x82][..], &[0; 200]].concat()), Some((Secret::Keystore, None)));
    }

    #[test]
    fn near_misses_by_content() {
        for (rule, content) in [
            (Rule::Key, "-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKCAQEA1c7+9z5Pad7\n"),
            (Rule::Key, "-----BEGIN PUBLIC KEY-----\nMIIEpAIBAAKCAQEA1c7+9z5Pad7\n"),
            (Rule::Key, "A file starts with\n-----BEGIN PRIVATE KEY-----\nand then\n"),
            (Rule::Anything, "assert text.startswith('-----BEGIN PRIVATE KEY-----')\n"),
            (Rule::Anything, r#"{"private_key": "-----BEGIN PRIVATE KEY-----..."}"#),
            (Rule::Anything, "aws_secret_access_key = ${AWS_SECRET}\n# aws_secret_access_key = abc\n"),
            (Rule::Npm, "//r/:_authToken=${NPM_TOKEN}\n; _auth=abc\nregistry=https://r\n"),
            (Rule::Npm, "//r/:_authToken=\n"),
            (Rule::Yarn, "npmAuthToken: \"${TOKEN}\"\n"),
            (Rule::PyPi, "[pypi]\nusername = me\n"),
            (Rule::Netrc, "machine h login me\n# password hunter2\n"),
            (Rule::Maven, "<password>${env.PASSWORD}</password>\n<password>{COQLCE6DU6GtcS5P=}</password>"),
            (Rule::Maven, "<!-- an example:\n<password>repopwd</password>\n-->\n<servers/>"),
            (Rule::Kubeconfig, "users:\n- user:\n    exec:\n      command: aws\n"),
            (Rule::Docker, r#"{"auths": {"r": {}}, "credsStore": "desktop"}"#),
            (Rule::Docker, r#"{"auths": {"r": {"auth": ""}}}"#),
            (Rule::Variables, "secret_name = \"x\"\nkey_id = abc\n"),
            (Rule::Variables, "DB_PASSWORD=\nAPI_TOKEN=<token>\nSECRET=xxxxxx\nTOKEN=changeme\n"),
            (Rule::Variables, "VITE_TITLE=My App\nNODE_ENV=production\nPORT=3000\n"),
            (Rule::Variables, "VITE_API_KEY=abc\nNEXT_PUBLIC_TOKEN=abc\nREACT_APP_API_URL=https://h/\n"),
            (Rule::Variables, "API_KEY=your-key\nAPI_KEY=xxx-xxx\nSECRET=Change-Me!\nSECRET=${S}\nTOKEN=\n"),
            (Rule::Variables, "DATABASE_URL=postgres://postgres:postgres@localhost/x\n"),
            (Rule::Variables, "DATABASE_URL=\"postgresql://app:!ChangeMe!@127.0.0.1:5432/app\"\n"),
            (Rule::Variables, "MAX_TOKENS=4096\nTOKENIZER=bert\nTOKEN_EXPIRES_IN=7d\nAUTHOR=Me\nBASIC_AUTH=true\n"),
            (Rule::Variables, "GOOGLE_APPLICATION_CREDENTIALS=/etc/key.json\nJWT_PRIVATE_KEY=./jwt.pem\n"),
            (Rule::Variables, "AUTH_PROVIDER=google\nTOKEN_URL=https://h/t\nSECRET_SERVER=https://h/\n"),
            (Rule::Variables, "DB_PASSWORD=encrypted:BE9Y\nDB_SECRET=op://vault/db/password\n# TOKEN=abc\n"),
            (Rule::MasterKey, "-----BEGIN CERTIFICATE-----\n"),
            (Rule::PgPass, "# host:port:db:user:password\ndb:5432:*:me:\n"),
            (Rule::MyCnf, "[client]\nuser = me\npassword\n"),
            (Rule::Composer, r#"{"failed": "No.", "password": "The password is wrong.", "bearer": "Bearer"}"#),
            (Rule::Composer, r#"{"github-oauth": {}, "http-basic": {}}"#),
            (Rule::Url, "flask==2\n-i https://${USER}:${PASSWORD}@pypi.corp/simple\n"),
            (Rule::TerraformState, r#"{"terraform_version": "1.9", "backend": {"config": {"access_key": null}}}"#),
            (Rule::TerraformState, r#"{"terraform_version": "1.5", "resources": []}"#),
            (Rule::Url, "url = https://github.com/x\nurl = git@github.com:x/y\nurl = https://me@h/x:y@z\n"),
            (Rule::Keystore, "not a keystore"),
        ] {
            assert_eq!(judge(rule, content.as_bytes()), None, "{rule:?} {content}");
        }
    }

    #[test]
    fn what_is_read_is_bounded_and_near_the_root_first() {
        let mut listing = Listing::default();
        for index in 0..3000 {
            listing.entries.push(Entry::made(&format!("deep/er/{index}.json"), "x".repeat(50)));
            listing.entries.push(Entry::made(&format!("keys/{index}.pem"), "x"));
        }
        listing.entries.push(Entry::made("z.json", "x".repeat(50)));
        let suspects = Suspects::of(&listing);
        assert_eq!(suspects.to_read.len(), NAMED_LIMIT + UNNAMED_LIMIT);
        assert!(suspects.to_read.contains(&(6000, Rule::Anything)));
    }
}

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

/// Directories of keys that are made for tests and open nothing. What is a secret by its name is one there too.
const TESTS: [&str; 6] = ["__fixtures__", "fixtures", "test", "test_data", "testdata", "tests"];

/// Parts of a name behind `.env.` that make it an example.
const EXAMPLES: [&str; 9] = ["default", "defaults", "dist", "example", "sample", "schema", "template", "tmpl", "vault"];

/// What kind of secret something looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// `.env`.
    Environment,
    /// A private key in any of its text forms.
    PrivateKey,
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
            Self::Environment => "a file of environment variables",
            Self::PrivateKey => "a private key",
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
    /// `settings.xml` of Maven.
    Maven,
    /// A kubeconfig.
    Kubeconfig,
    /// Docker's `config.json`.
    Docker,
    /// `credentials` of the AWS tools.
    Aws,
    /// Assignments to names such as `db_password`.
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
    let is_below =
        |names: &[&str]| entry.path.iter().rev().skip(1).any(|name| names.iter().any(|known| name == *known));
    let is_key = matches!(named, None | Some(Suspicion::Read(Rule::Key | Rule::Keystore)));
    if is_below(&DEPENDENCIES) || is_key && is_below(&TESTS) {
        return None;
    }
    named.or(Some(Suspicion::Unnamed))
}

fn by_name(directory: &str, name: &str) -> Option<Suspicion> {
    use Suspicion::{Certain, Read};
    let certain = match name {
        ".env" => Some(Secret::Environment),
        ".htpasswd" => Some(Secret::PasswordHashes),
        ".git-credentials" => Some(Secret::UrlPassword),
        "id_rsa" | "id_ed25519" | "id_ecdsa" | "id_dsa" => Some(Secret::PrivateKey),
        _ if name.strip_prefix(".env.").is_some_and(|rest| !is_example(rest)) => Some(Secret::Environment),
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
        (_, "settings.xml") => Some(Rule::Maven),
        (_, ".envrc") => Some(Rule::Variables),
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
    let text = String::from_utf8_lossy(head);
    let found = |secret, line: Option<usize>| line.map(|line| (secret, Some(line)));
    match rule {
        Rule::Keystore => None,
        Rule::Key => found(Secret::PrivateKey, private_key(&text)),
        Rule::Npm => found(Secret::PackageToken, line_of(&text, |line| assigns(line, '=', is_npm_secret))),
        Rule::Yarn => found(Secret::PackageToken, line_of(&text, |line| assigns(line, ':', is_yarn_secret))),
        Rule::PyPi => {
            let password = |line: &str| assigns(line, '=', is_password) || assigns(line, ':', is_password);
            found(Secret::PackageToken, line_of(&text, password))
        }
        Rule::Cargo => found(Secret::PackageToken, line_of(&text, |line| assigns(line, '=', |key| key == "token"))),
        Rule::Netrc => found(Secret::Password, netrc_password(&text)),
        Rule::Maven => found(Secret::Password, line_of(&without_xml_comments(&text), has_maven_password)),
        Rule::Kubeconfig => found(Secret::ClusterCredentials, cluster_credentials(&text)),
        Rule::Docker => found(Secret::RegistryCredentials, registry_credentials(&text)),
        Rule::Aws => found(Secret::CloudKey, aws_key(&text)),
        Rule::Variables => found(Secret::Password, line_of(&text, |line| assigns(line, '=', is_secret_name))),
        Rule::TerraformState => is_terraform_state(&text).then_some((Secret::TerraformState, None)),
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
    let Some((left, right)) = line.split_once(separator) else { return false };
    let left = left.trim().trim_start_matches("- ").trim_start_matches("export ");
    key(left.trim_matches(['"', '\'', ' '])) && is_literal(right)
}

/// Whether a value is there, and is no variable and no placeholder.
fn is_literal(value: &str) -> bool {
    let value = value.trim().trim_end_matches(',').trim_matches(['"', '\'']).trim();
    let mut characters = value.chars();
    let Some(first) = characters.next() else { return false };
    let is_filler = characters.all(|character| character == first) && !first.is_ascii_digit();
    let lower = value.to_ascii_lowercase();
    let is_placeholder = matches!(lower.as_str(), "null" | "none" | "changeme") || lower.starts_with("your");
    !is_filler && !is_placeholder && !matches!(first, '$' | '{' | '<' | '%' | '#')
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

/// Names of variables that hold a secret, not where one is or what it is called.
fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let secret = ["password", "passwd", "secret", "token", "private_key", "access_key", "api_key", "apikey"];
    let about = ["_id", "_arn", "_name", "_file", "_path", "_url", "_ttl", "_length"];
    secret.iter().any(|word| name.contains(word)) && !about.iter().any(|end| name.ends_with(end))
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

/// `scheme://user:password@host`.
fn has_url_password(line: &str) -> bool {
    line.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', ' ', '"', '\'']).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        user.and_then(|user| user.split_once(':')).is_some_and(|(_, password)| is_literal(password))
    })
}

fn is_terraform_state(text: &str) -> bool {
    let without_blanks: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    without_blanks.contains("\"terraform_version\"") && !without_blanks.contains("\"resources\":[]")
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
            (".env", Secret::Environment),
            ("svc/.env.production", Secret::Environment),
            ("tests/.env", Secret::Environment),
            ("id_rsa", Secret::PrivateKey),
            (".ssh/id_ed25519", Secret::PrivateKey),
            (".git-credentials", Secret::UrlPassword),
            ("www/.htpasswd", Secret::PasswordHashes),
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
            (Rule::Url, "[remote]\n url = https://me:ghp_abc@github.com/x\n", Secret::UrlPassword, 2),
        ] {
            assert_eq!(judge(rule, content.as_bytes()), Some((secret, Some(line))), "{rule:?} {content}");
        }
        let state = br#"{"version": 4, "terraform_version": "1.5", "resources": [{"type": "x"}]}"#;
        assert_eq!(judge(Rule::TerraformState, state), Some((Secret::TerraformState, None)));
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

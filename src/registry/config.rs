//! Docker's `config.json`: where the login to a registry is. Pure.
//!
//! As `docker push` looks for it (docker/cli `cli/config/configfile/file.go` `GetCredentialsStore`,
//! `cli/config/credentials/file_store.go`). Our own, because the crates for it run helpers without a bound on time.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};

use crate::reference::DOCKER_HUB;

/// The name under which Docker keeps the login to Docker Hub.
pub const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// The part of a `config.json` that is about logins.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    #[serde(default, deserialize_with = "or_nothing")]
    auths: BTreeMap<String, Option<Auth>>,
    #[serde(default, deserialize_with = "or_nothing")]
    creds_store: String,
    #[serde(default, deserialize_with = "or_nothing")]
    cred_helpers: BTreeMap<String, String>,
}

/// `null` is nothing, as for Docker.
fn or_nothing<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(value: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or_default())
}

/// A login as it stands in the file.
#[derive(Default, Deserialize)]
struct Auth {
    #[serde(default, deserialize_with = "or_nothing")]
    auth: String,
    #[serde(default, deserialize_with = "or_nothing")]
    username: String,
    #[serde(default, deserialize_with = "or_nothing")]
    password: String,
    #[serde(default, deserialize_with = "or_nothing")]
    identitytoken: String,
}

impl fmt::Debug for Auth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[hidden]")
    }
}

/// How to log in.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// `user:password` as base64.
    Password(String),
    /// An OAuth2 refresh token.
    IdentityToken(String),
}

impl Login {
    /// With this name and password; the name `<token>` says that the other is a token (docker/docker-credential-helpers).
    pub fn new(username: &str, secret: &str) -> Self {
        match username {
            "<token>" => Self::IdentityToken(secret.to_owned()),
            username => Self::Password(STANDARD.encode(format!("{username}:{secret}"))),
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[hidden]")
    }
}

/// Where the login to a registry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// A program knows it.
    Helper {
        /// The program's name: `docker-credential-…`.
        program: String,
        /// The name it knows the registry by.
        server: String,
    },
    /// In the file, if there is one.
    Login,
}

impl Config {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// It is none. The text says where, and nothing of what is in it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        // An empty file is one without logins (docker/cli `cli/config/configfile/file.go` `LoadFromReader`).
        if text.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(text).map_err(|error| {
            format!("it is no config.json of Docker: line {}, column {}", error.line(), error.column())
        })
    }

    /// Where the login to `registry` (`host[:port]`) is.
    pub fn stored(&self, registry: &str) -> Stored {
        let names = names(registry);
        let own = names.iter().find_map(|name| Some((name, self.cred_helpers.get(*name)?)));
        match own {
            Some((name, helper)) if !helper.is_empty() => helper_of(helper, name),
            _ if !self.creds_store.is_empty() => helper_of(&self.creds_store, names[0]),
            _ => Stored::Login,
        }
    }

    /// The login to `registry` that the file itself has.
    pub fn login(&self, registry: &str) -> Option<Login> {
        let names = names(registry);
        let exact = names.iter().find_map(|name| self.auths.get(*name));
        let by_host = || self.auths.iter().find(|(key, _)| names.contains(&host(key))).map(|(_, auth)| auth);
        let auth = exact.or_else(by_host)?.as_ref()?;
        if !auth.identitytoken.is_empty() {
            return Some(Login::IdentityToken(auth.identitytoken.clone()));
        }
        let is_login = |bytes: Vec<u8>| bytes.contains(&b':');
        if decode(auth.auth.trim_end_matches('\0')).is_some_and(is_login) {
            return Some(Login::Password(auth.auth.clone()));
        }
        (!auth.username.is_empty()).then(|| Login::new(&auth.username, &auth.password))
    }
}

fn helper_of(suffix: &str, server: &str) -> Stored {
    Stored::Helper { program: format!("docker-credential-{suffix}"), server: server.to_owned() }
}

/// The names that a registry may have in the file, Docker's own first.
fn names(registry: &str) -> Vec<&str> {
    match registry {
        DOCKER_HUB => vec![DOCKER_HUB_KEY, DOCKER_HUB, "docker.io", "registry-1.docker.io"],
        registry => vec![registry],
    }
}

/// `https://host:port/path` as `host:port` (`ConvertToHostname`).
fn host(key: &str) -> &str {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    rest.split('/').next().unwrap_or(rest)
}

/// Standard base64.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    (!text.is_empty()).then(|| STANDARD.decode(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_login_is_found_by_host_with_or_without_scheme_and_path() {
        for key in ["r.example.com:5000", "https://r.example.com:5000", "http://r.example.com:5000/v2/"] {
            let config = config(&format!(r#"{{"auths": {{"{key}": {{"auth": "dTpw"}}}}}}"#));
            assert_eq!(config.login("r.example.com:5000"), Some(Login::Password("dTpw".into())), "{key}");
            assert_eq!(config.login("r.example.com"), None, "{key}");
        }
    }

    #[test]
    fn docker_hub_has_several_names() {
        for key in ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"] {
            let config = config(&format!(r#"{{"auths": {{"{key}": {{"auth": "dTpw"}}}}}}"#));
            assert!(config.login(DOCKER_HUB).is_some(), "{key}");
        }
    }

    #[test]
    fn every_form_of_a_login_is_understood_and_none_is_made_up() {
        let config = config(
            r#"{"auths": {"a": {"username": "u", "password": "p"}, "b": {"identitytoken": "t"}, "c": {},
                "d": {"auth": "no base64"}, "e": {"auth": "bm9jb2xvbg=="}, "f": {"auth": "", "email": "x"}}}"#,
        );
        assert_eq!(config.login("a"), Some(Login::Password("dTpw".into())));
        assert_eq!(config.login("b"), Some(Login::IdentityToken("t".into())));
        for name in ["c", "d", "e", "f", "g"] {
            assert_eq!(config.login(name), None, "{name}");
        }
        assert_eq!(Login::new("<token>", "t"), Login::IdentityToken("t".into()));
    }

    #[test]
    fn a_registrys_own_helper_wins_over_the_store_and_that_over_the_file() {
        let config = config(
            r#"{"auths": {"a": {"auth": "dTpw"}}, "credsStore": "desktop",
                "credHelpers": {"gcr.io": "gcloud", "index.docker.io": "hub", "empty": ""}}"#,
        );
        let helper = |program: &str, server: &str| Stored::Helper { program: program.into(), server: server.into() };
        assert_eq!(config.stored("gcr.io"), helper("docker-credential-gcloud", "gcr.io"));
        assert_eq!(config.stored(DOCKER_HUB), helper("docker-credential-hub", "index.docker.io"));
        assert_eq!(config.stored("a"), helper("docker-credential-desktop", "a"));
        assert_eq!(config.stored("empty"), helper("docker-credential-desktop", "empty"));
        assert_eq!(Config::default().stored("a"), Stored::Login);
    }

    #[test]
    fn a_file_that_is_none_is_said_without_a_word_of_it() {
        let error = Config::parse(br#"{"auths": {"a": {"auth": 7, "secret": "hush"}}}"#).unwrap_err();
        assert!(error.contains("line 1, column ") && !error.contains("hush"), "{error}");
        assert!(Config::parse(b"{").is_err() && Config::parse(b"7").is_err());
    }

    #[test]
    fn a_file_without_logins_is_one_whatever_stands_in_their_place() {
        for text in [
            "",
            " \n",
            "{}",
            r#"{"auths": null, "credsStore": null, "credHelpers": null}"#,
            r#"{"auths": {"a": null}}"#,
            r#"{"auths": {"a": {"auth": null, "username": null, "password": null, "identitytoken": null}}}"#,
        ] {
            let config = Config::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((config.stored("a"), config.login("a")), (Stored::Login, None), "{text}");
        }
    }
}

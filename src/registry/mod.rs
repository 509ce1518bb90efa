//! What a build needs to speak to its registries: credentials and certificates. [`config`] is pure, `helper` runs
//! programs.
//!
//! Only what the build needs leaves this machine: `RUN` is root in the executor's own file system and can read its
//! credentials.

pub mod config;
#[expect(clippy::disallowed_methods, reason = "edge: runs credential helpers")]
mod helper;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use self::config::{Config, Login, Stored};
pub use self::helper::HelperError;
use crate::reference::DOCKER_HUB;

/// What the pod gets for its registries.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Logins, as `config.json`.
    pub logins: Option<Hidden>,
    /// Certificates of authorities that are trusted.
    pub authority: Option<Authority>,
}

/// Certificates, and the registries that they are for.
#[derive(Debug, Clone)]
pub struct Authority {
    /// One or more certificates as PEM.
    pub pem: Vec<u8>,
    /// `host[:port]` of each registry.
    pub registries: Vec<String>,
}

impl Access {
    /// Whether the pod gets nothing at all.
    pub fn is_empty(&self) -> bool {
        self.logins.is_none() && self.authority.is_none()
    }
}

/// Bytes that are shown to nobody.
#[derive(Clone)]
pub struct Hidden(Vec<u8>);

impl Hidden {
    /// Shows them.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[hidden]")
    }
}

/// Collects the logins for `registries` as a `config.json` of their own; none if there are none.
///
/// # Errors
/// A credential helper that fails.
pub async fn logins(config: &Config, registries: &[String]) -> Result<Option<Hidden>, HelperError> {
    let mut auths = BTreeMap::new();
    for registry in registries {
        let login = match config.stored(registry) {
            Stored::Helper { program, server } => match helper::get(&program, &server).await? {
                Some(login) => Some(login),
                None => config.login(registry),
            },
            Stored::Login => config.login(registry),
        };
        auths.extend(login.map(|login| (config_key(registry), entry(&login))));
    }
    let document = json!({ "auths": auths });
    Ok((!auths.is_empty()).then(|| Hidden(document.to_string().into_bytes())))
}

/// The name under which the executor looks for a registry's login (go-containerregistry v0.20
/// `pkg/authn/keychain.go`).
fn config_key(registry: &str) -> String {
    if registry == DOCKER_HUB { config::DOCKER_HUB_KEY.to_owned() } else { registry.to_owned() }
}

fn entry(login: &Login) -> Value {
    match login {
        Login::Password(basic) => json!({ "auth": basic }),
        Login::IdentityToken(token) => json!({ "identitytoken": token }),
    }
}

/// Whether this is PEM with certificates and nothing that is not to leave this machine.
///
/// # Errors
/// Why not.
pub fn check_certificates(pem: &[u8]) -> Result<(), &'static str> {
    let text = std::str::from_utf8(pem).map_err(|_| "it is no PEM text")?;
    if text.contains("PRIVATE KEY-----") {
        return Err("it holds a private key");
    }
    let mut certificates = 0;
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN CERTIFICATE-----") {
        let (body, next) = after.split_once("-----END CERTIFICATE-----").ok_or("a certificate in it has no end")?;
        let body: String = body.split_whitespace().collect();
        let der = config::decode(&body).ok_or("a certificate in it is no base64")?;
        if !is_certificate(&der) {
            return Err("a certificate in it is none, or is damaged");
        }
        certificates += 1;
        rest = next;
    }
    if certificates == 0 { Err("it holds no certificate (`-----BEGIN CERTIFICATE-----`)") } else { Ok(()) }
}

/// Whether this looks like a certificate: an ASN.1 sequence as long as it says that starts with another one (RFC 5280,
/// 4.1). The executor passes over what it cannot read without a word (Go's `x509.CertPool.AppendCertsFromPEM`).
fn is_certificate(der: &[u8]) -> bool {
    let [0x30, first, rest @ ..] = der else { return false };
    let content = match usize::from(*first) {
        length @ ..0x80 => Some((length, rest)),
        form => rest
            .split_at_checked(form - 0x80)
            .filter(|(bytes, _)| bytes.len() <= 4)
            .map(|(bytes, rest)| (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)),
    };
    content.is_some_and(|(length, content)| length == content.len() && content.first() == Some(&0x30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_not_shown() {
        let access = Access { logins: Some(Hidden(b"secret".to_vec())), authority: None };
        assert!(!format!("{access:?}").contains("secret"));
    }

    #[tokio::test]
    async fn only_the_logins_of_the_named_registries_are_collected() {
        let config = Config::parse(
            br#"{"auths": {"r.example.com": {"auth": "YTpi"}, "other.example.com": {"auth": "Yzpk"},
                 "https://index.docker.io/v1/": {"identitytoken": "t"}}}"#,
        )
        .unwrap();
        let logins = logins(&config, &["r.example.com".into(), "none.example.com".into(), DOCKER_HUB.into()]).await;
        let document: Value = serde_json::from_slice(logins.unwrap().unwrap().reveal()).unwrap();
        assert_eq!(
            document,
            json!({"auths": {"r.example.com": {"auth": "YTpi"}, "https://index.docker.io/v1/": {"identitytoken": "t"}}})
        );
    }

    /// Of an authority that nobody has the key of.
    const CERTIFICATE: &str = include_str!("../../fixtures/authority.crt");

    #[test]
    fn certificates_are_told_from_keys_and_noise() {
        let certificate = CERTIFICATE;
        assert_eq!(check_certificates(certificate.repeat(2).as_bytes()), Ok(()));
        for wrong in [
            "",
            "\u{0}",
            CERTIFICATE.split_once("-----END").unwrap().0,
            "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nMIT/////\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            // Cut off, with an end all the same: the executor would pass over it without a word.
            "-----BEGIN CERTIFICATE-----\nMIIBojCCAUmg\n-----END CERTIFICATE-----",
            &format!("{certificate}-----BEGIN PRIVATE KEY-----\nMAAA\n-----END PRIVATE KEY-----\n"),
        ] {
            assert!(check_certificates(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }
}

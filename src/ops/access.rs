//! What a build needs for its registries, read from this machine.

use std::io::ErrorKind;

use crate::dockerfile::base_images;
use crate::error::{Error, UsageError};
use crate::registry::config::Config;
use crate::registry::{Access, Authority, check_certificates, logins};
use crate::request::{PodRequest, RegistryAuth};

/// The certificates that were named, for the registries that a build of this Dockerfile needs.
pub(super) fn authority(request: &PodRequest, dockerfile: &str) -> Result<Option<Authority>, UsageError> {
    let Some(file) = &request.registry_ca else { return Ok(None) };
    let unusable = |why: String| UsageError::RegistryCa { file: file.clone(), why };
    let pem = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
    check_certificates(&pem).map_err(|why| unusable(why.to_owned()))?;
    Ok(Some(Authority { pem, registries: registries(request, dockerfile) }))
}

/// All of it, logins included: credential helpers are asked for those.
pub(super) async fn access(request: &PodRequest, dockerfile: &str) -> Result<Access, Error> {
    let authority = authority(request, dockerfile)?;
    let config = match &request.registry_auth {
        RegistryAuth::None => None,
        RegistryAuth::Local(file) | RegistryAuth::File(file) => {
            let unusable = |why: String| UsageError::RegistryAuth { file: file.clone(), why };
            match std::fs::read(file) {
                Ok(text) => Some(Config::parse(&text).map_err(unusable)?),
                Err(error) if matches!(request.registry_auth, RegistryAuth::Local(_)) && is_missing(error.kind()) => {
                    None
                }
                Err(error) => return Err(unusable(error.to_string()).into()),
            }
        }
    };
    let logins = match config {
        Some(config) => logins(&config, &registries(request, dockerfile)).await.map_err(UsageError::from)?,
        None => None,
    };
    Ok(Access { logins, authority })
}

fn registries(request: &PodRequest, dockerfile: &str) -> Vec<String> {
    request.registries(&base_images(dockerfile, &request.build_args))
}

fn is_missing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

//! `manifest`: the Pod that `build` would create, as a document.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

use super::access::authority;
use super::repair;
use super::sent::SentContext;
use crate::cluster::manifest;
use crate::cluster::receiver::Nonce;
use crate::cluster::template::Template;
use crate::error::{Error, UsageError};
use crate::registry::Access;
use crate::report;
use crate::request::{ContextSource, DockerfileSource, PodRequest, Transport};

/// Form of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestForm {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

/// Prints the Pod. Nothing is asked of any cluster.
///
/// # Errors
/// A template that cannot be used; standard output cannot be written.
pub fn manifest(request: &PodRequest, namespace: Option<String>, form: ManifestForm) -> Result<(), Error> {
    let template = PodTemplate::read(request)?;
    let request = &repaired(request, &template)?;
    // Logins are not read for it, and no base images: the pod of a build may trust more registries, and have logins.
    let access = Access { logins: None, authority: authority(request, "")? };
    let mut pod = template.pod(request, &access)?;
    pod.metadata.namespace = namespace;
    let failed = |why: String| Error::Output { what: "the manifest".to_owned(), source: std::io::Error::other(why) };
    let pod: Value = serde_json::to_value(&pod).map_err(|error| failed(error.to_string()))?;
    let text = match form {
        ManifestForm::Json => format!("{pod:#}\n"),
        ManifestForm::Yaml => serde_saphyr::to_string(&pod).map_err(|error| failed(error.to_string()))?,
    };
    report::write_stdout(text.as_bytes())
}

/// The user's template for the Pod, if there is one.
pub(super) struct PodTemplate(Option<(PathBuf, Template)>);

impl PodTemplate {
    pub(super) fn read(request: &PodRequest) -> Result<Self, UsageError> {
        let Some(file) = request.pod_template.clone() else { return Ok(Self(None)) };
        match std::fs::read_to_string(&file) {
            Ok(text) => match Template::parse(&text) {
                Ok(template) => Ok(Self(Some((file, template)))),
                Err(why) => Err(UsageError::PodTemplate { file, why }),
            },
            Err(source) => Err(UsageError::NoPodTemplate { file, source }),
        }
    }

    /// What the Pod of a build is like, as far as its registries have no say in it.
    pub(super) fn trial(&self, request: &PodRequest) -> Result<Pod, UsageError> {
        self.pod(request, &Access::default())
    }

    /// The Pod of the first try: another way into it is taken only after one has failed.
    fn pod(&self, request: &PodRequest, access: &Access) -> Result<Pod, UsageError> {
        let transport = request.transport.unwrap_or(Transport::Exec);
        let directory = context_name(&request.context.context);
        self.apply(manifest::pod(request, access, transport, &directory, &Nonce::random()))
    }

    pub(super) fn apply(&self, pod: Pod) -> Result<Pod, UsageError> {
        match &self.0 {
            Some((file, template)) => {
                template.apply(&pod).map_err(|why| UsageError::PodTemplate { file: file.clone(), why })
            }
            None => Ok(pod),
        }
    }
}

/// Makes the context and the Dockerfile known, if they are there: what `build` changes for them is in the Pod too. Standard
/// input is left to `build`.
fn repaired(request: &PodRequest, template: &PodTemplate) -> Result<PodRequest, UsageError> {
    let mut request = request.clone();
    if let ContextSource::Directory(_) = &request.context.context
        && !matches!(request.context.dockerfile, DockerfileSource::Stdin)
        && let Ok(mut sent) = SentContext::read(&request.context)
    {
        let own = repair::of_pod(&template.trial(&request)?);
        let plan = repair::plan(&sent, &request, own);
        sent.repair(plan, &mut request);
        let file = sent.found().map(|(_, file)| &*file.path);
        repair::tell(sent.plan(), sent.dockerfile(), file);
    }
    Ok(request)
}

/// The last component of the context's path, for the pod's name: `.` has one too.
pub(super) fn context_name(context: &ContextSource) -> String {
    let ContextSource::Directory(directory) = context else { return "stdin".to_owned() };
    let path = directory.canonicalize().unwrap_or_else(|_| directory.clone());
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

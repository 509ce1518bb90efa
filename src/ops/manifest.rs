//! `manifest`: the Pod that `build` would create, as a document.

use serde_json::Value;

use crate::cluster::manifest;
use crate::cluster::receiver::Nonce;
use crate::error::Error;
use crate::report;
use crate::request::{ContextSource, PodRequest, Transport};

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
/// Standard output cannot be written.
pub fn manifest(request: &PodRequest, namespace: Option<String>, form: ManifestForm) -> Result<(), Error> {
    let transport = request.transport.unwrap_or(Transport::Exec);
    let mut pod = manifest::pod(request, transport, &context_name(&request.context.context), &Nonce::random());
    pod.metadata.namespace = namespace;
    let failed = |why: String| Error::Output { what: "the manifest".to_owned(), source: std::io::Error::other(why) };
    let pod: Value = serde_json::to_value(&pod).map_err(|error| failed(error.to_string()))?;
    let text = match form {
        ManifestForm::Json => format!("{pod:#}\n"),
        ManifestForm::Yaml => serde_saphyr::to_string(&pod).map_err(|error| failed(error.to_string()))?,
    };
    report::write_stdout(text.as_bytes())
}

/// The last component of the context's path, for the pod's name: `.` has one too.
pub(super) fn context_name(context: &ContextSource) -> String {
    let ContextSource::Directory(directory) = context else { return "stdin".to_owned() };
    let path = directory.canonicalize().unwrap_or_else(|_| directory.clone());
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

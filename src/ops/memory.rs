//! Whether the executor gets the memory that it takes, as far as its Pod says how much.

use k8s_openapi::api::core::v1::Pod;

use crate::cluster::manifest::EXECUTOR;
use crate::diagnose::{Finding, memory};
use crate::executor::flags::{self, Command};
use crate::executor::image::Image;

/// What there is to say of the Pod of a build.
pub(super) fn of_pod(pod: &Pod) -> Option<Finding> {
    let container = pod.spec.as_ref()?.containers.iter().find(|container| container.name == EXECUTOR)?;
    let limit = container.resources.as_ref()?.limits.as_ref()?.get("memory")?;
    let arguments = container.args.as_deref().unwrap_or_default();
    let image = Image::named(container.image.as_deref().unwrap_or_default());
    let Ok(Command::Build(flags)) = flags::parse(arguments, image.family) else { return None };
    memory::finding(&limit.0, &flags, "give it more with `--memory 2Gi`".to_owned())
}

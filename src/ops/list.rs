//! `context ls`: what `build` sends, or does not, and advice about it.

use super::sent::{dockerfile_in, maybe_dockerfile, stdin_listing};
use crate::context::advice::{Advice, advice};
use crate::context::content::Files;
use crate::context::facts;
use crate::context::listing::{LeftOut, Listing};
use crate::context::scan::{Excluded, scan, scan_both};
use crate::error::Error;
use crate::report;
use crate::request::{ContextRequest, ContextSource, DockerfileSource, ListRequest, ListingForm, Part};

/// Lists what would be sent, or what would not; totals and advice go to standard error, or into the document.
///
/// # Errors
/// The context cannot be listed; standard output cannot be written.
pub fn list(request: &ListRequest) -> Result<(), Error> {
    let ContextRequest { context, dockerfile } = &request.context;
    match context {
        ContextSource::Directory(root) => {
            let (context, dockerfile) = maybe_dockerfile(root, dockerfile)?;
            let (listing, left_out) =
                if request.counts() { scan_both(&context)? } else { (scan(&context, Excluded::Prune)?, vec![]) };
            let advice = || advice(&listing, &facts::gather(&context, dockerfile.as_ref(), &listing));
            show(request, &listing, &left_out, advice)
        }
        ContextSource::Stdin => {
            let (listing, file) = stdin_listing()?;
            let text = file.as_ref().map(|file| dockerfile_in(file, &listing, dockerfile.path())).transpose();
            let text = match dockerfile {
                DockerfileSource::File(_) => text?,
                DockerfileSource::Default | DockerfileSource::Stdin => text.unwrap_or_default(),
            };
            let files = Files { root: None, spool: file.as_ref() };
            show(request, &listing, &[], || advice(&listing, &facts::of_archive(files, text, &listing)))
        }
    }
}

/// The listing first: to gather advice takes longer.
fn show(
    request: &ListRequest,
    listing: &Listing,
    left_out: &[LeftOut],
    advice: impl FnOnce() -> Vec<Advice>,
) -> Result<(), Error> {
    if request.form == ListingForm::Json {
        let document = report::listing_json(listing, left_out, request, &advice());
        return report::write_stdout(format!("{document:#}\n").as_bytes());
    }
    match request.part {
        Part::Sent => report::write_listing(listing, request.order, request.form)?,
        Part::Excluded => report::write_left_out(left_out, request.order, request.form)?,
    }
    listing.special.iter().for_each(|path| report::print_special(path));
    report::print_totals(&listing.totals(), request.counts().then_some(&listing.excluded));
    report::print_advice(&advice());
    Ok(())
}

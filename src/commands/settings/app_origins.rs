//! Rejects origins of applications whose pages browsers would send no cookie for.

use crate::{
    commands::Failure,
    config::{AppOrigin, PublicUrl},
};

/// Checks each origin against the public URL.
pub(super) fn check<'a>(
    origins: impl IntoIterator<Item = &'a AppOrigin>,
    public_url: &PublicUrl,
) -> Result<(), Failure> {
    match origins.into_iter().find(|origin| !origin.may_share_site_with(public_url)) {
        None => Ok(()),
        Some(origin) => Err(Failure::invalid_value(
            &origin.to_string(),
            "--app-origins (KEYRACK_APP_ORIGINS)",
            format!(
                "another site than {public_url}, so that browsers send no session cookie with its requests; use an \
                 origin with the same scheme and the same host or parent domain, or correct KEYRACK_PUBLIC_URL"
            ),
        )),
    }
}

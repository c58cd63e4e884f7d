//! Rejects settings of the session cookie that browsers would ignore without a message.

use crate::{commands::Failure, config::PublicUrl};

/// Prefixes of names that browsers accept only in `Secure` cookies, without regard to case (RFC 6265bis, 4.1.3).
const SECURE_PREFIXES: [&str; 3] = ["__Host-", "__Secure-", "__Http-"];
/// The names of Keyrack's cookies begin with it; only the session cookie may have another name.
const OWN_PREFIX: &str = "keyrack.";
const DEFAULT_NAME: &str = "keyrack.sid";

/// Checks the cookie's name, if it is not the default, and its domain against the public URL.
pub(super) fn check(name: Option<&str>, domain: Option<&str>, public_url: &PublicUrl) -> Result<(), Failure> {
    let https = public_url.is_https();
    let is_host_cookie = name.map_or(https, |name| has_prefix(name, "__Host-"));
    if domain.is_some() && is_host_cookie {
        return Err(Failure::usage(
            "--cookie-domain (KEYRACK_COOKIE_DOMAIN) needs a cookie name without __Host-, since browsers reject such a \
             cookie with a domain: set KEYRACK_COOKIE_NAME to another name, such as keyrack.sid",
        ));
    }
    if let Some(name) = name {
        check_name(name, https)?;
    }
    domain.map_or(Ok(()), |domain| check_domain(domain, public_url))
}

fn check_name(name: &str, https: bool) -> Result<(), Failure> {
    let invalid = |reason: &str| Err(Failure::invalid_value(name, "--cookie-name (KEYRACK_COOKIE_NAME)", reason));
    let prefix = SECURE_PREFIXES.into_iter().find(|prefix| has_prefix(name, prefix));
    if let (Some(prefix), false) = (prefix, https) {
        return invalid(&format!(
            "browsers reject a cookie whose name begins with {prefix} over http; set KEYRACK_PUBLIC_URL to an https \
             URL, or use a name without the prefix"
        ));
    }
    let bare = prefix.map_or(name, |prefix| &name[prefix.len()..]);
    if bare.starts_with(OWN_PREFIX) && bare != DEFAULT_NAME {
        return invalid(
            "names that begin with keyrack. belong to Keyrack's other cookies; use keyrack.sid or another name",
        );
    }
    Ok(())
}

/// Browsers accept a domain only if it is the host or one of its parents, and none that is a top-level domain.
fn check_domain(domain: &str, public_url: &PublicUrl) -> Result<(), Failure> {
    let host = public_url.host();
    let is_parent = || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    let is_address = host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok();
    if domain == host || (!is_address && domain.contains('.') && is_parent()) {
        return Ok(());
    }
    Err(Failure::invalid_value(
        domain,
        "--cookie-domain (KEYRACK_COOKIE_DOMAIN)",
        format!(
            "browsers reject a cookie of {public_url} with this domain; use that URL's host or a parent of it, or \
             correct KEYRACK_PUBLIC_URL"
        ),
    ))
}

fn has_prefix(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

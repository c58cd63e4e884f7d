//! Mutated public URLs. See `crate::fuzz`.

use url::Url;

use super::PublicUrl;
use crate::fuzz::fuzz;

#[test]
fn public_url_is_the_origin_that_browsers_see() {
    let tokens =
        ["https://", "http://", ":", ":443", ":80", ":65536", "[", "]", "[::1]", ".", "/", "@", "-", "_", "EXAMPLE"];
    fuzz("public_url", &tokens, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        let Ok(parsed) = text.parse::<PublicUrl>() else { return };
        assert_eq!(parsed.to_string().parse::<PublicUrl>().as_ref(), Ok(&parsed), "{text:?}");
        assert!(parsed.authority().starts_with(parsed.host()) && !parsed.host().is_empty());
        // Browsers write addresses in other forms as IPv4 addresses, and refuse labels that are no Punycode.
        let last = parsed.host().trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        if last.starts_with(|c: char| c.is_ascii_digit())
            || parsed.host().contains("xn--")
            || parsed.host().contains("..")
        {
            return;
        }
        let seen = Url::parse(&parsed.to_string()).unwrap_or_else(|error| panic!("{parsed}: {error}"));
        assert_eq!(seen.scheme() == "https", parsed.is_https());
        if !parsed.host().starts_with('[') {
            assert_eq!(seen.host_str(), Some(parsed.host()));
        }
    });
}

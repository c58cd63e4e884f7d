//! Compares the numbers in `docs/throttling.md` with the program's.

use super::{
    client_network::NetworkSize,
    failure_keys::{MAX_RECOVERY_CODES_PER_WINDOW, NETWORK_BUCKETS, NETWORK_WINDOW, UNKNOWN_BUCKETS},
    failures::{FIRST_DELAY, FORGET_ONE_AFTER, FREE_FAILURES, MAX_DELAY, MAX_FAILURES_IN_A_ROW},
    hash_threads::MAX_QUEUED_JOBS_PER_THREAD,
    known_browsers::BROWSER_LIFETIME,
    mail_requests::{ACCOUNT_LIMITS, DEFAULT_NEW_ADDRESS_MAILS, MAX_PER_BROWSER},
    purge::UNKNOWN_RETENTION,
    sign_in_pace::SignInPace,
    throttle::{MAX_ATTEMPTS_PER_ACCOUNT, MAX_ATTEMPTS_PER_NETWORK, MAX_WAIT},
};
use crate::sessions::{MAX_BROWSERS_PER_ACCOUNT, MAX_NEW_BROWSERS_PER_DAY};

const DOCUMENT: &str = include_str!("../../docs/throttling.md");

/// Groups the digits by thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

#[test]
fn asvs_6_1_1_documented_limits_equal_the_constants() {
    let first = FIRST_DELAY.as_secs();
    let (minutes, forget) = (MAX_DELAY.as_secs() / 60, FORGET_ONE_AFTER.as_secs() / 60);
    let window = NETWORK_WINDOW.as_secs() / 60;
    let days = |length: std::time::Duration| length.as_secs() / 86_400;
    let limit = NetworkSize::limit;
    let per_address = limit(NetworkSize::V4Prefix32);
    let pace = SignInPace::default().to_string();
    let (burst, interval) = pace.split_once('/').unwrap();
    let [(per_minute, _), (per_hour, _), (per_day, _)] = ACCOUNT_LIMITS;
    let interval = interval.trim_end_matches('s');
    let site = grouped(u64::from(DEFAULT_NEW_ADDRESS_MAILS.get()));
    let text = DOCUMENT.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        format!(
            "| {FREE_FAILURES} without a wait; then {first} s, {} s, {} s and so on, up to {minutes} minutes between two",
            first * 2,
            first * 4
        ),
        format!("| the same, in a row | {MAX_FAILURES_IN_A_ROW}; then only known browsers may try |"),
        format!(
            "the same: {FREE_FAILURES} without a wait, then up to {minutes} minutes; after {MAX_FAILURES_IN_A_ROW}"
        ),
        format!("one is forgotten every {forget} minutes"),
        format!("does not know | {per_address} in {window} minutes, over all accounts |"),
        format!("per IPv4 /24 | {} in {window} minutes", limit(NetworkSize::V4Prefix24)),
        format!("per IPv6 /64 | {} in {window} minutes", limit(NetworkSize::V6Prefix64)),
        format!("per IPv6 /56 | {} in {window} minutes", limit(NetworkSize::V6Prefix56)),
        format!("per IPv6 /48 | {} in {window} minutes", limit(NetworkSize::V6Prefix48)),
        format!("| {burst} at once, then one every {interval} seconds (`KEYRACK_SIGN_IN_PACE`) |"),
        format!(
            "| {MAX_RECOVERY_CODES_PER_WINDOW} in {window} minutes, then one every {} seconds; no lock |",
            NETWORK_WINDOW.as_secs() / u64::from(MAX_RECOVERY_CODES_PER_WINDOW)
        ),
        format!("does not know | {per_minute} a minute, {per_hour} an hour, {per_day} a day;"),
        format!("| {MAX_PER_BROWSER} in {window} minutes, whatever its network; then 429 |"),
        format!("IPv6 /64 | {} in {window} minutes; then 429 |", NetworkSize::V4Prefix32.mail_limit()),
        format!("| per IPv6 /56 | {} in {window} minutes |", NetworkSize::V6Prefix56.mail_limit()),
        format!("or IPv6 /48 | {} in {window} minutes |", NetworkSize::V6Prefix48.mail_limit()),
        format!("| {MAX_QUEUED_JOBS_PER_THREAD} per core on known browsers, and {MAX_QUEUED_JOBS_PER_THREAD} per core"),
        format!(
            "after {per_address} from one IPv4 address, one more is possible every {} seconds",
            NetworkSize::V4Prefix32.step().as_secs()
        ),
        format!(
            "waits at most {} seconds; up to {MAX_ATTEMPTS_PER_ACCOUNT} on one account and {} from one network may wait",
            MAX_WAIT.as_secs(),
            grouped(u64::from(MAX_ATTEMPTS_PER_NETWORK))
        ),
        format!("further ones get 429 with a `Retry-After` of {first} second."),
        format!("It shrinks to one attempt every {minutes} minutes, and after {MAX_FAILURES_IN_A_ROW} wrong"),
        format!("for {} days, the longest that browsers allow", days(BROWSER_LIFETIME)),
        format!("knows at most {MAX_BROWSERS_PER_ACCOUNT} browsers"),
        format!("At most {MAX_NEW_BROWSERS_PER_DAY} become known per day"),
        format!("{} for texts (`unknown:`) and {} for each", grouped(UNKNOWN_BUCKETS), grouped(NETWORK_BUCKETS)),
        format!("| {site} at once, and {site} per hour, evenly (`KEYRACK_NEW_ADDRESS_MAILS`);"),
        format!("{} days without a failure", days(UNKNOWN_RETENTION)),
        format!("browsers that have not signed in for {} days", days(BROWSER_LIFETIME)),
    ] {
        assert!(text.contains(&expected), "docs/throttling.md does not say {expected:?}");
    }
}

//! Malformed session data: it never breaks Keyrack, and what Keyrack writes never breaks Express.

use serde_json::{Value, json};

use super::pair::{COOKIE, Pair, Person};
use crate::support::{SECRETS, cookies, express::with_express, log, wait};

with_express!(
    readable_malformed_data_works_at_both,
    unreadable_data_is_rejected_and_left_unchanged,
    unusual_values_set_by_express_are_stored,
    keys_that_express_would_lose_are_rejected,
    megabyte_of_data_works_at_both,
);

/// Data from which the user USER can be read, although other parts are malformed.
const READABLE: [&str; 17] = [
    r#"{"userId":"USER"}"#,
    r#"{"cookie":null,"userId":"USER"}"#,
    r#"{"cookie":"a string","userId":"USER"}"#,
    r#"{"cookie":17,"userId":"USER"}"#,
    r#"{"cookie":[],"userId":"USER"}"#,
    r#"{"cookie":{},"userId":"USER"}"#,
    r#"{"cookie":{"originalMaxAge":"86400000","expires":"2099-01-01T00:00:00.000Z"},"userId":"USER"}"#,
    r#"{"cookie":{"originalMaxAge":{},"expires":17,"path":[],"domain":1,"sameSite":"sideways"},"userId":"USER"}"#,
    r#"{"cookie":{"originalMaxAge":null,"expires":"yesterday","secure":"maybe"},"userId":"USER"}"#,
    r#"{"cookie":{"originalMaxAge":1e300,"expires":null},"userId":"USER"}"#,
    r#"{"cookie":{"serialize":1,"toJSON":2,"data":3},"userId":"USER"}"#,
    r#""{\"cookie\":{\"originalMaxAge\":86400000},\"userId\":\"USER\"}""#,
    r#"{"cookie":{"originalMaxAge":86400000},"userId":"USER","nul":"a\u0000b","\u0000":1}"#,
    r#"{"cookie":{"originalMaxAge":86400000},"userId":"USER","half":"\ud800","other half":["\udc00"]}"#,
    r#"{"userId":"unknown","cookie":1,"cookie":{"originalMaxAge":86400000},"userId":"USER","a":1,"a":2}"#,
    r#"{"cookie":{"originalMaxAge":86400000},"userId":"USER","status":17,"email":{},"role":null}"#,
    r#"  {  "cookie" : {"originalMaxAge":86400000} , "userId" : "USER" , "n" : 1.50e+2 , "big" : 123456789012345678901234567890 }"#,
];

/// Data from which the user USER can't be read.
const UNREADABLE: [&str; 16] = [
    "null",
    "17",
    "true",
    "[]",
    r#"["USER"]"#,
    r#""""#,
    r#""no JSON at all""#,
    r#""\"{\\\"userId\\\":\\\"USER\\\"}\"""#,
    r#""\u0000""#,
    "{}",
    r#"{"cookie":{},"userId":1}"#,
    r#"{"cookie":{},"userId":null}"#,
    r#"{"cookie":{},"userId":["USER"]}"#,
    r#"{"cookie":{},"userId":"USER\u0000"}"#,
    r#"{"cookie":{},"userId":"USER","userId":"unknown"}"#,
    r#"{"cookie":{},"userId":"USER","status":"logout"}"#,
];

/// A browser with a signed cookie for a sid whose data is `sess`: `inserted` as by a peer's `set`, or updated in the
/// row of a session that exists.
fn with_data(pair: &Pair, sess: &str, inserted: bool) -> (Person, String) {
    let sess = sess.replace("USER", &pair.user.to_string());
    let person = if inserted {
        let sid = format!("sess:{}", pair.app.count("user_sessions", ""));
        pair.app.execute(&format!(
            r#"INSERT INTO "user_sessions" (sess, expire, sid) SELECT '{sess}', now() + interval '1 hour', '{sid}'
               ON CONFLICT (sid) DO UPDATE SET sess='{sess}', expire=now() + interval '1 hour' RETURNING sid"#
        ));
        let mut person = pair.person();
        person.browser.cookies.insert(COOKIE.to_owned(), cookies::signed(&sid, SECRETS));
        person
    } else {
        let person = pair.signed_in_at_express();
        pair.app.execute(&format!("UPDATE user_sessions SET sess = '{sess}' WHERE sid = '{}'", person.sid()));
        person
    };
    (person, sess)
}

fn stored(pair: &Pair, person: &Person) -> String {
    pair.app.text(&format!("SELECT sess::text AS v FROM user_sessions WHERE sid = '{}'", person.sid()))
}

/// Requests the pages that only read.
fn read_pages(pair: &Pair, person: &mut Person, about: &str) {
    for path in ["/", "/login", "/account/sessions", "/account/sessions?show=ended", "/api/session", "/healthz"] {
        let answer = person.at_keyrack().get(path);
        assert!(answer.status < 500, "{path}: {} over {about}", answer.status);
    }
    pair.app.record_activity();
}

fn readable_malformed_data_works_at_both() {
    let pair = Pair::new();
    for (text, inserted) in READABLE.iter().flat_map(|text| [(text, true), (text, false)]) {
        let (mut person, sess) = with_data(&pair, text, inserted);
        assert!(person.is_signed_in_at_keyrack(), "{inserted}: {sess}");
        read_pages(&pair, &mut person, &sess);
        assert_eq!(stored(&pair, &person), sess, "reading writes nothing");
        person.set_at_keyrack(&json!({"theme": "dark"}));
        let written = stored(&pair, &person);
        // Not parsed as JSON here: parsers disagree about half a surrogate pair.
        let answer = person.at_express().get("/session");
        let contains = |part: &str| answer.body.contains(part);
        let user = format!(r#""userId":"{}""#, pair.user);
        assert!(
            answer.status == 200 && contains(&user) && contains(r#""theme":"dark""#),
            "{sess}\n{written}\n{answer:?}"
        );
        // The rest of the data is kept.
        for kept in [r#""nul":"a\u0000b""#, r#""half":"\ud800""#, "1.50e+2", "123456789012345678901234567890"] {
            assert_eq!(written.contains(kept), sess.contains(kept), "{kept} in {written}");
        }
        assert!(person.is_signed_in_at_keyrack());
    }
    wait(pair.app.keyrack.sessions().doctor(false)).unwrap();
}

fn unreadable_data_is_rejected_and_left_unchanged() {
    log::capture();
    let pair = Pair::new();
    for (text, inserted) in UNREADABLE.iter().flat_map(|text| [(text, true), (text, false)]) {
        let (mut person, sess) = with_data(&pair, text, inserted);
        assert!(!person.is_signed_in_at_keyrack(), "{inserted}: {sess}");
        read_pages(&pair, &mut person, &sess);
        person.at_keyrack().post("/app/set-json", &[("json", "{\"theme\":\"dark\"}")]).assert_not_signed_in();
        assert_eq!(stored(&pair, &person), sess, "unreadable data is not overwritten");
        let rows = pair.app.rows("sessions", &format!("WHERE sid = '{}'", person.sid()));
        assert_eq!(rows.len(), usize::from(!inserted), "such data gets no session: {sess}");
        if let Some(id) = rows.first().and_then(|row| row["id"].as_str()) {
            let refused = |line: &str| line.contains(id) && line.contains("the session is refused");
            assert!(log::captured().lines().any(refused), "the log does not mention {sess}");
        }
        // Other sessions and the commands are not affected.
        assert!(pair.signed_in_at_keyrack().is_signed_in_at_keyrack());
        wait(pair.app.keyrack.sessions().doctor(true)).unwrap();
        wait(pair.app.keyrack.sessions().purge(|_| ())).unwrap();
        // A sign-in on that browser works.
        person.sign_in_at_keyrack(super::pair::EMAIL);
        person.assert_signed_in_at_both(pair.user);
    }
}

fn unusual_values_set_by_express_are_stored() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_express();
    for value in [json!("a\0b"), json!({"\0": ["\0"]}), json!("\u{10FFFF}"), json!("\\u0000"), json!("userId")] {
        person.set_at_express(&json!({"value": value}));
        assert_eq!(person.session_at_express()["value"], value);
        person.assert_signed_in_at_both(pair.user);
        assert_eq!(person.data_at_keyrack()["value"], value);
    }
    assert_eq!(pair.app.count("sessions", ""), 1);
}

fn keys_that_express_would_lose_are_rejected() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_keyrack();
    let before = stored(&pair, &person);
    let of_a_key = |key: &str| json!({key: "a value"});
    let keys = ["cookie", "id", "req", "save", "reload", "destroy", "regenerate", "touch", "resetMaxAge"].map(of_a_key);
    for refused in
        keys.into_iter().chain([json!({"nul": "a\0b"}), json!({"a\0b": 1}), json!({"deep": [{"nul": "\0"}]})])
    {
        let answer = person.at_keyrack().post("/app/set-json", &[("json", &refused.to_string())]);
        assert_eq!(answer.status, 500, "a bug in the application, which its tests find: {refused}");
        assert_eq!(stored(&pair, &person), before);
    }
    person.assert_signed_in_at_both(pair.user);
    // Unusual, but valid for both.
    let odd = json!({"": 1, "user id": {"cookie": "none"}, "expires": "never", "🔑": "\u{2028}\u{7f}", "1": [[], {}]});
    person.set_at_keyrack(&odd);
    let session = person.session_at_express();
    for (key, value) in odd.as_object().unwrap() {
        assert_eq!(&session[key], value, "{key}");
    }
    person.assert_signed_in_at_both(pair.user);
}

fn megabyte_of_data_works_at_both() {
    let pair = Pair::new();
    let mut person = pair.signed_in_at_express();
    let text = "0123456789abcdef".repeat(1 << 16);
    person.set_at_express(&json!({"large": text}));
    assert_eq!(person.data_at_keyrack()["large"], Value::String(text.clone()));
    person.set_at_keyrack(&json!({"theme": "dark"}));
    let session = person.session_at_express();
    assert_eq!((&session["large"], &session["theme"]), (&json!(text), &json!("dark")));
    person.assert_signed_in_at_both(pair.user);
    pair.app.assert_sound();
}

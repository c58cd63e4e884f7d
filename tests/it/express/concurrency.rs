//! Concurrent requests at both servers, for the same sessions.

use std::thread;

use serde_json::json;

use super::{
    pair::{EMAIL, Pair, Person},
    seeded_random::{Random, seed},
};
use crate::support::{Answer, express::with_express, wait};

with_express!(concurrent_requests_cause_no_error_and_keep_tables_sound);

const THREADS: u64 = 8;
const REQUESTS: u32 = 16;
const ROUNDS: u64 = 10;

fn concurrent_requests_cause_no_error_and_keep_tables_sound() {
    let pair = Pair::new();
    let ana = pair.app.add_user("ana@example.com").to_string();
    let seed = seed();
    for round in 0..ROUNDS {
        let pair = &pair;
        // Few sessions, so that many requests meet. New ones each round, because most have ended by then.
        let people = [pair.signed_in_at_express(), pair.signed_in_at_keyrack()];
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (mut people, ana) = (people.clone(), &ana);
                let mut random = Random::new(seed.wrapping_add(round * THREADS + thread));
                scope.spawn(move || {
                    for _ in 0..REQUESTS {
                        let index = random.below(people.len());
                        let (what, answer) = send(&mut people[index], random.below(24), &pair.user.to_string(), ana);
                        assert!(answer.status < 500, "{what}: {} {}", answer.status, answer.body);
                    }
                });
            }
        });
    }
    pair.prune();
    wait(pair.app.keyrack.sessions().purge(|_| ())).unwrap();
    pair.app.assert_sound();
    let mut last = pair.person();
    last.sign_in_at_keyrack(EMAIL);
    last.assert_signed_in_at_both(pair.user);
}

fn send(person: &mut Person, number: usize, user: &str, other: &str) -> (&'static str, Answer) {
    let json = json!({"key": number}).to_string();
    let set = [("json", json.as_str())];
    match number {
        0..=4 => ("set at Express", person.at_express().post("/set", &set)),
        5..=9 => ("touch at Express", person.at_express().get("/ping")),
        10..=12 => ("set at Keyrack", person.at_keyrack().post("/app/set-json", &set)),
        13..=15 => ("read at Keyrack", person.at_keyrack().get("/account/sessions")),
        16 => ("sign in at Express", person.at_express().post("/sign-in", &[("user", user)])),
        17 => ("sign in at Express as another", person.at_express().post("/sign-in", &[("user", other)])),
        18 => {
            let fields = [("user", user), ("regenerate", "on")];
            ("sign in at Express by a new sid", person.at_express().post("/sign-in", &fields))
        }
        19 => ("sign out at Express", person.at_express().post("/sign-out", &[("by", "deleting userId")])),
        20 => ("destroy at Express", person.at_express().post("/sign-out", &[("by", "destroy")])),
        21 => ("new sid at Keyrack", person.at_keyrack().post("/app/renew", &[])),
        22 => ("sign out at Keyrack", person.at_keyrack().post("/app/purge", &[])),
        _ => ("prune", person.at_express().post("/prune", &[])),
    }
}

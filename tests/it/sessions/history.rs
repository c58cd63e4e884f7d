//! Lists: what a user sees of their sessions.

use super::session_fixture::{DAY, MINUTE, SECOND, SessionFixture, just_before};
use crate::support::{EngineKind, on_both_engines, wait};

on_both_engines!(the_active_ones_are_those_that_let_a_device_in, the_history_has_pages_without_gaps_or_doubles);

fn the_active_ones_are_those_that_let_a_device_in(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let theirs = rack.sign_in_as(rack.add_user("other@example.com"));
    let run_out = rack.sign_in();
    rack.clock.advance(just_before(DAY));
    let (older, newer, ended) = (rack.sign_in(), rack.sign_in(), rack.sign_in());
    wait(rack.sessions().sign_out(&ended.sid)).unwrap();
    rack.clock.advance(MINUTE);
    assert!(rack.is_alive(&newer.sid) && !rack.is_alive(&run_out.sid) && !rack.is_alive(&theirs.sid));
    let active = wait(rack.sessions().active_of(rack.user)).unwrap();
    assert_eq!(active.iter().map(|record| record.id).collect::<Vec<_>>(), [newer.id, older.id]);
    assert!(active.iter().all(|record| record.user_id == rack.user && record.logged_out_at.is_none()));
}

fn the_history_has_pages_without_gaps_or_doubles(engine: EngineKind) {
    const ALL: usize = 45;
    let rack = SessionFixture::new(engine);
    let mut expected = Vec::new();
    for number in 0..ALL {
        let started = rack.sign_in();
        wait(rack.sessions().sign_out(&started.sid)).unwrap();
        expected.push((rack.now(), started.id));
        // Several end at the same moment.
        if number % 7 == 0 {
            rack.clock.advance(SECOND);
        }
    }
    expected.sort_by(|one, other| other.cmp(one));
    let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = wait(rack.sessions().history_of(rack.user, after)).unwrap();
        found.extend(page.records.iter().map(|record| (record.logged_out_at.unwrap(), record.id)));
        pages += 1;
        match page.older {
            Some(older) => after = Some(older),
            None => break,
        }
    }
    assert_eq!(found, expected);
    assert_eq!(pages, 3);
}

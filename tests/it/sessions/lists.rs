//! Lists: a user's live and ended sessions.

use super::session_fixture::{DAY, MINUTE, SECOND, SessionFixture, just_before};
use crate::support::{EngineKind, on_both_engines, wait};

on_both_engines!(active_list_matches_resumable_sessions, history_pages_have_no_gaps_or_duplicates);

fn active_list_matches_resumable_sessions(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let theirs = fixture.sign_in_as(fixture.add_user("other@example.com"));
    let expired = fixture.sign_in();
    fixture.clock.advance(just_before(DAY));
    let (older, newer, ended) = (fixture.sign_in(), fixture.sign_in(), fixture.sign_in());
    wait(fixture.sessions().sign_out(&ended.sid)).unwrap();
    fixture.clock.advance(MINUTE);
    assert!(fixture.is_alive(&newer.sid) && !fixture.is_alive(&expired.sid) && !fixture.is_alive(&theirs.sid));
    let active = wait(fixture.sessions().live_of(fixture.user, None)).unwrap().records;
    assert_eq!(active.iter().map(|record| record.id).collect::<Vec<_>>(), [newer.id, older.id]);
    assert!(active.iter().all(|record| record.user_id == fixture.user && record.logged_out_at.is_none()));
}

fn history_pages_have_no_gaps_or_duplicates(engine: EngineKind) {
    const ALL: usize = 105;
    let fixture = SessionFixture::new(engine);
    let mut expected = Vec::new();
    for number in 0..ALL {
        let started = fixture.sign_in();
        wait(fixture.sessions().sign_out(&started.sid)).unwrap();
        expected.push((fixture.now(), started.id));
        // Several end at the same time.
        if number % 7 == 0 {
            fixture.clock.advance(SECOND);
        }
    }
    expected.sort_by(|one, other| other.cmp(one));
    let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = wait(fixture.sessions().history_of(fixture.user, after)).unwrap();
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

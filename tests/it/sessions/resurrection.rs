//! A late write does not revive a session that has ended meanwhile.

use actix_session::Session;
use actix_web::{App, HttpResponse, test, web};
use keyrack::{
    RequestSession,
    error::Error,
    sessions::{IssuedSession, NewSession},
};
use serde_json::json;

use super::session_fixture::{EMAIL, SessionFixture, setting};
use crate::support::{EngineKind, on_both_engines, wait};

on_both_engines!(
    late_save_or_rotation_does_not_revive_the_session,
    late_sign_in_on_ended_session_starts_another,
    late_peer_upsert_does_not_revive_the_session,
    handler_returns_401_if_its_session_ended_meanwhile,
);

type End = fn(&SessionFixture, &IssuedSession);

const ENDS: [End; 4] = [
    |fixture, started| {
        wait(fixture.sessions().revoke_by_admin(started.id)).unwrap();
    },
    |fixture, started| {
        fixture.execute(&format!("UPDATE sessions SET status = 'logged_out' WHERE id = '{}'", started.id));
    },
    |fixture, started| fixture.execute(&format!("DELETE FROM user_sessions WHERE sid = '{}'", started.sid.expose())),
    |fixture, started| {
        fixture.rotate(&started.sid).unwrap();
    },
];

fn late_save_or_rotation_does_not_revive_the_session(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    for end in ENDS {
        let started = fixture.sign_in();
        let live = fixture.resume(&started.sid).unwrap();
        end(&fixture, &started);
        let before = (fixture.rows("sessions", ""), fixture.rows("user_sessions", ""));
        let patch = setting(&live, &[("late", json!(true))]);
        let saved = fixture.save(&started.sid, patch.clone());
        assert!(matches!(saved, Err(Error::SessionEnded)), "{saved:?}");
        let rotated = wait(fixture.sessions().rotate(&started.sid, patch));
        assert!(matches!(rotated, Err(Error::SessionEnded)), "{rotated:?}");
        assert_eq!((fixture.rows("sessions", ""), fixture.rows("user_sessions", "")), before);
        assert!(!fixture.is_alive(&started.sid));
    }
}

fn late_sign_in_on_ended_session_starts_another(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    for end in &ENDS[..3] {
        let started = fixture.sign_in();
        end(&fixture, &started);
        let before = fixture.session(started.id);
        let again =
            fixture.start(NewSession { previous_sid: Some(started.sid.clone()), ..fixture.new_session() }).unwrap();
        assert_ne!(again.id, started.id);
        assert_eq!(fixture.session(started.id), before);
        assert!(!fixture.is_alive(&started.sid) && fixture.is_alive(&again.sid));
    }
}

fn late_peer_upsert_does_not_revive_the_session(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    for end in ENDS {
        let started = fixture.sign_in();
        let (sid, sess) = (started.sid.expose(), fixture.sess(&started.sid));
        end(&fixture, &started);
        let before = (fixture.rows("sessions", ""), fixture.rows("user_sessions", ""));
        fixture.execute(&format!(
            "INSERT INTO user_sessions (sess, expire, sid) SELECT '{sess}', '2999-01-01T00:00:00.000000Z', '{sid}'
             WHERE true ON CONFLICT (sid) DO UPDATE SET sess = excluded.sess, expire = excluded.expire"
        ));
        assert_eq!((fixture.rows("sessions", ""), fixture.rows("user_sessions", "")), before);
        assert!(!fixture.is_alive(&started.sid));
    }
}

/// A handler of an application that embeds Keyrack: its session ends while it runs, and then it writes to it.
async fn end_then_write(
    session: Session,
    request_session: RequestSession,
    sessions: web::Data<keyrack::Keyrack>,
) -> HttpResponse {
    let live = request_session.current().unwrap();
    assert!(sessions.sessions().revoke_by_admin(live.id).await.unwrap());
    session.insert("late", true).unwrap();
    HttpResponse::Ok().body("done")
}

fn handler_returns_401_if_its_session_ended_meanwhile(engine: EngineKind) {
    let fixture = SessionFixture::new(engine);
    let browser = fixture.signed_in(EMAIL);
    let cookie = ("cookie", format!("keyrack.sid={}", browser.cookies["keyrack.sid"]));
    let status = wait(async {
        let route =
            web::resource("/api/late").route(web::get().to(end_then_write)).wrap(fixture.keyrack.session_layer());
        let app = App::new().app_data(web::Data::new(fixture.keyrack.clone())).service(route);
        let service = test::init_service(app).await;
        let request = test::TestRequest::get().uri("/api/late").insert_header(cookie).to_request();
        test::call_service(&service, request).await.status().as_u16()
    });
    assert_eq!(status, 401, "a write that was not saved is not reported as done");
    assert_eq!(fixture.count("user_sessions", ""), 0);
    assert_eq!(fixture.rows("sessions", "")[0]["end_reason"], "revoked_by_admin");
}

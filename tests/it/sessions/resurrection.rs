//! A request in flight does not bring back what ended meanwhile, by whatever hand.

use actix_session::Session;
use actix_web::{App, HttpResponse, test, web};
use keyrack::{
    RequestSession,
    error::Error,
    sessions::{NewSession, Started},
};
use serde_json::json;

use super::session_fixture::{EMAIL, SessionFixture, setting};
use crate::support::{EngineKind, on_both_engines, wait};

on_both_engines!(
    a_late_save_or_rotation_brings_nothing_back,
    a_late_sign_in_on_the_ended_session_starts_another,
    a_peers_late_write_brings_nothing_back,
    a_handler_whose_session_ends_under_its_hands_is_told_so,
);

type End = fn(&SessionFixture, &Started);

const ENDS: [End; 4] = [
    |rack, started| {
        wait(rack.sessions().revoke_by_admin(started.id)).unwrap();
    },
    |rack, started| rack.execute(&format!("UPDATE sessions SET status = 'logged_out' WHERE id = '{}'", started.id)),
    |rack, started| rack.execute(&format!("DELETE FROM user_sessions WHERE sid = '{}'", started.sid.expose())),
    |rack, started| {
        rack.rotate(&started.sid).unwrap();
    },
];

fn a_late_save_or_rotation_brings_nothing_back(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    for end in ENDS {
        let started = rack.sign_in();
        let live = rack.resume(&started.sid).unwrap();
        end(&rack, &started);
        let before = (rack.rows("sessions", ""), rack.rows("user_sessions", ""));
        let changes = setting(&live, &[("late", json!(true))]);
        let saved = rack.save(&started.sid, changes.clone());
        assert!(matches!(saved, Err(Error::SessionEnded)), "{saved:?}");
        let rotated = wait(rack.sessions().rotate(&started.sid, changes));
        assert!(matches!(rotated, Err(Error::SessionEnded)), "{rotated:?}");
        assert_eq!((rack.rows("sessions", ""), rack.rows("user_sessions", "")), before);
        assert!(!rack.is_alive(&started.sid));
    }
}

fn a_late_sign_in_on_the_ended_session_starts_another(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    for end in &ENDS[..3] {
        let started = rack.sign_in();
        end(&rack, &started);
        let before = rack.session(started.id);
        let again = rack.start(NewSession { presented: Some(started.sid.clone()), ..rack.new_session() }).unwrap();
        assert_ne!(again.id, started.id);
        assert_eq!(rack.session(started.id), before);
        assert!(!rack.is_alive(&started.sid) && rack.is_alive(&again.sid));
    }
}

fn a_peers_late_write_brings_nothing_back(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    for end in ENDS {
        let started = rack.sign_in();
        let (sid, sess) = (started.sid.expose(), rack.sess(&started.sid));
        end(&rack, &started);
        let before = (rack.rows("sessions", ""), rack.rows("user_sessions", ""));
        rack.execute(&format!(
            "INSERT INTO user_sessions (sess, expire, sid) SELECT '{sess}', '2999-01-01T00:00:00.000000Z', '{sid}'
             WHERE true ON CONFLICT (sid) DO UPDATE SET sess = excluded.sess, expire = excluded.expire"
        ));
        assert_eq!((rack.rows("sessions", ""), rack.rows("user_sessions", "")), before);
        assert!(!rack.is_alive(&started.sid));
    }
}

/// A handler of another application that mounts Keyrack: its session ends while it works, and then it writes.
async fn end_then_write(
    session: Session,
    visit: RequestSession,
    sessions: web::Data<keyrack::Keyrack>,
) -> HttpResponse {
    let live = visit.current().unwrap();
    assert!(sessions.sessions().revoke_by_admin(live.id).await.unwrap());
    session.insert("late", true).unwrap();
    HttpResponse::Ok().body("done")
}

fn a_handler_whose_session_ends_under_its_hands_is_told_so(engine: EngineKind) {
    let rack = SessionFixture::new(engine);
    let browser = rack.signed_in(EMAIL);
    let cookie = ("cookie", format!("keyrack.sid={}", browser.cookies["keyrack.sid"]));
    let status = wait(async {
        let route = web::resource("/api/late").route(web::get().to(end_then_write)).wrap(rack.keyrack.session_layer());
        let app = App::new().app_data(web::Data::new(rack.keyrack.clone())).service(route);
        let service = test::init_service(app).await;
        let request = test::TestRequest::get().uri("/api/late").insert_header(cookie).to_request();
        test::call_service(&service, request).await.status().as_u16()
    });
    assert_eq!(status, 401, "what could not be kept is not called done");
    assert_eq!(rack.count("user_sessions", ""), 0);
    assert_eq!(rack.rows("sessions", "")[0]["end_reason"], "revoked_by_admin");
}

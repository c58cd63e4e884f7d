//! What a session holds, and the answer made of it: as long as Keyrack's `/api/session`.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

/// The key of the session's data.
pub const KEY: &str = "who";

/// Who signed in, and when.
#[derive(Serialize, Deserialize)]
pub struct Who {
    pub session_id: Uuid,
    pub created_at: String,
    pub last_seen_at: String,
    pub expires_at: String,
    pub user_id: Uuid,
    pub email: String,
    pub user_name: String,
    pub role: String,
}

impl Who {
    pub fn new(email: String) -> Self {
        let now = OffsetDateTime::now_utc();
        let text = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
        let user_name = email.split('@').next().unwrap_or_default().to_owned();
        Self {
            session_id: Uuid::new_v4(),
            created_at: text(now),
            last_seen_at: text(now),
            expires_at: text(now + Duration::days(1)),
            user_id: Uuid::new_v4(),
            email,
            user_name,
            role: "user".to_owned(),
        }
    }
}

#[derive(Serialize)]
pub struct Answer {
    session: SessionAnswer,
    user: UserAnswer,
}

#[derive(Serialize)]
struct SessionAnswer {
    id: Uuid,
    created_at: String,
    last_seen_at: String,
    expires_at: String,
}

#[derive(Serialize)]
struct UserAnswer {
    id: Uuid,
    email: String,
    user_name: String,
    role: String,
}

impl From<Who> for Answer {
    fn from(who: Who) -> Self {
        let Who { session_id, created_at, last_seen_at, expires_at, user_id, email, user_name, role } = who;
        Self {
            session: SessionAnswer { id: session_id, created_at, last_seen_at, expires_at },
            user: UserAnswer { id: user_id, email, user_name, role },
        }
    }
}

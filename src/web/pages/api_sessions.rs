//! `GET /api/sessions`: the user's active sessions as JSON, one page at a time.

use actix_web::{HttpResponse, web::Query};
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    sessions::{DeviceKind, DevicePage, PageCursor, SessionId, SessionRecord},
    web::{
        SignedIn,
        errors::WebError,
        places::{AddressText, Places},
    },
    words::{Language, Words},
};

#[derive(Serialize)]
struct SessionsResponse<'a> {
    sessions: Vec<ListedSession<'a>>,
    /// How many live sessions the user has.
    count: usize,
    /// The path of the next page; null on the last one.
    next: Option<String>,
}

#[derive(Serialize)]
struct ListedSession<'a> {
    id: SessionId,
    /// Whether it is the session of this request.
    current: bool,
    /// What its owner calls it.
    name: Option<&'a str>,
    device: String,
    kind: &'static str,
    /// From client hints.
    model: Option<String>,
    ip_address: Option<&'a str>,
    /// Where the address is, in English; null without files that tell it.
    place: Option<String>,
    /// The owner of the address's network.
    network: Option<String>,
    /// The address of the latest activity, if that was in another network than the sign-in.
    last_ip_address: Option<&'a str>,
    user_agent: Option<&'a str>,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    remembered: bool,
    /// Whether it was started within a day on a browser that the account did not know.
    is_new: bool,
    /// Whether it is bound to its browser.
    bound: Bound,
}

/// True or false in JSON.
#[derive(Serialize)]
struct Bound(bool);

impl<'a> ListedSession<'a> {
    fn new(places: &Places, record: &'a SessionRecord, current: SessionId, now: Timestamp) -> Self {
        let device = record.device();
        let AddressText { place, network, .. } = places.find(record.ip_address.as_deref());
        Self {
            id: record.id,
            current: record.id == current,
            name: record.name.as_deref(),
            device: device.title(),
            kind: DeviceKind::as_str(device.kind),
            model: device.model,
            ip_address: record.ip_address.as_deref(),
            place: Some(place).filter(|place| !place.is_empty()),
            network: Some(network).filter(|network| !network.is_empty()),
            last_ip_address: record.last_ip_address.as_deref(),
            user_agent: record.user_agent.as_deref(),
            created_at: record.created_at,
            last_seen_at: record.last_seen_at,
            expires_at: record.expires_at,
            remembered: record.remembered,
            is_new: record.is_new(now),
            bound: Bound(record.binding.is_bound()),
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct PageQuery {
    #[serde(default)]
    after: String,
}

/// Lists the sessions in the order of the page for people, the current one first. A cursor that can't be parsed is an
/// error, since a program that took the first page for the next would never end.
pub(crate) async fn show(session: SignedIn, query: Query<PageQuery>) -> Result<HttpResponse, WebError> {
    let after: Option<PageCursor> = match query.after.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|()| WebError::Malformed("invalid value of after".to_owned()))?),
    };
    let page = session.state().sessions.devices_of(session.user.id, session.id, after).await?;
    let DevicePage { this, others, count, next, .. } = &page;
    let now = session.state().clock.now();
    let places = Places::new(session.state(), Words::new(Language::En));
    let listed = |record| ListedSession::new(&places, record, session.id, now);
    let sessions = this.iter().chain(others).map(listed).collect();
    let next = next.map(|cursor| format!("/api/sessions?after={cursor}"));
    Ok(HttpResponse::Ok().json(SessionsResponse { sessions, count: *count, next }))
}

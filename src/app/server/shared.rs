//! What all connections of a server share.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use actix_web::http::StatusCode;

use super::{
    connection::{Connection, Phase},
    refusal::{Reason, Refusal},
    registry::Registry,
};
use crate::web::{AppState, bare_response};

/// The registry of the connections, and what the server's own responses need.
pub(super) struct Shared {
    pub registry: Arc<Registry>,
    pub state: Arc<AppState>,
}

impl Shared {
    /// The response to a request that can't be handled. Logs it, in the form of other requests' lines.
    pub fn refuse(&self, client: IpAddr, status: StatusCode, reason: Reason) -> Refusal {
        let retry_after = (reason == Reason::TooManyLongHeads).then(|| self.registry.head_timeout());
        let (request_id, response) = bare_response(&self.state, status, retry_after);
        if reason != Reason::HeadTooSlow {
            self.registry.metrics.malformed.fetch_add(1, Relaxed);
        }
        if let Some(suppressed) = self.registry.malformed.permit(Instant::now()) {
            tracing::info!(%request_id, status = status.as_u16(), %client, %reason, suppressed, "request refused");
        }
        Refusal::new(response)
    }

    /// Counts a connection whose deadline has passed. An idle connection just ends.
    pub fn count_timeout(&self, connection: &Connection, phase: Phase) {
        if matches!(phase, Phase::Head | Phase::Parsing | Phase::Body | Phase::Serving) {
            self.registry.metrics.timed_out.fetch_add(1, Relaxed);
            tracing::debug!(client = %connection.peer, ?phase, "connection timed out");
        }
    }

    /// Logs a connection that was refused because its client, or one of its networks, has its share.
    pub fn log_refused_connection(&self, client: IpAddr) {
        if let Some(suppressed) = self.registry.refusals.permit(Instant::now()) {
            tracing::warn!(
                %client,
                suppressed,
                "connection refused: this client, or the network that it belongs to, has its share of all connections, \
                 and none of them is idle; if it is your proxy, add it to KEYRACK_TRUSTED_PROXIES, else raise \
                 KEYRACK_MAX_CONNECTIONS or block it"
            );
        }
    }
}

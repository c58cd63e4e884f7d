//! `/healthz` and `/readyz`: for monitors and load balancers.

use actix_web::{HttpResponse, web::Data};

use crate::{db::Readiness, web::AppState};

/// `GET /healthz`: the process responds. It does not check the database: restarting Keyrack would not repair that.
pub(crate) async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// `GET /readyz`: the database responds, is migrated to this version and accepts writes, and sessions are looked up in it,
/// so this instance can take requests.
pub(crate) async fn ready(state: Data<AppState>) -> HttpResponse {
    let (mut response, text) = match state.database.readiness().await {
        Ok(Readiness::Ready) => (HttpResponse::Ok(), "ready\n"),
        Ok(Readiness::NotMigrated) => {
            (HttpResponse::ServiceUnavailable(), "the database is not migrated to this version\n")
        }
        Err(error) => {
            tracing::warn!(error = error.chain(), "not ready: the database is unavailable");
            (HttpResponse::ServiceUnavailable(), "the database is not available\n")
        }
    };
    response.content_type("text/plain; charset=utf-8").body(text)
}

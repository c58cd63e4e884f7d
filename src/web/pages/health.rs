//! `/healthz` and `/readyz`: for whoever watches over the process.

use actix_web::{HttpResponse, web::Data};

use crate::web::AppState;

/// `GET /healthz`: the process answers. It does not ask the database: restarting Keyrack would not mend that.
pub(crate) async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// `GET /readyz`: the database answers and is migrated to this version, so requests can be sent here.
pub(crate) async fn ready(shared: Data<AppState>) -> HttpResponse {
    let (mut response, text) = match shared.database.is_ready().await {
        Ok(true) => (HttpResponse::Ok(), "ready\n"),
        Ok(false) => (HttpResponse::ServiceUnavailable(), "the database is not migrated to this version\n"),
        Err(error) => {
            tracing::warn!(error = error.chain(), "not ready");
            (HttpResponse::ServiceUnavailable(), "the database is not available\n")
        }
    };
    response.content_type("text/plain; charset=utf-8").body(text)
}

//! The three routes.

use axum::{
    Form, Json, Router,
    http::StatusCode,
    response::Redirect,
    routing::{get, post},
};
use serde::Deserialize;
use tower_sessions::{Session, SessionManagerLayer, SessionStore, session::Error};

use who::{Answer, KEY, Who};

#[derive(Deserialize)]
struct SignIn {
    email: String,
}

pub fn router(store: impl SessionStore + Clone) -> Router {
    // Plain http on loopback: a `Secure` cookie would not come back.
    let sessions = SessionManagerLayer::new(store).with_secure(false);
    Router::new()
        .route("/api/session", get(show))
        .route("/login", post(sign_in))
        .route("/logout", post(sign_out))
        .layer(sessions)
}

async fn show(session: Session) -> Result<Json<Answer>, StatusCode> {
    let who: Option<Who> = session.get(KEY).await.map_err(failed)?;
    Ok(Json(who.ok_or(StatusCode::UNAUTHORIZED)?.into()))
}

async fn sign_in(session: Session, Form(form): Form<SignIn>) -> Result<Redirect, StatusCode> {
    session.cycle_id().await.map_err(failed)?;
    session.insert(KEY, Who::new(form.email)).await.map_err(failed)?;
    Ok(Redirect::to("/"))
}

async fn sign_out(session: Session) -> Result<Redirect, StatusCode> {
    if session.get::<Who>(KEY).await.map_err(failed)?.is_none() {
        return Err(StatusCode::UNAUTHORIZED);
    }
    session.flush().await.map_err(failed)?;
    Ok(Redirect::to("/login"))
}

fn failed(error: Error) -> StatusCode {
    eprintln!("{error}");
    StatusCode::INTERNAL_SERVER_ERROR
}

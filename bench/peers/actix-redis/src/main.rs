//! actix-web + actix-session with its Redis store.
//!
//! `peer-actix-redis serve PORT REDIS_URL` answers; `peer-actix-redis fill REDIS_URL COUNT FILE` stores sessions as the
//! store itself would, and writes a cookie a line to the file.

mod fill;

use actix_session::{Session, SessionMiddleware, storage::RedisSessionStore};
use actix_web::{
    App, HttpResponse, HttpServer,
    cookie::Key,
    error::{ErrorInternalServerError, ErrorUnauthorized},
    web::{self, Form, Json},
};
use anyhow::{Result, bail};
use serde::Deserialize;

use who::{Answer, KEY, Who};

#[derive(Deserialize)]
struct SignIn {
    email: String,
}

/// The key that encrypts cookies: the same each time, so that `fill` can make some.
fn key() -> Key {
    Key::derive_from(b"a secret of the benchmark, known to everybody")
}

async fn show(session: Session) -> actix_web::Result<Json<Answer>> {
    let who: Option<Who> = session.get(KEY).map_err(ErrorInternalServerError)?;
    Ok(Json(who.ok_or_else(|| ErrorUnauthorized("signed out"))?.into()))
}

async fn sign_in(session: Session, form: Form<SignIn>) -> actix_web::Result<HttpResponse> {
    session.renew();
    session.insert(KEY, Who::new(form.into_inner().email)).map_err(ErrorInternalServerError)?;
    Ok(HttpResponse::SeeOther().insert_header(("location", "/")).finish())
}

async fn sign_out(session: Session) -> actix_web::Result<HttpResponse> {
    if session.get::<Who>(KEY).map_err(ErrorInternalServerError)?.is_none() {
        return Err(ErrorUnauthorized("signed out"));
    }
    session.purge();
    Ok(HttpResponse::SeeOther().insert_header(("location", "/login")).finish())
}

async fn serve(port: u16, url: &str) -> Result<()> {
    let store = RedisSessionStore::new(url).await?;
    let server = HttpServer::new(move || {
        // Plain http on loopback: a `Secure` cookie would not come back.
        let sessions = SessionMiddleware::builder(store.clone(), key()).cookie_secure(false).build();
        App::new()
            .wrap(sessions)
            .route("/api/session", web::get().to(show))
            .route("/login", web::post().to(sign_in))
            .route("/logout", web::post().to(sign_out))
    });
    Ok(server.workers(2).bind(("127.0.0.1", port))?.run().await?)
}

#[actix_web::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", port, url] => serve(port.parse()?, url).await,
        ["fill", url, count, file] => fill::fill(url, count.parse()?, file).await,
        _ => bail!("use: serve PORT REDIS_URL, or fill REDIS_URL COUNT FILE"),
    }
}

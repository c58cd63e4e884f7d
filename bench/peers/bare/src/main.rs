//! A bare actix-web route that answers what Keyrack's `/api/session` does, with no session behind it: what the web
//! server alone costs. `peer-bare serve PORT`.

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::{Result, bail};
use serde::Serialize;

#[derive(Serialize)]
struct Answer {
    session: Session,
    user: User,
}

#[derive(Serialize)]
struct Session {
    id: &'static str,
    created_at: &'static str,
    last_seen_at: &'static str,
    expires_at: &'static str,
}

#[derive(Serialize)]
struct User {
    id: &'static str,
    email: &'static str,
    user_name: &'static str,
    role: &'static str,
}

async fn show() -> HttpResponse {
    HttpResponse::Ok().json(Answer {
        session: Session {
            id: "0b3e1c52-57a5-4a52-9a67-6b3f5f0d8c11",
            created_at: "2026-01-29T11:50:14.000000Z",
            last_seen_at: "2026-01-29T11:50:14.000000Z",
            expires_at: "2026-01-30T11:50:14.000000Z",
        },
        user: User {
            id: "3f8a6a0e-2c5b-4c43-8e0c-0b6d1a5e7f22",
            email: "user00001@example.com",
            user_name: "user00001",
            role: "user",
        },
    })
}

#[actix_web::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [command, port] = &arguments[..] else { bail!("use: serve PORT") };
    if command != "serve" {
        bail!("use: serve PORT");
    }
    let server = HttpServer::new(|| App::new().route("/api/session", web::get().to(show)));
    Ok(server.workers(2).bind(("127.0.0.1", port.parse()?))?.run().await?)
}

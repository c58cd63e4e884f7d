//! Another Actix application behind Keyrack's sign-in: a counter in the session of each signed-in device, and a page
//! that needs a recent proof of who the user is.
//!
//! Run `cargo run --example embed` and open the address that it prints. `DATABASE_URL` and `BIND` change the defaults.

use actix_session::Session;
use actix_web::{App, HttpResponse, HttpServer, Result, middleware::from_fn, web};
use keyrack::{
    Keyrack, SignedIn,
    config::{Config, PublicUrl},
    db::migrate,
    require_recent_sign_in, require_sign_in,
};

/// `GET /counter`: counts this device's requests in its session.
async fn counter(session: Session, signed_in: SignedIn) -> Result<HttpResponse> {
    let count = session.get::<u32>("count")?.unwrap_or(0) + 1;
    session.insert("count", count)?;
    let name = signed_in.user.display_name();
    Ok(HttpResponse::Ok().body(format!("Hello {name}, this device was here {count} times.\n")))
}

/// `GET /recovery-code`: what a stolen session must not show, so the password is asked for if the last sign-in was too
/// long ago.
async fn recovery_code(signed_in: SignedIn) -> HttpResponse {
    let name = signed_in.user.display_name();
    HttpResponse::Ok().body(format!("{name}, your recovery code is 4711.\n"))
}

/// `POST /recovery-code`: makes another one. The form has to be sent again after the proof.
async fn new_recovery_code(_: SignedIn) -> HttpResponse {
    HttpResponse::Ok().body("Your recovery code was changed.\n")
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let variable = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let listener = std::net::TcpListener::bind(variable("BIND", "127.0.0.1:8081"))?;
    let address = listener.local_addr()?;

    let secrets = variable("SECRETS", "for this example only: make your own").parse()?;
    let mut config = Config::new(variable("DATABASE_URL", "sqlite:embed.db").parse()?, secrets);
    config.public_url = PublicUrl::plain(address);
    config.brand.name = "The counter".parse()?;
    config.brand.accent = Some("rebeccapurple".parse()?);
    migrate(&config.database.url)?;
    let keyrack = Keyrack::new(config)?;

    println!("Listening on http://{address}/counter");
    if let Some(link) = keyrack.setup_link().await? {
        println!("Create the first account at {link}");
    }
    let app = move || {
        // The layer that is wrapped last runs first: the session layer, then `require_sign_in`.
        let counter =
            web::resource("/counter").get(counter).wrap(from_fn(require_sign_in)).wrap(keyrack.session_layer());
        let recovery_code = web::resource("/recovery-code")
            .get(recovery_code)
            .post(new_recovery_code)
            .wrap(from_fn(require_recent_sign_in))
            .wrap(keyrack.session_layer());
        App::new().service(counter).service(recovery_code).configure(|routes| keyrack.mount(routes))
    };
    HttpServer::new(app).listen(listener)?.run().await?;
    Ok(())
}

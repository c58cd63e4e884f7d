//! An Actix application that embeds Keyrack: its handlers use actix-session's `Session` inside Keyrack's session layer.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use actix_session::{
    Session, SessionMiddleware,
    storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError, generate_session_key},
};
use actix_web::{
    App, HttpResponse, HttpServer,
    cookie::{Key, time::Duration},
    dev::ServerHandle,
    middleware::{Condition, from_fn},
    web::{Data, Form, Path, ServiceConfig, get, post, resource, scope},
};
use keyrack::{Keyrack, RequestSession, SignedIn, require_sign_in};
use serde_json::{Value, json};
use tokio::sync::{Barrier, Notify};

/// Lets a test hold back the request to `/app/set-later`.
#[derive(Default)]
pub struct Gates {
    pub arrived: Notify,
    pub released: Notify,
}

/// The application, with Keyrack's pages mounted beside its own.
pub struct EmbeddedApp {
    pub address: SocketAddr,
    pub gates: Arc<Gates>,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedApp {
    pub fn new(keyrack: &Keyrack) -> Self {
        Self::start(keyrack, None)
    }

    /// The application inside actix-session's own middleware, with a store of its own.
    pub fn in_session_middleware(keyrack: &Keyrack, store: MemoryStore) -> Self {
        Self::start(keyrack, Some(store))
    }

    fn start(keyrack: &Keyrack, outer: Option<MemoryStore>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (keyrack, gates) = (keyrack.clone(), Arc::<Gates>::default());
        let (pair, shared) = (Data::new(Barrier::new(2)), Data::from(Arc::clone(&gates)));
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app = move || {
                    let (keyrack, pair, shared) = (keyrack.clone(), pair.clone(), shared.clone());
                    let outer_layer =
                        SessionMiddleware::builder(outer.clone().unwrap_or_default(), Key::from(&[7; 64]));
                    App::new()
                        .app_data(pair)
                        .app_data(shared)
                        .route("/outer/{key}/{value}", post().to(set))
                        .configure(move |config| routes(&keyrack, config))
                        .wrap(Condition::new(outer.is_some(), outer_layer.cookie_secure(false).build()))
                };
                let server = HttpServer::new(app).workers(2).listen(listener).unwrap().run();
                sender.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Self { address, gates, server: receiver.recv().unwrap(), thread: Some(thread) }
    }
}

impl Drop for EmbeddedApp {
    fn drop(&mut self) {
        drop(self.server.stop(false));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A store for actix-session's own middleware, which tests can look into.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<HashMap<String, HashMap<String, String>>>>);

impl MemoryStore {
    /// All that is stored, as one text.
    pub fn text(&self) -> String {
        format!("{:?}", self.0.lock().unwrap().values())
    }
}

impl SessionStore for MemoryStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<HashMap<String, String>>, LoadError> {
        Ok(self.0.lock().unwrap().get(key.as_ref()).cloned())
    }

    async fn save(&self, state: HashMap<String, String>, ttl: &Duration) -> Result<SessionKey, SaveError> {
        self.update(generate_session_key(), state, ttl).await.map_err(|error| SaveError::Other(error.into()))
    }

    async fn update(
        &self,
        key: SessionKey,
        state: HashMap<String, String>,
        _: &Duration,
    ) -> Result<SessionKey, UpdateError> {
        self.0.lock().unwrap().insert(key.as_ref().to_owned(), state);
        Ok(key)
    }

    async fn update_ttl(&self, _: &SessionKey, _: &Duration) -> anyhow::Result<()> {
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> anyhow::Result<()> {
        self.0.lock().unwrap().remove(key.as_ref());
        Ok(())
    }
}

fn routes(keyrack: &Keyrack, config: &mut ServiceConfig) {
    let own = scope("/app")
        .route("/set/{key}/{value}", post().to(set))
        .route("/set-json", post().to(set_json))
        .route("/set-together/{key}/{value}", post().to(set_together))
        .route("/set-later/{key}/{value}", post().to(set_later))
        .route("/remove-together/{key}", post().to(remove_together))
        .route("/count", post().to(count))
        .service(resource("/twice/{key}/{value}").route(post().to(set)).wrap(keyrack.session_layer()))
        .route("/renew", post().to(renew))
        .route("/purge", post().to(purge))
        .route("/data", get().to(data))
        .wrap(from_fn(require_sign_in))
        .wrap(keyrack.session_layer());
    let open = resource("/open/{key}/{value}").route(post().to(set)).wrap(keyrack.session_layer());
    let visitor = scope("/visitor")
        .route("/user", get().to(user))
        .route("/signed-in", get().to(signed_in))
        .route("/renew", post().to(renew))
        .wrap(keyrack.session_layer());
    config.service(own).service(open).service(visitor);
    keyrack.mount(config);
}

async fn set(session: Session, path: Path<(String, String)>) -> HttpResponse {
    let (key, value) = path.into_inner();
    session.insert(key, value).unwrap();
    HttpResponse::Ok().finish()
}

/// Sets the keys of the form's `json`; a null removes its key.
async fn set_json(session: Session, form: Form<BTreeMap<String, String>>) -> HttpResponse {
    let keys: serde_json::Map<String, Value> = serde_json::from_str(&form["json"]).unwrap();
    for (key, value) in keys {
        match value {
            Value::Null => drop(session.remove(&key)),
            value => session.insert(key, value).unwrap(),
        }
    }
    HttpResponse::Ok().finish()
}

/// Saves once another request has loaded the same data too.
async fn set_together(session: Session, path: Path<(String, String)>, pair: Data<Barrier>) -> HttpResponse {
    pair.wait().await;
    set(session, path).await
}

async fn remove_together(session: Session, key: Path<String>, pair: Data<Barrier>) -> HttpResponse {
    pair.wait().await;
    session.remove(&key);
    HttpResponse::Ok().finish()
}

/// Saves once the test releases it.
async fn set_later(session: Session, path: Path<(String, String)>, gates: Data<Gates>) -> HttpResponse {
    gates.arrived.notify_one();
    gates.released.notified().await;
    set(session, path).await
}

async fn count(session: Session) -> HttpResponse {
    session.update("count", |count: u32| count + 1).unwrap();
    HttpResponse::Ok().finish()
}

async fn renew(session: Session) -> HttpResponse {
    session.renew();
    HttpResponse::Ok().finish()
}

async fn purge(session: Session) -> HttpResponse {
    session.purge();
    HttpResponse::Ok().finish()
}

/// The signed-in user, if there is one.
async fn user(visit: RequestSession) -> HttpResponse {
    HttpResponse::Ok().json(visit.current().map(|current| current.user.email.clone()))
}

async fn signed_in(_: SignedIn) -> HttpResponse {
    HttpResponse::Ok().finish()
}

async fn data(session: Session, visit: RequestSession) -> HttpResponse {
    let keys: BTreeMap<String, Value> =
        session.entries().iter().map(|(key, text)| (key.clone(), serde_json::from_str(text).unwrap())).collect();
    HttpResponse::Ok().json(json!({"user": visit.current().unwrap().user.email, "keys": keys}))
}

//! Walks every endpoint of the mounted application.

mod long_responses;

use actix_web::{
    App,
    body::MessageBody,
    dev::{Service, ServiceResponse},
    http::{
        StatusCode,
        header::{COOKIE, SET_COOKIE},
    },
    test::{TestRequest, init_service, read_body},
};

use crate::{
    Keyrack,
    accounts::{HashCost, NewUser, Password, Role, SignInPace},
    config::{BoundSessions, Config},
    db::{SessionId, migrate},
    routes::{self, Access, Endpoint},
    web::bound::{BIND, REFRESH},
};

const EMAIL: &str = "rajat.verma@example.com";
const PASSWORD: &str = "four birds under one roof";

/// The cookies of a browser that has signed in, and a token of the form on its page.
struct SignedIn {
    cookies: String,
    token: String,
}

#[actix_web::test]
async fn every_change_checks_its_csrf_token() {
    let directory = tempfile::tempdir().unwrap();
    let keyrack = keyrack(&format!("sqlite:{}", directory.path().join("keyrack.db").display()));
    keyrack.accounts().create(user()).await.unwrap();
    let app = init_service(App::new().configure(|config| keyrack.mount(config))).await;
    let call = async |request: TestRequest| app.call(request.to_request()).await.unwrap();

    let other = sign_in(&call).await;
    let mut posts = 0;
    for endpoint in routes::endpoints().into_iter().filter(|endpoint| !is_sent_by_browsers(endpoint)) {
        for method in endpoint.methods().filter(|method| !method.is_safe()) {
            let path = endpoint.path.replace("{id}", &SessionId::random().to_string());
            let browser = sign_in(&call).await;
            let send = async |token: &str, header: (&str, &str)| {
                let request = TestRequest::with_uri(&path).method(method.clone());
                let request = request.insert_header((COOKIE, browser.cookies.as_str())).insert_header(header);
                let request = request.insert_header(("x-csrf-token", token));
                call(request.set_form([("csrf_token", token)])).await.status()
            };
            let (here, token) = (("sec-fetch-site", "same-origin"), browser.token.as_str());
            for (token, header) in [
                ("", here),
                ("x.y", here),
                (&other.token, here),
                (token, ("sec-fetch-site", "cross-site")),
                (token, ("origin", "https://evil.example")),
            ] {
                let status = send(token, header).await;
                assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path} with {token:?}, {header:?}");
            }
            assert_ne!(send(token, here).await, StatusCode::FORBIDDEN, "{method} {path} with a valid token");
            posts += 1;
        }
    }
    assert!(posts >= 5, "the walk found {posts} changes only");
}

/// Whether browsers send it by themselves, without a form: what changes something is signed.
fn is_sent_by_browsers(endpoint: &Endpoint) -> bool {
    [BIND, REFRESH].contains(&endpoint.path)
}

#[actix_web::test]
async fn requests_about_keys_need_a_signature() {
    let directory = tempfile::tempdir().unwrap();
    let keyrack = keyrack(&format!("sqlite:{}", directory.path().join("keyrack.db").display()));
    keyrack.accounts().create(user()).await.unwrap();
    let app = init_service(App::new().configure(|config| keyrack.mount(config))).await;
    let call = async |request: TestRequest| app.call(request.to_request()).await.unwrap();
    let browser = sign_in(&call).await;
    for path in [BIND, REFRESH] {
        for proof in ["", "a.b.c"] {
            let request = TestRequest::post().uri(path).insert_header((COOKIE, browser.cookies.as_str()));
            let status = call(request.insert_header(("secure-session-response", proof))).await.status();
            assert_eq!(status, StatusCode::FORBIDDEN, "{path} with {proof:?}");
        }
    }
}

/// Everything else that changes something in a session needs a recent proof. Of these, `/reauth` gives it, the change of
/// the password contains it, and signing out needs none. Neither do the names of a session and of
/// a passkey: they change nothing but what the owner reads, and are recorded.
#[test]
fn asvs_7_5_2_changes_need_a_recent_proof_except_five() {
    let is_stale = |endpoint: &Endpoint| matches!(endpoint.access, Access::SignedIn | Access::BeforePasswordChange);
    let has_change = |endpoint: &Endpoint| endpoint.methods().any(|method| !method.is_safe());
    let found = routes::endpoints().into_iter().filter(|endpoint| is_stale(endpoint) && has_change(endpoint));
    let names = ["/account/sessions/{id}/name", "/account/security/passkeys/{id}/name"];
    let exceptions = ["/logout", names[0], names[1], "/account/password", "/reauth"];
    assert_eq!(found.map(|endpoint| endpoint.path).collect::<Vec<_>>(), exceptions);
}

/// Each other change needs a session, so there is no other way into an account; see `docs/authentication.md`. The language
/// of the pages is not one of an account. The last two look up the session themselves.
#[test]
fn asvs_6_3_4_visitors_can_send_forms_of_ways_in_only() {
    let is_open = |endpoint: &Endpoint| matches!(endpoint.access, Access::Public | Access::WithoutSession);
    let has_change = |endpoint: &Endpoint| endpoint.methods().any(|method| !method.is_safe());
    let found = routes::endpoints().into_iter().filter(|endpoint| is_open(endpoint) && has_change(endpoint));
    assert_eq!(
        found.map(|endpoint| endpoint.path).collect::<Vec<_>>(),
        [
            "/login",
            "/login/second",
            "/language",
            "/setup",
            "/reset",
            "/forgot",
            "/register",
            "/invite",
            "/not-me",
            "/verify",
            "/session/bind",
            "/session/refresh"
        ]
    );
}

fn keyrack(database: &str) -> Keyrack {
    let mut config = Config::new(database.parse().unwrap(), "the newest secret of all".parse().unwrap());
    config.bound_sessions = BoundSessions::Auto;
    config.public_url = "http://localhost:8080".parse().unwrap();
    config.hash_cost = HashCost::minimal();
    config.sign_in_pace = SignInPace::UNLIMITED;
    migrate(&config.database.url).unwrap();
    Keyrack::new(config).unwrap()
}

fn user() -> NewUser {
    NewUser {
        email: EMAIL.parse().unwrap(),
        user_name: None,
        first_name: None,
        last_name: None,
        role: Role::User,
        password: Password::new(PASSWORD),
    }
}

async fn sign_in<B: MessageBody>(call: &impl AsyncFn(TestRequest) -> ServiceResponse<B>) -> SignedIn {
    let form = call(TestRequest::get().uri("/login")).await;
    let cookies = cookies(&form);
    let fields = [("email", EMAIL), ("password", PASSWORD), ("csrf_token", &token(form).await)];
    let response = call(TestRequest::post().uri("/login").insert_header((COOKIE, cookies)).set_form(fields)).await;
    let cookies = self::cookies(&response);
    let page = call(TestRequest::get().uri("/account/sessions").insert_header((COOKIE, cookies.as_str()))).await;
    SignedIn { cookies, token: token(page).await }
}

fn cookies<B>(response: &ServiceResponse<B>) -> String {
    let pairs = response.headers().get_all(SET_COOKIE).map(|value| value.to_str().unwrap().split(';').next().unwrap());
    pairs.collect::<Vec<_>>().join("; ")
}

async fn token<B: MessageBody>(page: ServiceResponse<B>) -> String {
    let body = String::from_utf8(read_body(page).await.to_vec()).unwrap();
    let (_, rest) = body.split_once("name=\"csrf_token\" value=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

//! `keyrack serve`

use std::{
    future::ready,
    io::{IsTerminal, stdout},
    net::TcpListener,
    time::{Duration, Instant},
};

use actix_web::{App, HttpResponse, HttpServer, dev::Server, rt, web};
use serde_json::json;

use super::{Failure, journal, output, settings::Settings, time_zone};
use crate::{
    Keyrack,
    app::open_files,
    clock::Clock,
    config::{Accent, Config},
    error::{Error, Result},
};

/// How long a start waits for a database that gives no answer.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a stop waits for what is still to be stored.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Pause between two attempts to get an answer.
const START_RETRY_DELAY: Duration = Duration::from_millis(100);

pub(super) async fn run(settings: &Settings) -> Result<(), Failure> {
    let listener = settings.listen()?;
    time_zone::check_and_log(settings)?;
    let url = settings.database_url()?;
    crate::db::migrate(&url)?;
    let mut warnings = crate::db::check_before_serving(&url)?;
    settings.store_peers()?;
    let mut config = settings.to_config(listener.local_addr().map_err(Failure::failed)?, &mut warnings)?;
    config.database.journal = journal::open_for_server(settings, &mut warnings)?;
    warnings.extend(journal::missing_standby(settings).await?);
    let metrics = settings.listen_for_metrics()?;
    serve(listener, config, settings.workers(), metrics, &warnings, Keyrack::server).await
}

/// Builds a server on a bound listener, with so many workers.
type BuildServer = fn(&Keyrack, TcpListener, usize) -> std::io::Result<Server>;

/// Logs the address, then the warnings, and serves until SIGTERM or SIGINT, then finishes the requests in flight.
pub(super) async fn serve(
    listener: TcpListener,
    config: Config,
    workers: usize,
    metrics: Option<TcpListener>,
    warnings: &[String],
    build_server: BuildServer,
) -> Result<(), Failure> {
    let address = listener.local_addr().map_err(Failure::failed)?;
    let database = config.database.url.clone();
    open_files::raise_limit();
    let shown_accent = config.brand.accent.as_ref().and_then(Accent::adjustments);
    let keyrack = Keyrack::new(config)?;
    let public_url = keyrack.public_url();
    let max_connections = keyrack.max_connections();
    tracing::info!(%address, %database, %public_url, workers, max_connections, "listening on http://{address}");
    // After the line with the address, which other programs wait for.
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if let Some(shown) = shown_accent {
        tracing::info!("{shown}");
    }
    let (sessions, accounts) = (keyrack.sessions().clone(), keyrack.accounts().clone());
    if let Some(link) = patiently(|| keyrack.setup_link()).await? {
        print_setup_link(&link);
    } else if !patiently(|| keyrack.accounts().any()).await? {
        tracing::warn!(
            "no account exists, but there was one: the set-up page stays closed; add one with `keyrack user add EMAIL \
             --role admin`"
        );
    }
    if let Some(problem) = patiently(|| sessions.clock_problem()).await? {
        tracing::warn!("{problem}");
    }
    let purging = rt::spawn(keyrack.clone().purge_regularly());
    let logging = rt::spawn(keyrack.clone().log_events_of_others());
    let informing = rt::spawn(keyrack.clone().inform_open_pages());
    let noticing = rt::spawn(keyrack.clone().queue_notices());
    let mailing = rt::spawn(keyrack.clone().send_mails());
    if let Some(listener) = metrics {
        rt::spawn(metrics_server(&keyrack, listener)?);
    }
    let served = build_server(&keyrack, listener, workers).map_err(Failure::failed)?.await;
    purging.abort();
    logging.abort();
    informing.abort();
    noticing.abort();
    stop_mails(&keyrack, mailing).await;
    if let Err(error) = sessions.record_activity().await {
        tracing::warn!(error = error.chain(), "could not record the last activity of sessions");
    }
    if let Err(error) = accounts.refusals_stored(STOP_TIMEOUT).await {
        tracing::warn!(error = error.chain(), "could not store the last security events");
    }
    if let Err(error) = accounts.requests_done(STOP_TIMEOUT).await {
        tracing::warn!(error = error.chain(), "could not queue the last mails");
    }
    sessions.stop_watching_history();
    served.map_err(Failure::failed)?;
    tracing::info!("stopped");
    Ok(())
}

/// Waits for the mail that is being sent: one that is interrupted is sent twice.
async fn stop_mails(keyrack: &Keyrack, mut sending: rt::task::JoinHandle<()>) {
    keyrack.stop_mails();
    if rt::time::timeout(STOP_TIMEOUT, &mut sending).await.is_err() {
        sending.abort();
    }
}

/// Repeats a question to the database until it is answered. A server's timeout is short, so that each request gets an
/// answer; a start may wait as long as a command does.
async fn patiently<T, F: Future<Output = Result<T>>>(question: impl Fn() -> F) -> Result<T> {
    let deadline = Instant::now() + START_TIMEOUT;
    let mut is_logged = false;
    loop {
        match question().await {
            Err(error @ Error::Unavailable(_)) if Instant::now() < deadline => {
                if !std::mem::replace(&mut is_logged, true) {
                    tracing::warn!(error = error.chain(), "waiting for the database");
                }
                rt::time::sleep(START_RETRY_DELAY).await;
            }
            answer => return answer,
        }
    }
}

/// Prints the link: as text at a terminal; otherwise as one line of JSON like those of the log, with which a container
/// or a service manager may mix it. It is not logged, since logs are read by more people than may create the account.
fn print_setup_link(link: &str) {
    const MESSAGE: &str = "no account exists yet: create the first one, for an administrator, at the setup link";
    if stdout().is_terminal() {
        output::lines(format_args!(
            "No account exists yet. Create the first one, for an administrator, at\n\n    {link}\n"
        ));
    } else {
        let timestamp = Clock::System.now().to_iso_micros();
        output::line(format_args!(
            "{}",
            json!({ "timestamp": timestamp, "level": "INFO", "message": MESSAGE, "setup_link": link })
        ));
    }
}

/// A separate server, so that the public address does not serve metrics.
fn metrics_server(keyrack: &Keyrack, listener: TcpListener) -> Result<Server, Failure> {
    let address = listener.local_addr().map_err(Failure::failed)?;
    tracing::info!(%address, "serving metrics on http://{address}/metrics");
    let keyrack = keyrack.clone();
    let server = HttpServer::new(move || {
        let keyrack = keyrack.clone();
        let text = move || {
            let metrics = keyrack.sessions().metrics() + &keyrack.connection_metrics();
            ready(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(metrics))
        };
        App::new().route("/metrics", web::get().to(text))
    });
    Ok(server.workers(1).disable_signals().listen(listener).map_err(Failure::failed)?.run())
}

//! `keyrack serve`

use std::net::TcpListener;

use actix_web::rt;

use super::{Failure, settings::Settings};
use crate::{Keyrack, config::Config};

pub(super) async fn run(settings: &Settings) -> Result<(), Failure> {
    let listener = settings.listen()?;
    let config = settings.config(listener.local_addr().map_err(Failure::failed)?)?;
    crate::db::migrate(&config.database.url)?;
    serve(listener, config, settings.workers()).await
}

/// Serves until it is told to stop; then finishes the requests in flight.
pub(super) async fn serve(listener: TcpListener, config: Config, workers: usize) -> Result<(), Failure> {
    let address = listener.local_addr().map_err(Failure::failed)?;
    let database = config.database.url.clone();
    let keyrack = Keyrack::new(config)?;
    let public_url = keyrack.public_url();
    tracing::info!(%address, %database, %public_url, workers, "listening on http://{address}");
    if let Some(link) = keyrack.setup_link().await? {
        println!("There is no account yet. Create the first one, an administrator's, at\n\n    {link}\n");
    }
    let sessions = keyrack.sessions().clone();
    let purging = rt::spawn(keyrack.clone().purge_regularly());
    let served = keyrack.server(listener, workers).map_err(Failure::failed)?.await;
    purging.abort();
    sessions.record_activity().await?;
    served.map_err(Failure::failed)?;
    tracing::info!("stopped");
    Ok(())
}

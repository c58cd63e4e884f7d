//! Puts the parts together, and builds the server around them.

pub(crate) mod open_files;
mod server;

use std::{net::TcpListener, sync::Arc, time::Duration};

use actix_web::{dev::Server, web::ServiceConfig};

use self::server::registry::Registry;
use crate::{
    accounts::{Accounts, PasswordPolicy},
    config::{Config, PublicUrl},
    db::Database,
    error::Result,
    events::{Broadcast, EventRate, Source},
    mail::{LinkTokens, MailSender, Mailer, Outbox},
    routes,
    sessions::Sessions,
    web::{
        AppOrigins, AppState, Assets, BoundSessions, BrowserCookie, Csrf, EventTokens, Flash, FormSeeds, Languages,
        PasskeyChallenges, PendingChanges, PendingSignIns, ProxyWarnings, SessionCookie, SessionLayer, SetupToken,
        TrustedProxies,
    },
};

/// Keyrack, ready to serve: by its own [`server`](Keyrack::server), or mounted into another Actix application.
///
/// Clones share all state: that of requests, and that of the connections to its servers.
#[derive(Clone)]
pub struct Keyrack(Arc<AppState>, Arc<Registry>);

impl Keyrack {
    /// The database must be [migrated](crate::db::migrate) before the first request. While it is unreachable, requests
    /// that need it get a 503.
    pub fn new(config: Config) -> Result<Self> {
        let Config {
            database,
            public_url,
            secrets,
            cookie_name,
            cookie_domain,
            mut policy,
            trusted_proxies,
            hsts,
            app_origins,
            languages,
            brand,
            hash_cost,
            hash_secrets,
            breached_passwords,
            geoip,
            mail,
            sign_in_pace,
            reauth_window,
            second_factor,
            registration,
            new_address_mails,
            bound_sessions,
            connections,
            clock,
        } = config;
        let max_connections = open_files::max_connections(connections.max_connections, database.pool_size);
        let registry = Registry::new(connections, max_connections, trusted_proxies.clone());
        policy.secure_cookies = public_url.is_https();
        policy.cookie_domain.clone_from(&cookie_domain);
        let database = Database::open(database);
        let sessions = Sessions::new(database.clone(), clock.clone(), policy);
        sessions.watch_history();
        let newest = secrets.expose().next().unwrap_or_default();
        let (link_tokens, assets) = (LinkTokens::new(secrets.expose()), Assets::new(&brand));
        let outbox = if mail.is_some() { Outbox::new(&languages) } else { Outbox::closed() };
        let accounts =
            Accounts::for_server(database.clone(), clock.clone(), sessions.clone(), hash_cost, newest, sign_in_pace)
                .with_hash_secrets(hash_secrets)
                .with_links(link_tokens.clone(), outbox.clone())
                .with_new_address_mails(new_address_mails)
                .with_second_factors(second_factor, secrets.expose())
                .with_passkeys(&public_url.to_string(), brand.name.as_str())
                .with_password_policy(PasswordPolicy::new(public_url.host(), brand.name.as_str(), breached_passwords));
        let mail_sender = mail.map(|mail| MailSender {
            db: database.clone(),
            clock: clock.clone(),
            outbox,
            mailer: Mailer::new(mail, public_url.host()),
            tokens: link_tokens,
            public_url: public_url.to_string(),
            site: assets.site(),
        });
        let state = AppState {
            accounts,
            bound: BoundSessions::new(bound_sessions, cookie_domain.as_deref(), &public_url, &app_origins, &secrets),
            app_origins: AppOrigins::new(&app_origins),
            cookie: SessionCookie::new(cookie_name, cookie_domain, &public_url, &secrets),
            browser_cookie: BrowserCookie::new(&public_url, &secrets),
            csrf: Csrf::new(&secrets, &public_url),
            form_seeds: FormSeeds::new(&secrets),
            trusted_proxies: TrustedProxies::new(trusted_proxies),
            proxy_warnings: ProxyWarnings::default(),
            setup_token: SetupToken::new(&secrets),
            broadcast: Broadcast::default(),
            event_tokens: EventTokens::new(&secrets),
            event_rate: EventRate::default(),
            geoip,
            mail_sender,
            flash: Flash::new(&secrets, &public_url),
            pending_changes: PendingChanges::new(&secrets),
            pending_sign_ins: PendingSignIns::new(&secrets, &public_url),
            passkey_challenges: PasskeyChallenges::new(&secrets),
            languages: Languages::new(&languages, &public_url, assets.site()),
            assets,
            reauth_window,
            registration,
            database,
            clock,
            sessions,
            hsts: hsts.header(&public_url),
            public_url,
        };
        Ok(Self(Arc::new(state), Arc::new(registry)))
    }

    /// Adds all of Keyrack's routes to an application. They include an error page for every path that has no route, so
    /// register your own routes first.
    pub fn mount(&self, config: &mut ServiceConfig) {
        routes::mount(&self.0, config);
    }

    /// Gives routes of your own the same session: their handlers can take actix-session's `Session`, actix-identity's
    /// `Identity` and [`RequestSession`](crate::RequestSession). Add [`require_sign_in`](crate::require_sign_in) for
    /// those that need one.
    pub fn session_layer(&self) -> SessionLayer {
        SessionLayer::new(Arc::clone(&self.0))
    }

    /// Builds the server on a bound listener. On SIGTERM and SIGINT it finishes the requests in flight, for at most ten
    /// seconds, and stops.
    ///
    /// It speaks HTTP/1.1 without TLS, and bounds what a client can cost: see
    /// [`ConnectionLimits`](crate::config::ConnectionLimits), which all servers of one `Keyrack` share.
    pub fn server(&self, listener: TcpListener, workers: usize) -> std::io::Result<Server> {
        self.server_with(listener, workers, |_, _| ())
    }

    /// The same, with a page for each state of every page.
    pub(crate) fn server_with_states(&self, listener: TcpListener, workers: usize) -> std::io::Result<Server> {
        self.server_with(listener, workers, routes::mount_states)
    }

    fn server_with(
        &self,
        listener: TcpListener,
        workers: usize,
        mount_first: fn(&Arc<AppState>, &mut ServiceConfig),
    ) -> std::io::Result<Server> {
        let keyrack = self.clone();
        server::build(listener, workers, Arc::clone(&self.1), Arc::clone(&self.0), move |config| {
            mount_first(&keyrack.0, config);
            routes::mount_server(&keyrack.0, config);
        })
    }

    /// The counters of the servers' connections, in Prometheus' text format.
    pub fn connection_metrics(&self) -> String {
        self.1.metrics_text()
    }

    /// The maximum number of open connections: that of the settings, or what the limit of open files allows.
    pub fn max_connections(&self) -> usize {
        self.1.max()
    }

    /// Purges about every five minutes for as long as it is polled. Errors are logged; the next round tries again.
    ///
    /// At its start, it decides how long security events are kept: see `KEYRACK_EVENTS_RETENTION`. Later it only raises a
    /// retention that is lower, or two instances with different settings would go on changing it.
    pub async fn purge_regularly(self) {
        let mut is_retention_set = false;
        loop {
            match self.sessions().purge_step().await {
                Ok(purged) if purged.is_empty() => {}
                Ok(purged) => tracing::info!(
                    ended = purged.ended,
                    data_removed = purged.data_removed,
                    history_removed = purged.history_removed,
                    "purged expired sessions"
                ),
                Err(error) => tracing::warn!(error = error.chain(), "could not purge"),
            }
            if let Err(error) = self.accounts().purge().await {
                tracing::warn!(error = error.chain(), "could not purge counts of failed sign-ins and known browsers");
            }
            let retention = self.sessions().policy().events_retention;
            if let Err(error) = self.purge_events(retention, &mut is_retention_set).await {
                tracing::warn!(error = error.chain(), "could not purge security events");
            }
            tokio::time::sleep(about_five_minutes()).await;
        }
    }

    async fn purge_events(&self, retention: Duration, is_retention_set: &mut bool) -> Result<usize> {
        let events = self.sessions().events();
        if !*is_retention_set {
            events.set_retention(retention, &Source::system()).await?;
            *is_retention_set = true;
        }
        events.purge(retention).await
    }

    /// Logs the security events of peers and commands for as long as it is polled; those of this process are logged where
    /// they happen. Of several instances, one logs each event.
    pub async fn log_events_of_others(self) {
        self.sessions().events().log_events_of_others().await;
    }

    /// Tells open pages what becomes of their sessions, for as long as it is polled. Without it, `/account/events` answers
    /// 503, and pages learn of an end by their next request.
    pub async fn inform_open_pages(self) {
        self.0.broadcast.clone().follow(self.sessions().events()).await;
    }

    /// Sends mails for as long as it is polled, or until [`stop_mails`](Self::stop_mails); returns at once if no mail server
    /// is set up.
    pub async fn send_mails(self) {
        if let Some(sender) = self.0.mail_sender.clone() {
            sender.run().await;
        }
    }

    /// Queues mails that tell owners what happened to their accounts, for as long as it is polled; returns at once if no mail
    /// server is set up. Of several instances, one queues each.
    pub async fn queue_notices(self) {
        self.accounts().clone().queue_notices_regularly().await;
    }

    /// Lets [`send_mails`](Self::send_mails) end once the mail that it is sending is marked as sent. One that is interrupted
    /// before is sent again.
    pub fn stop_mails(&self) {
        if let Some(sender) = &self.0.mail_sender {
            sender.outbox.stop_sender();
        }
    }

    /// Sends the mails that are due now, and returns how many were sent. [`send_mails`](Self::send_mails) does that all the
    /// time.
    pub async fn send_due_mails(&self) -> Result<usize> {
        match &self.0.mail_sender {
            Some(sender) => Ok(sender.send_due().await?.sent),
            None => Ok(0),
        }
    }

    /// The sessions.
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// The accounts.
    pub fn accounts(&self) -> &Accounts {
        &self.0.accounts
    }

    /// The URL under which users reach Keyrack.
    pub fn public_url(&self) -> &PublicUrl {
        &self.0.public_url
    }

    /// The link that creates the first account; `None` if there is or was an account.
    pub async fn setup_link(&self) -> Result<Option<String>> {
        let link = || format!("{}/setup?token={}", self.public_url(), self.0.setup_token.expose());
        Ok(if self.accounts().has_been_set_up().await? { None } else { Some(link()) })
    }
}

/// Between 2.5 and 7.5 minutes, at random, so that instances that started at the same time don't purge at the same
/// time.
fn about_five_minutes() -> Duration {
    let spread = getrandom::u32().map_or(0, |random| random % 300);
    Duration::from_secs(150 + u64::from(spread))
}

#[cfg(test)]
mod tests;

//! Reads the settings from flags, environment variables and a TOML file.
//!
//! A flag overrides its variable, which overrides the file, which overrides the default. The file is read first: its
//! values become the defaults of clap, which then applies variables and flags. An empty variable is an unset one, as
//! Docker Compose passes a variable that its caller has not set.

mod address;
mod app_origins;
mod arguments;
mod check;
mod cookie;
mod effective;
mod exposure;
mod file;
mod followed_files;
mod hash_secrets;
mod journal;
mod mail;
mod sign_in;
mod site;
mod values;

use std::{
    net::{SocketAddr, TcpListener},
    num::NonZeroU32,
    path::PathBuf,
    thread::available_parallelism,
    time::Duration,
};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::{Failure, os_user::os_user, secrets_file};
use crate::{
    accounts::{HashCost, PasswordPolicy},
    config::{Accent, AppOrigin, Brand, Config, Hsts, Logo, PublicUrl, Secrets, SiteName},
    db::{DatabaseUrl, Engine, Peers},
    events::{self, Source},
    sessions::{Policy, Timeouts},
};

use address::{listen, reachable};
use arguments::CONFIG_FILE_ID;
pub(super) use arguments::{failure_or_exit, without_empty_variables};
pub(super) use effective::{EffectiveSetting, Source as SettingSource};
pub(super) use file::{SettingsFile, with_file_defaults};
use hash_secrets::HashSecretSettings;
pub(super) use journal::JournalSetting;
use mail::MailSettingArguments;
use sign_in::SignInSettings;
use values::{
    AppOrigins, FileList, LanguageList, LogFilter, Networks, days_or_hours, parse_app_origins, parse_cookie_domain,
    parse_cookie_name, parse_events_retention, parse_files, parse_languages, parse_limit, parse_networks, parse_number,
    parse_retention, parse_timeout,
};

/// Every setting, with its default.
#[derive(Args, Debug)]
#[expect(clippy::doc_markdown, reason = "these comments are what --help prints, not Markdown")]
#[command(next_help_heading = "Settings")]
pub(super) struct Settings {
    /// TOML file with any of these settings, whose keys are the flags' names with underscores [default: keyrack.toml if
    /// it exists]
    #[arg(id = CONFIG_FILE_ID, long = "config", env = "KEYRACK_CONFIG", global = true, value_name = "FILE")]
    config_file: Option<PathBuf>,

    /// Database URL: sqlite:PATH or postgres://USER@HOST/DATABASE
    #[arg(
        long,
        env = "DATABASE_URL",
        global = true,
        value_name = "URL",
        default_value = "sqlite:keyrack.db",
        hide_env_values = true
    )]
    database_url: String,

    /// Address to listen on; port 0 chooses a free port
    #[arg(long, env = "KEYRACK_BIND", global = true, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    bind: String,

    /// URL that browsers use; with https, cookies are Secure [default: http and the address that Keyrack listens on]
    #[arg(long, env = "KEYRACK_PUBLIC_URL", global = true, value_name = "URL")]
    pub(super) public_url: Option<PublicUrl>,

    /// Signing secrets, newest first: all verify, the first one signs; separated by commas, or a JSON array, in which a
    /// secret may contain anything [default: from the secrets file]
    #[arg(long, env = "KEYRACK_SECRETS", global = true, value_name = "LIST", hide_env_values = true)]
    secrets: Option<SecretString>,

    /// File with the signing secrets, one per line; created with a random secret if missing [default: beside the SQLite
    /// database, else keyrack.secrets]
    #[arg(long, env = "KEYRACK_SECRETS_FILE", global = true, value_name = "FILE")]
    secrets_file: Option<PathBuf>,

    /// Name of the session cookie [default: keyrack.sid, over https __Host-keyrack.sid]
    #[arg(long, env = "KEYRACK_COOKIE_NAME", global = true, value_name = "NAME", value_parser = parse_cookie_name)]
    cookie_name: Option<String>,

    /// Domain whose hosts all get the session cookie; requires a cookie name without __Host- [default: this host only]
    #[arg(
        long, env = "KEYRACK_COOKIE_DOMAIN", global = true, value_name = "DOMAIN",
        value_parser = parse_cookie_domain
    )]
    cookie_domain: Option<String>,

    /// End a session after this long without activity
    #[arg(
        long, env = "KEYRACK_IDLE_TIMEOUT", global = true, value_name = "DURATION",
        default_value = days_or_hours(Timeouts::default().idle), value_parser = parse_timeout
    )]
    idle_timeout: Duration,

    /// End a session this long after sign-in, even if it is active
    #[arg(
        long, env = "KEYRACK_ABSOLUTE_TIMEOUT", global = true, value_name = "DURATION",
        default_value = days_or_hours(Timeouts::default().absolute), value_parser = parse_timeout
    )]
    absolute_timeout: Duration,

    /// Idle timeout of sessions with "keep me signed in"
    #[arg(
        long, env = "KEYRACK_REMEMBER_IDLE_TIMEOUT", global = true, value_name = "DURATION",
        default_value = days_or_hours(Timeouts::default().remember_idle), value_parser = parse_timeout
    )]
    remember_idle_timeout: Duration,

    /// Absolute timeout of sessions with "keep me signed in"
    #[arg(
        long, env = "KEYRACK_REMEMBER_ABSOLUTE_TIMEOUT", global = true, value_name = "DURATION",
        default_value = days_or_hours(Timeouts::default().remember_absolute), value_parser = parse_timeout
    )]
    remember_absolute_timeout: Duration,

    /// Maximum number of sessions per user; the next sign-in ends the least recently active one; 0 for no limit
    #[arg(
        long, env = "KEYRACK_MAX_SESSIONS", global = true, value_name = "NUMBER",
        default_value_t = Policy::default().max_sessions.map_or(0, NonZeroU32::get), value_parser = parse_limit
    )]
    max_sessions: u32,

    /// How long to keep ended sessions as history
    #[arg(
        long, env = "KEYRACK_HISTORY_RETENTION", global = true, value_name = "DURATION",
        default_value = days_or_hours(Policy::default().history_retention), value_parser = parse_retention
    )]
    history_retention: Duration,

    /// How long to keep security events, at least a day; a shorter one holds for later events only
    #[arg(
        long, env = "KEYRACK_EVENTS_RETENTION", global = true, value_name = "DURATION",
        default_value = days_or_hours(Policy::default().events_retention), value_parser = parse_events_retention
    )]
    events_retention: Duration,

    /// Keep the data of ended sessions, marked as logged out, until it would have expired
    #[arg(
        long, env = "KEYRACK_KEEP_ENDED_DATA", global = true, value_name = "BOOL", default_value = "false",
        default_missing_value = "true", num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set
    )]
    keep_ended_data: bool,

    /// Whether sessions that another program writes to user_sessions are adopted. With express, that program can sign in
    /// as any user. serve and migrate write the setting into the database, where it holds for all instances; without it,
    /// they leave the database as it is [default: none, or express once an Express application was imported]
    #[arg(long, env = "KEYRACK_PEERS", global = true, value_enum, value_name = "PEERS")]
    pub(super) peers: Option<Peers>,

    /// Networks (CIDR) of proxies whose X-Forwarded-For is trusted, separated by commas [default: none]
    #[arg(
        long, env = "KEYRACK_TRUSTED_PROXIES", global = true, value_name = "LIST", value_parser = parse_networks
    )]
    trusted_proxies: Vec<Networks>,

    /// Strict-Transport-Security, over https: not sent, for this host only, or for all hosts below it too
    #[arg(long, env = "KEYRACK_HSTS", global = true, value_name = "SCOPE", value_enum, default_value_t)]
    hsts: Hsts,

    /// Origins of applications whose pages may read GET /account/events, separated by commas, such as
    /// https://app.example.org; they must be of the same site as the public URL [default: none]
    #[arg(
        long, env = "KEYRACK_APP_ORIGINS", global = true, value_name = "LIST", value_parser = parse_app_origins
    )]
    app_origins: Vec<AppOrigins>,

    /// Languages that pages are offered in, separated by commas; the first one is for users who ask for none of them
    /// [default: en, de]
    #[arg(
        long, env = "KEYRACK_LANGUAGES", global = true, value_name = "LIST", value_parser = parse_languages
    )]
    languages: Option<LanguageList>,

    /// What pages call the site, in at most 60 characters
    #[arg(long, env = "KEYRACK_NAME", global = true, value_name = "NAME", default_value_t = SiteName::default())]
    name: SiteName,

    /// Picture in the header of each page: PNG, JPEG, WebP or SVG, at most 256 kB, shown 32 pixels high; one that is
    /// wider than 5:4 stands for the name [default: Keyrack's key]
    #[arg(long, env = "KEYRACK_LOGO", global = true, value_name = "FILE")]
    logo: Option<PathBuf>,

    /// Colour of buttons and links, as in CSS; each theme shows the nearest shade that can be read there [default:
    /// Keyrack's green]
    #[arg(long, env = "KEYRACK_ACCENT", global = true, value_name = "COLOR")]
    accent: Option<Accent>,

    /// Threads that serve requests [default: one per core]
    #[arg(
        long, env = "KEYRACK_WORKERS", global = true, value_name = "NUMBER",
        value_parser = |text: &str| parse_number::<u16>(text, 1..=1024)
    )]
    workers: Option<u16>,

    /// Maximum open connections; further ones wait [default: what the limit of open files allows, at most 16384]
    #[arg(
        long, env = "KEYRACK_MAX_CONNECTIONS", global = true, value_name = "NUMBER",
        value_parser = |text: &str| parse_number::<u32>(text, 1..=1_000_000)
    )]
    max_connections: Option<u32>,

    /// Maximum pooled database connections
    #[arg(
        long, env = "KEYRACK_DB_POOL_SIZE", global = true, value_name = "NUMBER", default_value = "10",
        value_parser = |text: &str| parse_number::<u32>(text, 1..=1000)
    )]
    db_pool_size: u32,

    /// Address that serves metrics at /metrics, in Prometheus format; keep it private [default: none]
    #[arg(long, env = "KEYRACK_METRICS_BIND", global = true, value_name = "HOST:PORT")]
    metrics_bind: Option<String>,

    /// Cost of password hashes (argon2id): memory in KiB, passes, lanes
    #[arg(long, env = "KEYRACK_HASH_COST", global = true, value_name = "COST", default_value_t = HashCost::default())]
    pub(super) hash_cost: HashCost,

    #[command(flatten)]
    pub(super) hash_secrets: HashSecretSettings,

    /// File made by keyrack passwords build: no user may choose a password that it contains, and one who signs in with
    /// such a password is asked to change it; a file that takes its place is used at once [default: none]
    #[arg(long, env = "KEYRACK_BREACHED_PASSWORDS", global = true, value_name = "FILE")]
    breached_passwords: Option<PathBuf>,

    /// Files in MaxMind's format (.mmdb), separated by commas, by which pages tell where an address is and whose network it
    /// belongs to; a file that takes another one's place is used without a restart [default: none]
    #[arg(long, env = "KEYRACK_GEOIP", global = true, value_name = "LIST", value_parser = parse_files)]
    geoip: Option<FileList>,

    #[command(flatten)]
    mail: MailSettingArguments,

    #[command(flatten)]
    pub(super) sign_in: SignInSettings,

    /// File that records ended sessions, so that they stay ended after a failover or a restored backup of the database;
    /// off: none [default: beside the SQLite database or the secrets file, with the extension ends]
    #[arg(long, env = "KEYRACK_JOURNAL", global = true, value_name = "FILE|off")]
    journal: Option<PathBuf>,

    /// On PostgreSQL, answer a write with success only when a synchronous standby has it
    #[arg(
        long, env = "KEYRACK_REQUIRE_SYNC", global = true, value_name = "BOOL", default_value = "false",
        default_missing_value = "true", num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set
    )]
    pub(super) require_sync: bool,

    /// Log level: error, warn, info, debug or trace; optionally per module, such as info,keyrack::web=debug
    #[arg(long, env = "KEYRACK_LOG", global = true, value_name = "FILTER", default_value = "info")]
    pub(super) log: LogFilter,

    /// The settings file that was read.
    #[arg(skip)]
    pub(super) file: Option<SettingsFile>,
}

impl Settings {
    /// The database. Not parsed by clap, whose error message would contain the URL with its password.
    pub(super) fn database_url(&self) -> Result<DatabaseUrl, Failure> {
        self.database_url
            .parse()
            .map_err(|error| Failure::usage(format!("invalid value for --database-url (DATABASE_URL): {error}")))
    }

    /// Writes `KEYRACK_PEERS` into the database, if it is set.
    pub(super) fn store_peers(&self) -> Result<(), Failure> {
        let Some(peers) = self.peers else { return Ok(()) };
        Ok(events::set_peers(&self.database_url()?, peers, &Source::command(&os_user()))?)
    }

    /// Timeouts and limits of sessions.
    pub(super) fn policy(&self) -> Policy {
        Policy {
            timeouts: Timeouts {
                idle: self.idle_timeout,
                absolute: self.absolute_timeout,
                remember_idle: self.remember_idle_timeout,
                remember_absolute: self.remember_absolute_timeout,
            },
            keep_ended_data: self.keep_ended_data,
            max_sessions: NonZeroU32::new(self.max_sessions),
            history_retention: self.history_retention,
            events_retention: self.events_retention,
            ..Policy::default()
        }
    }

    /// The same with this database and these secrets, instead of those in the settings.
    pub(super) fn to_config_with(&self, address: SocketAddr, database_url: DatabaseUrl, secrets: Secrets) -> Config {
        let mut config = Config::new(database_url, secrets);
        config.database.pool_size = self.db_pool_size;
        config.database.requires_synchronous_standby = self.require_sync;
        config.public_url = self.public_url(address);
        config.cookie_name.clone_from(&self.cookie_name);
        config.cookie_domain.clone_from(&self.cookie_domain);
        config.policy = self.policy();
        config.trusted_proxies = self.trusted_proxies.iter().flat_map(|networks| &networks.0).copied().collect();
        config.hsts = self.hsts;
        config.app_origins = self.app_origins().cloned().collect();
        if let Some(LanguageList(languages)) = &self.languages {
            config.languages.clone_from(languages);
        }
        config.hash_cost = self.hash_cost;
        config.sign_in_pace = self.sign_in.sign_in_pace;
        config.reauth_window = self.sign_in.reauth_window;
        config.second_factor = self.sign_in.second_factor;
        config.registration = self.sign_in.registration;
        config.new_address_mails = NonZeroU32::new(self.sign_in.new_address_mails);
        config.bound_sessions = self.sign_in.bound_sessions;
        config.connections.max_connections = self.max_connections.and_then(|max| usize::try_from(max).ok());
        config
    }

    /// How pages present the site.
    pub(super) fn brand(&self) -> Result<Brand, Failure> {
        let logo = self.logo.as_deref().map(|path| {
            Logo::open(path).map_err(|error| {
                Failure::invalid_value(&path.display().to_string(), "--logo (KEYRACK_LOGO)", error.to_string())
            })
        });
        Ok(Brand { name: self.name.clone(), logo: logo.transpose()?, accent: self.accent.clone() })
    }

    /// The policy for passwords that a command sets.
    pub(super) fn password_policy(&self) -> Result<PasswordPolicy, Failure> {
        Ok(PasswordPolicy::new(self.public_host(), self.name.as_str(), self.breached_passwords()?))
    }

    fn app_origins(&self) -> impl Iterator<Item = &AppOrigin> {
        self.app_origins.iter().flat_map(|origins| &origins.0)
    }

    fn public_url(&self, address: SocketAddr) -> PublicUrl {
        self.public_url.clone().unwrap_or_else(|| PublicUrl::plain(reachable(address)))
    }

    fn secrets_path(&self, database_url: &DatabaseUrl) -> PathBuf {
        let beside_database = || database_url.path().map(|path| path.with_extension("secrets"));
        let path = self.secrets_file.clone().or_else(beside_database);
        path.unwrap_or_else(|| PathBuf::from("keyrack.secrets"))
    }

    fn secrets(&self, database_url: &DatabaseUrl, warnings: &mut Vec<String>) -> Result<Secrets, Failure> {
        let secrets = match &self.secrets {
            Some(list) => list
                .expose_secret()
                .parse()
                .map_err(|error| Failure::usage(format!("invalid value for --secrets (KEYRACK_SECRETS): {error}")))?,
            None => self.secrets_from_file(database_url, warnings)?,
        };
        if secrets.has_weak_older_one() {
            warnings.push(
                "one of the older secrets can be guessed, and cookies that it signed are still accepted: remove it as \
                 soon as the other applications sign with the newest one"
                    .to_owned(),
            );
        }
        Ok(secrets)
    }

    /// The secrets, if there are any yet: unlike [`secrets`](Self::secrets), it creates none.
    pub(super) fn existing_secrets(&self) -> Result<Option<Secrets>, Failure> {
        let database_url = self.database_url()?;
        let exists = self.secrets.is_some() || self.secrets_path(&database_url).exists();
        exists.then(|| self.secrets(&database_url, &mut Vec::new())).transpose()
    }

    fn secrets_from_file(&self, database_url: &DatabaseUrl, warnings: &mut Vec<String>) -> Result<Secrets, Failure> {
        let path = self.secrets_path(database_url);
        let (secrets, is_new) = secrets_file::read_or_create(&path, warnings)?;
        if !is_new {
            return Ok(secrets);
        }
        let created = format!("created new secrets in {}", path.display());
        if let Some(name) = &self.cookie_name {
            warnings.push(format!(
                "{created}, but the cookie has the name {name}: if another application uses this cookie, set \
                 KEYRACK_SECRETS to that application's secrets, or each will reject the other's cookies"
            ));
        }
        if database_url.engine() == Engine::Postgres {
            warnings.push(format!(
                "{created}, which only this instance has: if other instances use this database, or if the file does \
                 not outlive a restart, set KEYRACK_SECRETS to the same secret everywhere (`openssl rand -base64 32` makes \
                 one); otherwise each instance rejects the sign-ins of the others"
            ));
        }
        Ok(secrets)
    }

    /// Binds the address that serves requests.
    pub(super) fn listen(&self) -> Result<TcpListener, Failure> {
        listen("--bind (KEYRACK_BIND)", &self.bind)
    }

    /// Binds the address that serves metrics, if one is set.
    pub(super) fn listen_for_metrics(&self) -> Result<Option<TcpListener>, Failure> {
        self.metrics_bind.as_deref().map(|address| listen("--metrics-bind (KEYRACK_METRICS_BIND)", address)).transpose()
    }

    /// The number of threads that serve requests.
    pub(super) fn workers(&self) -> usize {
        self.workers.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from)
    }
}

//! Reads the settings from flags, environment variables and a TOML file.
//!
//! A flag overrides its variable, which overrides the file, which overrides the default. The file is read first: its
//! values become the defaults of clap, which then applies variables and flags.

use std::{
    fmt::Display,
    net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs},
    num::NonZeroU32,
    ops::RangeInclusive,
    path::PathBuf,
    str::FromStr,
    thread::available_parallelism,
    time::Duration,
};

use clap::{
    Args,
    error::{ContextKind, ErrorKind},
};
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};

use super::{Failure, secrets_file};
use crate::{
    accounts::HashCost,
    config::{Config, PublicUrl, Secrets},
    db::{DatabaseUrl, Peers},
    sessions::{Policy, Timeouts},
};

/// The settings file that is read if it exists and `--config` names no other.
const DEFAULT_FILE: &str = "keyrack.toml";
/// The only setting that the file itself can't contain.
const CONFIG_FILE_ID: &str = "config";

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
    public_url: Option<PublicUrl>,

    /// Signing secrets, newest first, separated by commas: all verify, the first one signs [default: from the secrets
    /// file]
    #[arg(long, env = "KEYRACK_SECRETS", global = true, value_name = "LIST", hide_env_values = true)]
    secrets: Option<SecretString>,

    /// File with the signing secrets; created with a random secret if missing [default: beside the SQLite database,
    /// else keyrack.secrets]
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

    /// Maximum number of sessions per user; the next sign-in ends the least recently active one [default: no limit]
    #[arg(long, env = "KEYRACK_MAX_SESSIONS", global = true, value_name = "NUMBER", value_parser = parse_session_limit)]
    max_sessions: Option<NonZeroU32>,

    /// How long to keep ended sessions as history
    #[arg(
        long, env = "KEYRACK_HISTORY_RETENTION", global = true, value_name = "DURATION",
        default_value = days_or_hours(Policy::default().history_retention), value_parser = parse_retention
    )]
    history_retention: Duration,

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
        long, env = "KEYRACK_TRUSTED_PROXIES", global = true, value_name = "LIST", value_delimiter = ',',
        value_parser = parse_network
    )]
    trusted_proxies: Vec<IpNet>,

    /// Threads that serve requests [default: one per core]
    #[arg(
        long, env = "KEYRACK_WORKERS", global = true, value_name = "NUMBER",
        value_parser = |text: &str| parse_number::<u16>(text, 1..=1024)
    )]
    workers: Option<u16>,

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

    /// Log level: error, warn, info, debug or trace; optionally per module, such as info,keyrack::web=debug
    #[arg(long, env = "KEYRACK_LOG", global = true, value_name = "FILTER", default_value = "info")]
    pub(super) log: String,
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
        Ok(crate::db::set_peers(&self.database_url()?, peers)?)
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
            max_sessions: self.max_sessions,
            history_retention: self.history_retention,
            ..Policy::default()
        }
    }

    /// The configuration of a server that listens on `address`.
    pub(super) fn to_config(&self, address: SocketAddr) -> Result<Config, Failure> {
        let database_url = self.database_url()?;
        let secrets = self.secrets(&database_url)?;
        let config = self.to_config_with(address, database_url, secrets);
        let is_host_cookie = match &config.cookie_name {
            Some(name) => name.starts_with("__Host-"),
            None => config.public_url.is_https(),
        };
        if config.cookie_domain.is_some() && is_host_cookie {
            return Err(Failure::usage(
                "--cookie-domain (KEYRACK_COOKIE_DOMAIN) needs a cookie name without __Host-, since browsers reject \
                 such a cookie with a domain: set KEYRACK_COOKIE_NAME to another name, such as keyrack.sid",
            ));
        }
        Ok(config)
    }

    /// The same with this database and these secrets, instead of those in the settings.
    pub(super) fn to_config_with(&self, address: SocketAddr, database_url: DatabaseUrl, secrets: Secrets) -> Config {
        let mut config = Config::new(database_url, secrets);
        config.database.pool_size = self.db_pool_size;
        config.public_url = self.public_url.clone().unwrap_or_else(|| PublicUrl::plain(reachable(address)));
        config.cookie_name.clone_from(&self.cookie_name);
        config.cookie_domain.clone_from(&self.cookie_domain);
        config.policy = self.policy();
        config.trusted_proxies.clone_from(&self.trusted_proxies);
        config.hash_cost = self.hash_cost;
        config
    }

    fn secrets(&self, database_url: &DatabaseUrl) -> Result<Secrets, Failure> {
        if let Some(list) = &self.secrets {
            return list
                .expose_secret()
                .parse()
                .map_err(|error| Failure::usage(format!("invalid value for --secrets (KEYRACK_SECRETS): {error}")));
        }
        let beside_database = || database_url.path().map(|path| path.with_extension("secrets"));
        let path = self.secrets_file.clone().or_else(beside_database);
        let path = path.unwrap_or_else(|| PathBuf::from("keyrack.secrets"));
        let is_new = !path.exists();
        let secrets = secrets_file::read_or_create(&path)?;
        if let (true, Some(name)) = (is_new, &self.cookie_name) {
            tracing::warn!(
                file = %path.display(),
                "created new secrets, but the cookie has the name {name}: if another application uses this cookie, set \
                 KEYRACK_SECRETS to that application's secrets, or each will reject the other's cookies"
            );
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

/// The address as a browser on this machine can reach it: an unspecified address (all interfaces) is replaced by
/// localhost.
fn reachable(address: SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() }
}

fn listen(setting: &str, address: &str) -> Result<TcpListener, Failure> {
    let invalid = |reason: String| Failure::invalid_value(address, setting, format!("not a HOST:PORT: {reason}"));
    let mut addresses = address.to_socket_addrs().map_err(|error| invalid(error.to_string()))?;
    let address = addresses.next().ok_or_else(|| invalid("the host has no address".to_owned()))?;
    TcpListener::bind(address).map_err(|error| {
        Failure::failed(format!(
            "cannot listen on {address}: {error}; choose another address with {setting}, or port 0 for a free port"
        ))
    })
}

/// Makes the values of the settings file the defaults of the flags, so that flags and variables override them.
pub(super) fn with_file_defaults(mut command: clap::Command) -> Result<clap::Command, Failure> {
    let Some(path) = find_config_file() else { return Ok(command) };
    let invalid = |message: String| Failure::usage(format!("{}: {message}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(|error| invalid(error.to_string()))?;
    let table: toml::Table =
        text.parse().map_err(|error: toml::de::Error| invalid(error.to_string().trim_end().to_owned()))?;
    for (name, value) in table {
        let is_setting =
            name != CONFIG_FILE_ID && command.get_arguments().any(|argument| argument.get_id() == name.as_str());
        if !is_setting {
            return Err(invalid(format!("unknown setting {name:?}; `keyrack --help` lists all settings")));
        }
        let text = as_text(&value)
            .ok_or_else(|| invalid(format!("{name} must be a string, a number, a boolean or a list")))?;
        if value.as_array().is_some_and(Vec::is_empty) {
            continue;
        }
        validate(&command, &name, &text).map_err(invalid)?;
        command = command.mut_arg(name, |argument| {
            // `--help` prints defaults, so a setting whose variable is hidden there is hidden here too.
            let is_secret = argument.is_hide_env_values_set();
            argument.default_value(text).hide_default_value(is_secret)
        });
    }
    Ok(command)
}

/// Finds the settings file before the command line is parsed, since the file changes the defaults.
fn find_config_file() -> Option<PathBuf> {
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next().map(PathBuf::from);
        }
        if let Some(path) = argument.to_str().and_then(|text| text.strip_prefix("--config=")) {
            return Some(PathBuf::from(path));
        }
    }
    let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists());
    std::env::var_os("KEYRACK_CONFIG").map(PathBuf::from).or_else(default)
}

fn as_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(_) | toml::Value::Boolean(_) => Some(value.to_string()),
        toml::Value::Array(items) => items.iter().map(as_text).collect::<Option<Vec<_>>>().map(|items| items.join(",")),
        _ => None,
    }
}

/// Parses one value of the settings file without the variables, so that an invalid variable is not reported as an error
/// in the file.
fn validate(command: &clap::Command, name: &str, text: &str) -> Result<(), String> {
    let flag = format!("--{}={text}", name.replace('_', "-"));
    let without_variables = command.clone().mut_args(|argument| argument.env(None));
    let parsed = without_variables.try_get_matches_from(["keyrack", &flag]);
    parsed.map(drop).map_err(|error| Failure::invalid_value(text, name, cause(&error)).message)
}

fn cause(error: &clap::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let choice = || Some(format!("use one of {}", error.get(ContextKind::ValidValue)?));
    cause.or_else(choice).unwrap_or_else(|| "not a valid value".to_owned())
}

/// Prints help or the version and exits, if the command line requests that. Otherwise converts clap's error: to one
/// sentence for an invalid value, and to clap's own text, with its tips and usage, for anything else.
pub(super) fn failure_or_exit(command: &clap::Command, error: &clap::Error) -> Failure {
    let is_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if is_help || !error.use_stderr() {
        error.exit();
    }
    let context = |kind| error.get(kind).map(ToString::to_string);
    let is_value = matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue);
    match (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue)) {
        (Some(argument), Some(value)) if is_value => {
            Failure::invalid_value(&value, argument_name(command, &argument), cause(error))
        }
        _ => Failure::usage(error.to_string().trim_start_matches("error: ").trim_end()),
    }
}

/// The name of an argument in messages; that of a setting contains its variable: `--bind (KEYRACK_BIND)`, `EMAIL`.
fn argument_name(command: &clap::Command, argument: &str) -> String {
    let name = argument.split(['[', ' ', '=']).next().unwrap_or_default().trim_matches(['<', '>']);
    let setting = command.get_arguments().find(|setting| setting.get_long() == name.strip_prefix("--"));
    match setting.and_then(clap::Arg::get_env) {
        Some(variable) => format!("{name} ({})", variable.display()),
        None => name.to_owned(),
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A default as `--help` shows it, such as 24h or 14d. Defaults are whole hours, and whole days from two days on.
fn days_or_hours(default: Duration) -> String {
    let seconds = default.as_secs();
    if default > DAY { format!("{}d", seconds / DAY.as_secs()) } else { format!("{}h", seconds / HOUR.as_secs()) }
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    parse_duration(text, DAY * 400, "at most 400d (browsers keep cookies no longer)")
}

fn parse_retention(text: &str) -> Result<Duration, String> {
    parse_duration(text, DAY * 36_525, "at most 100 years")
}

fn parse_duration(text: &str, max: Duration, limit: &str) -> Result<Duration, String> {
    let hint = "use a number with a unit, such as 90s, 30m, 24h or 14d";
    let length = humantime::parse_duration(text).map_err(|_| format!("not a duration; {hint}"))?;
    if length.is_zero() || length > max {
        return Err(format!("out of range; use more than 0 and {limit}"));
    }
    Ok(length)
}

fn parse_number<T>(text: &str, range: RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("use a whole number from {} to {}", range.start(), range.end()))
}

fn parse_session_limit(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| "use a whole number of at least 1, or leave the setting out for no limit".to_owned())
}

fn parse_network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse().ok().map(|address: IpAddr| IpNet::from(address));
    let network = text.parse().ok().or_else(address);
    network.ok_or_else(|| "use a CIDR network such as 10.0.0.0/8, or an address".to_owned())
}

fn parse_cookie_name(text: &str) -> Result<String, String> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if !text.is_empty() && text.chars().all(is_token) {
        Ok(text.to_owned())
    } else {
        Err("use letters, digits and any of !#$%&'*+-.^_`|~".to_owned())
    }
}

fn parse_cookie_domain(text: &str) -> Result<String, String> {
    let domain = text.strip_prefix('.').unwrap_or(text).to_ascii_lowercase();
    let is_label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if domain.split('.').all(is_label) {
        Ok(domain)
    } else {
        Err("use a host name such as example.org, without scheme, port or path".to_owned())
    }
}

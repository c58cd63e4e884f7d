//! The settings as flags, `KEYRACK_*` variables and a TOML file.

use std::{
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    num::NonZeroU32,
    path::PathBuf,
    thread::available_parallelism,
    time::Duration,
};

use clap::{
    Args,
    error::{ContextKind, ErrorKind},
};
use ipnet::IpNet;

use super::{Failure, secrets_file};
use crate::{
    accounts::HashCost,
    config::{Config, PublicUrl, Secrets},
    db::DatabaseUrl,
    sessions::{Policy, Timeouts},
};

/// The file that is read if it is there and `--config` names no other.
const DEFAULT_FILE: &str = "keyrack.toml";

/// Every setting, with its default.
#[derive(Args, Debug)]
#[expect(clippy::doc_markdown, reason = "these comments are what --help prints, not Markdown")]
#[command(next_help_heading = "Settings")]
pub(super) struct Settings {
    /// TOML file with any of these settings, named like the flags with underscores [default: keyrack.toml if it is there]
    #[arg(long, env = "KEYRACK_CONFIG", global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Database: sqlite:PATH, or postgres://USER@HOST/DATABASE
    #[arg(
        long,
        env = "DATABASE_URL",
        global = true,
        value_name = "URL",
        default_value = "sqlite:keyrack.db",
        hide_env_values = true
    )]
    database_url: String,

    /// Address to listen on; port 0 takes any free one
    #[arg(long, env = "KEYRACK_BIND", global = true, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    bind: String,

    /// URL that people use; https makes cookies Secure [default: http and the address that Keyrack listens on]
    #[arg(long, env = "KEYRACK_PUBLIC_URL", global = true, value_name = "URL")]
    public_url: Option<PublicUrl>,

    /// Signing secrets, newest first, separated by commas: all verify, the first signs [default: from the secrets file]
    #[arg(long, env = "KEYRACK_SECRETS", global = true, value_name = "LIST", hide_env_values = true)]
    secrets: Option<String>,

    /// File with the secrets, made with a random one if it is not there [default: beside the SQLite database, else
    /// keyrack.secrets]
    #[arg(long, env = "KEYRACK_SECRETS_FILE", global = true, value_name = "FILE")]
    secrets_file: Option<PathBuf>,

    /// Name of the session cookie, used as it is [default: keyrack.sid, over https __Host-keyrack.sid]
    #[arg(long, env = "KEYRACK_COOKIE_NAME", global = true, value_name = "NAME", value_parser = cookie_name)]
    cookie_name: Option<String>,

    /// Domain of the session cookie, for all hosts under it; needs a cookie name without __Host- [default: this host only]
    #[arg(long, env = "KEYRACK_COOKIE_DOMAIN", global = true, value_name = "DOMAIN", value_parser = cookie_domain)]
    cookie_domain: Option<String>,

    /// End a session after this long without activity
    #[arg(long, env = "KEYRACK_IDLE_TIMEOUT", global = true, value_name = "DURATION", default_value = "24h", value_parser = duration)]
    idle_timeout: Duration,

    /// End a session this long after sign-in
    #[arg(long, env = "KEYRACK_ABSOLUTE_TIMEOUT", global = true, value_name = "DURATION", default_value = "24h", value_parser = duration)]
    absolute_timeout: Duration,

    /// Idle timeout with "keep me signed in"
    #[arg(long, env = "KEYRACK_REMEMBER_IDLE_TIMEOUT", global = true, value_name = "DURATION", default_value = "14d", value_parser = duration)]
    remember_idle_timeout: Duration,

    /// Absolute timeout with "keep me signed in"
    #[arg(long, env = "KEYRACK_REMEMBER_ABSOLUTE_TIMEOUT", global = true, value_name = "DURATION", default_value = "30d", value_parser = duration)]
    remember_absolute_timeout: Duration,

    /// Most sessions of one user at once; a sign-in past it takes the place of the least recently active one [default: no
    /// limit]
    #[arg(long, env = "KEYRACK_MAX_SESSIONS", global = true, value_name = "NUMBER", value_parser = session_limit)]
    max_sessions: Option<NonZeroU32>,

    /// How long ended sessions stay as history
    #[arg(long, env = "KEYRACK_HISTORY_RETENTION", global = true, value_name = "DURATION", default_value = "90d", value_parser = retention)]
    history_retention: Duration,

    /// Keep the data of ended sessions, marked as logged out, until it would have expired
    #[arg(
        long, env = "KEYRACK_KEEP_ENDED_DATA", global = true, value_name = "BOOL", default_value = "false",
        default_missing_value = "true", num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set
    )]
    keep_ended_data: bool,

    /// Networks (CIDR) whose X-Forwarded-For is believed, separated by commas [default: none]
    #[arg(long, env = "KEYRACK_TRUSTED_PROXIES", global = true, value_name = "LIST", value_delimiter = ',', value_parser = network)]
    trusted_proxies: Vec<IpNet>,

    /// Threads that answer requests [default: one a core]
    #[arg(long, env = "KEYRACK_WORKERS", global = true, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,

    /// Most connections to the database, besides those for what requests do together
    #[arg(long, env = "KEYRACK_DB_POOL_SIZE", global = true, value_name = "NUMBER", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=1000))]
    db_pool_size: u32,

    /// Address to serve metrics on, at /metrics, in Prometheus' format; not for the public [default: none]
    #[arg(long, env = "KEYRACK_METRICS_BIND", global = true, value_name = "HOST:PORT")]
    metrics_bind: Option<String>,

    /// Cost of a password hash (argon2id): memory in KiB, passes, lanes
    #[arg(long, env = "KEYRACK_HASH_COST", global = true, value_name = "COST", default_value = "m=19456,t=2,p=1")]
    pub(super) hash_cost: HashCost,

    /// What to log: error, warn, info, debug or trace, also by module, as in info,keyrack::web=debug
    #[arg(long, env = "KEYRACK_LOG", global = true, value_name = "FILTER", default_value = "info")]
    pub(super) log: String,
}

impl Settings {
    /// The database. It is parsed here and not by clap, whose message would repeat the URL with its password.
    pub(super) fn database_url(&self) -> Result<DatabaseUrl, Failure> {
        self.database_url.parse().map_err(|error| Failure::usage(format!("DATABASE_URL: {error}")))
    }

    /// The rules that sessions live under.
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

    /// All that the server needs, once it is known where it listens.
    pub(super) fn config(&self, address: SocketAddr) -> Result<Config, Failure> {
        let database_url = self.database_url()?;
        let secrets = self.secrets(&database_url)?;
        let config = self.config_for(address, database_url, secrets);
        let for_this_host = match &config.cookie_name {
            Some(name) => name.starts_with("__Host-"),
            None => config.public_url.is_https(),
        };
        if config.cookie_domain.is_some() && for_this_host {
            return Err(Failure::usage(
                "KEYRACK_COOKIE_DOMAIN: browsers refuse a cookie whose name begins with __Host- on other hosts; set \
                 KEYRACK_COOKIE_NAME to a name without it",
            ));
        }
        Ok(config)
    }

    /// The same, with a database and secrets of the caller's own.
    pub(super) fn config_for(&self, address: SocketAddr, database_url: DatabaseUrl, secrets: Secrets) -> Config {
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
            return list.parse().map_err(|error| Failure::usage(format!("KEYRACK_SECRETS: {error}")));
        }
        let beside_database = || database_url.path().map(|path| path.with_extension("secrets"));
        let path = self.secrets_file.clone().or_else(beside_database);
        let path = path.unwrap_or_else(|| PathBuf::from("keyrack.secrets"));
        let is_new = !path.exists();
        let secrets = secrets_file::read_or_create(&path)?;
        if let (true, Some(name)) = (is_new, &self.cookie_name) {
            tracing::warn!(
                file = %path.display(),
                "KEYRACK_COOKIE_NAME is {name}, and new secrets were made: if another application uses this cookie, set \
                 KEYRACK_SECRETS to that application's secrets, or each takes the other's cookies for forged"
            );
        }
        Ok(secrets)
    }

    /// Starts to listen.
    pub(super) fn listen(&self) -> Result<TcpListener, Failure> {
        listen("KEYRACK_BIND", &self.bind)
    }

    /// Starts to listen for whoever reads metrics, if somebody shall.
    pub(super) fn listen_for_metrics(&self) -> Result<Option<TcpListener>, Failure> {
        self.metrics_bind.as_deref().map(|address| listen("KEYRACK_METRICS_BIND", address)).transpose()
    }

    /// How many threads answer requests.
    pub(super) fn workers(&self) -> usize {
        self.workers.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from)
    }
}

/// An address that listens on all interfaces is none to go to.
fn reachable(address: SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() }
}

fn listen(variable: &str, address: &str) -> Result<TcpListener, Failure> {
    let no_address =
        |why: String| Failure::usage(format!("{variable}: {address:?} is no HOST:PORT to listen on: {why}"));
    let mut addresses = address.to_socket_addrs().map_err(|error| no_address(error.to_string()))?;
    let address = addresses.next().ok_or_else(|| no_address("it leads nowhere".to_owned()))?;
    TcpListener::bind(address).map_err(|error| {
        Failure::failed(format!(
            "cannot listen on {address}: {error}; choose another address with --{} or {variable}, or port 0 for any",
            variable.trim_start_matches("KEYRACK_").to_lowercase().replace('_', "-")
        ))
    })
}

/// Makes the values of the settings file the defaults of the flags, so that a flag and a variable still win.
pub(super) fn with_file(mut command: clap::Command) -> Result<clap::Command, Failure> {
    let Some(path) = file_to_read() else { return Ok(command) };
    let wrong = |message: String| Failure::usage(format!("{}: {message}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| wrong(error.to_string()))?;
    for (name, value) in table {
        let is_setting = name != "config" && command.get_arguments().any(|argument| argument.get_id() == name.as_str());
        if !is_setting {
            return Err(wrong(format!("there is no setting {name:?}; `keyrack --help` lists them")));
        }
        let text =
            as_text(&value).ok_or_else(|| wrong(format!("{name}: use a text, a number, true or false, or a list")))?;
        if value.as_array().is_some_and(Vec::is_empty) {
            continue;
        }
        check(&command, &name, &text).map_err(wrong)?;
        command = command.mut_arg(name, |argument| {
            // `--help` prints defaults: what it does not show of a variable, it does not show of the file.
            let is_secret = argument.is_hide_env_values_set();
            argument.default_value(text).hide_default_value(is_secret)
        });
    }
    Ok(command)
}

/// `--config` has to be known before the rest is parsed, since it changes the defaults.
fn file_to_read() -> Option<PathBuf> {
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

/// Parses one value by itself, without the variables, so that the message names the file and its key, and only for their
/// own faults.
fn check(command: &clap::Command, name: &str, text: &str) -> Result<(), String> {
    let flag = format!("--{}={text}", name.replace('_', "-"));
    let alone = command.clone().mut_args(|argument| argument.env(None));
    alone.try_get_matches_from(["keyrack", &flag]).map(drop).map_err(|error| format!("{name}: {}", cause(&error)))
}

fn cause(error: &clap::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let choice = || Some(format!("use one of {}", error.get(ContextKind::ValidValue)?));
    cause.or_else(choice).unwrap_or_else(|| "the value can't be used".to_owned())
}

/// One sentence for a value that a setting can't have, wherever it came from; everything else that is wrong with a command
/// line, and what asks for help, is said as clap says it.
pub(super) fn explain(command: &clap::Command, error: &clap::Error) -> Failure {
    let named = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    let flag = named.split(['[', ' ', '=']).next().and_then(|word| word.strip_prefix("--")).unwrap_or_default();
    let setting = command.get_arguments().find(|argument| argument.get_long() == Some(flag));
    let is_value = matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue);
    match (setting.and_then(clap::Arg::get_env), error.get(ContextKind::InvalidValue)) {
        (Some(variable), Some(value)) if is_value => {
            Failure::usage(format!("--{flag} or {}: \"{value}\" can't be used: {}", variable.display(), cause(error)))
        }
        _ => error.exit(),
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text, DAY * 400, "at most 400d (browsers keep no cookie longer)")
}

fn retention(text: &str) -> Result<Duration, String> {
    parse_duration(text, DAY * 36_525, "at most 100 years")
}

fn parse_duration(text: &str, longest: Duration, limit: &str) -> Result<Duration, String> {
    let hint = "use a number with a unit, as in 90s, 30m, 24h or 14d";
    let length = humantime::parse_duration(text).map_err(|_| format!("this is no duration: {hint}"))?;
    if length.is_zero() || length > longest {
        return Err(format!("a duration here is longer than 0 and {limit}"));
    }
    Ok(length)
}

fn session_limit(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| "use a whole number from 1; leave the setting out for no limit".to_owned())
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse().ok().map(|address: std::net::IpAddr| IpNet::from(address));
    text.parse().ok().or_else(address).ok_or_else(|| "use a network as in 10.0.0.0/8, or an address".to_owned())
}

fn cookie_name(text: &str) -> Result<String, String> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if !text.is_empty() && text.chars().all(is_token) {
        Ok(text.to_owned())
    } else {
        Err("a cookie's name consists of letters, digits and some of !#$%&'*+-.^_`|~".to_owned())
    }
}

fn cookie_domain(text: &str) -> Result<String, String> {
    let domain = text.strip_prefix('.').unwrap_or(text).to_ascii_lowercase();
    let is_label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if domain.split('.').all(is_label) {
        Ok(domain)
    } else {
        Err("use a host name as in example.org, without scheme, port or path".to_owned())
    }
}

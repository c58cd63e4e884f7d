//! Parses PostgreSQL URLs, as strictly as libpq and with messages that contain nothing of the URL's password.
//!
//! libpq quotes what it does not understand. If a password is not percent-encoded, that is often a part of it, so
//! what libpq would refuse is refused here first.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::invalid::InvalidDatabaseUrl;

/// Parameters added to each URL that does not set them, and why.
const DEFAULTS: [(&str, &str); 7] = [
    // Seconds until a silent server is given up; libpq takes no less than 2.
    ("connect_timeout", "2"),
    // The name under which the server lists our connections, and by which a pooler is detected.
    ("application_name", "keyrack"),
    // Milliseconds until data that is not acknowledged ends a connection, so that a network that drops everything is
    // noticed within seconds instead of the 15 minutes or more that Linux retries.
    ("tcp_user_timeout", "5000"),
    // Probes, in seconds, for a connection that waits for an answer: a firewall may have dropped it.
    ("keepalives", "1"),
    ("keepalives_idle", "5"),
    ("keepalives_interval", "1"),
    ("keepalives_count", "5"),
];

/// The parameters that libpq knows.
const KNOWN: [&str; 52] = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "max_protocol_version",
    "min_protocol_version",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_issuer",
    "oauth_scope",
    "options",
    "passfile",
    "password",
    "port",
    "replication",
    "require_auth",
    "requirepeer",
    "scram_client_key",
    "scram_server_key",
    "service",
    "servicefile",
    "ssl",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslkeylogfile",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// Everything but what stands in a path: the encoding of a parameter's value.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

/// The parts of a URL, still percent-encoded.
struct Parts<'a> {
    scheme: &'a str,
    /// User and password with their `@`, or nothing.
    credentials: &'a str,
    /// Host and port of each server.
    hosts: Vec<&'a str>,
    /// The database with its slash, or nothing.
    database: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

/// What Keyrack needs of a URL that is valid.
pub(super) struct PostgresUrl {
    /// The URL with the default parameters.
    pub connection_string: String,
    /// The same for each host alone.
    pub hosts: Vec<String>,
    /// Whether a host is on another machine.
    pub has_remote_host: bool,
}

/// Parses `scheme://rest`.
pub(super) fn parse(scheme: &str, rest: &str) -> Result<PostgresUrl, InvalidDatabaseUrl> {
    let parts = split(scheme, rest)?;
    let certificates = system_certificates(&parts);
    let count = parts.host_count();
    let hosts: Vec<String> = (0..count).map(|index| parts.for_host(index, certificates.as_deref())).collect();
    let has_remote_host = (0..count).any(|index| parts.is_remote(index));
    Ok(PostgresUrl { connection_string: parts.whole(certificates.as_deref()), hosts, has_remote_host })
}

fn split<'a>(scheme: &'a str, rest: &'a str) -> Result<Parts<'a>, InvalidDatabaseUrl> {
    if rest.chars().any(|char| char.is_whitespace() || char.is_control()) {
        return Err(InvalidDatabaseUrl::Blank);
    }
    reject_bad_percent_encoding(rest)?;
    // A slash or an `@` in a password that is not encoded moves what follows into another part.
    let (address, query) = rest.split_once('?').map_or((rest, None), |(address, query)| (address, Some(query)));
    let (authority, database) = address.split_at(address.find('/').unwrap_or(address.len()));
    let (credentials, hosts) = authority.split_at(authority.find('@').map_or(0, |at| at + 1));
    if hosts.contains('@') || database.contains('@') || query.is_some_and(|query| query.contains('@')) {
        return Err(InvalidDatabaseUrl::Credentials);
    }
    if database.len() > 1 && database[1..].contains('/') {
        return Err(InvalidDatabaseUrl::Credentials);
    }
    let hosts: Vec<&str> = hosts.split(',').collect();
    hosts.iter().try_for_each(|host| check_host(host))?;
    let parameters = query.map_or_else(|| Ok(Vec::new()), parse_parameters)?;
    let is_empty = credentials.is_empty() && hosts == [""] && database.len() <= 1 && parameters.is_empty();
    let parts = Parts { scheme, credentials, hosts, database, parameters };
    if is_empty || (parts.host_count() > 1 && (0..parts.host_count()).any(|index| parts.host(index).0.is_empty())) {
        return Err(InvalidDatabaseUrl::NoHost);
    }
    if parts.parameters.iter().any(|(name, value)| *name == "port" && value.split(',').any(|port| !is_port(port))) {
        return Err(InvalidDatabaseUrl::Port);
    }
    Ok(parts)
}

fn reject_bad_percent_encoding(text: &str) -> Result<(), InvalidDatabaseUrl> {
    let bytes = text.as_bytes();
    for (index, _) in text.match_indices('%') {
        let digits = bytes.get(index + 1..index + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        if digits.is_none_or(|digits| digits == b"00") {
            return Err(InvalidDatabaseUrl::Credentials);
        }
    }
    Ok(())
}

fn check_host(host: &str) -> Result<(), InvalidDatabaseUrl> {
    let port = match host.strip_prefix('[') {
        Some(address) => match address.split_once(']') {
            Some((_, "")) => None,
            Some((_, after)) => Some(after.strip_prefix(':').ok_or(InvalidDatabaseUrl::Port)?),
            None => return Err(InvalidDatabaseUrl::Port),
        },
        None => host.split_once(':').map(|(_, port)| port),
    };
    port.is_none_or(is_port).then_some(()).ok_or(InvalidDatabaseUrl::Port)
}

/// Whether this is a port, or empty for the default.
fn is_port(text: &str) -> bool {
    text.is_empty()
        || (text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0))
}

fn parse_parameters(query: &str) -> Result<Vec<(&str, &str)>, InvalidDatabaseUrl> {
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty()).map(|parameter| {
        match parameter.split_once('=') {
            Some((name, value)) if KNOWN.contains(&name) && !value.contains('=') => Ok((name, value)),
            // The name may be a part of the password.
            _ => Err(InvalidDatabaseUrl::Parameter),
        }
    });
    parameters.collect()
}

/// Finds the system's certificates for `sslrootcert=system`: the built-in OpenSSL would look for them in the folder of
/// its own installation, which does not exist. `None` if the URL does not use them, or if they are not found.
fn system_certificates(parts: &Parts<'_>) -> Option<String> {
    let weak = parts.parameter("sslmode").is_some_and(|mode| mode != "verify-full");
    if weak || parts.parameter("sslrootcert") != Some("system") {
        return None;
    }
    let file = openssl_probe::probe().cert_file?;
    Some(utf8_percent_encode(file.to_str()?, VALUE).to_string())
}

impl<'a> Parts<'a> {
    /// Returns the last value of a parameter, which is the one that counts.
    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters.iter().rev().find(|(given, _)| *given == name).map(|(_, value)| *value)
    }

    /// Whether the hosts are in parameters, which override those in the address.
    fn has_host_parameter(&self) -> bool {
        self.parameter("host").is_some() || self.parameter("hostaddr").is_some()
    }

    fn host_count(&self) -> usize {
        let listed = |name| self.parameter(name).map_or(0, |value| value.split(',').count());
        if self.has_host_parameter() { listed("host").max(listed("hostaddr")) } else { self.hosts.len() }
    }

    /// Returns name and port of one host.
    fn host(&self, index: usize) -> (&'a str, Option<&'a str>) {
        if self.has_host_parameter() {
            let item = |name| self.parameter(name).and_then(|value| nth(value, index));
            return (item("hostaddr").filter(|host| !host.is_empty()).or(item("host")).unwrap_or(""), item("port"));
        }
        let host = self.hosts[index];
        match host.rfind(':').filter(|colon| !host[*colon..].contains(']')) {
            Some(colon) => (&host[..colon], Some(&host[colon + 1..])),
            None => (host, None),
        }
    }

    /// Whether the host is on another machine: no socket, no loopback address.
    fn is_remote(&self, index: usize) -> bool {
        let (host, _) = self.host(index);
        let host = percent_encoding::percent_decode_str(host).decode_utf8_lossy().into_owned();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_loopback = match host.parse::<std::net::IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => host.eq_ignore_ascii_case("localhost"),
        };
        !(is_loopback || host.is_empty() || host.starts_with('/') || host.starts_with('@'))
    }

    /// Returns the URL of one host.
    fn for_host(&self, index: usize, certificates: Option<&str>) -> String {
        if !self.has_host_parameter() {
            return self.to_url(self.hosts[index], certificates, |_, value| value);
        }
        let nth_of_lists = |name: &str, value: &'a str| match name {
            "host" | "hostaddr" | "port" => nth(value, index).unwrap_or(""),
            _ => value,
        };
        self.to_url(&self.hosts.join(","), certificates, nth_of_lists)
    }

    /// Returns the URL with all hosts.
    fn whole(&self, certificates: Option<&str>) -> String {
        self.to_url(&self.hosts.join(","), certificates, |_, value| value)
    }

    fn to_url(&self, hosts: &str, certificates: Option<&str>, value_of: impl Fn(&str, &'a str) -> &'a str) -> String {
        let mut parameters: Vec<(&str, &str)> = Vec::new();
        for (name, value) in &self.parameters {
            let value = match certificates {
                Some(file) if *name == "sslrootcert" && *value == "system" => file,
                _ => value_of(name, value),
            };
            parameters.push((name, value));
        }
        if certificates.is_some() && self.parameter("sslmode").is_none() {
            // As `system` implies: any host may have a certificate of a public authority.
            parameters.push(("sslmode", "verify-full"));
        }
        parameters.extend(DEFAULTS.iter().filter(|(name, _)| self.parameter(name).is_none()));
        let parameters: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let Self { scheme, credentials, database, .. } = self;
        format!("{scheme}://{credentials}{hosts}{database}?{}", parameters.join("&"))
    }
}

/// Returns an item of a list: that of a list of one for every index, as libpq does with ports.
fn nth(list: &str, index: usize) -> Option<&str> {
    if list.contains(',') { list.split(',').nth(index) } else { Some(list) }
}

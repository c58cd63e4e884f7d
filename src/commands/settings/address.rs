//! Addresses to listen on.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use crate::commands::Failure;

/// The address as a browser on this machine can reach it: an unspecified address (all interfaces) is replaced by
/// localhost.
pub(super) fn reachable(address: SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() }
}

/// Binds the address that this setting names.
pub(super) fn listen(setting: &str, address: &str) -> Result<TcpListener, Failure> {
    let address = resolve(setting, address)?;
    TcpListener::bind(address).map_err(|error| {
        Failure::failed(format!(
            "cannot listen on {address}: {error}; choose another address with {setting}, or port 0 for a free port"
        ))
    })
}

/// The address that this setting names.
pub(super) fn resolve(setting: &str, address: &str) -> Result<SocketAddr, Failure> {
    let invalid = |reason: String| Failure::invalid_value(address, setting, format!("not a HOST:PORT: {reason}"));
    let mut addresses = address.to_socket_addrs().map_err(|error| invalid(error.to_string()))?;
    addresses.next().ok_or_else(|| invalid("the host has no address".to_owned()))
}

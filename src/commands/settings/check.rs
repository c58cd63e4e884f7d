//! Settings that are checked against each other and against what they name.

use std::net::SocketAddr;

use super::{Settings, address::resolve, app_origins, cookie, exposure};
use crate::{
    commands::{Failure, random_text::random_text, secrets_file},
    config::{Config, Registration, Secrets},
};

impl Settings {
    /// The configuration of a server that listens on `address`. Adds to the warnings, which are to be logged once the
    /// server listens.
    pub(in crate::commands) fn to_config(
        &self,
        address: SocketAddr,
        warnings: &mut Vec<String>,
    ) -> Result<Config, Failure> {
        self.check_cookies(address)?;
        let secrets = self.secrets(&self.database_url()?, warnings)?;
        let mut config = self.to_config_with(address, self.database_url()?, secrets);
        self.read_named_files(&mut config)?;
        exposure::check(self.file.as_ref(), &config, address, warnings);
        Ok(config)
    }

    /// Checks all that a start checks, but creates no secrets. Returns those that there are.
    pub(in crate::commands) fn check(&self, address: SocketAddr) -> Result<Option<Secrets>, Failure> {
        self.check_cookies(address)?;
        let (database_url, mut warnings) = (self.database_url()?, Vec::new());
        let path = self.secrets_path(&database_url);
        let secrets = if self.secrets.is_some() {
            Some(self.secrets(&database_url, &mut warnings)?)
        } else if path.exists() {
            Some(secrets_file::read_or_create(&path, &mut warnings)?.0)
        } else {
            None
        };
        let placeholder = || Secrets::new(vec![random_text(32)?]).map_err(Failure::failed);
        self.read_named_files(&mut Config::new(database_url, secrets.clone().map_or_else(placeholder, Ok)?))?;
        Ok(secrets)
    }

    fn check_cookies(&self, address: SocketAddr) -> Result<(), Failure> {
        cookie::check(self.cookie_name.as_deref(), self.cookie_domain.as_deref(), &self.public_url(address))?;
        app_origins::check(self.app_origins(), &self.public_url(address))
    }

    /// Reads what settings name: keys of other programs, and files.
    fn read_named_files(&self, config: &mut Config) -> Result<(), Failure> {
        config.hash_secrets = self.hash_secrets.read()?;
        config.breached_passwords = self.breached_passwords()?;
        config.brand = self.brand()?;
        config.geoip = self.geoip()?;
        config.mail = self.mail()?;
        if self.sign_in.registration == Registration::Open && config.mail.is_none() {
            return Err(Failure::usage(
                "KEYRACK_REGISTRATION=open needs a mail server, which proves the addresses: set KEYRACK_SMTP_URL and \
                 KEYRACK_MAIL_FROM",
            ));
        }
        Ok(())
    }

    /// The address that a server would listen on, without listening there. Checks the one for metrics, too.
    pub(in crate::commands) fn resolve_addresses(&self) -> Result<SocketAddr, Failure> {
        if let Some(address) = &self.metrics_bind {
            resolve("--metrics-bind (KEYRACK_METRICS_BIND)", address)?;
        }
        resolve("--bind (KEYRACK_BIND)", &self.bind)
    }
}

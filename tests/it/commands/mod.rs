//! Runs the commands of the real binary, and checks their output and exit status.

mod brand;
mod breached_file_changes;
mod config;
mod demo;
mod demo_states;
mod doctor;
mod exposure;
mod hostile_text;
mod migrate;
mod passwords;
mod places;
mod proxy_warnings;
mod purge;
mod secrets_file;
mod serve;
mod session;
mod settings;
mod settings_blank;
mod settings_refused;
mod stop;
mod time_zone;
mod tls;
mod user;
mod user_import;

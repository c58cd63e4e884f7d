//! The commands, as a person or a program runs them: the real binary, its output and its exit status.

mod demo;
mod doctor;
mod migrate;
mod purge;
mod secrets_file;
mod serve;
mod session;
mod settings;
mod settings_refused;
mod stop;
mod time_zone;
mod user;

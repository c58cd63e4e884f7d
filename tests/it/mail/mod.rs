//! Mails, by a real mail server

mod test_command;

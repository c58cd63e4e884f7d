//! Brings in the users of another program, with their passwords as that program hashed them.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Accounts,
    email::Email,
    model::Role,
    name::{InvalidName, check_name},
    queries::{self, NewRow},
    stored_hash::{StoredHash, UnusableHash},
};
use crate::{
    clock::Timestamp,
    db::{DbConnection, UserId, history::ExpectedMark, settings},
    error::Result,
    events::{EventKind, record},
    sessions::User,
};

/// The fields of a line.
const FIELDS: [&str; 9] =
    ["email", "password_hash", "user_name", "first_name", "last_name", "role", "id", "created_at", "disabled"];

/// A line of the file, as it is written.
#[derive(Deserialize)]
struct Line {
    email: String,
    id: Option<String>,
    user_name: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    role: Option<String>,
    password_hash: Option<String>,
    created_at: Option<String>,
    disabled: Option<bool>,
}

/// A user to bring in. Its `Debug` hides the hash.
#[derive(Clone)]
pub struct ImportedUser {
    user: User,
    email: Email,
    /// The hash, and the name of its algorithm.
    password: Option<(String, &'static str)>,
    created_at: Option<Timestamp>,
    is_disabled: bool,
}

/// Why a line is refused. The message is for the operator; it never repeats a password hash.
#[derive(Debug, thiserror::Error)]
pub enum InvalidImport {
    /// No JSON, or no object with the expected fields.
    #[error("{0}")]
    Json(String),
    /// The address is invalid.
    #[error("email: {0}")]
    Email(super::InvalidEmail),
    /// The id is no UUID.
    #[error("id: use a UUID, such as 7f0c2f0e-8a57-4a0a-9d38-0c4a8d1b7c11")]
    Id,
    /// A name is too long, or has characters that are not shown.
    #[error("{0}: {1}")]
    Name(&'static str, InvalidName),
    /// There is no such role.
    #[error("role: use user or admin")]
    Role,
    /// The time is no time.
    #[error("created_at: use a time like 2026-01-28T11:50:14Z, not in the future")]
    CreatedAt,
    /// The hash can't be checked.
    #[error("password_hash: {0}")]
    Hash(UnusableHash),
}

/// What the database has of users that are to be brought in.
#[derive(Debug, Default)]
pub struct ExistingUsers {
    /// The addresses that have an account.
    pub addresses: HashSet<Email>,
    /// The ids that a user with another address has.
    pub ids_of_others: HashSet<UserId>,
}

/// What an import did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Users that were added.
    pub imported: usize,
    /// Users whose address had an account already, which was left as it is.
    pub existing: usize,
    /// Of those added, how many have a password hashed by each algorithm.
    pub password_hashes: BTreeMap<&'static str, usize>,
    /// Of those added, how many have no password.
    pub without_password: usize,
}

impl fmt::Debug for ImportedUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportedUser").field("user", &self.user).finish_non_exhaustive()
    }
}

impl ImportedUser {
    /// The address.
    pub fn email(&self) -> &Email {
        &self.email
    }

    /// The id: a new one, if the line has none.
    pub fn id(&self) -> UserId {
        self.user.id
    }
}

impl ImportReport {
    /// Counts a user that was added, or would be.
    pub fn count(&mut self, user: &ImportedUser) {
        self.imported += 1;
        match &user.password {
            Some((_, algorithm)) => *self.password_hashes.entry(algorithm).or_default() += 1,
            None => self.without_password += 1,
        }
    }

    /// Adds what another batch did.
    pub fn merge(&mut self, other: Self) {
        self.imported += other.imported;
        self.existing += other.existing;
        self.without_password += other.without_password;
        for (algorithm, count) in other.password_hashes {
            *self.password_hashes.entry(algorithm).or_default() += count;
        }
    }
}

impl Accounts {
    /// Reads a line of the file: a JSON object.
    pub fn read_imported_user(&self, line: &str) -> Result<ImportedUser, InvalidImport> {
        let line = parse_line(line).map_err(InvalidImport::Json)?;
        let email: Email = line.email.parse().map_err(InvalidImport::Email)?;
        let id = line.id.map(|id| id.parse()).transpose().map_err(|_| InvalidImport::Id)?;
        let names = [("user_name", &line.user_name), ("first_name", &line.first_name), ("last_name", &line.last_name)];
        for (field, name) in names {
            check_name(name.as_deref().unwrap_or_default()).map_err(|problem| InvalidImport::Name(field, problem))?;
        }
        let role = match line.role.as_deref() {
            None | Some("user") => Role::User,
            Some("admin") => Role::Admin,
            Some(_) => return Err(InvalidImport::Role),
        };
        let created_at = line.created_at.map(|text| self.past_time(&text)).transpose()?;
        let password = line.password_hash.map(|hash| self.with_algorithm(hash)).transpose()?;
        let user = User {
            id: id.unwrap_or_else(UserId::random),
            email: email.as_str().to_owned(),
            user_name: line.user_name,
            first_name: line.first_name,
            last_name: line.last_name,
            role: role.as_str().to_owned(),
        };
        Ok(ImportedUser { user, email, password, created_at, is_disabled: line.disabled.unwrap_or_default() })
    }

    fn past_time(&self, text: &str) -> Result<Timestamp, InvalidImport> {
        let time = Timestamp::parse(text).filter(|time| *time == time.clamped() && *time <= self.clock.now());
        time.ok_or(InvalidImport::CreatedAt)
    }

    fn with_algorithm(&self, hash: String) -> Result<(String, &'static str), InvalidImport> {
        let parsed = StoredHash::parse(&hash, self.passwords.secrets()).map_err(InvalidImport::Hash)?;
        Ok((hash, parsed.scheme().name()))
    }

    /// What the database has of these users already.
    pub async fn find_existing(&self, users: &[ImportedUser]) -> Result<ExistingUsers> {
        let emails: Vec<Email> = users.iter().map(|user| user.email.clone()).collect();
        let ids: Vec<UserId> = users.iter().map(|user| user.user.id).collect();
        let expected: HashSet<(UserId, Email)> = ids.iter().copied().zip(emails.iter().cloned()).collect();
        let find = move |connection: &mut DbConnection| {
            let accounts = queries::find_each(connection, &emails, &ExpectedMark::any())?;
            let addresses = emails.iter().zip(accounts).filter_map(|(email, account)| account.map(|_| email.clone()));
            Ok((addresses.collect(), queries::addresses_of(connection, &ids)?))
        };
        let (addresses, with_ids) = self.db.read(find).await?;
        let is_same = |id: UserId, address: &str| address.parse().is_ok_and(|email| expected.contains(&(id, email)));
        let of_others = with_ids.into_iter().filter(|(id, address)| !is_same(*id, address)).map(|(id, _)| id);
        Ok(ExistingUsers { addresses, ids_of_others: of_others.collect() })
    }

    /// Adds users, all or none of them, except those whose address has an account already.
    pub async fn import(&self, users: Vec<ImportedUser>) -> Result<ImportReport> {
        let (now, accounts) = (self.clock.now(), self.clone());
        let import = move |connection: &mut DbConnection| {
            let mut report = ImportReport::default();
            queries::lock_table(connection)?;
            for user in &users {
                if queries::find(connection, &user.email)?.is_some() {
                    report.existing += 1;
                } else {
                    accounts.insert_imported(connection, user, now)?;
                    report.count(user);
                }
            }
            if report.imported > 0 {
                settings::record_set_up(connection, now)?;
            }
            Ok(report)
        };
        let report = self.db.transaction(import).await?;
        self.stored_costs.invalidate();
        Ok(report)
    }

    fn insert_imported(&self, connection: &mut DbConnection, user: &ImportedUser, now: Timestamp) -> Result<()> {
        let id = user.user.id;
        let password_hash = user.password.as_ref().map(|(hash, _)| hash.clone());
        let created_at = user.created_at.unwrap_or(now);
        queries::insert(connection, &NewRow { user: user.user.clone(), password_hash, created_at, now })?;
        let event = self.event(EventKind::AccountCreated, id).detail("role", user.user.role.as_str());
        let event = event.detail("imported", true);
        let event = match user.password {
            Some((_, algorithm)) => event.detail("password_hash", algorithm),
            None => event,
        };
        record(connection, event, now)?;
        if user.is_disabled {
            queries::set_disabled(connection, id, Some(now), now)?;
            record(connection, self.event(EventKind::AccountDisabled, id), now)?;
        }
        Ok(())
    }
}

/// Parses a line. The messages of serde would repeat a value, which may be a hash in a wrong column.
fn parse_line(line: &str) -> Result<Line, String> {
    let value = serde_json::from_str(line).map_err(|_| "it is not JSON".to_owned())?;
    let Value::Object(fields) = value else { return Err("it is not a JSON object".to_owned()) };
    for (name, value) in &fields {
        let is_text_or_null = value.is_string() || value.is_null();
        match name.as_str() {
            "disabled" if !value.is_boolean() && !value.is_null() => {
                return Err("disabled: use true or false".to_owned());
            }
            "disabled" => {}
            "email" if !value.is_string() => return Err("email: use a text".to_owned()),
            known if FIELDS.contains(&known) && !is_text_or_null => return Err(format!("{known}: use a text or null")),
            known if FIELDS.contains(&known) => {}
            _ => return Err(format!("unknown field{}; the fields are {}", in_words(name), FIELDS.join(", "))),
        }
    }
    if !fields.contains_key("email") {
        return Err("the field email is missing".to_owned());
    }
    serde_json::from_value(Value::Object(fields)).map_err(|_| "its fields are malformed".to_owned())
}

/// The name of an unknown field, if it is one and no value that was taken for it.
fn in_words(name: &str) -> String {
    let is_name = name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if is_name { format!(" {name}") } else { String::new() }
}

//! Rows that several queries select.

use diesel::prelude::*;

use crate::{
    clock::Timestamp,
    db::{
        SessionId, UserId,
        schema::types::SqlTime,
        schema::{sessions, users},
    },
    sessions::{
        binding::Binding,
        device::ClientHints,
        model::{Client, SessionRecord, User},
        name::SessionName,
        policy::NO_ABSOLUTE_EXPIRY,
    },
    text::into_printable,
};

pub(super) type UserColumns =
    (users::id, users::email, users::user_name, users::first_name, users::last_name, users::role);
pub(super) const USER_COLUMNS: UserColumns =
    (users::id, users::email, users::user_name, users::first_name, users::last_name, users::role);

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
pub(crate) struct UserRow {
    id: UserId,
    email: String,
    user_name: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    role: String,
}

impl UserRow {
    /// `users.id`
    pub fn id(&self) -> UserId {
        self.id
    }
}

/// Cleans names and addresses, which another program may have written to the table or to a view.
impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        let UserRow { id, email, user_name, first_name, last_name, role } = row;
        let [user_name, first_name, last_name] =
            [user_name, first_name, last_name].map(|name| name.map(into_printable));
        Self { id, email: into_printable(email), user_name, first_name, last_name, role }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub(super) struct RecordRow {
    id: SessionId,
    user_id: UserId,
    #[diesel(select_expression = users::email)]
    email: String,
    ip_address: Option<String>,
    user_agent: Option<String>,
    client_hints: Option<String>,
    created_at: SqlTime,
    last_seen_at: SqlTime,
    expires_at: SqlTime,
    remembered: bool,
    authorised_by: String,
    logged_out_at: Option<SqlTime>,
    end_reason: Option<String>,
    name: Option<String>,
    from_new_browser: bool,
    last_ip_address: Option<String>,
    authenticated_at: Option<SqlTime>,
    bound_from: Option<SqlTime>,
}

impl RecordRow {
    /// Makes the record, with the texts cleaned, since another program may have written them. A session without an absolute expiry expires with its data.
    pub(super) fn with_data_expiry(self, data_expiry: Option<SqlTime>) -> SessionRecord {
        let absolute_expiry = Timestamp::from(self.expires_at);
        let has_absolute_expiry = absolute_expiry != NO_ABSOLUTE_EXPIRY;
        SessionRecord {
            id: self.id,
            user_id: self.user_id,
            email: into_printable(self.email),
            ip_address: self.ip_address.map(into_printable),
            user_agent: Client::new(None, self.user_agent.as_deref()).user_agent,
            client_hints: self.client_hints.as_deref().and_then(ClientHints::parse),
            created_at: self.created_at.into(),
            last_seen_at: self.last_seen_at.into(),
            expires_at: data_expiry.filter(|_| !has_absolute_expiry).map_or(absolute_expiry, Timestamp::from),
            has_absolute_expiry,
            remembered: self.remembered,
            authorised_by: into_printable(self.authorised_by),
            logged_out_at: self.logged_out_at.map(Timestamp::from),
            end_reason: self.end_reason,
            name: self.name.as_deref().and_then(SessionName::clean),
            from_new_browser: self.from_new_browser,
            last_ip_address: self.last_ip_address.map(into_printable),
            authenticated_at: self.authenticated_at.map(Timestamp::from),
            binding: Binding::of(self.bound_from.map(Timestamp::from)),
        }
    }
}

impl From<RecordRow> for SessionRecord {
    fn from(row: RecordRow) -> Self {
        row.with_data_expiry(None)
    }
}

//! `keyrack demo`

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Failure, output, random_text::random_text, serve, settings::Settings};
use crate::{
    Keyrack,
    accounts::{Accounts, Email, NewUser, Password, Role},
    clock::{Clock, Timestamp},
    config::Secrets,
    db::{Database, DatabaseOptions, DatabaseUrl},
    events,
    sessions::{Client, IssuedSession, NewSession, Policy, Proof, Sessions, WayIn},
};

/// A session in the sample data. Times are hours ago.
struct SampleSession {
    user_agent: &'static str,
    ip_address: &'static str,
    signed_in: u64,
    last_active: u64,
    remembered: bool,
    ended: Option<SampleEnd>,
}

/// How a sample session ended, and how many hours ago.
enum SampleEnd {
    SignedOut(u64),
    RevokedByAdmin(u64),
}

const SESSIONS: [SampleSession; 6] = [
    SampleSession {
        user_agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
        ip_address: "192.168.1.100",
        signed_in: 20,
        last_active: 3,
        remembered: false,
        ended: None,
    },
    SampleSession {
        user_agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
        ip_address: "203.0.113.24",
        signed_in: 9 * 24,
        last_active: 0,
        remembered: true,
        ended: None,
    },
    SampleSession {
        user_agent: "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1",
        ip_address: "2001:db8:85a3::8a2e:370:7334",
        signed_in: 12 * 24,
        last_active: 5 * 24,
        remembered: true,
        ended: None,
    },
    SampleSession {
        user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        ip_address: "198.51.100.7",
        signed_in: 4 * 24,
        last_active: 26,
        remembered: true,
        ended: None,
    },
    SampleSession {
        user_agent: "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
        ip_address: "203.0.113.77",
        signed_in: 12 * 24,
        last_active: 11 * 24,
        remembered: true,
        ended: Some(SampleEnd::SignedOut(10 * 24)),
    },
    SampleSession {
        user_agent: "curl/8.5.0",
        ip_address: "198.51.100.201",
        signed_in: 50,
        last_active: 50,
        remembered: false,
        ended: Some(SampleEnd::RevokedByAdmin(48)),
    },
];

const EMAIL: &str = "rajat.verma@example.com";

#[derive(clap::Args, Debug)]
pub(super) struct DemoOptions {
    /// Also show every page in every state, with sample data, at /states
    #[arg(long)]
    states: bool,
}

pub(super) async fn run(settings: &Settings, options: &DemoOptions) -> Result<(), Failure> {
    let folder = TemporaryFolder::create()?;
    let url: DatabaseUrl = format!("sqlite:{}", folder.0.join("demo.db").display()).parse().map_err(Failure::failed)?;
    crate::db::migrate(&url)?;
    let password = random_text(12)?;
    // What the sample data tells has not happened: it belongs into the table, not into the log.
    events::set_logged(false);
    let created = create_sample_data(&url, settings, &password).await;
    events::set_logged(true);
    created?;

    let listener = settings.listen()?;
    let address = listener.local_addr().map_err(Failure::failed)?;
    let mut config =
        settings.to_config_with(address, url, Secrets::new(vec![random_text(32)?]).map_err(Failure::failed)?);
    config.policy = Policy::default();
    config.brand = settings.brand()?;
    output::lines(format_args!(
        "A demo with sample data, which is deleted when it stops (Ctrl-C). Sign in at\n\n    {}/login\n\n\
         with the email    {EMAIL}\nand the password  {password}\n",
        config.public_url
    ));
    if options.states {
        output::lines(format_args!("Every page in every state:\n\n    {}/states\n", config.public_url));
    }
    let build_server = if options.states { Keyrack::server_with_states } else { Keyrack::server };
    serve::serve(listener, config, settings.workers(), None, &[], build_server).await
}

/// Creates the user and its sessions, each with a clock that is set to the sample's times.
async fn create_sample_data(url: &DatabaseUrl, settings: &Settings, password: &str) -> Result<(), Failure> {
    let now = Clock::System.now();
    let database = Database::open(DatabaseOptions::for_command(url.clone()));
    let sessions_at = |time| Sessions::new(database.clone(), Clock::fixed(time), Policy::default());
    let created = Clock::fixed(now - Duration::from_secs(30 * 24 * 3600));
    let accounts = Accounts::new(database.clone(), created, sessions_at(now), settings.hash_cost);
    accounts.create(user(password)?).await.map_err(|problem| Failure::failed(problem.to_string()))?;
    let email: Email = EMAIL.parse().map_err(Failure::failed)?;
    let account = accounts.find(&email).await?;
    let user = account.ok_or_else(|| Failure::failed("the sample user is missing"))?.user;
    // In the order in which things happened, as their events are listed.
    let mut steps: Vec<(u64, Step)> =
        SESSIONS.iter().map(|session| (session.signed_in, Step::Start(session))).collect();
    steps.extend(SESSIONS.iter().filter_map(|session| Some((session.ended.as_ref()?.hours_ago(), Step::End(session)))));
    steps.sort_by_key(|(hours_ago, _)| std::cmp::Reverse(*hours_ago));
    let password_changed_at = now - Duration::from_secs(30 * 24 * 3600);
    let proof = Proof {
        user,
        password_changed_at,
        must_change_password: false,
        way_in: WayIn::Password(None),
        passkey: None,
        second_factor: None,
    };
    let mut started = HashMap::new();
    for (_, step) in steps {
        match step {
            Step::Start(session) => {
                started.insert(session.user_agent, session.start(&proof, now, sessions_at).await?);
            }
            Step::End(session) => {
                if let Some(started) = started.get(session.user_agent) {
                    session.end(started, now, sessions_at).await?;
                }
            }
        }
    }
    Ok(())
}

/// What happened to a sample session.
enum Step {
    Start(&'static SampleSession),
    End(&'static SampleSession),
}

impl SampleEnd {
    fn hours_ago(&self) -> u64 {
        let (Self::SignedOut(hours) | Self::RevokedByAdmin(hours)) = self;
        *hours
    }
}

fn user(password: &str) -> Result<NewUser, Failure> {
    let email: Email = EMAIL.parse().map_err(Failure::failed)?;
    Ok(NewUser {
        email,
        user_name: Some("rajat.verma".to_owned()),
        first_name: Some("Rajat".to_owned()),
        last_name: Some("Verma".to_owned()),
        role: Role::User,
        password: Password::new(password),
    })
}

impl SampleSession {
    async fn start(
        &self,
        proof: &Proof,
        now: Timestamp,
        sessions_at: impl Fn(Timestamp) -> Sessions,
    ) -> Result<IssuedSession, Failure> {
        let ago = |hours: u64| sessions_at(now - Duration::from_secs(hours * 3600));
        let new = NewSession {
            proof: Some(proof.clone()),
            remember: self.remembered,
            client: Client::new(self.ip_address.parse().ok(), Some(self.user_agent)),
            ..NewSession::of(proof.user.id)
        };
        let started = ago(self.signed_in).start(new).await?;
        let last = ago(self.last_active);
        last.resume(&started.sid).await?;
        last.record_activity().await?;
        Ok(started)
    }

    async fn end(
        &self,
        started: &IssuedSession,
        now: Timestamp,
        sessions_at: impl Fn(Timestamp) -> Sessions,
    ) -> Result<(), Failure> {
        let ago = |hours: u64| sessions_at(now - Duration::from_secs(hours * 3600));
        match self.ended {
            None => {}
            Some(SampleEnd::SignedOut(hours)) => drop(ago(hours).sign_out(&started.sid).await?),
            Some(SampleEnd::RevokedByAdmin(hours)) => drop(ago(hours).revoke_by_admin(started.id).await?),
        }
        Ok(())
    }
}

/// A private temporary folder, removed when the demo ends.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn create() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("keyrack-demo-{}", random_text(6)?));
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| Failure::failed(format!("cannot create {}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let path: &Path = &self.0;
        if let Err(error) = fs::remove_dir_all(path) {
            output::error_lines(format_args!("keyrack: cannot remove {}: {error}", path.display()));
        }
    }
}

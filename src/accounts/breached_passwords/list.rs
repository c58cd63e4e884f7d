//! Follows a breach file: the list is what the file at its path contains now.
//!
//! The file may be replaced, shortened or damaged while a server runs. Before each lookup its stamp is compared, and a
//! file that has changed is verified, as at the start, before it is used. While there is no verified file, a new
//! password can't be checked, so that none is accepted; sign-ins go on without the lookup.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

use super::file::{BreachFile, InvalidBreachFile};
use crate::file_stamp::FileStamp;

/// How long a new password waits while a file that was replaced is verified. It keeps a hashing thread waiting, too. A
/// file of 250 million passwords is verified in this time.
const NEW_PASSWORD_PATIENCE: Duration = Duration::from_secs(1);

/// How long a sign-in waits for it. A lookup that is left out is made up for at the next sign-in.
const SIGN_IN_PATIENCE: Duration = Duration::from_millis(50);

/// The operator's list of leaked passwords. Clones share it.
#[derive(Clone)]
pub struct BreachedPasswords(Arc<Shared>);

struct Shared {
    path: PathBuf,
    state: Mutex<State>,
    verified: Condvar,
}

struct State {
    /// The verified file, or why there is none.
    file: Result<Arc<BreachFile>, UnusableBreachFile>,
    /// Of the file that was verified last, whether that is whole or not; `None` if it could not be read.
    stamp: Option<FileStamp>,
    is_verifying: bool,
    /// Whether the log has a warning about the file as it is now.
    has_warned: bool,
}

/// Why no password can be looked up in the list right now. The text is for operators.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the list of leaked passwords can't be used: {0}")]
pub struct UnusableBreachFile(String);

impl BreachedPasswords {
    /// Opens a file and verifies all of it. If another file takes its place, or it is written, it is verified again at
    /// the next lookup, and then used.
    ///
    /// # Errors
    /// If it can't be read, or is not a whole breach file.
    pub fn open(path: &Path) -> Result<Self, InvalidBreachFile> {
        let file = BreachFile::open(path)?;
        let state = State { stamp: Some(file.stamp), file: Ok(Arc::new(file)), is_verifying: false, has_warned: false };
        let shared = Shared { path: path.to_owned(), state: Mutex::new(state), verified: Condvar::new() };
        Ok(Self(Arc::new(shared)))
    }

    /// The number of passwords in the list; 0 while it can't be used.
    pub fn entries(&self) -> u64 {
        self.0.state.lock().file.as_ref().map_or(0, |file| file.entries())
    }

    /// Whether the list contains a new password, in Unicode's normal form C. One in a million passwords is found
    /// although the list does not contain it. Waits a moment while a file that was replaced is verified.
    ///
    /// # Errors
    /// If the file can't be read, is damaged, or is still being verified.
    pub(in crate::accounts) fn contains(&self, password: &str) -> Result<bool, UnusableBreachFile> {
        self.look_up(password, NEW_PASSWORD_PATIENCE)
    }

    /// Whether the list contains the password of a sign-in, which goes on in any case: false if it can't be looked up
    /// right now.
    pub(in crate::accounts) fn contains_if_usable(&self, password: &str) -> bool {
        self.look_up(password, SIGN_IN_PATIENCE).unwrap_or(false)
    }

    fn look_up(&self, password: &str, patience: Duration) -> Result<bool, UnusableBreachFile> {
        let file = self.verified_file(patience)?;
        file.contains(password).map_err(|problem| self.0.state.lock().note_problem(&problem))
    }

    /// The file, verified as it is now.
    fn verified_file(&self, patience: Duration) -> Result<Arc<BreachFile>, UnusableBreachFile> {
        let Shared { path, state, verified } = &*self.0;
        let mut state = state.lock();
        let now = FileStamp::at(path).ok();
        if now.is_none() || state.stamp != now {
            if !state.is_verifying {
                state.is_verifying = true;
                self.verify_in_background(&mut state);
            }
            verified.wait_while_for(&mut state, |state| state.is_verifying, patience);
            if state.is_verifying {
                return Err(UnusableBreachFile(format!("{} was replaced and is being verified", path.display())));
            }
        }
        state.file.clone()
    }

    /// Verifies the file on a thread of its own: it may be large, and a hashing thread has other work.
    fn verify_in_background(&self, state: &mut State) {
        let list = self.clone();
        let verify = move || {
            let before = FileStamp::at(&list.0.path).ok();
            let opened = BreachFile::open(&list.0.path);
            let mut state = list.0.state.lock();
            state.replace(before, opened);
            list.0.verified.notify_all();
        };
        if let Err(source) = thread::Builder::new().name("breach-file".to_owned()).spawn(verify) {
            state.replace(None, Err(InvalidBreachFile::Unreadable { path: self.0.path.clone(), source }));
        }
    }
}

impl State {
    /// Takes the result of a verification. `before` is the stamp that the file had when it began: a damaged file is not
    /// verified again until it has another one.
    fn replace(&mut self, before: Option<FileStamp>, opened: Result<BreachFile, InvalidBreachFile>) {
        self.is_verifying = false;
        match opened {
            Ok(file) => {
                tracing::info!(passwords = file.entries(), "the list of leaked passwords was read again");
                self.has_warned = false;
                self.stamp = Some(file.stamp);
                self.file = Ok(Arc::new(file));
            }
            Err(problem) => {
                let is_readable = !matches!(problem, InvalidBreachFile::Unreadable { .. });
                self.stamp = before.filter(|_| is_readable);
                self.file = Err(self.note_problem(&problem));
            }
        }
    }

    /// Logs a problem, once until the file is whole again.
    fn note_problem(&mut self, problem: &InvalidBreachFile) -> UnusableBreachFile {
        let problem = UnusableBreachFile(problem.to_string());
        if !std::mem::replace(&mut self.has_warned, true) {
            tracing::warn!(
                error = %problem,
                "new passwords are refused, and sign-ins don't look theirs up, until there is a whole file again: put \
                 one in its place, as `keyrack passwords build` writes it; no restart is needed"
            );
        }
        problem
    }
}

impl fmt::Debug for BreachedPasswords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreachedPasswords").field("path", &self.0.path).finish_non_exhaustive()
    }
}

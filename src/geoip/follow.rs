//! Follows the files: a file that takes another one's place is read in the background, and used from then on.
//!
//! While it is being read, and if it can't be used, the one before it stays in use: a place of last month is more than no
//! place, and nothing is decided by it.

use std::{
    fmt, iter,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    thread,
};

use parking_lot::Mutex;

use super::{
    attribution::Attribution,
    file::{GeoFile, InvalidGeoFile},
    location::{AddressKind, Location},
};
use crate::{clock::Timestamp, file_stamp::FileStamp};

/// The operator's files with places and networks. Clones share them.
#[derive(Clone, Default)]
pub struct GeoIp(Arc<[Slot]>);

/// A file that is followed.
struct Slot {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    file: Arc<GeoFile>,
    /// Of the file at the path when it was last read, whether it could be used or not; `None` if it was not there.
    seen: Option<FileStamp>,
    is_being_read: bool,
    /// Whether the log has a warning about the file as it is now.
    has_warned: bool,
}

/// The files as they are while a page is made.
#[derive(Default)]
pub(crate) struct GeoFiles(Vec<Arc<GeoFile>>);

impl GeoIp {
    /// Reads the files. What several of them say about an address is taken from the first one.
    ///
    /// # Errors
    /// If one of them can't be read, or is not in the format `.mmdb`.
    pub fn open(paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Result<Self, InvalidGeoFile> {
        let slots = paths.into_iter().map(|path| Slot::open(path.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self(slots))
    }

    /// Whether there are no files.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The files as they are now. Costs a system call for each.
    pub(crate) fn files(&self) -> GeoFiles {
        GeoFiles((0..self.0.len()).map(|index| self.file(index)).collect())
    }

    fn file(&self, index: usize) -> Arc<GeoFile> {
        let Slot { path, state } = &self.0[index];
        let now = FileStamp::at(path).ok();
        let mut state = state.lock();
        if state.seen != now && !state.is_being_read {
            state.is_being_read = true;
            let files = self.clone();
            let read = move || files.read_again(index);
            if let Err(source) = thread::Builder::new().name("geoip".to_owned()).spawn(read) {
                state.replace(None, Err(InvalidGeoFile::Unreadable { path: path.clone(), source }));
            }
        }
        Arc::clone(&state.file)
    }

    fn read_again(&self, index: usize) {
        let Slot { path, state } = &self.0[index];
        let before = FileStamp::at(path).ok();
        let opened = GeoFile::open(path);
        state.lock().replace(before, opened);
    }
}

impl Slot {
    fn open(path: &Path) -> Result<Self, InvalidGeoFile> {
        let file = Arc::new(GeoFile::open(path)?);
        let state = State { seen: Some(file.stamp), file, is_being_read: false, has_warned: false };
        Ok(Self { path: path.to_owned(), state: Mutex::new(state) })
    }
}

impl State {
    /// Takes what was read. `before` is the stamp that the file had then: one that can't be used is not read again until it
    /// has another one.
    fn replace(&mut self, before: Option<FileStamp>, opened: Result<GeoFile, InvalidGeoFile>) {
        self.is_being_read = false;
        match opened {
            Ok(file) => {
                tracing::info!(file = %file.path.display(), "the file of places was read again");
                self.seen = Some(file.stamp);
                self.has_warned = false;
                self.file = Arc::new(file);
            }
            Err(problem) => {
                self.seen = before;
                if !std::mem::replace(&mut self.has_warned, true) {
                    tracing::warn!(
                        error = %problem,
                        "pages show places from the file of before: put a complete file in its place (KEYRACK_GEOIP); no \
                         restart is needed"
                    );
                }
            }
        }
    }
}

impl fmt::Debug for GeoIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|slot| &slot.path)).finish()
    }
}

impl GeoFiles {
    /// Whether there are none, so that pages say nothing of places.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the files say about an address, with names in this language, where they have them. A file that is damaged
    /// there says nothing.
    pub fn locate(&self, address: IpAddr, language: &str) -> Location {
        let mut location = Location::default();
        if let AddressKind::Public(address) = AddressKind::of(address) {
            for file in &self.0 {
                if let Err(error) = file.look_up(address, language, &mut location)
                    && !file.has_warned.swap(true, Ordering::Relaxed)
                {
                    tracing::warn!(
                        file = %file.path.display(), %error,
                        "pages miss a place, since the file is damaged: put a complete one in its place (KEYRACK_GEOIP)"
                    );
                }
            }
        }
        location
    }

    /// Whether an address is one of a home or a company, which can't be located.
    pub fn is_private(address: IpAddr) -> bool {
        AddressKind::of(address) == AddressKind::Private
    }

    /// The lines that pages with places show.
    pub fn attributions(&self) -> Vec<Attribution> {
        let mut lines: Vec<Attribution> = Vec::new();
        for line in self.0.iter().filter_map(|file| file.attribution) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }

    /// When each file was made, by its path.
    pub fn built(&self) -> impl Iterator<Item = (&Path, Timestamp)> {
        self.0.iter().map(|file| (file.path.as_path(), file.built_at()))
    }

    /// Checks all of each file.
    pub fn problems(&self) -> impl Iterator<Item = InvalidGeoFile> {
        self.0.iter().flat_map(|file| iter::once(file.verify()).filter_map(Result::err))
    }
}

//! Session data: the JSON document `sess`, in the shape that express-session gives it, plus the user's keys.
//!
//! ```json
//! {"cookie": {"originalMaxAge": 86400000, "expires": "…", "secure": false, "httpOnly": true, "path": "/",
//!  "sameSite": "lax"}, "userId": "…", "email": "…", "role": "user", "status": "login", …}
//! ```
//!
//! The application's keys stand next to these. Each value keeps the text that it was read as, so that unchanged data is
//! written back byte for byte: unknown keys, their order, every number and escape.

mod cookie;
mod document;
mod patch;

pub(super) use cookie::CookieAttributes;
pub use document::SessionData;
pub(super) use document::SessionOwner;
pub use patch::DataPatch;

//! The verbs of the sessions module, on both engines: one contract for the store.

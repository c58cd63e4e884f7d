//! The tables: the seed's statements and records, the twin migrations, the guards.

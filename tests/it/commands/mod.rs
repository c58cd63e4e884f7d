//! The commands, as a person or a program runs them: the real binary, its output and its exit status.

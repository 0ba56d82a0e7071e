//! Factotum: the assistant, its builder and its command line.

//! The server from outside, over real sockets, with a store in memory and a model that follows a script.

mod support;

mod chat;

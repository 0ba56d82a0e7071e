//! The turn, the context and the ports around them.

//! The wire formats against a scripted server on a real socket: the contract of providers, the corpus of malformed
//! streams, and what a request looks like.

#![expect(clippy::unwrap_used, reason = "a test without its server or transcript has nothing to say")]

mod corpus;
mod harness;
mod litellm;
mod requests;
mod translate;

/// The contract, in the Messages format.
mod anthropic {
    agent_core::provider_contract!(crate::harness::Wire(&crate::harness::ANTHROPIC));
}

/// The contract, in the Responses format.
mod responses {
    agent_core::provider_contract!(crate::harness::Wire(&crate::harness::RESPONSES));
}

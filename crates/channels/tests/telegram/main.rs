//! Telegram's channel against a fake Telegram.

#![cfg(feature = "telegram")]

mod contract;
mod files;
mod polling;
mod reading;
mod rig;
mod sending;
mod webhook;

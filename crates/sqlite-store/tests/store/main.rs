//! The store from outside: one binary, since linking each file by itself takes longer than all of them run.

#[cfg(test)]
mod contract;
#[cfg(test)]
mod grouping;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod quiet;
mod reading;
#[cfg(test)]
mod support;
#[cfg(test)]
mod vectors;

//! Free TCP ports on 127.0.0.1.
//!
//! Ports are taken from below Linux's ephemeral range (32768 and up): a port from within it can be lost to any
//! outgoing connection between being picked and being listened on.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::net::TcpListener;

use anyhow::{Result, bail};

use crate::{lock, state::State};

const LOWEST: u16 = 20_000;
const HIGHEST: u16 = 32_000;

/// The lock to hold from [`free`] until the ports are written to a `stack.json`.
pub(crate) fn hold() -> Result<std::fs::File> {
    lock::exclusive("ports.lock")
}

/// `count` ports that nobody listens on and no other stack has been given.
pub(crate) fn free(count: usize) -> Result<Vec<u16>> {
    let taken: BTreeSet<u16> = State::all()?.iter().flat_map(|state| state.ports.values().copied()).collect();
    let range = HIGHEST - LOWEST;
    // Any start will do; a different one each time keeps stacks started at once from racing for the same ports.
    let start = u16::try_from(RandomState::new().hash_one(0) % u64::from(range)).unwrap_or_default();
    let mut found = Vec::with_capacity(count);
    for step in 0..range {
        let port = LOWEST + (start + step) % range;
        if !taken.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            found.push(port);
        }
        if found.len() == count {
            return Ok(found);
        }
    }
    bail!("no {count} free ports between {LOWEST} and {HIGHEST}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn free_ports_are_distinct_and_outside_of_the_ephemeral_range() {
        let ports = super::free(40).unwrap();
        let distinct: std::collections::BTreeSet<_> = ports.iter().collect();
        assert_eq!(distinct.len(), 40);
        assert!(ports.iter().all(|port| (super::LOWEST..super::HIGHEST).contains(port)));
    }
}

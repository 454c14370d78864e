//! Argo CD's repo-server: what a source holds once it is rendered. It is asked where a project restricts what may be
//! delivered, and is the same program that renders plain Applications.

mod client;
pub mod messages;
pub mod repo_creds;
pub mod repository;
pub mod request;

pub use client::{Options, RepoServer, RepoServerError};

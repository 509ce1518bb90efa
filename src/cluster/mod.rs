//! The pod: what it looks like, what its status means, and how to talk to it.
//!
//! [`manifest`], [`template`], [`privileges`], [`refusal`], [`rights`], [`status`], [`receiver`] and [`ways`] are pure;
//! [`ask`], [`client`], [`stream`], [`upload`], [`watch`], [`logs`], [`observe`], [`events`], [`secret`], [`pod_security`]
//! and [`session`] do I/O. A [`session::Session`] is one pod's life and emits [`crate::event::Event`]s; it prints nothing.

pub mod ask;
pub mod client;
pub mod events;
pub mod logs;
pub mod manifest;
pub mod observe;
pub mod pod_security;
pub mod privileges;
pub mod receiver;
pub mod refusal;
pub mod rights;
pub mod secret;
pub mod session;
pub mod status;
pub mod stream;
pub mod template;
pub mod upload;
pub mod watch;
pub mod ways;

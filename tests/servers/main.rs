//! Hearthkey against three unrelated authorization servers - npm's `oidc-provider`, Python's Authlib, our own sandbox - as
//! real processes, with a person who approves; and against servers that lie.

mod connecting;
mod device;
mod documents;
mod hostile;
mod leaving;
mod refusals;
mod renewing;
mod server;
mod visitor;

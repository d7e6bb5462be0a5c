//! Integration of the crates, and what holds for all of them.

mod borders;
mod licences;

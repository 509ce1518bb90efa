//! What the tests share: trees to build from, the binary to run, a cluster to run it against, images to look into.

pub mod cluster;
pub mod double;
pub mod image;
pub mod proxy;
pub mod tool;
pub mod tree;

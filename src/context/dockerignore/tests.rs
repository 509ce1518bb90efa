//! Tests of the whole module: recorded answers of upstream, laws that hold for any input, both dialects, and the
//! surprises of the rules one by one.

mod dialects;
mod properties;
mod surprises;
mod tree;
mod vectors;

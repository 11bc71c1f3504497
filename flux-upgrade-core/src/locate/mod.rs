//! Stage 2: an inventory to the sites in it.

mod site;

pub use site::{Consumer, Owner, Part, Site, SourceKey, Spot};

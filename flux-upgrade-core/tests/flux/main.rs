//! Flux's own manifests: rendering, recovery, proof, upgrade, and the checks around them, on a release that is made up here.

mod archive;
mod patches;
mod plan;
#[allow(dead_code, reason = "the command's tests use all of it")]
mod release;
mod render;
mod series;
mod upgrade;

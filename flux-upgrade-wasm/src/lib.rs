//! The native half of the npm package: JSON in, JSON out.
//!
//! Everything that a JavaScript author sees is written in TypeScript, in `js`.

use wasm_bindgen::prelude::wasm_bindgen;

/// Plans a JSON request and gives the JSON response.
#[wasm_bindgen]
#[must_use]
pub fn plan(request: &str) -> String {
    flux_upgrade_core::bridge::plan(request)
}

/// Migrates a JSON request and gives the JSON response.
#[wasm_bindgen]
#[must_use]
pub fn migrate(request: &str) -> String {
    flux_upgrade_core::bridge::migrate(request)
}

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

/// Renders Flux's manifests from a release archive and a JSON request, and gives the JSON response.
#[wasm_bindgen(js_name = renderFlux)]
#[must_use]
pub fn render_flux(archive: &[u8], request: &str) -> String {
    flux_upgrade_core::bridge::render_flux(archive, request)
}

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

/// Migrates a JSON request and gives the JSON response.
#[wasm_bindgen]
#[must_use]
pub fn migrate(request: &str) -> String {
    flux_upgrade_core::bridge::migrate(request)
}

/// Says what floats, locks it, goes back to a lock, or converts: a JSON request in, the JSON response out.
#[wasm_bindgen]
#[must_use]
pub fn ranges(request: &str) -> String {
    flux_upgrade_core::bridge::ranges(request)
}

/// A plan whose sources are asked by JavaScript; see [`flux_upgrade_core::bridge::Session`].
#[wasm_bindgen]
#[derive(Debug)]
pub struct Session(flux_upgrade_core::bridge::Session);

#[wasm_bindgen]
impl Session {
    /// Reads a request.
    ///
    /// # Errors
    ///
    /// The JSON text of the error.
    pub fn begin(request: &str) -> Result<Session, String> {
        flux_upgrade_core::bridge::Session::begin(request).map(Self)
    }

    /// Questions that are open.
    pub fn step(&mut self) -> String {
        self.0.step()
    }

    /// Begins with a question.
    pub fn start(&mut self, id: usize) -> String {
        self.0.start(id)
    }

    /// Takes a response.
    pub fn receive(&mut self, id: usize, head: &str, body: Vec<u8>) -> String {
        self.0.receive(id, head, body)
    }

    /// Tells that there was no response.
    pub fn unreachable(&mut self, id: usize, detail: &str) -> String {
        self.0.unreachable(id, detail)
    }

    /// Gives up on a question.
    pub fn fail(&mut self, id: usize, failure: &str) -> String {
        self.0.fail(id, failure)
    }

    /// Why an address must not be asked; empty where it may.
    #[must_use]
    pub fn refuses(&self, url: &str) -> String {
        self.0.refuses(url)
    }

    /// The JSON response, when all is answered.
    #[must_use]
    pub fn finish(&self) -> String {
        self.0.finish()
    }

    /// What was answered, as the text of a registry snapshot.
    #[must_use]
    pub fn snapshot(&self, taken: &str) -> String {
        self.0.snapshot(taken)
    }
}

//! The native half of the Python package: JSON in, JSON out, with the interpreter released.
//!
//! Everything that a Python author sees is written in Python, in `python/flux_upgrade`.

use std::panic::catch_unwind;

use flux_upgrade_core::bridge;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// Plans a JSON request and gives the JSON response.
///
/// A fault inside the core comes out as a `RuntimeError`; no panic crosses the border.
#[pyfunction]
fn plan(py: Python<'_>, request: &str) -> PyResult<String> {
    py.detach(|| catch_unwind(|| bridge::plan(request)))
        .map_err(|_| PyRuntimeError::new_err("flux-upgrade failed on this request: please report it"))
}

/// Renders Flux's manifests from a release archive and a JSON request, and gives the JSON response.
#[pyfunction]
fn render_flux(py: Python<'_>, archive: &[u8], request: &str) -> PyResult<String> {
    py.detach(|| catch_unwind(|| bridge::render_flux(archive, request)))
        .map_err(|_| PyRuntimeError::new_err("flux-upgrade failed on this archive: please report it"))
}

/// Everything that `flux_upgrade` needs from Rust.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(plan, module)?)?;
    module.add_function(wrap_pyfunction!(render_flux, module)?)
}

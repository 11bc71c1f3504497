//! The native half of the Python package: JSON in, JSON out, with the interpreter released.
//!
//! Everything that a Python author sees is written in Python, in `python/flux_upgrade`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{SystemTime, UNIX_EPOCH};

use flux_upgrade_core::bridge;
use flux_upgrade_core::host::{Cancel, plan_json};
use flux_upgrade_core::time::Timestamp;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// Plans a JSON request and gives the JSON response.
///
/// A fault inside the core comes out as a `RuntimeError`; no panic crosses the border.
#[pyfunction]
fn plan(py: Python<'_>, request: &str) -> PyResult<String> {
    call(py, request, bridge::plan)
}

/// Plans a JSON request by asking its sources: the JSON response, and a registry snapshot of what was said.
///
/// The interpreter is released; a signal that raises, such as Ctrl-C, ends the run.
#[pyfunction]
fn plan_live(py: Python<'_>, request: &str) -> PyResult<(String, String)> {
    let cancel = Cancel::default();
    let mut raised = None;
    let mut watch = |_: &flux_upgrade_core::host::Progress| {
        if raised.is_none()
            && let Err(error) = Python::attach(|py| py.check_signals())
        {
            raised = Some(error);
            cancel.set();
        }
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    let now = now.and_then(|time| i64::try_from(time.as_secs()).ok()).map(Timestamp::from_seconds);
    let asked = py.detach(|| catch_unwind(AssertUnwindSafe(|| plan_json(request, &cancel, &mut watch, now))));
    match raised {
        Some(error) => Err(error),
        None => asked
            .map_err(|_| PyRuntimeError::new_err("flux-upgrade failed on this request: please report it")),
    }
}

/// A plan whose sources are asked by Python; see `flux_upgrade_core::bridge::Session`.
#[pyclass]
struct Session(bridge::Session);

#[pymethods]
impl Session {
    /// Reads a request; a `ValueError` holds the JSON text of the error.
    #[new]
    fn new(py: Python<'_>, request: &str) -> PyResult<Self> {
        py.detach(|| bridge::Session::begin(request)).map(Self).map_err(PyValueError::new_err)
    }

    fn step(&mut self, py: Python<'_>) -> String {
        py.detach(|| self.0.step())
    }

    fn start(&mut self, id: usize) -> String {
        self.0.start(id)
    }

    fn receive(&mut self, py: Python<'_>, id: usize, head: &str, body: &[u8]) -> String {
        py.detach(|| self.0.receive(id, head, body.to_vec()))
    }

    fn unreachable(&mut self, id: usize, detail: &str) -> String {
        self.0.unreachable(id, detail)
    }

    fn fail(&mut self, id: usize, failure: &str) -> String {
        self.0.fail(id, failure)
    }

    fn finish(&self, py: Python<'_>) -> String {
        py.detach(|| self.0.finish())
    }
}

/// Migrates a JSON request and gives the JSON response; faults as for `plan`.
#[pyfunction]
fn migrate(py: Python<'_>, request: &str) -> PyResult<String> {
    call(py, request, bridge::migrate)
}

fn call(py: Python<'_>, request: &str, function: fn(&str) -> String) -> PyResult<String> {
    py.detach(|| catch_unwind(|| function(request)))
        .map_err(|_| PyRuntimeError::new_err("flux-upgrade failed on this request: please report it"))
}

/// Says what floats, locks it, goes back to a lock, or converts; faults as for `plan`.
#[pyfunction]
fn ranges(py: Python<'_>, request: &str) -> PyResult<String> {
    call(py, request, bridge::ranges)
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
    module.add_class::<Session>()?;
    module.add_function(wrap_pyfunction!(plan_live, module)?)?;
    module.add_function(wrap_pyfunction!(render_flux, module)?)?;
    module.add_function(wrap_pyfunction!(ranges, module)?)?;
    module.add_function(wrap_pyfunction!(migrate, module)?)
}

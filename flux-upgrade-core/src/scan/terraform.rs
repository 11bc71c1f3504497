//! Files of Terraform and OpenTofu.

use memchr::memmem;

use super::Inventory;
use crate::hcl;

/// Whether Terraform or OpenTofu reads files of this name, or writes them: modules, values of variables, the lock file.
///
/// Source: Terraform's documentation, "Files and Directories"; OpenTofu reads `.tofu` as well.
pub(crate) fn is_terraform(name: &str) -> bool {
    is_module(name) || name.ends_with(".tfvars") || name == LOCK
}

/// Where Terraform keeps the versions of providers that it chose, in the folder of a root module.
pub(crate) const LOCK: &str = ".terraform.lock.hcl";

fn is_module(name: &str) -> bool {
    name.ends_with(".tf") || name.ends_with(".tofu")
}

/// Reads the modules and the values of their variables, where any module speaks of Flux.
pub(super) fn read(inventory: &mut Inventory<'_>) {
    let files = inventory.files;
    let of_flux = |text: &str| memmem::find(text.as_bytes(), b"flux").is_some();
    if !files.iter().any(|file| is_module(file.path.name()) && of_flux(&file.text)) {
        return;
    }
    let mut wanted: Vec<usize> = (0..files.len())
        .filter(|file| files[*file].path.name() != LOCK && is_terraform(files[*file].path.name()))
        .collect();
    wanted.sort_by(|a, b| files[*a].path.cmp(&files[*b].path));
    for index in wanted {
        let file = &files[index];
        match hcl::read(&file.text) {
            Ok(block) => inventory.terraform.push((index, block)),
            Err(error) if of_flux(&file.text) => {
                let help = "this file is left alone; the others are read";
                inventory.report(index, "hcl.syntax", error.at, format!("not HCL: {error}"), help);
            }
            Err(_) => {}
        }
    }
}

locals {
  flux_provider = "1.4.0"
  flux_version  = var.flux_version
}

resource "flux_bootstrap_git" "this" {
  version = local.flux_version
}

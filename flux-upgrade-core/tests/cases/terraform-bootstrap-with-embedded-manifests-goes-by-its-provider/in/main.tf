terraform {
  required_providers {
    flux = {
      source  = "fluxcd/flux"
      version = "1.4.0"
    }
  }
}

resource "flux_bootstrap_git" "this" {
  embedded_manifests = true
  version            = "v2.6.4"
}

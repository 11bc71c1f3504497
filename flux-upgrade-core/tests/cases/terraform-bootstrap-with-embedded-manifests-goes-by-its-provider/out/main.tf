terraform {
  required_providers {
    flux = {
      source  = "fluxcd/flux"
      version = "1.8.5"
    }
  }
}

resource "flux_bootstrap_git" "this" {
  embedded_manifests = true
  version            = "v2.6.4"
}

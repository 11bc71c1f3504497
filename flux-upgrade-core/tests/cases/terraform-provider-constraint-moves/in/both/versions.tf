terraform {
  required_version = ">= 1.7.0"

  required_providers {
    flux = {
      source  = "registry.opentofu.org/fluxcd/flux"
      version = ">= 1.2, < 2.0"
    }
    github = {
      source  = "integrations/github"
      version = "5.18.0"
    }
  }
}

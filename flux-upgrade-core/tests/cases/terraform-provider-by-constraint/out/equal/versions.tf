terraform {
  required_version = ">= 1.7.0"

  required_providers {
    flux = {
      source  = "registry.terraform.io/fluxcd/flux"
      version = "= 1.8.5"
    }
    github = {
      source  = "integrations/github"
      version = "5.18.0"
    }
  }
}

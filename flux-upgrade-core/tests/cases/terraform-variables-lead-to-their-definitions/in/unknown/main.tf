variable "flux_version" {}

resource "flux_bootstrap_git" "this" {
  version = var.flux_version
}

# This file is maintained automatically by "terraform init".
# Manual edits may be lost in future updates.

provider "registry.terraform.io/fluxcd/flux" {
  version     = "1.2.2"
  constraints = "1.2.2"
  hashes = [
    "h1:made/up=",
  ]
}

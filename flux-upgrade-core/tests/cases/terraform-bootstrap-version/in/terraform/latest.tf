resource "flux_bootstrap_git" "floating" {
  version = "latest"
}

resource "flux_bootstrap_git" "by_provider" {
  path = "x"
}

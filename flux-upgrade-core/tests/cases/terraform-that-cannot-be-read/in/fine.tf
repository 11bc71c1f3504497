resource "flux_bootstrap_git" "that" {
  version = "v2.6.4"
}

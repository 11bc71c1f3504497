resource "flux_bootstrap_git" "this" {
  version = "v2.6.4
}

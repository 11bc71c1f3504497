# Flux on the cluster of the team.
resource "flux_bootstrap_git" "this" {
  path               = "clusters/one"
  version            = "v2.7.5" # moved by hand so far
  components_extra   = ["image-reflector-controller"]
  embedded_manifests = false
}

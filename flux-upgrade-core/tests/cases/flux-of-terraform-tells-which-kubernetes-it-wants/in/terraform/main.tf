variable "cluster_path" {
  default = "clusters/one"
}

resource "flux_bootstrap_git" "this" {
  path    = var.cluster_path
  version = "v2.7.5"
}

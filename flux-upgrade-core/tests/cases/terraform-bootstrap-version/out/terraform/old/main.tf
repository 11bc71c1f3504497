data "flux_install" "main" {
  target_path = "clusters/old"
  version     = "v2.7.5"
}

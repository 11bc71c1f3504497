module "staging" {
  source       = "./flux"
  flux_version = "v2.7.0"
}

module "elsewhere" {
  source       = "./other"
  flux_version = "v2.7.0"
}

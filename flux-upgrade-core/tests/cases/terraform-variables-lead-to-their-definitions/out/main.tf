module "staging" {
  source       = "./flux"
  flux_version = "v2.7.5"
}

module "elsewhere" {
  source       = "./other"
  flux_version = "v2.7.0"
}

module "bootstrap" {
  source  = "controlplaneio-fluxcd/flux-operator-bootstrap/kubernetes"
  version = "0.2.0"
}

module "by_git" {
  source = "git::https://github.com/controlplaneio-fluxcd/terraform-kubernetes-flux-operator-bootstrap.git?ref=v0.2.0&depth=1"
}

module "branch" {
  source = "github.com/controlplaneio-fluxcd/terraform-kubernetes-flux-operator-bootstrap?ref=main"
}

module "other" {
  source  = "terraform-aws-modules/eks/aws"
  version = "20.0.0" # not of flux
}

resource "helm_release" "flux_operator" {
  name       = "flux-operator"
  repository = "oci://ghcr.io/controlplaneio-fluxcd/charts"
  chart      = "flux-operator"
  version    = "0.31.0"
}

resource "helm_release" "flux_instance" {
  name    = "flux"
  chart   = "oci://ghcr.io/controlplaneio-fluxcd/charts/flux-instance"
  version = "0.30.x"

  set {
    name  = "instance.distribution.version"
    value = "2.7.5"
  }
  set {
    name  = "instance.sync.path"
    value = "1.2.3"
  }
}

resource "helm_release" "listed" {
  name       = "flux"
  repository = "oci://ghcr.io/controlplaneio-fluxcd/charts"
  chart      = "flux-instance"
  set = [
    { name = "instance.cluster.size", value = "1.0.0" },
    { name = "instance.distribution.version", value = "2.x" },
  ]
}

resource "helm_release" "community" {
  name       = "flux2"
  repository = "https://fluxcd-community.github.io/helm-charts"
  chart      = "flux2"
  version    = "2.17.2"
}

resource "helm_release" "other" {
  name       = "podinfo"
  repository = "https://stefanprodan.github.io/podinfo"
  chart      = "podinfo"
  version    = "6.0.0"
}

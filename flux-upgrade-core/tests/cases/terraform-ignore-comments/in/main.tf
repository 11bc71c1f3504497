# flux
resource "flux_bootstrap_git" "a" {
  // flux-upgrade: ignore
  version = "v2.6.4"
}

resource "flux_bootstrap_git" "b" {
  version = "v2.6.4" # flux-upgrade: ignore until 2026-01-01
}

resource "flux_bootstrap_git" "c" {
  version = "v2.6.4" // flux-upgrade: ignore until 2027-01-01
}

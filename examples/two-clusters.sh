#!/usr/bin/env bash
# Makes FOLDER: the repository of examples/two-clusters, with Flux 2.4.0 in both clusters as somebody bootstrapped it in 2024.
#
#   examples/two-clusters.sh FOLDER [--flux-releases DIR|URL]
#
# FLUX_UPGRADE names the program, otherwise it is built.
set -euo pipefail
folder=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
flux_upgrade() {
  if [ -n "${FLUX_UPGRADE:-}" ]; then "$FLUX_UPGRADE" "$@"; else cargo run -q -p flux-upgrade-cli -- "$@"; fi
}
mkdir -p "$folder"
cp -R "$here/two-clusters/." "$folder"
flux_upgrade install --export --version v2.4.0 "$@" \
  --components-extra image-reflector-controller,image-automation-controller --log-level debug \
  >"$folder/clusters/staging/flux-system/gotk-components.yaml"
flux_upgrade install --export --version v2.4.0 "$@" \
  --registry registry.example.com/fluxcd --image-pull-secret registry --toleration-keys dedicated \
  >"$folder/clusters/production/flux-system/gotk-components.yaml"

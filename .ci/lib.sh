# Shared by the scripts in this folder: timed steps, and what a bare machine lacks.
# shellcheck shell=bash
set -euo pipefail

export PATH="$HOME/.cargo/bin:$PATH"
export CARGO_TERM_COLOR=never NO_COLOR=1
# A build from nothing that happens once: what helps the next build or a debugger only fills the disk
# (13 GB with them, a third without).
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
started=$SECONDS
steps=()

# step NAME COMMAND…: runs the command, keeps what it prints, and says how long it took.
step() {
  local name=$1 from=$SECONDS
  shift
  printf '\n=== %s: %s\n' "$name" "$*"
  if ! "$@" 2>&1 | tee "$logs/$name"; then
    printf '\n=== %s FAILED after %d s\n' "$name" $((SECONDS - from))
    exit 1
  fi
  steps+=("$(printf '%5d s  %s' $((SECONDS - from)) "$name")")
}

# The time of each step, and what the build left on the disk.
step_times() {
  printf '\n=== seconds per step\n'
  printf '%s\n' "${steps[@]}"
  printf '%5d s  in all; %s in target\n' $((SECONDS - started)) "$(du -sh target 2>/dev/null | cut -f1)"
}

# What each runner of tests counted.
test_counts() {
  printf '\n=== tests\n'
  cat "$logs"/* | awk '
    /^test result: / { rust_passed += $4; rust_failed += $6; rust_ignored += $8 }
    /^(#|ℹ) (pass|fail|skipped) [0-9]+$/ { node[$2] += $3 }
    /[0-9] (passed|failed).* in [0-9.]+s/ { gsub(/^=+ | =+$/, ""); python = $0 }
    END {
      printf "test result: cargo   %d passed; %d failed; %d ignored\n", rust_passed, rust_failed, rust_ignored
      printf "test result: node    %d passed; %d failed; %d skipped\n", node["pass"], node["fail"], node["skipped"]
      printf "test result: pytest  %s\n", python
    }'
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

apt_install() {
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# system_package COMMAND PACKAGE: installs the package where the command is missing.
system_package() { command -v "$1" >/dev/null || apt_install "$2"; }

rust_toolchain() {
  system_package cc build-essential
  if ! command -v cargo >/dev/null; then
    system_package curl curl
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
      sh -s -- -y --no-modify-path --profile minimal --component clippy,rustfmt
  fi
}

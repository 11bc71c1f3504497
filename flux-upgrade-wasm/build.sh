#!/usr/bin/env bash
# Builds the npm package into dist/: the WebAssembly module, its glue and the compiled TypeScript.
#
# Uses rustup's wasm32 target where it can be had, else Debian's compiler and the standard library's sources.
set -euo pipefail
cd "$(dirname "$0")"
export PATH="$HOME/.cargo/bin:$PATH"

root=$(cd .. && pwd)
bindgen_version=0.2.130
target=wasm32-unknown-unknown
target_dir=$root/target/wasm
export RUSTFLAGS="--remap-path-prefix=$root=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"

say() { printf '%s\n' "$*" >&2; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

apt_install() {
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Compiles the crate given with whichever compiler knows the target.
compile() {
  local arguments=(build --profile wasm --target "$target" --target-dir "$target_dir" -p "$1")
  if rustup target add "$target" >/dev/null 2>&1; then
    say "compiling $1 with $(rustc --version)"
    cargo "${arguments[@]}"
    return
  fi
  if ! [ -x /usr/bin/cargo ] || ! [ -d /usr/src/rustc-"$(/usr/bin/rustc --version | cut -d' ' -f2)" ] ||
    ! command -v wasm-ld-19 >/dev/null; then
    apt_install rustc-web cargo-web rust-web-src lld-19
  fi
  say "compiling $1 with Debian's $(/usr/bin/rustc --version)"
  RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-19 \
    /usr/bin/cargo "${arguments[@]}" -Zbuild-std=std,panic_abort
}

if [ "${1:-}" = --compile-only ]; then
  compile "${2:?a crate to compile}"
  exit
fi

compile flux-upgrade-wasm

if [ "$(wasm-bindgen --version 2>/dev/null)" != "wasm-bindgen $bindgen_version" ]; then
  cargo install wasm-bindgen-cli --version "$bindgen_version"
fi

rm -rf dist js/native
mkdir -p dist
wasm-bindgen "$target_dir/$target/wasm/flux_upgrade_wasm.wasm" --out-dir js/native --out-name flux_upgrade \
  --target web --omit-default-module-path --no-typescript

# From npm, since distributions carry versions (108) that break the module's table without a word.
npm ci
npx wasm-opt -Oz --strip-debug --strip-producers --strip-target-features --enable-bulk-memory --enable-mutable-globals --enable-multivalue --enable-nontrapping-float-to-int \
  --enable-reference-types --enable-sign-ext js/native/flux_upgrade_bg.wasm -o dist/flux_upgrade_bg.wasm
rm js/native/flux_upgrade_bg.wasm

mkdir dist/cjs
printf '{ "type": "commonjs" }\n' >dist/cjs/package.json
npx tsc -p js/tsconfig.cjs.json
npx tsc -p js/tsconfig.json
cp ../LICENSE .

node -e '
  const { readFileSync } = require("node:fs"), { gzipSync, brotliCompressSync } = require("node:zlib");
  const bytes = readFileSync("dist/flux_upgrade_bg.wasm");
  console.log(`wasm size: ${bytes.length} bytes, gzip ${gzipSync(bytes, { level: 9 }).length}, brotli ${brotliCompressSync(bytes).length}`);
'

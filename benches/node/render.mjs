// Flux's own manifests through the WebAssembly build: archive to text, what a call of the package costs.
//
//     node benches/node/render.mjs ../shared/flux-releases/v2.9.4/manifests.tar.gz v2.9.4
//
// Build the package first: `flux-upgrade-wasm/build.sh`.
import { readFileSync } from "node:fs";
import { renderFlux } from "../../flux-upgrade-wasm/dist/node.mjs";

const [path, version] = process.argv.slice(2);
if (!version) {
  console.error("usage: node render.mjs ARCHIVE VERSION");
  process.exit(1);
}
const archive = readFileSync(path);
const times = [];
for (let run = 0; run < 120; run++) {
  const start = performance.now();
  await renderFlux(archive, version);
  // The first ones compile.
  if (run >= 20) times.push(performance.now() - start);
}
times.sort((a, b) => a - b);
const at = (share) => `${times[Math.floor(share * (times.length - 1))].toFixed(2)} ms`;
console.log(`${version}: median ${at(0.5)}, slowest tenth from ${at(0.9)}, of ${times.length}`);

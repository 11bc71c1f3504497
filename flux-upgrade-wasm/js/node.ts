// Node, compiled as CommonJS; node.mts gives the same objects to ES modules.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { initSync, plan, renderFlux as render } from "./native/flux_upgrade.js";
import { planner, renderer } from "./planner.js";

export * from "./index.js";

let ready = false;

function load() {
  if (!ready) initSync({ module: readFileSync(join(__dirname, "..", "flux_upgrade_bg.wasm")) });
  ready = true;
  return { plan, renderFlux: render };
}

export const planUpgrade = planner(load);
export const renderFlux = renderer(load);

// Node, compiled as CommonJS; node.mts gives the same objects to ES modules.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { initSync, plan } from "./native/flux_upgrade.js";
import { planner } from "./planner.js";

export * from "./index.js";

let ready = false;

export const planUpgrade = planner(() => {
  if (!ready) initSync({ module: readFileSync(join(__dirname, "..", "flux_upgrade_bg.wasm")) });
  ready = true;
  return { plan };
});

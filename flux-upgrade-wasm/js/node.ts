// Node, compiled as CommonJS; node.mts gives the same objects to ES modules.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { initSync, migrate, plan } from "./native/flux_upgrade.js";
import { migrator, planner } from "./planner.js";

export * from "./index.js";

let ready = false;

function native() {
  if (!ready) initSync({ module: readFileSync(join(__dirname, "..", "flux_upgrade_bg.wasm")) });
  ready = true;
  return { plan, migrate };
}

export const planUpgrade = planner(native);
export const migrateManifests = migrator(native);

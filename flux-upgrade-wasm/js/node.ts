// Node, compiled as CommonJS; node.mts gives the same objects to ES modules.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { initSync, migrate, plan, ranges, renderFlux as render, Session } from "./native/flux_upgrade.js";
import { floater, migrator, planner, recorder, renderer } from "./planner.js";

export * from "./index.js";

let ready = false;

function load() {
  if (!ready) initSync({ module: readFileSync(join(__dirname, "..", "flux_upgrade_bg.wasm")) });
  ready = true;
  return { plan, migrate, ranges, renderFlux: render, Session };
}

export const planUpgrade = planner(load);
export const migrateManifests = migrator(load);
export const renderFlux = renderer(load);
export const takeSnapshot = recorder(load);
export const { surveyRanges, lockRanges, rollBack, convertSites } = floater(load);

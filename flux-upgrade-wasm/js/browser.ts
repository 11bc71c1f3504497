// Browsers and bundlers: the module is fetched from beside this file at the first call.
import init, { migrate, plan, ranges, renderFlux as render, Session } from "./native/flux_upgrade.js";
import { floater, migrator, planner, recorder, renderer } from "./planner.js";

export * from "./index.js";

async function load() {
  await init({ module_or_path: new URL("./flux_upgrade_bg.wasm", import.meta.url) });
  return { plan, migrate, ranges, renderFlux: render, Session };
}

export const planUpgrade = planner(load);
export const migrateManifests = migrator(load);
export const renderFlux = renderer(load);
export const takeSnapshot = recorder(load);
export const { surveyRanges, lockRanges, rollBack, convertSites } = floater(load);

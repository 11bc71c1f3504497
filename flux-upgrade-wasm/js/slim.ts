// For hosts that bring the module's bytes themselves, from `flux-upgrade/flux_upgrade_bg.wasm`.
import { FluxUpgradeError } from "./error.js";
import { initSync, migrate, plan, ranges, renderFlux as render, Session } from "./native/flux_upgrade.js";
import { floater, migrator, planner, recorder, renderer } from "./planner.js";

export * from "./index.js";

let ready = false;

/** Makes the module ready, from its bytes or compiled; later calls do nothing. */
export function load(module: ArrayBuffer | ArrayBufferView | WebAssembly.Module): void {
  initSync({ module });
  ready = true;
}

function loaded() {
  if (!ready) throw new FluxUpgradeError("wasm.not-loaded", "`load` has not been called");
  return { plan, migrate, ranges, renderFlux: render, Session };
}

export const planUpgrade = planner(loaded);
export const migrateManifests = migrator(loaded);
export const renderFlux = renderer(loaded);
export const takeSnapshot = recorder(loaded);
export const { surveyRanges, lockRanges, rollBack, convertSites } = floater(loaded);

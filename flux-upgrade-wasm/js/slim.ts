// For hosts that bring the module's bytes themselves, from `flux-upgrade/flux_upgrade_bg.wasm`.
import { FluxUpgradeError } from "./error.js";
import { initSync, plan, renderFlux as render } from "./native/flux_upgrade.js";
import { planner, renderer } from "./planner.js";

export * from "./index.js";

let ready = false;

/** Makes the module ready, from its bytes or compiled; later calls do nothing. */
export function load(module: ArrayBuffer | ArrayBufferView | WebAssembly.Module): void {
  initSync({ module });
  ready = true;
}

function loaded() {
  if (!ready) throw new FluxUpgradeError("wasm.not-loaded", "`load` has not been called");
  return { plan, renderFlux: render };
}

export const planUpgrade = planner(loaded);
export const renderFlux = renderer(loaded);

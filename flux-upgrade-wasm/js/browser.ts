// Browsers and bundlers: the module is fetched from beside this file at the first call.
import init, { plan, renderFlux as render } from "./native/flux_upgrade.js";
import { planner, renderer } from "./planner.js";

export * from "./index.js";

async function load() {
  await init({ module_or_path: new URL("./flux_upgrade_bg.wasm", import.meta.url) });
  return { plan, renderFlux: render };
}

export const planUpgrade = planner(load);
export const renderFlux = renderer(load);

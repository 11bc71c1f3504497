// Browsers and bundlers: the module is fetched from beside this file at the first call.
import init, { plan } from "./native/flux_upgrade.js";
import { planner } from "./planner.js";

export * from "./index.js";

export const planUpgrade = planner(async () => {
  await init({ module_or_path: new URL("./flux_upgrade_bg.wasm", import.meta.url) });
  return { plan };
});

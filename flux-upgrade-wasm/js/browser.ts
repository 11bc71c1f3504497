// Browsers and bundlers: the module is fetched from beside this file at the first call.
import init, { migrate, plan } from "./native/flux_upgrade.js";
import { migrator, planner } from "./planner.js";

export * from "./index.js";

async function native() {
  await init({ module_or_path: new URL("./flux_upgrade_bg.wasm", import.meta.url) });
  return { plan, migrate };
}

export const planUpgrade = planner(native);
export const migrateManifests = migrator(native);

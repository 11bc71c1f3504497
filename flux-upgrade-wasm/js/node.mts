export { FluxUpgradeError, isFluxUpgradeError, migrateManifests, planUpgrade } from "./cjs/node.js";
export type * from "./cjs/index.js";

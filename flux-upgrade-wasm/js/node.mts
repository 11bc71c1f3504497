export { FluxUpgradeError, isFluxUpgradeError, migrateManifests, planUpgrade, renderFlux, takeSnapshot } from "./cjs/node.js";
export type * from "./cjs/index.js";

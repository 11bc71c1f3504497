export { FluxUpgradeError, isFluxUpgradeError, planUpgrade, renderFlux } from "./cjs/node.js";
export type * from "./cjs/index.js";

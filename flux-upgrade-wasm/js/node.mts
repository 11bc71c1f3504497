export { FluxUpgradeError, isFluxUpgradeError, planUpgrade } from "./cjs/node.js";
export type * from "./cjs/index.js";

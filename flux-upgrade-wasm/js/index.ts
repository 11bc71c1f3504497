// What every entry of the package exports, besides its own `planUpgrade`.
export { FluxUpgradeError, isFluxUpgradeError } from "./error.js";
export type * from "./types.js";

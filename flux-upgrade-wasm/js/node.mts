export {
  FluxUpgradeError,
  convertSites,
  isFluxUpgradeError,
  lockRanges,
  migrateManifests,
  planUpgrade,
  renderFlux,
  rollBack,
  surveyRanges,
  takeSnapshot,
} from "./cjs/node.js";
export type * from "./cjs/index.js";

import type { Location } from "./types.js";

/** A call that could not give its result. */
export class FluxUpgradeError extends Error {
  override readonly name = "FluxUpgradeError";
  /** Stable and never reworded, such as `rules.syntax`. */
  readonly code: string;
  /** What to do about it. */
  declare readonly help?: string;
  /** Where, when it is about a file. */
  declare readonly location?: Location;

  constructor(code: string, message: string, more: { help?: string; location?: Location; cause?: unknown } = {}) {
    super(message, "cause" in more ? { cause: more.cause } : undefined);
    this.code = code;
    if (more.help !== undefined) this.help = more.help;
    if (more.location !== undefined) this.location = more.location;
  }
}

/** Whether `value` is a `FluxUpgradeError`, also of another copy of this package. */
export function isFluxUpgradeError(value: unknown): value is FluxUpgradeError {
  return value instanceof Error && value.name === "FluxUpgradeError" && "code" in value;
}

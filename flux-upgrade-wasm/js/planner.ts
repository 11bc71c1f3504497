import { FluxUpgradeError } from "./error.js";
import type { FilePatch, Files, Location, Plan, PlanOptions, PlanUpgrade } from "./types.js";

/** The WebAssembly module: a JSON request in, a JSON response out. */
export interface Native {
  plan(request: string): string;
}

type Response =
  | {
      plan: Omit<Plan, "patches" | "diff" | "markdown">;
      diff: string;
      markdown: string;
      patched: Record<string, string>;
    }
  | { error: { code: string; message: string; help?: string; path?: string; line?: number; column?: number } };

/** `planUpgrade` over a module that `load` makes ready, at the first call and then at no cost. */
export function planner(load: () => Native | Promise<Native>): PlanUpgrade {
  return async (files, options = {}) => {
    const native = await load();
    const response = JSON.parse(call(native, request(files, options))) as Response;
    if ("error" in response) throw failure(response.error);
    const { plan, patched, diff, markdown } = response;
    const patches = Object.entries(patched).map(([path, text]): [string, FilePatch] => [path, { text }]);
    return { ...plan, patches: Object.fromEntries(patches), diff, markdown } as Plan;
  };
}

function request(files: Files, { snapshot, ...options }: PlanOptions): string {
  return JSON.stringify({ files, snapshot, options });
}

function call(native: Native, request: string): string {
  try {
    return native.plan(request);
  } catch (cause) {
    throw new FluxUpgradeError("internal", "flux-upgrade failed on this request: please report it", { cause });
  }
}

function failure(error: Extract<Response, { error: unknown }>["error"]): FluxUpgradeError {
  const { code, message, help, ...location } = error;
  return new FluxUpgradeError(code, message, { help, location: isPlace(location) ? location : undefined });
}

function isPlace(value: Partial<Location>): value is Location {
  return value.path !== undefined;
}

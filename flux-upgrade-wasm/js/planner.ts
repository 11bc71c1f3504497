import { FluxUpgradeError } from "./error.js";
import type {
  FilePatch,
  Files,
  Location,
  MigrateManifests,
  Migration,
  Plan,
  PlanOptions,
  PlanUpgrade,
  RenderFlux,
} from "./types.js";

/** The WebAssembly module: a JSON request in, a JSON response out. */
export interface Native {
  plan(request: string): string;
  renderFlux(archive: Uint8Array, request: string): string;
  migrate(request: string): string;
}

type Fault = {
  error: { code: string; message: string; help?: string; path?: string; line?: number; column?: number };
};

type Response =
  | {
      plan: Omit<Plan, "patches" | "diff" | "markdown">;
      diff: string;
      markdown: string;
      patched: Record<string, string>;
    }
  | Fault;

type MigrateResponse =
  | { migration: Omit<Migration, "patches" | "diff">; diff: string; patched: Record<string, string> }
  | Fault;

/** `planUpgrade` over a module that `load` makes ready, at the first call and then at no cost. */
export function planner(load: () => Native | Promise<Native>): PlanUpgrade {
  return async (files, options = {}) => {
    const native = await load();
    const text = request(files, options);
    const response = JSON.parse(call(() => native.plan(text))) as Response;
    if ("error" in response) throw failure(response.error);
    const { plan, patched, diff, markdown } = response;
    return { ...plan, patches: patchesOf(patched), diff, markdown } as Plan;
  };
}

/** `renderFlux` over a module that `load` makes ready. */
export function renderer(load: () => Native | Promise<Native>): RenderFlux {
  return async (archive, version, options = {}) => {
    const native = await load();
    const answer = call(() => native.renderFlux(archive, JSON.stringify({ version, options })));
    const response = JSON.parse(answer) as { text: string } | Fault;
    if ("error" in response) throw failure(response.error);
    return response.text;
  };
}

/** `migrateManifests` over a module that `load` makes ready. */
export function migrator(load: () => Native | Promise<Native>): MigrateManifests {
  return async (files, options = {}) => {
    const native = await load();
    const text = JSON.stringify({ files, options });
    const response = JSON.parse(call(() => native.migrate(text))) as MigrateResponse;
    if ("error" in response) throw failure(response.error);
    const { migration, patched, diff } = response;
    return { ...migration, patches: patchesOf(patched), diff } as Migration;
  };
}

function patchesOf(patched: Record<string, string>): Record<string, FilePatch> {
  return Object.fromEntries(Object.entries(patched).map(([path, text]): [string, FilePatch] => [path, { text }]));
}

function request(files: Files, { snapshot, ...options }: PlanOptions): string {
  return JSON.stringify({ files, snapshot, options });
}

function call(ask: () => string): string {
  try {
    return ask();
  } catch (cause) {
    throw new FluxUpgradeError("internal", "flux-upgrade failed on this request: please report it", { cause });
  }
}

function failure(error: Fault["error"]): FluxUpgradeError {
  const { code, message, help, ...location } = error;
  return new FluxUpgradeError(code, message, { help, location: isPlace(location) ? location : undefined });
}

function isPlace(value: Partial<Location>): value is Location {
  return value.path !== undefined;
}

import { FluxUpgradeError } from "./error.js";
import { ask, type NativeSession } from "./live.js";
import type {
  Fetch,
  FilePatch,
  Files,
  ConvertSites,
  Location,
  LockRanges,
  MigrateManifests,
  Migration,
  Plan,
  PlanOptions,
  PlanUpgrade,
  RenderFlux,
  RollBack,
  SurveyRanges,
  TakeSnapshot,
} from "./types.js";

/** The WebAssembly module: a JSON request in, a JSON response out. */
export interface Native {
  plan(request: string): string;
  renderFlux(archive: Uint8Array, request: string): string;
  migrate(request: string): string;
  ranges(request: string): string;
  Session: { begin(request: string): NativeSession };
}

type Fault = {
  error: { code: string; message: string; help?: string; path?: string; line?: number; column?: number };
};

type Response =
  | {
      plan: Omit<Plan, "patches" | "diff" | "markdown" | "jsonPatch">;
      diff: string;
      markdown: string;
      jsonPatch: Plan["jsonPatch"];
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
    const { fetch } = options;
    if (fetch === undefined) return planOf(call(() => native.plan(request(files, options))));
    return inSession(native, files, { ...options, fetch }, (session) => planOf(session.finish()));
  };
}

/** `takeSnapshot` over a module that `load` makes ready. */
export function recorder(load: () => Native | Promise<Native>): TakeSnapshot {
  return async (files, options) => {
    const taken = new Date().toISOString();
    const use = (session: NativeSession): object => JSON.parse(session.snapshot(taken)) as object;
    return inSession(await load(), files, options, use, true);
  };
}

/** What `use` makes of a session whose sources were all asked. */
async function inSession<T>(
  native: Native,
  files: Files,
  options: PlanOptions & { fetch: Fetch },
  use: (session: NativeSession) => T,
  record = false,
): Promise<T> {
  if (options.snapshot !== undefined) {
    throw new FluxUpgradeError("options.value", "`snapshot` and `fetch` are two answers to one question: pass one of them");
  }
  const session = opened(native, request(files, options, record));
  try {
    await ask(session, options);
    return call(() => use(session));
  } finally {
    session.free();
  }
}

function opened(native: Native, text: string): NativeSession {
  try {
    return native.Session.begin(text);
  } catch (cause) {
    // An error of the request comes as its JSON, any other is a fault of the module.
    if (typeof cause !== "string") return call(() => { throw cause; });
    throw failure((JSON.parse(cause) as Fault).error);
  }
}

function planOf(text: string): Plan {
  const response = JSON.parse(text) as Response;
  if ("error" in response) throw failure(response.error);
  const { plan, patched, diff, markdown, jsonPatch } = response;
  return { ...plan, patches: patchesOf(patched), diff, markdown, jsonPatch } as Plan;
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
    const text = JSON.stringify({ files: contents(files), options });
    const response = JSON.parse(call(() => native.migrate(text))) as MigrateResponse;
    if ("error" in response) throw failure(response.error);
    const { migration, patched, diff } = response;
    return { ...migration, patches: patchesOf(patched), diff } as Migration;
  };
}

/** `surveyRanges`, `lockRanges`, `rollBack` and `convertSites` over a module that `load` makes ready. */
export function floater(load: () => Native | Promise<Native>): {
  surveyRanges: SurveyRanges;
  lockRanges: LockRanges;
  rollBack: RollBack;
  convertSites: ConvertSites;
} {
  const ask = async (files: Files, request: object): Promise<string> => {
    const native = await load();
    return call(() => native.ranges(JSON.stringify({ ...request, files: contents(files) })));
  };
  const answer = async <T>(files: Files, request: object): Promise<T> => {
    const response = JSON.parse(await ask(files, request)) as T | Fault;
    if (typeof response === "object" && response !== null && "error" in response) throw failure(response.error);
    return response as T;
  };
  return {
    async surveyRanges(files, { snapshot, ...options } = {}) {
      return (await answer<{ ranges: Awaited<ReturnType<SurveyRanges>> }>(files, { do: "survey", snapshot, options })).ranges;
    },
    async lockRanges(files, { snapshot, lock, ...options } = {}) {
      const { text, check } = await answer<{ text: string; check: object }>(files, { do: "lock", snapshot, lock, options });
      return { ...check, text } as Awaited<ReturnType<LockRanges>>;
    },
    async rollBack(files, lock, options = {}) {
      return planOf(await ask(files, { do: "rollback", lock, options }));
    },
    async convertSites(files, { snapshot, ...options }) {
      return planOf(await ask(files, { do: "convert", snapshot, options }));
    },
  };
}

function patchesOf(patched: Record<string, string>): Record<string, FilePatch> {
  return Object.fromEntries(Object.entries(patched).map(([path, text]): [string, FilePatch] => [path, { text }]));
}

function request(files: Files, given: PlanOptions, record = false): string {
  const { snapshot, fetch, signal, credentials, proxy, onProgress, concurrency, perHost, retries, timeoutMs, ...rest } =
    given;
  const { allowHosts, maxIndexBytes, ...options } = rest;
  if (fetch === undefined) return JSON.stringify({ files: contents(files), snapshot, options });
  // The module has no clock.
  return JSON.stringify({
    files: contents(files),
    options: { now: new Date().toISOString(), ...options },
    sources: { allowHosts, maxIndexBytes, record },
  });
}

/** Texts as they are; of bytes the text, or where they are none the bytes themselves. */
function contents(files: Files): Record<string, string | number[]> {
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const read = (content: string | Uint8Array): string | number[] => {
    if (typeof content === "string") return content;
    try {
      return utf8.decode(content);
    } catch {
      return [...content];
    }
  };
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [path, read(content)]));
}

function call<T>(ask: () => T): T {
  try {
    return ask();
  } catch (cause) {
    if (cause instanceof FluxUpgradeError) throw cause;
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

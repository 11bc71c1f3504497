// Carries the requests of a session with `fetch`: the module says what to send, and reads what comes back.
import { FluxUpgradeError } from "./error.js";
import type { Credential, Fetch, LiveOptions, Progress } from "./types.js";

/** A plan in the making inside the module; each call gives JSON. */
export interface NativeSession {
  step(): string;
  start(id: number): string;
  receive(id: number, head: string, body: Uint8Array): string;
  unreachable(id: number, detail: string): string;
  fail(id: number, failure: string): string;
  refuses(url: string): string;
  finish(): string;
  snapshot(taken: string): string;
  free(): void;
}

type Asked = { id: number; host: string; source: string };

type Wanted = {
  method: string;
  url: string;
  headers: [string, string][];
  body: string;
  maxBodyBytes: number;
  attach: "nothing" | "ifAny" | "required" | "tokenService";
  source: string;
};

type Next = { send: Wanted } | { answered: true; failed?: string } | { error: { code: string; message: string } };

/** How a request ends without a response that the module could read. */
class Failed extends Error {
  constructor(readonly failure: Record<string, unknown>) {
    super();
  }
}

const passing = new Set([429, 500, 502, 503, 504]);
const redirects = new Set([301, 302, 303, 307, 308]);

/** Asks every source; the session can be finished then. */
export async function ask(session: NativeSession, options: LiveOptions & { fetch: Fetch }): Promise<void> {
  const { concurrency = 16, perHost = 6, signal } = options;
  const progress = { asked: 0, done: 0, failed: 0, host: "" };
  for (;;) {
    const step = JSON.parse(session.step()) as { ask: Asked[] } | { done: true };
    if ("done" in step) return;
    const waiting = [...step.ask];
    progress.asked += waiting.length;
    const busy = new Map<string, number>();
    // Each worker takes the next question whose host has room; the last one of a host that is full takes the others.
    const work = async (): Promise<void> => {
      for (;;) {
        const at = waiting.findIndex(({ host }) => (busy.get(host) ?? 0) < perHost);
        if (at < 0) return;
        const [query] = waiting.splice(at, 1) as [Asked];
        busy.set(query.host, (busy.get(query.host) ?? 0) + 1);
        tell(options.onProgress, Object.assign(progress, { host: query.host }));
        const failed = await talk(session, query.id, options);
        busy.set(query.host, (busy.get(query.host) ?? 1) - 1);
        progress.done += 1;
        if (failed) progress.failed += 1;
        tell(options.onProgress, progress);
      }
    };
    signal?.throwIfAborted();
    await Promise.all(Array.from({ length: Math.max(1, Math.min(concurrency, waiting.length)) }, work));
  }
}

function tell(watch: LiveOptions["onProgress"], progress: Progress): void {
  watch?.({ ...progress });
}

/** One question to its end; whether it failed. */
async function talk(session: NativeSession, id: number, options: LiveOptions & { fetch: Fetch }): Promise<boolean> {
  let next = JSON.parse(session.start(id)) as Next;
  for (;;) {
    if ("error" in next) throw new FluxUpgradeError(next.error.code, next.error.message);
    if ("answered" in next) return next.failed !== undefined;
    let text: string;
    try {
      const { head, body } = await carry(session, next.send, options);
      text = session.receive(id, JSON.stringify(head), body);
    } catch (cause) {
      options.signal?.throwIfAborted();
      if (cause instanceof Failed) text = session.fail(id, JSON.stringify(cause.failure));
      else if (cause instanceof Unreachable) text = session.unreachable(id, cause.message);
      else throw cause;
    }
    next = JSON.parse(text) as Next;
  }
}

class Unreachable extends Error {}

/** A response, after retries and redirects. */
async function carry(session: NativeSession, wanted: Wanted, options: LiveOptions & { fetch: Fetch }) {
  const { retries = 2 } = options;
  const credential = await credentialFor(wanted, options);
  if (wanted.attach === "required" && credential === undefined) throw new Failed({ kind: "unauthorized" });
  const asked = dressed(wanted, credential);
  for (let attempt = 0; ; attempt += 1) {
    let wait = 250 * 2 ** attempt * (1 + Math.random());
    try {
      const response = await follow(session, asked, options);
      if (!passing.has(response.head.status) || attempt >= retries) return response;
      const after = retryAfter(response.head.headers);
      if (after !== undefined && after > 30_000) return response;
      wait = after ?? wait;
    } catch (cause) {
      if (!(cause instanceof Unreachable) || attempt >= retries) throw cause;
    }
    await sleep(wait, options.signal);
  }
}

async function credentialFor(wanted: Wanted, { credentials }: LiveOptions): Promise<Credential | undefined> {
  if (wanted.attach === "nothing" || credentials === undefined) return undefined;
  return (await credentials({ source: wanted.source, url: wanted.url })) ?? undefined;
}

/** The request with the credential that it wants. */
function dressed(wanted: Wanted, credential: Credential | undefined): Wanted {
  if (credential === undefined) return wanted;
  const value =
    "token" in credential
      ? `Bearer ${credential.token}`
      : `Basic ${base64(`${credential.username}:${credential.password}`)}`;
  return { ...wanted, headers: [...wanted.headers, ["Authorization", value]] };
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

/** `Retry-After` in milliseconds: seconds, or a date. */
function retryAfter(headers: [string, string][]): number | undefined {
  const text = headers.find(([name]) => name === "retry-after")?.[1].trim();
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/**
 * Sends a request and follows where it is led, each address looked at first. Browsers do not show where a redirect leads; there
 * they follow it themselves, and leave credentials behind at other hosts.
 */
async function follow(session: NativeSession, wanted: Wanted, options: LiveOptions & { fetch: Fetch }) {
  let { url } = wanted;
  for (let hops = 0; ; hops += 1) {
    const why = session.refuses(url);
    if (why !== "") throw new Failed({ kind: "unreachable", detail: why });
    const { head, body, location } = await once(wanted, url, options);
    if (location === undefined) return { head, body };
    const malformed = (detail: string) => new Failed({ kind: "malformed", detail });
    if (hops >= 5) throw malformed("it redirects more than 5 times");
    if (wanted.method === "POST") throw malformed("it redirects a request that has a body");
    const next = URL.canParse(location, url) ? new URL(location, url) : undefined;
    if (next === undefined || !/^https?:$/.test(next.protocol)) {
      throw malformed("it redirects to what is no address of HTTP");
    }
    if (next.protocol === "http:" && url.startsWith("https:")) {
      throw malformed(`it redirects from https to plain HTTP at ${next.host}`);
    }
    if (next.href === url) throw malformed("it redirects in a circle");
    url = next.href;
  }
}

async function once(wanted: Wanted, url: string, options: LiveOptions & { fetch: Fetch }) {
  const { timeoutMs = 60_000, signal, proxy } = options;
  const time = new AbortController();
  const timer = setTimeout(() => time.abort(), timeoutMs);
  const stop = () => time.abort();
  signal?.addEventListener("abort", stop, { once: true });
  const own = new URL(url).origin === new URL(wanted.url).origin;
  const headers = wanted.headers.filter(([name]) => own || name.toLowerCase() !== "authorization");
  const init: RequestInit = { method: wanted.method, headers, signal: time.signal, credentials: "omit" };
  if (wanted.method === "POST") init.body = wanted.body;
  const target = proxy === undefined ? url : proxy(url);
  try {
    signal?.throwIfAborted();
    let response = await options.fetch(target, { ...init, redirect: "manual" });
    if (response.type === "opaqueredirect") response = await options.fetch(target, { ...init, redirect: "follow" });
    const found = redirects.has(response.status) ? (response.headers.get("location") ?? undefined) : undefined;
    const body = found === undefined ? await read(response, wanted) : new Uint8Array();
    // What a proxy says of itself is nobody's address.
    const seen = proxy === undefined && response.redirected && response.url !== "" ? response.url : url;
    const head = { url: seen, status: response.status, headers: [...response.headers] };
    return { head, body, location: found };
  } catch (cause) {
    if (cause instanceof Failed) throw cause;
    signal?.throwIfAborted();
    if (time.signal.aborted) throw new Unreachable(`no whole answer within ${Math.ceil(timeoutMs / 1000)} s`);
    throw new Unreachable(words(cause));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/** The body, no longer than it may be; pages of errors are not read to their end. */
async function read(response: Response, wanted: Wanted): Promise<Uint8Array> {
  const limit = response.ok ? wanted.maxBodyBytes : 64 << 10;
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > limit) {
      await reader.cancel();
      if (!response.ok) break;
      throw new Failed({ kind: "tooLarge", limitBytes: limit });
    }
    parts.push(value);
  }
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** What `fetch` says: in Node the cause names it, browsers tell nothing of other origins. */
function words(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const code = inner instanceof Error && "code" in inner ? String(inner.code) : "";
  if (cause instanceof TypeError && inner === cause) {
    return "no answer, or none that a page may read (CORS); `proxy` asks another way";
  }
  const known: Record<string, string> = {
    ECONNREFUSED: "the connection is refused",
    ECONNRESET: "the connection was cut",
    UND_ERR_SOCKET: "the connection was cut",
    ENOTFOUND: "no address is known for its name",
    EAI_AGAIN: "no address is known for its name",
  };
  return known[code] ?? (inner instanceof Error ? inner.message : String(inner));
}

function sleep(time: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => (clearTimeout(timer), reject(signal?.reason));
    const timer = setTimeout(() => (signal?.removeEventListener("abort", stop), resolve()), time);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

// Plans that ask: `fetch` against a chart repository, a registry with tokens and a git server on this machine.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { planUpgrade, takeSnapshot } from "flux-upgrade";

const oid = "0123456789abcdef0123456789abcdef01234567";

/** What sources in order say: versions 1.0.0 and 1.1.0. The registry wants a token, and pages its tags. */
function good(request, response) {
  const { pathname, searchParams } = new URL(request.url, "http://x");
  const json = (body, headers = {}) => response.writeHead(200, headers).end(JSON.stringify(body));
  if (pathname === "/charts/index.yaml") {
    return response.end(
      "apiVersion: v1\nentries:\n  app:\n  - {name: app, version: 1.1.0, urls: [a.tgz]}\n  - {name: app, version: 1.0.0, urls: [a.tgz]}\n",
    );
  }
  if (pathname.endsWith("/info/refs")) {
    const line = (text) => `${(text.length + 5).toString(16).padStart(4, "0")}${text}\n`;
    const refs = ["1.0.0", "1.1.0"].map((tag) => line(`${oid} refs/tags/${tag}`));
    return response.end(`${line("# service=git-upload-pack")}0000${refs.join("")}0000`);
  }
  if (pathname === "/token") return json({ token: `t-${searchParams.get("scope")}` });
  if (pathname === "/v2/team/app/tags/list") {
    if (request.headers.authorization !== "Bearer t-repository:team/app:pull") {
      const scheme = request.headers.host.endsWith(".example.com") ? "https" : "http";
      const realm = `Bearer realm="${scheme}://${request.headers.host}/token",service="test"`;
      return response.writeHead(401, { "www-authenticate": realm }).end();
    }
    if (searchParams.has("last")) return json({ tags: ["1.1.0"] });
    return json({ tags: ["1.0.0"] }, { link: '</v2/team/app/tags/list?last=1.0.0>; rel="next"' });
  }
  response.writeHead(404).end();
}

/** A server for one test: its `host:port`, and what it has seen. */
async function serve(context, handler) {
  const seen = [];
  const server = createServer((request, response) => {
    seen.push({ method: request.method, url: request.url, authorization: request.headers.authorization });
    handler(request, response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => (server.closeAllConnections(), server.close()));
  return { host: `127.0.0.1:${server.address().port}`, seen };
}

const source = (kind, name, spec) =>
  `---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: apps}\nspec:\n${spec}`;

const release = (name) => `---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: ${name}, namespace: apps}
spec: {chart: {spec: {chart: app, version: 1.0.0, sourceRef: {kind: HelmRepository, name: ${name}}}}}
`;

/** A repository with a chart, an artifact and a git repository at each of the hosts. */
function repository(...hosts) {
  const parts = hosts.flatMap((host, n) => [
    source("HelmRepository", `helm${n}`, `  url: http://${host}/charts\n`),
    release(`helm${n}`),
    source("OCIRepository", `oci${n}`, `  url: oci://${host}/team/app\n  insecure: true\n  ref: {tag: 1.0.0}\n`),
    source("GitRepository", `git${n}`, `  url: http://${host}/app.git\n  ref: {tag: 1.0.0}\n`),
  ]);
  return { "apps.yaml": parts.join("") };
}

/** What became of each object. */
function outcomes({ changes, held }) {
  const why = ({ reason }) => (reason.kind === "unanswered" ? JSON.stringify(reason.failure) : reason.kind);
  return Object.fromEntries([
    ...changes.map((change) => [change.owner.name, change.to]),
    ...held.map((one) => [one.owner.name, why(one)]),
  ]);
}

const allowHosts = ["127.0.0.1", "localhost"];
const all = (value, n = 0) => ({ [`helm${n}`]: value, [`oci${n}`]: value, [`git${n}`]: value });

test("charts, tags and refs are asked, each once", async (context) => {
  const { host, seen } = await serve(context, good);
  const files = repository(host);
  const told = [];
  const plan = await planUpgrade(files, { fetch, allowHosts, onProgress: (progress) => told.push(progress) });
  assert.deepEqual(outcomes(plan), all("1.1.0"));
  assert.match(plan.patches["apps.yaml"].text, /tag: 1\.1\.0/);
  assert.deepEqual(seen.map(({ method, url }) => `${method} ${url}`).sort(), [
    "GET /app.git/info/refs?service=git-upload-pack",
    "GET /charts/index.yaml",
    "GET /token?service=test&scope=repository%3Ateam%2Fapp%3Apull",
    "GET /v2/team/app/tags/list?last=1.0.0",
    "GET /v2/team/app/tags/list?n=1000",
    "GET /v2/team/app/tags/list?n=1000",
  ]);
  assert.deepEqual(told.at(-1), { asked: 3, done: 3, failed: 0, host });
  const snapshot = await takeSnapshot(files, { fetch, allowHosts });
  assert.deepEqual(await planUpgrade(files, { snapshot }), plan);
  assert(seen.some(({ url }) => url === "/v2/team/app/manifests/1.0.0"), "what runs is recorded as well");
});

test("a source that misbehaves costs its own sites", async (context) => {
  const { host: fine } = await serve(context, good);
  const bad = async (handler, options = {}) => {
    const { host, seen } = await serve(context, handler);
    const plan = await planUpgrade(repository(host, fine), { fetch, allowHosts, retries: 1, ...options });
    const found = outcomes(plan);
    for (const [name, to] of Object.entries(all("1.1.0", 1))) assert.equal(found[name], to);
    return { ...found, seen };
  };
  const failure = (kind, more = {}) => JSON.stringify({ kind, ...more });
  const status = (code, headers = {}) => (_, response) => response.writeHead(code, headers).end();

  const missing = await bad(status(404));
  assert.deepEqual([missing.helm0, missing.git0, missing.oci0], Array(3).fill(failure("notFound")));
  const refused = await bad(status(403));
  assert.equal(refused.helm0, failure("unauthorized"));
  const limited = await bad(status(429, { "retry-after": "3600" }));
  assert.equal(limited.helm0, failure("rateLimited", { retryAfterSeconds: 3600 }));
  assert.equal(limited.seen.filter(({ url }) => url === "/charts/index.yaml").length, 1);

  const counts = new Map();
  const passing = await bad((request, response) => {
    const count = (counts.get(request.url) ?? 0) + 1;
    counts.set(request.url, count);
    if (count === 1) return response.writeHead(503, { "retry-after": "0" }).end();
    good(request, response);
  });
  assert.deepEqual([passing.helm0, passing.git0], ["1.1.0", "1.1.0"]);

  const slow = await bad(() => {}, { timeoutMs: 300, retries: 0 });
  assert.equal(slow.helm0, failure("unreachable", { detail: "no whole answer within 1 s" }));
  const large = await bad((_, response) => response.end("#".repeat(70 << 10)), { maxIndexBytes: 64 << 10 });
  assert.equal(large.helm0, failure("tooLarge", { limitBytes: 64 << 10 }));
  const round = await bad((request, response) => response.writeHead(302, { location: request.url }).end());
  assert.equal(round.helm0, failure("malformed", { detail: "it redirects in a circle" }));
  const metadata = await bad(status(302, { location: "http://169.254.169.254/latest" }));
  assert.match(metadata.git0, /169\.254\.169\.254 is a link-local address/);
});

test("this machine and private networks are asked only where that is allowed", async (context) => {
  const { host, seen } = await serve(context, good);
  const plan = await planUpgrade(repository(host), { fetch });
  assert.match(outcomes(plan).helm0, /127\.0\.0\.1 is a loopback address; if it is meant, name `127\.0\.0\.1`/);
  assert.deepEqual(seen, []);
  const wrong = planUpgrade({}, { fetch, allowHosts: ["10.0.0.0/80"] });
  await assert.rejects(wrong, { name: "FluxUpgradeError", code: "options.value" });
});

test("logins go to the source that asks for them, and no further", async (context) => {
  const { host: elsewhere, seen: stolen } = await serve(context, good);
  const { host, seen } = await serve(context, (request, response) => {
    if (request.headers.authorization === undefined) {
      return response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
    }
    response.writeHead(302, { location: `http://localhost:${elsewhere.split(":")[1]}${request.url}` }).end();
  });
  const asked = [];
  const credentials = ({ source }) => (asked.push(source), { username: "röbot", password: "secret" });
  const plan = await planUpgrade(repository(host), { fetch, allowHosts, credentials });
  assert.deepEqual([outcomes(plan).helm0, outcomes(plan).git0], ["1.1.0", "1.1.0"]);
  assert.ok(asked.includes(`oci://${host}/team/app`) && asked.includes(`http://${host}/app.git`));
  const basic = `Basic ${Buffer.from("röbot:secret").toString("base64")}`;
  assert.ok(seen.some(({ authorization }) => authorization === basic));
  assert.ok(stolen.length > 0 && stolen.every(({ authorization }) => authorization !== basic));
  assert.doesNotMatch(JSON.stringify(plan), /secret/);
});

test("a proxy stands for addresses that cannot be read", async (context) => {
  const proxied = [];
  const { host } = await serve(context, (request, response) => {
    const target = decodeURIComponent(request.url.slice(1));
    proxied.push(target);
    const { host: name, pathname, search } = new URL(target);
    good({ url: pathname + search, headers: { ...request.headers, host: name } }, response);
  });
  const proxy = (url) => `http://${host}/${encodeURIComponent(url)}`;
  const text = repository("registry.example.com")["apps.yaml"];
  const files = { "apps.yaml": text.replaceAll("http:", "https:").replace("  insecure: true\n", "") };
  const plan = await planUpgrade(files, { fetch, proxy });
  assert.deepEqual(outcomes(plan), all("1.1.0"));
  assert.ok(proxied.includes("https://registry.example.com/v2/team/app/tags/list?last=1.0.0"), proxied.join("\n"));
});

test("aborting rejects with the signal's reason", async (context) => {
  const { host } = await serve(context, () => {});
  const controller = new AbortController();
  const plan = planUpgrade(repository(host), { fetch, allowHosts, signal: controller.signal });
  setTimeout(() => controller.abort(new Error("enough")), 50);
  await assert.rejects(plan, /enough/);
});

test("at most so many questions are asked of one host", async (context) => {
  let [open, most] = [0, 0];
  const { host } = await serve(context, (request, response) => {
    most = Math.max(most, (open += 1));
    setTimeout(() => ((open -= 1), response.writeHead(404).end()), 20);
  });
  const objects = Array.from({ length: 12 }, (_, n) =>
    source("GitRepository", `g${n}`, `  url: http://${host}/${n}.git\n  ref: {tag: 1.0.0}\n`));
  const plan = await planUpgrade({ "a.yaml": objects.join("") }, { fetch, allowHosts, perHost: 3, retries: 0 });
  assert.equal(plan.held.length, 12);
  assert.equal(most, 3);
});

test("a snapshot and `fetch` exclude each other, and errors of a request come before any question", async () => {
  const snapshot = { schema: "flux-upgrade/registry-snapshot/v1" };
  await assert.rejects(planUpgrade({}, { fetch, snapshot }), { code: "options.value" });
  await assert.rejects(planUpgrade({}, { fetch, allow: "mino" }), { code: "options.value" });
  const fails = () => { throw new SyntaxError("a mistake of the caller"); };
  const file = source("GitRepository", "a", "  url: https://example.com/a.git\n  ref: {tag: 1.0.0}\n");
  const credentials = { fetch: async () => new Response("", { status: 401 }), credentials: fails };
  await assert.rejects(planUpgrade({ "a.yaml": file }, credentials), SyntaxError);
});

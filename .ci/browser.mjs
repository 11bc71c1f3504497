// What .ci/browser runs: browser.mjs ROOT CHROMIUM [FOLDER].
import assert from "node:assert/strict";
import { createReadStream, existsSync, mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";

const [root, executablePath, pictures] = process.argv.slice(2);
const types = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };
const servers = [];

/** A server on a port of its own, which is an origin of its own. */
async function serve(handler) {
  const server = createServer(handler);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  servers.push(server);
  return `127.0.0.1:${server.address().port}`;
}

const files = (request, response) => {
  const path = join(root, normalize(new URL(request.url, "http://x").pathname));
  if (!existsSync(path)) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": types[extname(path)] ?? "text/plain" });
  createReadStream(path).pipe(response);
};

/** Two charts, and a registry that wants a token and pages its tags. */
function sources(seen, open) {
  return (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://x");
    const { host, authorization } = request.headers;
    const allowed = {
      "access-control-allow-origin": "*",
      "access-control-allow-headers": "Authorization, Accept, Git-Protocol",
      "access-control-expose-headers": "WWW-Authenticate, Link, Docker-Content-Digest",
    };
    const answer = (status, body = "", headers = {}) =>
      response.writeHead(status, { ...(open ? allowed : {}), ...headers }).end(body);
    if (request.method === "OPTIONS") return answer(204);
    seen.push(`${request.method} ${request.url}`);
    if (pathname === "/charts/index.yaml") {
      const entry = (version) => `  - {name: app, version: ${version}, urls: [app.tgz]}\n`;
      return answer(200, `apiVersion: v1\nentries:\n  app:\n${["2.0.0", "1.1.0", "1.0.0"].map(entry).join("")}`);
    }
    if (pathname === "/moved/index.yaml") return answer(302, "", { location: "/charts/index.yaml" });
    if (pathname === "/token") return answer(200, JSON.stringify({ token: `t-${searchParams.get("scope")}` }));
    if (pathname === "/v2/team/app/tags/list") {
      if (authorization !== "Bearer t-repository:team/app:pull") {
        return answer(401, "", { "www-authenticate": `Bearer realm="http://${host}/token",service="test"` });
      }
      if (searchParams.has("last")) return answer(200, '{"tags": ["1.1.0"]}');
      return answer(200, '{"tags": ["1.0.0"]}', { link: '</v2/team/app/tags/list?last=1.0.0>; rel="next"' });
    }
    answer(404);
  };
}

const release = (name, url) => `apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: ${name}, namespace: apps}
spec:
  url: ${url}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: ${name}, namespace: apps}
spec:
  chart:
    spec:
      chart: app
      version: 1.0.0 # the version that runs
      sourceRef: {kind: HelmRepository, name: ${name}}
---
`;
const artifact = (name, host) => `apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: ${name}, namespace: apps}
spec:
  url: oci://${host}/team/app
  insecure: true
  ref: {tag: 1.0.0}
---
`;

const seen = [];
const closedSeen = [];
const page0 = await serve(files);
const open = await serve(sources(seen, true));
const closed = await serve(sources(closedSeen, false));
// As one would put before registries that let nobody read: it asks in the page's place.
const proxy = await serve(async (request, response) => {
  const allowed = { "access-control-allow-origin": "*", "access-control-allow-headers": "*, Authorization" };
  if (request.method === "OPTIONS") return response.writeHead(204, allowed).end();
  const { authorization, accept } = request.headers;
  const url = new URL(request.url, "http://x").searchParams.get("url");
  const answer = await fetch(url, { headers: { accept, ...(authorization && { authorization }) } }).catch(() => undefined);
  // No connection there is none here.
  if (answer === undefined) return request.socket.destroy();
  const headers = { ...allowed, "access-control-expose-headers": "WWW-Authenticate, Link, Docker-Content-Digest" };
  for (const name of ["www-authenticate", "link"]) if (answer.headers.has(name)) headers[name] = answer.headers.get(name);
  response.writeHead(answer.status, headers).end(Buffer.from(await answer.arrayBuffer()));
});

const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
try {
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  const left = [];
  page.on("request", (request) => left.push(new URL(request.url()).host));
  await page.goto(`http://${page0}/examples/browser/index.html`);

  /** What becomes of each object of a text, planned in the page. */
  const outcomes = (text, options = {}, through) =>
    page.evaluate(
      async ([text, options, through]) => {
        const { planUpgrade, takeSnapshot } = await import("flux-upgrade");
        const live = { ...options, fetch: (...request) => fetch(...request), allowHosts: ["127.0.0.1"], retries: 0 };
        if (through) live.proxy = (url) => `http://${through}/?url=${encodeURIComponent(url)}`;
        const files = { "apps.yaml": text };
        const plan = await planUpgrade(files, live);
        const snapshot = await takeSnapshot(files, live);
        const replayed = await planUpgrade(files, { ...options, snapshot });
        const found = Object.fromEntries([
          ...plan.changes.map(({ owner, to }) => [owner.name, to]),
          ...plan.held.map(({ owner, reason }) => [owner.name, reason.failure?.kind ?? reason.kind]),
        ]);
        return { found, patched: plan.patches["apps.yaml"]?.text, same: JSON.stringify(plan) === JSON.stringify(replayed) };
      },
      [text, options, through],
    );

  const both = release("chart", `http://${open}/charts`) + artifact("artifact", open);
  const first = await outcomes(both);
  assert.deepEqual(first.found, { chart: "1.1.0", artifact: "1.1.0" });
  assert.equal(first.patched, both.replace("version: 1.0.0", "version: 1.1.0").replace("tag: 1.0.0", "tag: 1.1.0"));
  assert(first.same, "planned again from what was recorded");
  const moved = await outcomes(release("chart", `http://${open}/moved`));
  assert.deepEqual(moved.found, { chart: "1.1.0" }, "a redirect, which browsers follow themselves");
  const shut = release("shut", `http://${closed}/charts`) + artifact("locked", closed);
  const beside = await outcomes(both + shut);
  assert.deepEqual(beside.found, { chart: "1.1.0", artifact: "1.1.0", shut: "unreachable", locked: "unreachable" });
  const through = await outcomes(both + shut, { allow: "major" }, proxy);
  assert.deepEqual(through.found, { chart: "2.0.0", artifact: "1.1.0", shut: "2.0.0", locked: "1.1.0" });

  // The page itself.
  seen.length = 0;
  await page.fill("#text", both + artifact("absent", `${open}/other`) + shut);
  await page.fill("#hosts", "127.0.0.1");
  await page.click("#plan");
  await page.waitForSelector("#result:not([hidden])");
  assert.equal(await page.textContent("#status"), "2 changes, 3 held");
  const rows = (id) => page.$$eval(`#${id} tr`, (all) => all.map((row) => [...row.cells].map((cell) => cell.textContent)));
  assert.deepEqual(
    (await rows("changes")).map(([, ...rest]) => rest),
    [
      ["HelmRelease apps/chart", "1.0.0", "1.1.0", "minor"],
      ["OCIRepository apps/artifact", "1.0.0", "1.1.0", "minor"],
    ],
  );
  assert.match(await page.textContent("#diff"), /^-\s+version: 1\.0\.0 # the version that runs.*^\+\s+version: 1\.1\.0/ms);
  assert.deepEqual(seen.filter((line) => line.includes("index.yaml")), ["GET /charts/index.yaml"], "asked once");
  if (pictures) {
    mkdirSync(pictures, { recursive: true });
    for (const [name, width, scheme] of [["wide", 1200, "light"], ["dark", 1200, "dark"], ["narrow", 420, "light"]]) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme: scheme });
      assert(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name}: the page scrolls sideways`);
      await page.screenshot({ path: join(pictures, `browser-${name}.png`), fullPage: true });
    }
  }
  // A mistake is told, and the page goes on.
  await page.fill("#hosts", "not a host/99");
  await page.click("#plan");
  await page.waitForSelector("#status.failed");
  assert(await page.isEnabled("#plan"));

  const known = new Set([page0, open, closed, proxy]);
  assert.deepEqual(left.filter((host) => !known.has(host)), [], "nothing else is asked");
  assert.deepEqual(errors, []);
  console.log(`${browser.version()}: plans, snapshots, a proxy and the example page work`);
} finally {
  await browser.close();
  for (const server of servers) (server.closeAllConnections(), server.close());
}

// Each entry makes the same module ready.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

const files = { "settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n" };
const bytes = readFileSync(new URL("../dist/flux_upgrade_bg.wasm", import.meta.url));

test("Node: import and require give the same objects", async () => {
  const imported = await import("flux-upgrade");
  const required = createRequire(import.meta.url)("flux-upgrade");
  const names = [
    "FluxUpgradeError", "convertSites", "isFluxUpgradeError", "lockRanges", "migrateManifests", "planUpgrade", "renderFlux",
    "rollBack", "surveyRanges", "takeSnapshot",
  ];
  assert.deepEqual(Object.keys(imported).sort(), names);
  for (const name of Object.keys(imported)) assert.equal(imported[name], required[name]);
  const plan = await imported.planUpgrade(files);
  assert.deepEqual(
    [plan.schema, plan.changes, plan.held, plan.diagnostics, plan.patches, plan.diff],
    ["flux-upgrade/plan/v1", [], [], [], {}, ""],
  );
});

test("browser: fetches the module once, and again after a failure", async (context) => {
  const { planUpgrade } = await import("../dist/browser.js");
  const asked = [];
  context.mock.method(globalThis, "fetch", async (url) => {
    asked.push(String(url));
    if (asked.length === 1) throw new TypeError("offline");
    return new Response(bytes, { headers: { "content-type": "application/wasm" } });
  });
  await assert.rejects(planUpgrade(files), TypeError);
  const plans = await Promise.all([planUpgrade(files), planUpgrade(files)]);
  const url = new URL("../dist/flux_upgrade_bg.wasm", import.meta.url).href;
  assert.deepEqual(asked, [url, url]);
  const { planUpgrade: inNode } = await import("flux-upgrade");
  for (const plan of plans) assert.deepEqual(plan, await inNode(files));
  const { migrateManifests } = await import("../dist/browser.js");
  assert.equal((await migrateManifests(files)).diff, "");
});

test("slim: takes the bytes from the host", async () => {
  const { load, migrateManifests, planUpgrade } = await import("flux-upgrade/slim");
  await assert.rejects(planUpgrade(files), { name: "FluxUpgradeError", code: "wasm.not-loaded" });
  load(bytes);
  load(bytes);
  assert.equal((await planUpgrade(files)).diff, "");
  assert.equal((await migrateManifests(files, { to: "2.9" })).diff, "");
});

test("half a surrogate pair is refused, never changed", async () => {
  const { planUpgrade } = await import("flux-upgrade");
  await assert.rejects(planUpgrade({ "a.yaml": "\ud800" }), { name: "FluxUpgradeError" });
});

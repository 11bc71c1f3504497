// How requests are made and responses read, over a native half that says what it is told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FluxUpgradeError, isFluxUpgradeError } from "../dist/index.js";
import { planner } from "../dist/planner.js";

const site = {
  id: "apps/podinfo.yaml:8:12",
  path: "apps/podinfo.yaml",
  line: 8,
  column: 12,
  owner: { kind: "OCIRepository", name: "podinfo" },
  field: "spec.ref.tag",
};
const response = {
  plan: {
    schema: "flux-upgrade/plan/v1",
    changes: [{ ...site, from: "6.5.0", to: "6.9.0", future: [1] }],
    held: [{ ...site, written: "6.5.0", reason: { kind: "beyondRules", newest: "7.0.0", level: "major" } }],
    diagnostics: [{ code: "yaml.syntax", severity: "error", message: "`:` is not expected here" }],
    summary: { changes: 1 },
    future: "kept",
  },
  diff: "--- a\n+++ b\n",
  markdown: "| a |\n",
  jsonPatch: { schema: "flux-upgrade/json-patch/v1", documents: [] },
  patched: { "apps/podinfo.yaml": "tag: 6.9.0\r\n" },
};

function over(answer) {
  const requests = [];
  const native = { plan: (request) => (requests.push(JSON.parse(request)), JSON.stringify(answer)) };
  return { requests, planUpgrade: planner(() => native) };
}

test("the plan's fields, the patches and the texts stand side by side", async () => {
  const { patched, plan, ...texts } = response;
  assert.deepEqual(await over(response).planUpgrade({}), {
    ...plan,
    ...texts,
    patches: { "apps/podinfo.yaml": { text: patched["apps/podinfo.yaml"] } },
  });
});

test("a path may have any name", async () => {
  const answer = JSON.parse('{"plan":{},"diff":"","markdown":"","jsonPatch":{},"patched":{"__proto__":"a"}}');
  const { planUpgrade, requests } = over(answer);
  const { patches } = await planUpgrade(JSON.parse('{"__proto__":"b"}'));
  assert.deepEqual(Object.entries(patches), [["__proto__", { text: "a" }]]);
  assert.deepEqual(Object.entries(requests[0].files), [["__proto__", "b"]]);
});

test("options go under the names of the wire, and only those that are given", async () => {
  const { planUpgrade, requests } = over(response);
  await planUpgrade({ "a.yaml": "ä: 😀\r\n" });
  await planUpgrade({}, { snapshot: { schema: "s" }, allow: "none", minAge: "3d", only: ["a/**"], prerelease: undefined });
  assert.deepEqual(requests, [
    { files: { "a.yaml": "ä: 😀\r\n" }, options: {} },
    { files: {}, snapshot: { schema: "s" }, options: { allow: "none", minAge: "3d", only: ["a/**"] } },
  ]);
});

test("an error has its code, its help and its place", async () => {
  const error = { code: "rules.bad-value", message: "`mino` is no level", help: "`minor`?", path: "a.yaml", line: 3, column: 7 };
  const thrown = await over({ error }).planUpgrade({}).catch((caught) => caught);
  assert.ok(thrown instanceof FluxUpgradeError && isFluxUpgradeError(thrown));
  assert.equal(String(thrown), "FluxUpgradeError: `mino` is no level");
  const { code, message, help, location } = thrown;
  assert.deepEqual({ code, message, help, location }, {
    code: "rules.bad-value",
    message: "`mino` is no level",
    help: "`minor`?",
    location: { path: "a.yaml", line: 3, column: 7 },
  });
});

test("what an error does not say is absent", async () => {
  const thrown = await over({ error: { code: "request.syntax", message: "no" } }).planUpgrade({}).catch((caught) => caught);
  assert.deepEqual(["help" in thrown, "location" in thrown, "cause" in thrown], [false, false, false]);
});

test("a fault of the module is an error with its cause", async () => {
  const fault = new WebAssembly.RuntimeError("unreachable");
  const planUpgrade = planner(() => ({ plan: () => { throw fault; } }));
  await assert.rejects(planUpgrade({}), (thrown) => thrown.code === "internal" && thrown.cause === fault);
});

test("other errors are not taken for ours", () => {
  assert.equal(isFluxUpgradeError(Object.assign(new Error("no"), { code: "ENOENT" })), false);
  assert.equal(isFluxUpgradeError({ name: "FluxUpgradeError", code: "a.b" }), false);
  assert.equal(isFluxUpgradeError(undefined), false);
});

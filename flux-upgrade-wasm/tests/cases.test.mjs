// The case folders of the core: the same files and answers give the same plan here.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isFluxUpgradeError, planUpgrade } from "flux-upgrade";

const folder = fileURLToPath(new URL("../../flux-upgrade-core/tests/cases", import.meta.url));
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const cases = existsSync(folder)
  ? readdirSync(folder).filter((name) => existsSync(join(folder, name, "in"))).sort()
  : [];

if (cases.length === 0) test("case folders", { skip: "there are none" }, () => {});

for (const name of cases) {
  test(`case ${name}`, async () => {
    const of = (file) => join(folder, name, file);
    const files = read(of("in"));
    const options = existsSync(of("options.json")) ? json(of("options.json")) : {};
    const { lines, patches, plan } = await run(files, { ...options, snapshot: json(of("registry.json")) });
    if (existsSync(of("plan.json"))) assert.deepEqual(plan, json(of("plan.json")));
    if (existsSync(of("expect.txt"))) {
      const expected = readFileSync(of("expect.txt"), "utf8").split("\n").filter((line) => line !== "");
      assert.deepEqual(lines.sort(), expected.sort());
    }
    assert.deepEqual(patches, existsSync(of("out")) ? texts(read(of("out"))) : {});
  });
}

/** The run as the lines of `expect.txt`, its new texts and its plan. */
async function run(files, options) {
  try {
    const { patches, diff, markdown, jsonPatch, ...plan } = await planUpgrade(files, options);
    const lines = [
      ...plan.changes.map((c) => `${c.path}:${c.line} ${c.field} ${quoted(c.from)} -> ${quoted(c.to)} ${c.level}`),
      ...plan.held.map((h) => `${h.path}:${h.line} ${h.field} ${quoted(h.written)} = ${h.reason.kind}`),
      ...plan.diagnostics.map((d) => `! ${d.path}:${d.line}:${d.column} ${d.code}`),
    ];
    return { lines, plan, patches: Object.fromEntries(Object.entries(patches).map(([path, { text }]) => [path, text])) };
  } catch (error) {
    if (!isFluxUpgradeError(error)) throw error;
    const { path, line, column } = error.location ?? {};
    return { lines: [`! ${path}:${line}:${column} ${error.code}`], patches: {} };
  }
}

/** The bytes of each file below a folder. */
function read(root) {
  const found = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath ?? entry.path, entry.name);
    if (entry.isFile()) found[relative(root, file).split(sep).join("/")] = readFileSync(file);
  }
  return found;
}

function texts(files) {
  return Object.fromEntries(Object.entries(files).map(([path, bytes]) => [path, utf8.decode(bytes)]));
}

function quoted(value) {
  return value === "" || value.includes(" ") ? `"${value}"` : value;
}

function json(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}

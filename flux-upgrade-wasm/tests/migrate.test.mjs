// The migration folders of the core: the same files give the same texts here.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { migrateManifests } from "flux-upgrade";

const folder = fileURLToPath(new URL("../../flux-upgrade-core/tests/migrate", import.meta.url));
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const cases = existsSync(folder)
  ? readdirSync(folder).filter((name) => existsSync(join(folder, name, "in"))).sort()
  : [];

if (cases.length === 0) test("migration folders", { skip: "there are none" }, () => {});

for (const name of cases) {
  test(`migration ${name}`, async () => {
    const of = (file) => join(folder, name, file);
    const options = existsSync(of("options.json")) ? JSON.parse(readFileSync(of("options.json"), "utf8")) : {};
    const migration = await migrateManifests(read(of("in")), options);
    const lines = [
      ...migration.changes.map((c) => `${c.path}:${c.line} ${[`${c.object}: ${c.from} -> ${c.to}`, ...c.fields].join("; ")}`),
      ...migration.diagnostics.map((d) => `! ${d.path}:${d.line}:${d.column} ${d.code}`),
    ];
    assert.deepEqual(lines, readFileSync(of("expect.txt"), "utf8").split("\n").slice(0, -1));
    const texts = Object.fromEntries(Object.entries(migration.patches).map(([path, { text }]) => [path, text]));
    assert.deepEqual(texts, existsSync(of("out")) ? read(of("out")) : {});
  });
}

const shared = process.env.FLUX_UPGRADE_SHARED ?? fileURLToPath(new URL("../../../shared", import.meta.url));
const vectors = join(shared, "vectors/flux_migrate.json");

test("vectors", { skip: existsSync(vectors) ? false : "no ../shared/vectors/flux_migrate.json" }, async () => {
  const { cases } = JSON.parse(readFileSync(vectors, "utf8"));
  assert.ok(cases.length >= 3);
  for (const { id, input, expected } of cases) {
    const { patches } = await migrateManifests({ [input.file]: input.content }, { to: "2.9" });
    assert.equal(patches[input.file]?.text ?? input.content, expected.content, id);
  }
});

test("an unknown release is refused", async () => {
  await assert.rejects(migrateManifests({}, { to: "3.7" }), { name: "FluxUpgradeError", code: "options.value" });
});

function read(root) {
  const texts = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath ?? entry.path, entry.name);
    texts[relative(root, file).split(sep).join("/")] = utf8.decode(readFileSync(file));
  }
  return texts;
}

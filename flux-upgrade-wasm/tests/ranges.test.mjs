// The folders of ranges of the core: the same files and answers give the same bytes here.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { convertSites, lockRanges, rollBack, surveyRanges } from "flux-upgrade";

const folder = fileURLToPath(new URL("../../flux-upgrade-core/tests/ranges", import.meta.url));

const cases = existsSync(folder)
  ? readdirSync(folder).filter((name) => existsSync(join(folder, name, "in"))).sort()
  : [];

if (cases.length === 0) test("folders of ranges", { skip: "there are none" }, () => {});

for (const name of cases) {
  test(`ranges ${name}`, async () => {
    const of = (file) => join(folder, name, file);
    const json = (file) => JSON.parse(readFileSync(of(file), "utf8"));
    const request = json("request.json");
    const lock = existsSync(of("lock.txt")) ? readFileSync(of("lock.txt"), "utf8") : undefined;
    const files = read(of("in"));
    const options = { snapshot: json("registry.json"), ...request.options };
    const answer = json("answer.json");
    const call = {
      survey: () => surveyRanges(files, options),
      lock: () => lockRanges(files, { ...options, lock }),
      rollback: () => rollBack(files, lock),
      convert: () => convertSites(files, options),
    }[request.do];
    if (answer.error) {
      const { path, line, column } = answer.error;
      await assert.rejects(call(), { name: "FluxUpgradeError", code: answer.error.code, location: { path, line, column } });
      return;
    }
    const found = await call();
    if (request.do === "survey") return assert.deepEqual(found, answer.ranges);
    if (request.do === "lock") return assert.deepEqual(found, { ...answer.check, text: answer.text });
    const { patches, diff, markdown, jsonPatch, ...plan } = found;
    const patched = Object.fromEntries(Object.entries(patches).map(([path, { text }]) => [path, text]));
    assert.deepEqual({ plan, diff, markdown, jsonPatch, patched }, answer);
  });
}

function read(root) {
  const texts = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    texts[relative(root, path).split(sep).join("/")] = readFileSync(path, "utf8");
  }
  return texts;
}

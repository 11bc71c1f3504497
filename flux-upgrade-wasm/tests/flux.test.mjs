// Flux's own manifests: the option sets of the shared data, byte for byte, and archives that are none.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { isFluxUpgradeError, renderFlux } from "flux-upgrade";

const shared = process.env.FLUX_UPGRADE_SHARED ?? fileURLToPath(new URL("../../../shared", import.meta.url));
const json = (...path) => JSON.parse(readFileSync(join(shared, ...path), "utf8"));
const camel = (name) => name.replace(/_./g, (part) => part[1].toUpperCase());
const options = (given) =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null).map(([name, value]) => [camel(name), value]));

test("option sets", { skip: existsSync(join(shared, "flux-install-cases")) ? false : "no ../shared/flux-install-cases" }, async () => {
  const cases = json("flux-install-cases", "cases.json");
  assert.ok(cases.length >= 11);
  for (const { version, components, options: given, expected } of cases) {
    const archive = readFileSync(join(shared, "flux-releases", version, "manifests.tar.gz"));
    const text = await renderFlux(archive, version, { components, ...options(given) });
    const wanted = gunzipSync(readFileSync(join(shared, "flux-install-cases", expected))).toString("utf8");
    assert.ok(text === wanted, expected);
  }
});

test("vectors", { skip: existsSync(join(shared, "vectors/flux_install")) ? false : "no ../shared/vectors/flux_install" }, async () => {
  const { cases } = json("vectors/flux_install", "cases.json");
  assert.ok(cases.length >= 15);
  for (const { input, expected } of cases) {
    const archive = readFileSync(join(shared, "flux-releases", input.version, "manifests.tar.gz"));
    const text = await renderFlux(archive, input.version, options(input.options));
    assert.equal(createHash("sha256").update(text).digest("hex"), expected.sha256, JSON.stringify(input.options));
  }
});

test("what is no release rejects with its code", async () => {
  for (const [archive, version, given, code] of [
    [new Uint8Array(), "v2.9.4", {}, "archive.unreadable"],
    [gzipSync(new Uint8Array(1024)), "v2.9.4", {}, "archive.missing"],
    [new Uint8Array(), "latest", {}, "archive.version"],
    [new Uint8Array(), "v2.9.4", { logLevel: "loud" }, "install.option"],
    [new Uint8Array(), "v2.9.4", { replicas: 2 }, "options.value"],
  ]) {
    await assert.rejects(renderFlux(archive, version, given), (error) => isFluxUpgradeError(error) && error.code === code);
  }
});

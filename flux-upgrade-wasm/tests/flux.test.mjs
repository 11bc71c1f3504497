// Flux's own manifests: the option sets of the shared data, byte for byte, and archives that are none.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { isFluxUpgradeError, planUpgrade, renderFlux, takeSnapshot } from "flux-upgrade";

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

test("a snapshot has the manifests that moving Flux takes", {
  skip: existsSync(join(shared, "flux-releases")) ? false : "no ../shared/flux-releases",
}, async () => {
  const archive = (version) => readFileSync(join(shared, "flux-releases", version, "manifests.tar.gz"));
  const versions = ["v2.7.5", "v2.8.0", "v2.9.4"];
  const line = (text) => `${(text.length + 5).toString(16).padStart(4, "0")}${text}\n`;
  const refs = versions.map((tag) => line(`0123456789abcdef0123456789abcdef01234567 refs/tags/${tag}`));
  const asked = [];
  const fetch = async (url) => {
    const [, version] = /\/download\/(v[\d.]+)\/manifests\.tar\.gz$/.exec(url) ?? [];
    asked.push(version ?? url);
    if (versions.includes(version)) return new Response(archive(version));
    if (url.startsWith("https://github.com/fluxcd/flux2/info/refs")) {
      return new Response(`${line("# service=git-upload-pack")}0000${refs.join("")}0000`);
    }
    return new Response("", { status: 404 });
  };
  const components = await renderFlux(archive("v2.7.5"), "v2.7.5", { logLevel: "debug" });
  const files = { "clusters/a/flux-system/gotk-components.yaml": components };
  const live = await planUpgrade(files, { fetch });
  assert.deepEqual(live.changes.map(({ from, to }) => [from, to]), [["v2.7.5", "v2.9.4"]], JSON.stringify(live.held));
  const [patched] = Object.values(live.patches);
  assert.ok(patched.text === (await renderFlux(archive("v2.9.4"), "v2.9.4", { logLevel: "debug" })));
  const text = JSON.stringify(await takeSnapshot(files, { fetch }));
  assert(asked.includes("v2.7.5") && asked.includes("v2.9.4"), `${asked}`);
  assert.deepEqual(await planUpgrade(files, { snapshot: JSON.parse(text) }), live);
  const damaged = JSON.parse(text.replaceAll(/base64,[^"]{9}/g, "base64,!!!!!!!!!"));
  const { changes, held } = await planUpgrade(files, { snapshot: damaged });
  assert.deepEqual(changes, []);
  assert.equal(held[0].reason.failure.kind, "malformed");
});

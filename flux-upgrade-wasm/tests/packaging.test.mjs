// The packed tarball, installed into each project of packaging/.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const crate = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);
let folder;
let packed;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "flux-upgrade-"));
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], { cwd: crate });
  const parsed = JSON.parse(stdout);
  [packed] = Array.isArray(parsed) ? parsed : Object.values(parsed);
});

after(() => rm(folder, { recursive: true, force: true }));

for (const name of await readdir(join(crate, "packaging"))) {
  test(`packaging/${name}`, async () => {
    const project = join(folder, name);
    await cp(join(crate, "packaging", name), project, { recursive: true });
    await run("npm", ["install", "--offline", "--no-save", join(folder, packed.filename)], { cwd: project });
    const path = [join(crate, "node_modules", ".bin"), process.env.PATH].join(delimiter);
    const env = { ...process.env, PATH: path };
    // What the compiler has to say it prints, and a failure does not show.
    const failed = ({ message, stdout }) => assert.fail(`${message}\n${stdout}`);
    const { stdout } = await run("npm", ["test", "--silent"], { cwd: project, env }).catch(failed);
    assert.equal(stdout.trim(), name === "types" ? "" : "flux-upgrade/plan/v1");
  });
}

test("the tarball has what the manifest exports", async () => {
  const { exports } = JSON.parse(await readFile(join(crate, "package.json"), "utf8"));
  const targets = (entry) => (typeof entry === "string" ? [entry] : Object.values(entry).flatMap(targets));
  const paths = packed.files.map((file) => `./${file.path}`);
  for (const target of targets(exports)) assert.ok(paths.includes(target), target);
  for (const path of ["./README.md", "./LICENSE"]) assert.ok(paths.includes(path), path);
});

test("the version is the workspace's", async () => {
  const { version } = JSON.parse(await readFile(join(crate, "package.json"), "utf8"));
  const workspace = await readFile(join(crate, "..", "Cargo.toml"), "utf8");
  assert.equal(version, /^\[workspace\.package\]\nversion = "(.+)"$/m.exec(workspace)?.[1]);
});

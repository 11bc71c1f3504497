import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { load, planUpgrade } from "flux-upgrade/slim";

load(await readFile(fileURLToPath(import.meta.resolve("flux-upgrade/flux_upgrade_bg.wasm"))));
const plan = await planUpgrade({ "a.yaml": "kind: ConfigMap\n" }, { allow: "minor" });
console.log(plan.schema);

// Plans two texts against a snapshot: node plan.mjs
import { planUpgrade } from "flux-upgrade";

const files = {
  "apps/podinfo.yaml": `apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: podinfo, namespace: apps}
spec: {url: "oci://ghcr.io/stefanprodan/manifests/podinfo", ref: {tag: 6.5.0}}
`,
};
const snapshot = {
  schema: "flux-upgrade/registry-snapshot/v1",
  oci: [{ repository: "ghcr.io/stefanprodan/manifests/podinfo", tags: [{ tag: "6.5.0" }, { tag: "6.6.0" }] }],
};
const plan = await planUpgrade(files, { snapshot, allow: "minor" });
for (const change of plan.changes) console.log(`${change.from} -> ${change.to} (${change.level})`);
console.log(plan.patches["apps/podinfo.yaml"].text);

// Plans a text by asking its registry: node live.mjs
import { planUpgrade } from "flux-upgrade";

const files = {
  "apps/podinfo.yaml": `apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: podinfo, namespace: apps}
spec: {url: "oci://ghcr.io/stefanprodan/manifests/podinfo", ref: {tag: 6.5.0}}
`,
};
const plan = await planUpgrade(files, {
  fetch,
  signal: AbortSignal.timeout(60_000),
  onProgress: ({ done, asked, host }) => console.error(`${done}/${asked} ${host}`),
});
for (const change of plan.changes) console.log(`${change.from} -> ${change.to} (${change.level})`);
for (const { owner, reason } of plan.held) console.log(`${owner.kind} ${owner.name}: ${reason.kind}`);

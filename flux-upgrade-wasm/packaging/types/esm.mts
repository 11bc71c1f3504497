// What compiles, and what must not: a line that the comment above it calls an error fails the build when it is none.
import { FluxUpgradeError, isFluxUpgradeError, planUpgrade, type Files, type Plan, type Reason } from "flux-upgrade";

const files: Files = { "a.yaml": "kind: ConfigMap\n" };
const plan: Plan = await planUpgrade(files, { allow: "minor", only: ["apps/**"] as const });

export const moved: string[] = plan.changes.map((change) => `${change.from} -> ${change.to} ${change.level ?? ""}`);
export const text: string | undefined = plan.patches["a.yaml"]?.text;

export function explain(reason: Reason): string {
  switch (reason.kind) {
    case "beyondRules":
      return `${reason.newest} ${reason.level}`;
    case "unanswered":
      return reason.failure.kind;
    default:
      return reason.kind;
  }
}

export function where(error: unknown): string | undefined {
  if (error instanceof FluxUpgradeError) return error.code;
  return isFluxUpgradeError(error) ? error.location?.path : undefined;
}

await planUpgrade(files, {
  fetch: async (url, init) => ({ url, init }),
  onProgress: ({ done, asked }) => [done, asked],
  credentials: async ({ source }) => (source.startsWith("oci://") ? { token: "t" } : undefined),
});
// @ts-expect-error: half a login
await planUpgrade(files, { credentials: () => ({ username: "robot" }) });
// @ts-expect-error: no such level
await planUpgrade(files, { allow: "huge" });
// @ts-expect-error: no such option
await planUpgrade(files, { alow: "minor" });
await planUpgrade({ "a.yaml": new Uint8Array() });
// @ts-expect-error: texts or bytes, not lines
await planUpgrade({ "a.yaml": ["kind: Kustomization"] });
// @ts-expect-error: a plan is not changed
plan.changes.push(plan.changes[0]);
// @ts-expect-error: no such reason
explain({ kind: "because" });

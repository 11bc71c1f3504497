import { planUpgrade } from "flux-upgrade";

const plan = await planUpgrade({ "a.yaml": "kind: ConfigMap\n" }, { allow: "minor" });
console.log(plan.schema);

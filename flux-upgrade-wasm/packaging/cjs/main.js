const { planUpgrade } = require("flux-upgrade");

planUpgrade({ "a.yaml": "kind: ConfigMap\n" }, { allow: "minor" }).then((plan) => console.log(plan.schema));

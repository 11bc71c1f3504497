import flux = require("flux-upgrade");

export const plan: Promise<flux.Plan> = flux.planUpgrade({ "a.yaml": "" }, { digests: "pin" });

flux_version="v2.6.4" # flux-upgrade: ignore

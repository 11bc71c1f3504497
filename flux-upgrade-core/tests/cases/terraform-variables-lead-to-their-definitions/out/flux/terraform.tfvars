flux_version = "v2.7.5"
other        = "1.2.3"

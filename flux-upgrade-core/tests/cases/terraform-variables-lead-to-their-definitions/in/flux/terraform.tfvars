flux_version = "v2.7.0"
other        = "1.2.3"

//! The `flux-upgrade` command as a library.

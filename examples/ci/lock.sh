#!/bin/sh
# Keeps flux-upgrade.lock, the record of what ranges select: for a scheduled job, in a checkout whose branch it may push.
# Arguments go to `flux-upgrade lock`. Nothing is committed where nothing moved.
set -eu
flux-upgrade lock . "$@"
git add flux-upgrade.lock
if ! git diff --cached --quiet -- flux-upgrade.lock; then
  git commit --quiet --message 'Record what ranges select' -- flux-upgrade.lock
  git push --quiet origin HEAD
fi

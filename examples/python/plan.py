"""Plans a folder against a registry snapshot: python plan.py examples/fleet examples/fleet.registry.json"""

import sys

import flux_upgrade as fu

folder, snapshot = sys.argv[1:3]
plan = fu.plan(folder, snapshot=snapshot)
for change in plan.changes:
    print(f"{change.path}:{change.line}: {change.from_} -> {change.to} ({change.level})")
for held in plan.held:
    if held.reason.kind == "beyondRules":
        print(f"{held.path}:{held.line}: {held.reason['newest']} is beyond the rules")

"""Plans a folder by asking its sources: python live.py FOLDER"""

import sys

import flux_upgrade as fu

plan = fu.plan(sys.argv[1])
for change in plan.changes:
    print(f"{change.at}: {change.from_} -> {change.to} ({change.level})")
for held in plan.held:
    if held.reason.kind == "unanswered":
        print(f"{held.at}: {held.reason['failure']}")

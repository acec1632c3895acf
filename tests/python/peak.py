"""Runs a command and prints its exit code and the most memory that it or a child of it had, in bytes.

usage: peak.py COMMAND [ARGUMENT …]
"""

import json
import resource
import subprocess
import sys

run = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=sys.stderr)
unit = 1 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
print(json.dumps({"code": run.returncode, "peak": peak}))

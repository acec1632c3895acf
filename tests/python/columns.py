"""Prints the columns of every table of an index.

usage: columns.py INDEX
"""

import json
import sys

import live

print(json.dumps({role: table.schema.names for role, table in live.open_all(sys.argv[1]).items()}))

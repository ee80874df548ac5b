"""Judges patterns, one JSON string a line on standard input, with the validator that `stix2` brings along."""

import json
import sys

from stix2patterns.validator import run_validator

for line in sys.stdin:
    print(json.dumps(not run_validator(json.loads(line), stix_version="2.1")))

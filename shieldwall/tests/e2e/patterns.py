"""Judges patterns, one JSON string a line on standard input, with the validator that `stix2` brings along."""

import json
import sys

from stix2patterns.validator import run_validator

for line in sys.stdin:
    pattern = json.loads(line)
    # It trips over the empty pattern.
    print(json.dumps(bool(pattern) and not run_validator(pattern, stix_version="2.1")))

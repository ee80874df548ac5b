"""Parses a bundle on standard input with the `stix2` library, strictly, and prints how many objects it held."""

import sys

import stix2

bundle = stix2.parse(sys.stdin.read(), allow_custom=False)
print(len(bundle.objects))

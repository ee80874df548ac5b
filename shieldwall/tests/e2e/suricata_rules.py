"""Reads Suricata rules from standard input with suricataparser, and prints what it read: one JSON object a line."""

import json
import re
import sys

import suricataparser

text = sys.stdin.read()
written = [line for line in text.splitlines() if line and not line.startswith("#")]
rules = suricataparser.parse_rules(text)
# It leaves out what it cannot read.
assert [rule.raw for rule in rules if rule.enabled] == written, text


def decoded(content):
    """The text that a content stands for: hex between bars, everything else as it is."""
    assert content.startswith('"') and content.endswith('"') and not content.startswith('"!'), content
    inner = content[1:-1]
    assert not re.search(r'["\\;:]', inner), content
    parts = inner.split("|")
    assert len(parts) % 2 == 1, content
    return b"".join(bytes.fromhex(part) if odd % 2 else part.encode() for odd, part in enumerate(parts)).decode()


for rule in rules:
    buffer, contents = None, []
    for option in rule.options:
        if option.name == "content":
            contents.append([buffer, decoded(option.value)])
        elif option.value is None and option.name not in ("startswith", "endswith", "nocase"):
            buffer = option.name
    seen = {"sid": rule.sid, "rev": rule.rev, "action": rule.action, "header": rule.header, "msg": rule.msg}
    print(json.dumps({**seen, "metadata": rule.metadata, "contents": contents}))

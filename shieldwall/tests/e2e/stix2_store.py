"""The `stix2` library's TAXII source and sink against a running node.

Arguments: URL of a collection, bearer token. Prints how many objects were pulled.
"""

import sys

import requests
import stix2
from taxii2client.v21 import Collection

url, token = sys.argv[1:3]


class Bearer(requests.auth.AuthBase):
    def __call__(self, request):
        request.headers["Authorization"] = "Bearer " + token
        return request


collection = Collection(url, auth=Bearer())

# Out: `query` follows every page and parses each object.
source = stix2.TAXIICollectionSource(collection)
everything = source.query([])
assert len({(o["id"], str(o.get("modified"))) for o in everything}) == len(everything)
for item in everything:
    assert not isinstance(item, dict) or item["type"].startswith("x-"), f"stix2 does not know {item['id']}"
some = next(o for o in everything if o["type"] == "attack-pattern")
assert source.get(some["id"])["name"] == some["name"]
assert source.get("malware--00000000-0000-4000-8000-000000000000") is None
patterns = source.query([stix2.Filter("type", "=", "attack-pattern")])
assert patterns and {o["type"] for o in patterns} == {"attack-pattern"}
assert source.query([stix2.Filter("type", "=", "attack-pattern"), stix2.Filter("name", "=", some["name"])])
assert len(source.all_versions(some["id"])) == 1

# In: the sink wraps what it sends into a bundle.
sink = stix2.TAXIICollectionSink(collection)
actor = stix2.ThreatActor(name="Sink test", threat_actor_types=["crime-syndicate"])
sink.add(actor)
assert source.get(actor["id"])["name"] == "Sink test"
newer = actor.new_version(aliases=["Kitchen"])
sink.add(stix2.Bundle(newer))
assert source.get(actor["id"])["aliases"] == ["Kitchen"]
assert len(source.all_versions(actor["id"])) == 2
sink.add(newer.revoke())
assert source.get(actor["id"])["revoked"]

print(len(everything))

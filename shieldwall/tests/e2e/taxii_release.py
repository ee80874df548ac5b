"""What the TAXII 2.1 client of PyPI gets as a client without a node.

Arguments: discovery URL, bearer token, and a date after which objects were added (or `-`). Prints one JSON object: the
aliases of the collections there are, and of the first one the objects page by page, the ids of the manifest, and what
a by-id request for each object says.
"""

import itertools
import json
import sys

import requests
from taxii2client.v21 import Server, as_pages

url, token, since = sys.argv[1:4]


class Bearer(requests.auth.AuthBase):
    def __call__(self, request):
        request.headers["Authorization"] = "Bearer " + token
        return request


collections = Server(url, auth=Bearer()).default.collections
answer = {"collections": [c.alias for c in collections], "objects": [], "manifest": [], "alone": []}
if collections:
    wanted = {} if since == "-" else {"added_after": since}
    first = collections[0]
    for call, into in ((first.get_objects, "objects"), (first.get_manifest, "manifest")):
        for page in itertools.islice(as_pages(call, per_request=2, **wanted), 1000):
            answer[into].extend(page.get("objects", []))
    answer["alone"] = [first.get_object(o["id"])["objects"] for o in answer["objects"]]
print(json.dumps(answer))

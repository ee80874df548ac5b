"""The TAXII 2.1 client of PyPI against a running node.

Arguments: discovery URL, user name, password, bearer token of the same rights. The node's collection `own` holds at
least ten objects, and room is left in it for what is added here. Prints nothing unless something is wrong.
"""

import copy
import datetime
import itertools
import json
import sys
import uuid

import requests
from taxii2client.v21 import ApiRoot, Collection, Server, Status, as_pages

url, user, password, token = sys.argv[1:5]


class Bearer(requests.auth.AuthBase):
    def __call__(self, request):
        request.headers["Authorization"] = "Bearer " + token
        return request


def refused(status, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except requests.exceptions.HTTPError as error:
        assert error.response.status_code == status, (status, error.response.status_code, error.response.text)
        body = error.response.json()
        assert body.get("title") and body.get("http_status") in (str(status), None), body
        return body
    raise AssertionError(f"{call} should have been refused with {status}")


def ids(envelope):
    return [o["id"] for o in envelope.get("objects", [])]


def pages(call, size):
    """All pages; more than there can be are an endless loop."""
    return itertools.islice(as_pages(call, per_request=size), 1000)


def same(envelope, *expected):
    """The same objects, but for the label that the node adds to what came without one."""
    bare = [{k: v for k, v in o.items() if k != "object_marking_refs"} for o in envelope["objects"]]
    return bare == list(expected)


# Discovery, by password and by token.
for kind in ({"user": user, "password": password}, {"auth": Bearer()}):
    server = Server(url, **kind)
    assert server.title, server._raw
    assert len(server.api_roots) == 1 and server.default.url == server.api_roots[0].url
    root = server.api_roots[0]
    assert "application/taxii+json;version=2.1" in root.versions, root.versions
    assert root.max_content_length > 1_000_000
    collections = {c.alias: c for c in root.collections}
    assert set(collections) >= {"own", "public"}, collections
    for collection in collections.values():
        assert collection.title and collection.can_read and collection.media_types
    assert not collections["public"].can_write and collections["own"].can_write
    # A collection answers under its id and its alias.
    alone = Collection(root.url + "collections/" + collections["own"].id + "/", **kind)
    assert alone.alias == "own"

refused(401, lambda: Server(url, user=user, password="wrong").title)
refused(401, lambda: Server(url).title)
refused(404, lambda: ApiRoot(url + "no-such-root/", auth=Bearer()).title)
own, public = collections["own"], collections["public"]
refused(404, lambda: Collection(root.url + "collections/" + str(uuid.uuid4()) + "/", auth=Bearer()).title)

# Everything, page by page, whatever the page's size.
whole = own.get_objects()
assert not whole.get("more", False), "the sample fits one page"
everything = ids(whole)
assert len(everything) == len(set(everything)) >= 10, everything
for size in (1, 3, len(everything) - 1, len(everything), len(everything) + 1):
    paged = [i for page in pages(own.get_objects, size) for i in ids(page)]
    assert paged == everything, (size, paged)
    manifest = [o for page in pages(own.get_manifest, size) for o in page.get("objects", [])]
    assert [o["id"] for o in manifest] == everything, size
dates = [o["date_added"] for o in manifest]
assert dates == sorted(dates) and len(set(dates)) == len(dates), dates

# Filters.
some = everything[3]
assert ids(own.get_objects(id=some)) == [some]
assert sorted(ids(own.get_objects(id=everything[2:5]))) == sorted(everything[2:5])
assert {i.split("--")[0] for i in ids(own.get_objects(type=["malware", "indicator"]))} == {"malware", "indicator"}
assert ids(own.get_objects(type="x-nothing-of-the-kind")) == []
assert ids(own.get_objects(spec_version="2.1")) == everything
assert ids(own.get_objects(added_after=dates[4])) == everything[5:], "added_after is exclusive"
assert ids(own.get_objects(added_after=dates[-1])) == []
assert ids(own.get_manifest(added_after=dates[-2])) == everything[-1:]
page = own.get_objects(limit=2)
assert page["more"] and len(page["objects"]) == 2
rest = own.get_objects(limit=2, next=page["next"])
assert ids(rest) == everything[2:4]
refused(400, own.get_objects, limit=2, next=page["next"], type="malware")
refused(400, own.get_objects, limit=2, next="not-one-of-yours")
refused(400, own.get_objects, limit="0")
refused(400, own.get_objects, added_after="yesterday")

# Headers.
session = requests.Session()
session.auth = Bearer()
accept = {"Accept": "application/taxii+json;version=2.1"}
answer = session.get(own.objects_url, headers=accept, params={"limit": 3})
assert answer.headers["Content-Type"] == "application/taxii+json;version=2.1", answer.headers
assert answer.headers["X-TAXII-Date-Added-First"] == dates[0], answer.headers
assert answer.headers["X-TAXII-Date-Added-Last"] == dates[2], answer.headers
answer = session.get(own.objects_url, headers={"Accept": "application/vnd.oasis.taxii+json; version=2.0"})
assert answer.status_code == 406, answer.status_code
answer = session.post(own.objects_url, headers={**accept, "Content-Type": "application/json"}, data="{}")
assert answer.status_code == 415, answer.status_code
answer = session.post(public.objects_url, headers={**accept, "Content-Type": accept["Accept"]}, data='{"objects":[]}')
assert answer.status_code == 403, answer.status_code
answer = session.post(own.objects_url, headers={**accept, "Content-Type": accept["Accept"]}, data='{"objects":')
assert answer.status_code == 400, answer.status_code

# One object, its versions, adding, deleting.
now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
first = {
    "type": "campaign", "spec_version": "2.1", "id": f"campaign--{uuid.uuid4()}", "created": "2024-01-01T00:00:00.000Z",
    "modified": "2024-01-01T00:00:00.000Z", "name": "First light",
}
second = {**copy.deepcopy(first), "modified": now, "name": "Second light"}
broken = {k: v for k, v in first.items() if k != "name"} | {"id": f"campaign--{uuid.uuid4()}"}
status = own.add_objects({"objects": [first, second, broken]}, poll_interval=0.05)
assert status.status == "complete" and bool(status), status._raw
assert (status.total_count, status.success_count, status.failure_count, status.pending_count) == (3, 2, 1, 0)
assert status.failures[0]["id"] == broken["id"] and status.failures[0]["message"], status.failures
assert {s["version"] for s in status.successes} == {first["modified"], second["modified"]}, status.successes
again = root.get_status(status.id)
assert again._raw == status._raw
late = own.add_objects({"objects": [first]}, wait_for_completion=False)
assert isinstance(late, Status) and late.total_count == 1
late.wait_until_final(poll_interval=0.05)
assert late.success_count == 1, late._raw
refused(404, root.get_status, str(uuid.uuid4()))

assert same(own.get_object(first["id"]), second), "the last version unless asked otherwise"
assert same(own.get_object(first["id"], version="first"), first)
assert len(own.get_object(first["id"], version="all")["objects"]) == 2
assert same(own.get_object(first["id"], version=first["modified"]), first)
versions = own.object_versions(first["id"])["versions"]
assert len(versions) == 2, versions
assert len(own.get_objects(id=first["id"], version="all")["objects"]) == 2
refused(404, own.get_object, f"campaign--{uuid.uuid4()}")

own.delete_object(first["id"], version=first["modified"])
assert same(own.get_object(first["id"], version="all"), second)
own.delete_object(first["id"])
refused(404, own.get_object, first["id"])
refused(404, own.delete_object, first["id"])
assert ids(own.get_objects()) == everything

# What is public was marked so.
for envelope in pages(public.get_objects, 5):
    for item in envelope.get("objects", []):
        if item["type"] == "marking-definition":
            continue
        marked = item.get("object_marking_refs", [])
        assert any(ref in json.dumps(marked) for ref in ("94868c89-83c2", "613f2e26-407d")), item

"""Objects of every kind, made by the `stix2` library: prints a bundle."""

import datetime

import stix2

when = datetime.datetime(2024, 5, 6, 7, 8, 9, 123000, tzinfo=datetime.timezone.utc)
later = when + datetime.timedelta(hours=1)
sha256 = "4d8f1e0a9b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e"

address = stix2.IPv4Address(value="93.184.215.77")
address6 = stix2.IPv6Address(value="2606:4700:ffff::7")
mac = stix2.MACAddress(value="d2:fb:49:24:37:18")
domain = stix2.DomainName(value="bad-updates.net", resolves_to_refs=[address.id])
system = stix2.AutonomousSystem(number=64496, name="Test AS")
mail = stix2.EmailAddress(value="mallory@bad-updates.net", display_name="Mallory")
folder = stix2.Directory(path="C:\\Windows\\System32", ctime=when)
artifact = stix2.Artifact(mime_type="image/jpeg", payload_bin="VBORw0KGgoAAAANSUhEUgAAADI==")
linked = stix2.Artifact(url="https://bad-updates.net/a", hashes={"SHA-256": sha256})
file = stix2.File(name="évil \u2028 \U0001f4a9.exe", hashes={"MD5": "841a8921140aba50671ebb0770fecc4e", "SHA-256": sha256},
                  size=12345, parent_directory_ref=folder.id)
nameless = stix2.File(hashes={"SHA-1": "b1d5781111d84f7b3fe45a0852e59758cd7a87e5"})
process = stix2.Process(pid=1221, created_time=when, command_line="evil.exe --now", image_ref=file.id)
software = stix2.Software(name="Word", cpe="cpe:2.3:a:microsoft:word:2000:*:*:*:*:*:*:*", vendor="Microsoft", version="2002")
address_url = stix2.URL(value="https://bad-updates.net/research/index.html?a=1&b=2")
account = stix2.UserAccount(user_id="1001", account_login="mallory", account_type="unix", display_name="M")
certificate = stix2.X509Certificate(serial_number="36:f7:d4:32:f4:ab:70:ea", issuer="C=NZ, O=Test",
                                    hashes={"SHA-256": sha256})
key = stix2.WindowsRegistryKey(key="hkey_local_machine\\system\\bar\\foo",
                               values=[{"name": "Foo", "data": "qwerty", "data_type": "REG_SZ"}, {"name": "Bar"}])
traffic = stix2.NetworkTraffic(src_ref=address.id, dst_ref=address6.id, src_port=2487, dst_port=443,
                               protocols=["ipv4", "tcp", "tls"], start=when, end=later, is_active=False)
message = stix2.EmailMessage(is_multipart=False, date=when, subject="Check\tthis", from_ref=mail.id, body="hello")
mutex = stix2.Mutex(name="__CLEANSWEEP__")
observables = [address, address6, mac, domain, system, mail, folder, artifact, linked, file, nameless, process, software,
               address_url, account, certificate, key, traffic, message, mutex]

identity = stix2.Identity(name="Made by stix2", identity_class="organization", sectors=["energy"])
by = {"created_by_ref": identity.id, "object_marking_refs": [stix2.TLP_GREEN]}
pattern = stix2.AttackPattern(name="Spear phishing", **by,
                              external_references=[{"source_name": "capec", "external_id": "CAPEC-163"}])
campaign = stix2.Campaign(name="Green", first_seen=when, last_seen=later, **by)
course = stix2.CourseOfAction(name="Block it", **by)
infrastructure = stix2.Infrastructure(name="Server", infrastructure_types=["command-and-control"], **by)
indicator = stix2.Indicator(pattern="[domain-name:value = 'bad-updates.net']", pattern_type="stix", valid_from=when,
                            indicator_types=["malicious-activity"], confidence=70, lang="mi", **by)
snort = stix2.Indicator(pattern="alert tcp any any -> any 80 (msg:\"x\"; sid:1;)", pattern_type="snort", valid_from=when)
intrusion = stix2.IntrusionSet(name="Set", resource_level="government", **by)
location = stix2.Location(region="oceania", country="NZ", latitude=-41.28664, longitude=174.77557, precision=10.5)
malware = stix2.Malware(name="Heron", is_family=False, sample_refs=[file.id], **by)
analysis = stix2.MalwareAnalysis(product="anti", result="malicious", sample_ref=file.id, analysis_started=when)
observed = stix2.ObservedData(first_observed=when, last_observed=later, number_observed=5,
                              object_refs=[domain.id, address.id, traffic.id])
actor = stix2.ThreatActor(name="Actor", threat_actor_types=["crime-syndicate"], **by)
tool = stix2.Tool(name="VNC", tool_types=["remote-access"], **by)
vulnerability = stix2.Vulnerability(name="CVE-2024-0001",
                                    external_references=[{"source_name": "cve", "external_id": "CVE-2024-0001"}])
grouping = stix2.Grouping(context="suspicious-activity", object_refs=[indicator.id, malware.id])
incident = stix2.Incident(name="Incident 43")
note = stix2.Note(content="A note.", object_refs=[campaign.id], authors=["Mere"])
opinion = stix2.Opinion(opinion="strongly-disagree", object_refs=[note.id], explanation="No.")
report = stix2.Report(name="Report", published=when, object_refs=[indicator.id, campaign.id], report_types=["campaign"])
relations = [
    stix2.Relationship(indicator, "indicates", malware, start_time=when, stop_time=later),
    stix2.Relationship(actor, "uses", tool),
    stix2.Relationship(domain.id, "resolves-to", address.id),
    stix2.Sighting(indicator.id, observed_data_refs=[observed.id], where_sighted_refs=[identity.id], count=50),
]
statement = stix2.MarkingDefinition(definition_type="statement", definition={"statement": "Copyright 2024, Test"})
marked = stix2.Campaign(name="Marked", description="Part of it is narrower.", object_marking_refs=[statement.id],
                        granular_markings=[{"marking_ref": stix2.TLP_RED.id, "selectors": ["description"]}])
language = stix2.LanguageContent(object_ref=campaign.id, object_modified=campaign.modified, contents={"mi": {"name": "Kākāriki"}})
extension = stix2.ExtensionDefinition(
    created_by_ref=identity.id, name="Rank", schema="https://example.org/rank.json", version="1.0.0",
    extension_types=["property-extension"])
ranked = stix2.Indicator(
    pattern="[file:name = 'ranked.exe']", pattern_type="stix", valid_from=when,
    extensions={extension.id: {"extension_type": "property-extension", "rank": 5, "toxicity": 8}})

domains = [identity, pattern, campaign, course, infrastructure, indicator, snort, intrusion, location, malware, analysis,
           observed, actor, tool, vulnerability, grouping, incident, note, opinion, report, marked, ranked]
meta = [stix2.TLP_GREEN, stix2.TLP_RED, statement, language, extension]
print(stix2.Bundle(*meta, *domains, *observables, *relations).serialize())

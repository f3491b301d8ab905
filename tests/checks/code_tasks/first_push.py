"""Lab 01, ``bytes_to_push``."""

from __future__ import annotations

from tests.checks.code_tasks import Wrong

SIGNATURE = "bytes_to_push(old_manifest, new_manifest)"

RIGHT = {
    "a set of what is there": """
there = set()
if old_manifest is not None:
    there = {blob["digest"] for blob in [old_manifest["config"], *old_manifest["layers"]]}
sizes = {blob["digest"]: blob["size"] for blob in [new_manifest["config"], *new_manifest["layers"]]}
return sum(size for digest, size in sizes.items() if digest not in there)
""",
    "a loop and a list": """
known = []
if old_manifest:
    known.append(old_manifest["config"]["digest"])
    for layer in old_manifest["layers"]:
        known.append(layer["digest"])
total = 0
for blob in [new_manifest["config"]] + new_manifest["layers"]:
    if blob["digest"] not in known:
        total += blob["size"]
        known.append(blob["digest"])
return total
""",
    "two dicts and a difference of their keys": """
def blobs(manifest):
    if manifest is None:
        return {}
    return {part["digest"]: part["size"] for part in (manifest["config"], *manifest["layers"])}

old, new = blobs(old_manifest), blobs(new_manifest)
return sum(new[digest] for digest in new.keys() - old.keys())
""",
    "pairs of digest and size": """
pairs = lambda m: {(b["digest"], b["size"]) for b in m["layers"] + [m["config"]]}
return sum(size for _, size in pairs(new_manifest) - (pairs(old_manifest) if old_manifest else set()))
""",
    "it changes the manifests that it gets": """
new_manifest["layers"].append(new_manifest.pop("config"))
if old_manifest is None:
    old_manifest = {"layers": []}
else:
    old_manifest["layers"].insert(0, old_manifest["config"])
for layer in old_manifest["layers"]:
    new_manifest["layers"] = [other for other in new_manifest["layers"] if other["digest"] != layer["digest"]]
total = 0
while new_manifest["layers"]:
    first = new_manifest["layers"].pop(0)
    total += first["size"]
    new_manifest["layers"] = [other for other in new_manifest["layers"] if other["digest"] != first["digest"]]
return total
""",
    "sorted, and each run of the same counted once": """
import itertools
import operator

digest = operator.itemgetter("digest")
old = [] if old_manifest is None else [old_manifest["config"]] + old_manifest["layers"]
have = list(map(digest, old))
new = sorted([new_manifest["config"], *new_manifest["layers"]], key=digest)
return sum(next(group)["size"] for name, group in itertools.groupby(new, digest) if name not in have)
""",
    "a class, and errors for what is not there": """
class Store(dict):
    def push(self, blob):
        try:
            self[blob["digest"]]
            return 0
        except KeyError:
            self[blob["digest"]] = blob
            return blob["size"]

store = Store()
for manifest in filter(None, [old_manifest]):
    [store.push(blob) for blob in (manifest["config"], *manifest["layers"])]
return sum(store.push(blob) for blob in (new_manifest["config"], *new_manifest["layers"]))
""",
}

SET, LOOP = "a set of what is there", "a loop and a list"

WRONG: dict[str, Wrong] = {
    "the config is forgotten": (
        SET,
        '[old_manifest["config"], *old_manifest["layers"]]',
        'old_manifest["layers"]',
        '[new_manifest["config"], *new_manifest["layers"]]',
        'new_manifest["layers"]',
    ),
    "the config always counts, also the same one": (LOOP, 'known.append(old_manifest["config"]["digest"])', "pass"),
    "the whole image, whatever is there": (LOOP, 'if blob["digest"] not in known:', "if True:"),
    "a layer that is listed twice counts twice": (LOOP, '        known.append(blob["digest"])\nreturn', "return"),
    "compared by size": (LOOP, '["digest"]', '["size"]'),
    "a set of the new sizes": (
        SET,
        "return sum(size for digest, size in sizes.items() if digest not in there)",
        "return sum({size for digest, size in sizes.items() if digest not in there})",
    ),
    "sizes are the keys": (
        SET,
        'blob["digest"]: blob["size"] for',
        'blob["size"]: blob["digest"] for',
        "sum(size for digest, size",
        "sum(size for size, digest",
    ),
    "compared as whole descriptors, media type and all": """
old = [old_manifest["config"], *old_manifest["layers"]] if old_manifest else []
seen, total = [], 0
for blob in [new_manifest["config"], *new_manifest["layers"]]:
    if blob not in old and blob not in seen:
        seen.append(blob)
        total += blob["size"]
return total
""",
    "compared place by place": """
if old_manifest is None:
    return sum(blob["size"] for blob in [new_manifest["config"], *new_manifest["layers"]])
old = [old_manifest["config"], *old_manifest["layers"]]
new = [new_manifest["config"], *new_manifest["layers"]]
return sum(b["size"] for i, b in enumerate(new) if i >= len(old) or old[i]["digest"] != b["digest"])
""",
    "compared in pairs, and the rest not at all": """
pairs = list(zip([old_manifest["config"], *old_manifest["layers"]], [new_manifest["config"], *new_manifest["layers"]]))
return sum(new["size"] for old, new in pairs if old["digest"] != new["digest"])
""",
    "everything behind the first layer that differs, as a build does it": """
new = {b["digest"]: b["size"] for b in new_manifest["layers"]}
config = new_manifest["config"]
if old_manifest is None:
    return sum({**new, config["digest"]: config["size"]}.values())
total = config["size"] if config["digest"] != old_manifest["config"]["digest"] else 0
for number, layer in enumerate(new_manifest["layers"]):
    if number >= len(old_manifest["layers"]) or old_manifest["layers"][number]["digest"] != layer["digest"]:
        return total + sum(b["size"] for b in new_manifest["layers"][number:])
return total
""",
    "only what was appended": """
old = old_manifest["layers"] if old_manifest else []
return new_manifest["config"]["size"] + sum(layer["size"] for layer in new_manifest["layers"][len(old):])
""",
    "only the last layer can be new": """
if old_manifest is None:
    return new_manifest["config"]["size"] + sum(layer["size"] for layer in new_manifest["layers"])
old = {old_manifest["config"]["digest"]} | {layer["digest"] for layer in old_manifest["layers"]}
blobs = [new_manifest["config"], new_manifest["layers"][-1]]
return sum(blob["size"] for blob in blobs if blob["digest"] not in old)
""",
    "stops at the first new layer": """
old = [b["digest"] for b in old_manifest["layers"]] + [old_manifest["config"]["digest"]] if old_manifest else []
config = new_manifest["config"]
total = 0 if config["digest"] in old else config["size"]
for layer in new_manifest["layers"]:
    if layer["digest"] not in old:
        total += layer["size"]
        if old_manifest:
            break
return total
""",
    "the difference of the two totals": """
def total(manifest):
    return sum({b["digest"]: b["size"] for b in [manifest["config"], *manifest["layers"]]}.values()) if manifest else 0

return max(0, total(new_manifest) - total(old_manifest))
""",
    "what went away counts as well": """
def blobs(manifest):
    return {(b["digest"], b["size"]) for b in [manifest["config"], *manifest["layers"]]} if manifest else set()

return sum(size for _, size in blobs(old_manifest) ^ blobs(new_manifest))
""",
    "old and new the wrong way round": """
def blobs(manifest):
    return {(b["digest"], b["size"]) for b in [manifest["config"], *manifest["layers"]]} if manifest else set()

if old_manifest is None:
    old_manifest, new_manifest = new_manifest, None
return sum(size for _, size in blobs(old_manifest) - blobs(new_manifest))
""",
    "a first push is not thought of": (SET, "if old_manifest is not None:", "if True:"),
    "a first push sends nothing": (SET, "there = set()\n", "if old_manifest is None:\n    return 0\n"),
    "a first push counts each line of the list": (
        LOOP,
        "known = []\n",
        'known = []\nif old_manifest is None:\n    return new_manifest["config"]["size"] + '
        'sum(layer["size"] for layer in new_manifest["layers"])\n',
    ),
    "the same layers, so nothing is sent": (
        SET,
        "there = set()\n",
        'there = set()\nif old_manifest and old_manifest["layers"] == new_manifest["layers"]:\n    return 0\n',
    ),
    "config is held against config, layers against layers": """
old = old_manifest or {"config": {"digest": None}, "layers": []}
config = new_manifest["config"]
total = config["size"] if config["digest"] != old["config"]["digest"] else 0
there = {layer["digest"] for layer in old["layers"]}
for layer in new_manifest["layers"]:
    if layer["digest"] not in there:
        there.add(layer["digest"])
        total += layer["size"]
return total
""",
    "digests as short as docker images shows them": (LOOP, '["digest"]', '["digest"][:19]'),
    "only layers that are packed with gzip": (
        LOOP,
        'if blob["digest"] not in known:',
        'if blob["digest"] not in known and ("layer" not in blob.get("mediaType", "layer.gzip")'
        ' or "gzip" in blob.get("mediaType", "gzip")):',
    ),
    "what is there is remembered from call to call": (
        LOOP,
        "known = []\n",
        "known = bytes_to_push.__dict__.setdefault('known', [])\n",
    ),
    "an image without layers is no image": (
        SET,
        "there = set()\n",
        'there = set()\nif not new_manifest["layers"]:\n    return 0\n',
    ),
    "an old image without layers is an empty repository": (
        SET,
        "if old_manifest is not None:",
        'if old_manifest and old_manifest["layers"]:',
    ),
    "the manifest counts as well": (SET, "return sum(", "import json\nreturn len(json.dumps(new_manifest)) + sum("),
    "how many blobs, not how many bytes": (LOOP, 'total += blob["size"]', "total += 1"),
    "a text": (SET, "return sum(", "return '%d bytes' % sum("),
    "megabytes": (SET, "return sum(", "return 1e-6 * sum("),
    "computed, and not given back": (SET, "return sum(", "sum("),
    "a list of sizes": (
        SET,
        "return sum(size for digest, size in sizes.items() if digest not in there)",
        "return [size for digest, size in sizes.items() if digest not in there]",
    ),
}

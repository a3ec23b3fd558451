#!/usr/bin/env bash
# tests/cli/json_documents_have_their_schema.sh - one document, with a schema and stable keys; data never mixes with it.
source "$(dirname "$0")/room.sh"

printf 'hello' >file
"$transom" recv "unix://$room/s" --json >got 2>received.json &
"$transom" send "unix://$room/s" --json file >sent.json
wait $!
cmp file got
"$transom" version --json >version.json
"$transom" tour --via pipe --json file >tour.json

python3 - <<'PYTHON'
import hashlib, json

def document(name, schema, keys):
    d = json.load(open(name))
    assert d["schema"] == schema, d
    assert set(d) == {"schema", *keys}, set(d)
    return d

transfer = ["url", "messages", "bytes", "seconds", "bytes_per_s"]
for name, schema in ("sent.json", "transom.send/1"), ("received.json", "transom.recv/1"):
    d = document(name, schema, transfer)
    assert (d["messages"], d["bytes"]) == (1, 5) and d["url"].startswith("unix:///"), d

d = document("version.json", "transom.version/1", ["version", "compiler", "schemes"])
rows = {row["scheme"]: row["features"] for row in d["schemes"]}
assert list(rows) == ["inproc", "pipe", "fifo", "unix", "unix+stream", "unix+dgram", "posix-mq", "sysv-mq", "shm", "posix-shm", "sysv-shm", "memfd", "tcp", "udp"], rows
assert rows["udp"] == ["boundaries", "many_senders", "crosses_hosts"] and "fd_passing" in rows["unix"], rows

d = document("tour.json", "transom.tour/1", ["machine", "input", "rows"])
assert {"cpu", "cores", "memory_gib", "kernel", "system"} <= set(d["machine"]), d["machine"]
assert d["input"]["bytes"] == 5 and d["input"]["sha256"] == hashlib.sha256(b"hello").hexdigest(), d["input"]
(row,) = d["rows"]
assert set(row) == {"scheme", "messages", "bytes", "seconds", "bytes_per_s", "p50_ns", "verified", "note"}, row
assert row["verified"] is True and row["scheme"] == "pipe" and row["bytes"] == 5 and row["p50_ns"] > 0, row
PYTHON

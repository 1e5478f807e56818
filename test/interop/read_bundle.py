#!/usr/bin/env python3
"""Reads a sealed bundle from docs/format.md alone: `read_bundle.py FILE KEY.pub...`

Checks the container, the manifest, every entry and the signatures of the given public keys (PEM), and prints what it
found as JSON. Uses Python's standard library, and `zstd` and `openssl` on the command line.
"""
import hashlib, json, struct, subprocess, sys, tempfile

def need(condition, what):
    if not condition:
        sys.exit(f"refused: {what}")

def run(*command, data=None):
    done = subprocess.run(command, input=data, capture_output=True)
    need(done.returncode == 0, f"{command[0]}: {done.stderr.decode().strip()}")
    return done.stdout

def frames(data):
    """The tar stream of every frame, by the seek table (section 2)."""
    count, descriptor, magic = struct.unpack("<IBI", data[-9:])
    need(magic == 0x8F92EAB1 and descriptor == 0, "no seek table")
    start = len(data) - 17 - 8 * count
    need(start > 0 and data[start:start + 8] == struct.pack("<II", 0x184D2A5E, 8 * count + 9), "seek table")
    lengths, at = struct.unpack(f"<{2 * count}I", data[start + 8:-9]), 0
    for compressed, decompressed in zip(lengths[::2], lengths[1::2]):
        frame, at = data[at:at + compressed], at + compressed
        need(frame[:5] == bytes.fromhex("28b52ffd00") and 0 < decompressed <= 4 << 20, "frame")
        tar = run("zstd", "-dcq", data=frame)
        need(len(tar) == decompressed, "length of a frame")
        yield tar
    need(at == start, "lengths of the frames")

def entries(tar, mtime=None):
    """Path, offset and content of every entry of the tar stream (section 3)."""
    at, pax = 0, None
    while tar[at:at + 512].strip(b"\0"):
        head, begin = tar[at:at + 512], at if pax is None else begin
        total = sum(head[:148]) + 8 * 32 + sum(head[156:])
        need(int(head[148:154], 8) == total and head[257:265] == b"ustar\x0000", "tar header")
        need(head[100:124] == b"000644 \0" + b"000000 \0" * 2 and head[156:157] in b"0x", "tar header")
        mtime = mtime or head[136:148]
        need(head[136:148] == mtime and not head[157:257].strip(b"\0"), "tar header")
        big = head[124] == 0x80
        size = int.from_bytes(head[125:136], "big") if big else int(head[124:135], 8)
        name, prefix = head[:100].rstrip(b"\0"), head[345:500].rstrip(b"\0")
        content, at = tar[at + 512:at + 512 + size], at + 512 + -(-size // 512) * 512
        if head[156:157] == b"x":
            length, record = content.split(b" ", 1)
            need(int(length) == size and record.startswith(b"path=") and record.endswith(b"\n"), "pax header")
            pax = record[5:-1]
            continue
        yield (pax or (prefix + b"/" + name if prefix else name)).decode(), begin, content
        pax = None
    need(tar[at:] == bytes(1024), "end of the tar stream")

def root(leaves):
    """The RFC 6962 tree hash (section 4)."""
    if len(leaves) < 2:
        return hashlib.sha256(b"\0" + leaves[0] if leaves else b"").digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(leaves[:half]) + root(leaves[half:])).digest()

def cbor(data, at=0):
    """As much of CBOR as manifest.cose needs (section 5); answers the item and where it ends."""
    major, info, at = data[at] >> 5, data[at] & 31, at + 1
    if major == 7:
        return None, at
    more = {24: 1, 25: 2, 26: 4}.get(info, 0)
    value, at = (int.from_bytes(data[at:at + more], "big") if more else info), at + more
    if major in (2, 3):
        return data[at:at + value] if major == 2 else data[at:at + value].decode(), at + value
    if major < 2:
        return (-1 - value if major else value), at
    items = []
    for _ in range(1 if major == 6 else value * (major - 3)):
        item, at = cbor(data, at)
        items.append(item)
    return (dict(zip(items[::2], items[1::2])) if major == 5 else (value, items[0]) if major == 6 else items), at

def byte_string(data):
    size = len(data)
    return (bytes([0x40 + size]) if size < 24 else b"\x58" + bytes([size]) if size < 256
            else b"\x59" + struct.pack(">H", size) if size < 65536 else b"\x5a" + struct.pack(">I", size)) + data

def signers(cose, manifest, keys):
    """The key ids whose signatures verify (section 5)."""
    (tag, (body, unprotected, payload, signatures)), end = cbor(cose)
    need(tag == 98 and end == len(cose) and payload is None and not unprotected, "manifest.cose")
    need(cbor(body)[0] == {3: "application/vnd.stella.bundle-manifest+json"}, "content type")
    for protected, more, signature in signatures:
        header = cbor(protected)[0]
        key = keys.get(header[4].hex())
        need(set(header) == {1, 4} and not more, "header of a signature")
        if key is None:
            continue
        signed = b"\x85\x69Signature" + byte_string(body) + byte_string(protected) + b"\x40" + byte_string(manifest)
        if header[1] == -7:
            der = b"".join(b"\x02" + bytes([len(n)]) + n for n in (
                (b"\0" + n.lstrip(b"\0") if n.lstrip(b"\0")[0] > 127 else n.lstrip(b"\0")) for n in (signature[:32], signature[32:])))
            signature = b"\x30" + bytes([len(der)]) + der
        with tempfile.NamedTemporaryFile() as text, tempfile.NamedTemporaryFile() as sig:
            text.write(signed), sig.write(signature), text.flush(), sig.flush()
            digest = ["-digest", "sha256"] if header[1] == -7 else []
            run("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", *digest, "-in", text.name, "-sigfile", sig.name)
        yield header[4].hex()

def main(path, *key_files):
    with open(path, "rb") as file:
        all_frames = list(frames(file.read()))
    found = list(entries(b"".join(all_frames)))
    need([name for name, _, _ in found[:2]] == ["manifest.json", "manifest.cose"], "no manifest")
    text = found[0][2]
    manifest = json.loads(text)
    canonical = lambda value: json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    further = [repository["name"] for repository in manifest.get("repositories", [])]
    need(manifest["format"] == ("stella-bundle/v2" if further else "stella-bundle/v1"), "format")
    need(text == canonical(manifest) + b"\n", "manifest.json")
    need(further == sorted(set(further)) and "home" not in further, "repositories")
    listed = [{"path": name, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)} for name, _, content in found[2:]]
    need(listed == manifest["entries"], "the entries are not those of the manifest")
    need(listed == sorted(listed, key=lambda entry: entry["path"].encode()), "order of the entries")
    need(root([canonical(entry) for entry in listed]).hex() == manifest["entries_root"], "entries_root")
    begins, at = {0}, 0
    for frame in all_frames:
        begins.add(at := at + len(frame))
    known = {"attestations", "logs", "tuf", *("tuf+" + name for name in further)}
    folders = {}
    for name, offset, _ in found[2:]:
        folders.setdefault(name.split("/")[0], offset)
    need(set(folders) <= known, "an entry is in none of the folders")
    need(set(folders.values()) <= begins, "a folder does not begin a frame")
    keys = {hashlib.sha256(run("openssl", "pkey", "-pubin", "-in", key, "-outform", "DER")).hexdigest(): key for key in key_files}
    by = list(signers(found[1][2], text, keys))
    need(by, "signed by none of the keys")
    print(json.dumps({"manifest_sha256": hashlib.sha256(text).hexdigest(), "entries": len(listed), "signed_by": by}))

main(*sys.argv[1:])

"""Opens sealed bundles with Python's ordinary libraries only, one for each line of JSON on stdin:

{"file": FILE, "keys": [PEM FILE, …]} -> {"manifest_sha256": HEX, "entries": COUNT, "signed_by": [KEY ID, …]}
                                      or {"refused": REASON}

Unlike test/interop/read_bundle.py it knows nothing of frames and headers: tarfile and zstandard open the archive, cbor2
reads the signature and cryptography checks it. FILE may be the list of a split bundle, NAME.parts.json.
"""
import hashlib
import io
import json
import pathlib
import sys
import tarfile

import cbor2
import zstandard
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature


class Refused(Exception):
    pass


def need(condition, reason):
    if not condition:
        raise Refused(reason)


def load_keys(files):
    """Public keys by the SHA-256 of their SubjectPublicKeyInfo."""
    keys = {}
    for file in files:
        key = serialization.load_pem_public_key(pathlib.Path(file).read_bytes())
        encoded = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        keys[hashlib.sha256(encoded).digest()] = key
    return keys


def verify(key, algorithm, signature, data):
    if isinstance(key, ed25519.Ed25519PublicKey):
        need(algorithm in (-8, -19), "algorithm")
        key.verify(signature, data)
    else:
        need(algorithm == -7, "algorithm")
        half = len(signature) // 2
        r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        key.verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))


def signers(cose, payload, content_type, keys):
    """Ids of those of the keys that have signed, in the order of the signatures."""
    message = cbor2.loads(cose)
    need(message.tag == 98, "no COSE_Sign")
    body, _, detached, signatures = message.value
    need(detached is None and cbor2.loads(body) == {3: content_type}, "signature header")
    signed_by = []
    for protected, _, signature in signatures:
        header = cbor2.loads(protected)
        if header[4] in keys:
            structure = cbor2.dumps(["Signature", body, protected, b"", payload])
            try:
                verify(keys[header[4]], header[1], signature, structure)
            except InvalidSignature:
                raise Refused("a signature does not verify")
            signed_by.append(header[4].hex())
    need(signed_by, "signed by none of the keys")
    return signed_by


def tree_hash(leaves):
    """RFC 6962."""
    if len(leaves) < 2:
        return hashlib.sha256(b"\0" + leaves[0] if leaves else b"").digest()
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\1" + tree_hash(leaves[:half]) + tree_hash(leaves[half:])).digest()


def read(file, keys):
    if not file.name.endswith(".parts.json"):
        return file.read_bytes()
    listed = file.read_bytes()
    cose = file.with_name(file.name.replace(".parts.json", ".parts.cose")).read_bytes()
    signers(cose, listed, "application/vnd.stella.bundle-parts+json", keys)
    parts = json.loads(listed)
    content = b""
    for number, part in enumerate(parts["parts"], 1):
        piece = file.with_name(f"{parts['name']}.{number:03}").read_bytes()
        need(hashlib.sha256(piece).hexdigest() == part["sha256"], "another part than the list says")
        content += piece
    return content


def open_bundle(file, keys):
    known = load_keys(keys)
    content = io.BytesIO(read(pathlib.Path(file), known))
    found = {}
    try:
        stream = zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True)
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                need(member.isfile() or member.isdir(), "not a file")
                if member.isfile():
                    name = member.name.removeprefix("./")
                    need(name not in found, "an entry is there twice")
                    found[name] = archive.extractfile(member).read()
    except (tarfile.TarError, zstandard.ZstdError, EOFError) as error:
        raise Refused(f"no archive: {type(error).__name__}")
    need(list(found)[:2] == ["manifest.json", "manifest.cose"], "the manifest does not come first")
    manifest_bytes, cose = found.pop("manifest.json"), found.pop("manifest.cose")
    signed_by = signers(cose, manifest_bytes, "application/vnd.stella.bundle-manifest+json", known)
    manifest = json.loads(manifest_bytes)
    further = [repository["name"] for repository in manifest.get("repositories", [])]
    need(manifest["format"] == ("stella-bundle/v2" if further else "stella-bundle/v1"), "format")
    folders = {"attestations", "logs", "tuf", *("tuf+" + name for name in further)}
    need(all(path.split("/")[0] in folders for path in found), "an entry is in none of the folders")
    listed = {each["path"]: each for each in manifest["entries"]}
    need(set(found) == set(listed), "other entries than the manifest lists")
    for path, data in found.items():
        same = len(data) == listed[path]["size"] and hashlib.sha256(data).hexdigest() == listed[path]["sha256"]
        need(same, "an entry is not what the manifest lists")
    leaves = [json.dumps(each, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode() for each in manifest["entries"]]
    need(tree_hash(leaves).hex() == manifest["entries_root"], "root of the entries")
    return {
        "manifest_sha256": hashlib.sha256(manifest_bytes).hexdigest(),
        "entries": len(found),
        "signed_by": signed_by,
    }


for line in sys.stdin:
    try:
        answer = open_bundle(**json.loads(line))
    except Refused as refused:
        answer = {"refused": str(refused)}
    print(json.dumps(answer), flush=True)

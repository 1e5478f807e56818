"""securesystemslib and in-toto's attestation library, for one bundle for each line of JSON on stdin:

{"bundle": FILE, "key": PEM FILE} -> {"type": PREDICATE TYPE, "subjects": {NAME: SHA256}}, or {"refused": CLASS}
"""
import json
import pathlib
import sys

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf.json_format import Parse
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey


def verify(bundle, key):
    public = load_pem_public_key(pathlib.Path(key).read_bytes())
    # Sigstore's RSA is PKCS #1 v1.5, TUF's is PSS.
    scheme = "rsa-pkcs1v15-sha256" if isinstance(public, RSAPublicKey) else None
    trusted = SSlibKey.from_crypto(public, scheme=scheme)
    document = json.loads(pathlib.Path(bundle).read_bytes())["dsseEnvelope"]
    for signature in document["signatures"]:
        # It finds keys by their ids only, which DSSE does not ask for.
        signature["keyid"] = trusted.keyid
    envelope = Envelope.from_dict(document)
    envelope.verify([trusted], 1)
    message = Parse(envelope.payload, StatementMessage())
    Statement.copy_from_pb(message).validate()
    return {
        "type": message.predicate_type,
        "subjects": {subject.name: subject.digest["sha256"] for subject in message.subject},
    }


for line in sys.stdin:
    try:
        answer = verify(**json.loads(line))
    except Exception as error:
        answer = {"refused": type(error).__name__}
    print(json.dumps(answer), flush=True)

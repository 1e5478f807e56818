"""sigstore-python's verifier, offline, for one bundle for each line of JSON on stdin:

{"bundle": FILE, "trusted_root": FILE, "artifact": FILE, "identity": ID, "issuer": URL}
-> {"verified": true}, or {"refused": CLASS, "because": MESSAGE}

It does what `sigstore verify identity --offline` does: an envelope's statement must name the artifact's digest.
"""
import json
import pathlib
import sys

from sigstore._utils import sha256_digest
from sigstore.dsse import Statement
from sigstore.errors import VerificationError
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier, policy


def verify(bundle, trusted_root, artifact, identity, issuer):
    parsed = Bundle.from_json(pathlib.Path(bundle).read_bytes())
    verifier = Verifier(trusted_root=TrustedRoot.from_file(trusted_root))
    rule = policy.Identity(identity=identity, issuer=issuer)
    content = pathlib.Path(artifact).read_bytes()
    if "dsseEnvelope" not in json.loads(parsed.to_json()):
        verifier.verify_artifact(content, parsed, rule)
        return
    media_type, payload = verifier.verify_dsse(parsed, rule)
    if media_type != "application/vnd.in-toto+json":
        raise VerificationError(f"not a statement: {media_type}")
    if not Statement(payload)._matches_digest(sha256_digest(content)):
        raise VerificationError("the statement is about something else")


for line in sys.stdin:
    try:
        verify(**json.loads(line))
        answer = {"verified": True}
    except Exception as error:
        answer = {"refused": type(error).__name__, "because": str(error)}
    print(json.dumps(answer), flush=True)

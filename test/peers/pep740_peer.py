"""pypi-attestations, offline, for one question for each line of JSON on stdin:

{"attestation": FILE, "name": FILENAME, "digest": HEX, "identity": ID, "issuer": URL}
-> {"verified": true}, or {"refused": CLASS, "because": MESSAGE}
{"bundle": FILE}
-> {"converted": TEXT}: the Sigstore bundle as a PEP 740 attestation
"""
import json
import pathlib
import sys

from pypi_attestations import Attestation, Distribution
from sigstore.models import Bundle
from sigstore.verify import policy


def answer(question):
    if "bundle" in question:
        bundle = Bundle.from_json(pathlib.Path(question["bundle"]).read_bytes())
        return {"converted": Attestation.from_bundle(bundle).model_dump_json()}
    attestation = Attestation.model_validate_json(pathlib.Path(question["attestation"]).read_bytes())
    dist = Distribution(name=question["name"], digest=question["digest"])
    rule = policy.Identity(identity=question["identity"], issuer=question["issuer"])
    attestation.verify(rule, dist, offline=True)
    return {"verified": True}


for line in sys.stdin:
    try:
        said = answer(json.loads(line))
    except Exception as error:
        said = {"refused": type(error).__name__, "because": str(error)}
    print(json.dumps(said), flush=True)

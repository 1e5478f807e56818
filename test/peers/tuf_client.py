"""python-tuf's own client, one update for each line of JSON on stdin:

{"state": DIR, "url": URL, "root": FILE, "targets": [NAME, …]}
-> {"roles": {ROLE: VERSION}, "targets": {NAME: SHA256 or null}}, or {"refused": CLASS, "because": MESSAGE}

The client begins with the root in FILE when DIR has none yet, and goes on from DIR's otherwise. A target is null when
the repository has none of that name.
"""
import hashlib
import json
import pathlib
import sys
import tempfile

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.ngclient import Updater


def follow(state, url, root, targets):
    state = pathlib.Path(state)
    state.mkdir(parents=True, exist_ok=True)
    bootstrap = None if (state / "root.json").exists() else pathlib.Path(root).read_bytes()
    with tempfile.TemporaryDirectory() as downloads:
        updater = Updater(str(state), url, downloads, url + "targets/", bootstrap=bootstrap)
        updater.refresh()
        found = {}
        for name in targets:
            info = updater.get_targetinfo(name)
            content = info and pathlib.Path(updater.download_target(info)).read_bytes()
            found[name] = info and hashlib.sha256(content).hexdigest()
    roles = {}
    for role in ("root", "timestamp", "snapshot", "targets"):
        roles[role] = json.loads((state / f"{role}.json").read_bytes())["signed"]["version"]
    return {"roles": roles, "targets": found}


for line in sys.stdin:
    try:
        answer = follow(**json.loads(line))
    except (RepositoryError, DownloadError) as error:
        answer = {"refused": type(error).__name__, "because": str(error)}
    print(json.dumps(answer), flush=True)

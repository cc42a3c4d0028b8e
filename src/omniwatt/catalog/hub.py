"""A child process of its own: fetch one file of a Hugging Face repository, quietly, giving up at once if refused.

Called as `python -m omniwatt.catalog.hub REPOSITORY REVISION FILE FOLDER`. Prints one line of JSON: the file's path,
commit, size and etag (its sha256 if it is a large file). A file cut short is resumed from FOLDER.
"""

import hashlib
import json
import sys
from pathlib import Path

from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from omniwatt.catalog.fetch import HUB_REFUSED, HUB_UNREACHABLE

CONNECT_S = 4.0
# Written as they come, so that little is lost when a pull is stopped and a slow line does not look dead.
CHUNK_BYTES = 1 << 18


def main(repository: str, revision: str, file: str, folder: str) -> int:
    """Returns the exit status."""
    try:
        facts = _fetch(hf_hub_url(repository, file, revision=revision), Path(folder))
    except (EntryNotFoundError, GatedRepoError, RepositoryNotFoundError) as error:
        return _fail(HUB_REFUSED, error)
    except Exception as error:  # noqa: BLE001 - the parent process turns whatever it is into the next source
        return _fail(HUB_UNREACHABLE, error)
    sys.stdout.write(json.dumps(facts) + "\n")
    return 0


def _fetch(url: str, folder: Path) -> dict[str, object]:
    # Asked first, and without retries: a download would try an unreachable hub for half a minute.
    meta = get_hf_file_metadata(url, timeout=CONNECT_S)
    path = folder / hashlib.sha256((meta.etag or url).encode()).hexdigest()[:16]
    # `hf_hub_download` begins anew in each process, so a gigabyte cut short would be lost: its `http_get` resumes.
    if path.exists() and path.stat().st_size > (meta.size or 0):
        path.unlink()
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK_BYTES
    with path.open("ab", buffering=0) as target:
        headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
        http_get(url, target, resume_size=target.tell(), headers=headers, expected_size=meta.size)
    return {"path": path.name, "commit": meta.commit_hash, "size": meta.size, "etag": meta.etag}


def _fail(status: int, error: Exception) -> int:
    text = (str(error) or repr(error)).strip()
    sys.stdout.write(f"{type(error).__name__}: {text.splitlines()[0][:300]}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5]))

"""A child process of its own: fetch one file of a Hugging Face repository, quietly, giving up at once if refused.

Called as `python -m omniwatt.catalog.hub REPOSITORY REVISION FILE FOLDER`. Prints one line of JSON: the file's path,
commit, size and etag (its sha256 if it is a large file). Exits with 3 if the hub cannot be reached, 4 if it refuses.
A file cut short is resumed from FOLDER.
"""

import json
import sys

from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError

from omniwatt.catalog.fetch import HUB_REFUSED, HUB_UNREACHABLE

CONNECT_S = 4.0


def main(repository: str, revision: str, file: str, folder: str) -> int:
    """Returns the exit status."""
    try:
        # Asked first, and without retries: the download itself would try an unreachable hub for half a minute.
        meta = get_hf_file_metadata(hf_hub_url(repository, file, revision=revision), timeout=CONNECT_S)
        path = hf_hub_download(repository, file, revision=meta.commit_hash or revision, local_dir=folder)
    except (EntryNotFoundError, GatedRepoError, RepositoryNotFoundError) as error:
        return _fail(HUB_REFUSED, error)
    except Exception as error:  # noqa: BLE001 - the parent process turns whatever it is into the next source
        return _fail(HUB_UNREACHABLE, error)
    sys.stdout.write(
        json.dumps({"path": path, "commit": meta.commit_hash, "size": meta.size, "etag": meta.etag}) + "\n"
    )
    return 0


def _fail(status: int, error: Exception) -> int:
    text = (str(error) or repr(error)).strip()
    sys.stdout.write(f"{type(error).__name__}: {text.splitlines()[0][:300]}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5]))

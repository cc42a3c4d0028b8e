"""The artifact store: files named by their hash, and one folder of links for each card.

models/blobs/SHA256          the bytes, read-only, put here by one atomic rename after the hash was checked
models/CARD/FILE             a relative link to them
models/partial/SHA256/       what has been fetched so far; `SHA256.lock` beside it is held while fetching
"""

import contextlib
import hashlib
import os
import shutil
from pathlib import Path

from omniwatt.catalog.card import Artifact, Card

_CHUNK = 1 << 20
# A checked blob carries this time of change (2000-01-01); any other means that it was written to, or copied, since.
_CHECKED_NS = 946_684_800 * 10**9


class Store:
    """Where artifacts lie. Holds no state: any number of processes may use one folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "models"
        self.blobs = self.root / "blobs"
        self.partial = self.root / "partial"

    def create(self) -> None:
        """Make the folders, for their owner alone."""
        for folder in (self.home, self.root, self.blobs, self.partial):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def blob(self, artifact: Artifact) -> Path:
        return self.blobs / artifact.sha256

    def link(self, card: Card, artifact: Artifact) -> Path:
        return self.root / card.name / artifact.file

    def path(self, card: Card, artifact: Artifact) -> Path:
        """The file an engine is given."""
        return Path(artifact.path) if artifact.path else self.link(card, artifact)

    def has_blob(self, artifact: Artifact) -> bool:
        """Whether the bytes are here, judged by their size."""
        try:
            return self.blob(artifact).stat().st_size == artifact.bytes
        except OSError:
            return False

    def has(self, card: Card, artifact: Artifact) -> bool:
        """Whether the card's link leads to its bytes. Cheap: no hashing."""
        if artifact.path:
            return Path(artifact.path).is_file()
        link = self.link(card, artifact)
        try:
            return link.readlink().name == artifact.sha256 and link.stat().st_size == artifact.bytes
        except OSError:
            return False

    def missing(self, card: Card) -> list[Artifact]:
        return [artifact for artifact in card.artifacts if not self.has(card, artifact)]

    def put_link(self, card: Card, artifact: Artifact) -> None:
        """Point the card's name at the blob, atomically."""
        link = self.link(card, artifact)
        link.parent.mkdir(mode=0o700, exist_ok=True)
        fresh = link.with_name(f".{link.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path("..") / "blobs" / artifact.sha256)
        fresh.replace(link)

    def adopt(self, file: Path, artifact: Artifact) -> None:
        """Move a checked file of this file system among the blobs; it survives a power cut once this returns."""
        with file.open("rb+") as opened:
            os.fsync(opened.fileno())
        file.chmod(0o400)
        os.utime(file, ns=(_CHECKED_NS, _CHECKED_NS))
        file.replace(self.blob(artifact))
        _sync_folder(self.blobs)

    def sound(self, artifact: Artifact) -> bool:
        """Whether the bytes may be used. Hashes them only if the file changed since it was last checked.

        A corrupt one is deleted.
        """
        if artifact.path:
            return True
        blob = self.blob(artifact)
        if blob.stat().st_mtime_ns == _CHECKED_NS:
            return True
        if sha256(blob) != artifact.sha256:
            self.drop_blob(artifact)
            return False
        with contextlib.suppress(OSError):
            os.utime(blob, ns=(_CHECKED_NS, _CHECKED_NS))
        return True

    def drop_blob(self, artifact: Artifact) -> None:
        self.blob(artifact).unlink(missing_ok=True)

    def verify(self, card: Card) -> list[Artifact]:
        """Re-hash every artifact that is here. Corrupt ones are deleted and returned."""
        corrupt = []
        for artifact in card.artifacts:
            if artifact.path or not self.blob(artifact).exists():
                continue
            if sha256(self.blob(artifact)) != artifact.sha256:
                self.drop_blob(artifact)
                self.link(card, artifact).unlink(missing_ok=True)
                corrupt.append(artifact)
        return corrupt

    def remove(self, card: Card, others: list[Card]) -> int:
        """Forget the card's files and the blobs no other card links to. Returns the bytes freed."""
        keep = {artifact.sha256 for other in others for artifact in other.artifacts if self.has(other, artifact)}
        freed = 0
        for artifact in card.artifacts:
            if artifact.path or artifact.sha256 in keep:
                continue
            shutil.rmtree(self.partial / artifact.sha256, ignore_errors=True)
            with contextlib.suppress(OSError):
                freed += self.blob(artifact).stat().st_size
            self.drop_blob(artifact)
        shutil.rmtree(self.root / card.name, ignore_errors=True)
        return freed


def sha256(file: Path) -> str:
    """The hash of a file's bytes."""
    digest = hashlib.sha256()
    with file.open("rb", buffering=0) as opened:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def free_bytes(folder: Path) -> int:
    """Room left on the disk of `folder`."""
    return shutil.disk_usage(folder).free


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

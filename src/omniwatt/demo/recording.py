"""A real recording for the demo: fetched like a model, by its hash, and never part of this program."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from omniwatt.catalog.card import Artifact, Card
from omniwatt.catalog.error import CatalogError
from omniwatt.catalog.store import Store

if TYPE_CHECKING:
    from omniwatt.catalog.pull import Report

SAID = "And so my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
ABOUT = "American"
"""Whom the speaker talks to, in one word."""
FILE = Artifact(
    role="recording",
    file="inaugural-address-1961.mp3",
    sha256="20d3323a2bcce6f25498b8911a397503a0a99fa92b6ba58d62788cb42b6e5459",
    bytes=76_447,
    sources=(
        "npm:@pr0gramm/fluester@0.9.15:lib/whisper.cpp/samples/jfk.mp3",
        "npm:nodejs-whisper@0.3.1:cpp/whisper.cpp/samples/jfk.mp3",
    ),
)
RECORDING = Card(
    name="demo-recording",
    engine="",
    capabilities=(),
    description="Eleven seconds of the inaugural address of John F. Kennedy, 20 January 1961",
    licence="public domain (a work of the United States Government)",
    artifacts=(FILE,),
)


def fetch(home: Path, report: "Report") -> Path | None:
    """Where the recording lies; None where it is not and cannot be had: the demo then speaks a question itself."""
    from omniwatt.catalog.pull import pull

    store = Store(home)
    try:
        pull(store, RECORDING, report, threading.Event())
    except (CatalogError, OSError):
        return None
    return store.link(RECORDING, FILE)

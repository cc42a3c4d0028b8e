"""What can go wrong with cards and artifacts, for the operator at the command line.

CatalogError
├── CardError        a card is wrong as written; the message names file and key
├── SourceError      a source string is wrong as written
├── GgufError        a GGUF file's header is damaged or not one we can read
└── PullError        an artifact could not be fetched
    ├── Unavailable  one source refused, is unreachable, or lacks the file
    ├── WrongHash    the bytes are not the ones the card names
    └── NoSpace      the disk is full, or would be
"""


class CatalogError(Exception):
    """Base of all; the message is a sentence for the operator."""


class CardError(CatalogError):
    """A card is wrong as written; the message names file and key."""


class SourceError(CatalogError):
    """A source string is wrong as written."""


class GgufError(CatalogError):
    """A GGUF file's header is damaged or not one we can read."""


class PullError(CatalogError):
    """An artifact could not be fetched."""


class Unavailable(PullError):
    """One source refused, is unreachable, or lacks the file."""


class Skipped(Unavailable):
    """It was not asked again, having been unreachable a moment ago."""


class WrongHash(PullError):
    """The bytes are not the ones the card names; they are deleted, never used."""


class NoSpace(PullError):
    """The disk is full, or would be."""

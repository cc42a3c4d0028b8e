"""Source strings: what they mean, and which are refused."""

import pytest

from omniwatt.catalog.error import SourceError
from omniwatt.catalog.source import Part, parse

REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (f"hf:Org/My.Repo@{REVISION}:sub/x.gguf", Part("hf", "Org/My.Repo", REVISION, "sub/x.gguf")),
        ("hf:org/repo:x.gguf", Part("hf", "org/repo", "", "x.gguf")),
        ("pypi:a-b==1.0.post1:a_b/x.bin", Part("pypi", "a-b", "1.0.post1", "a_b/x.bin")),
        ("pypi:a==1!2.0:x.zip!deep/y", Part("pypi", "a", "1!2.0", "x.zip", "deep/y")),
        ("pypi:a==1:*/data/x.bin", Part("pypi", "a", "1", "*/data/x.bin")),
        ("npm:@scope/pkg@1.2.3:a.json", Part("npm", "@scope/pkg", "1.2.3", "a.json")),
        ("npm:pkg@17.0.0-rc.1:zh/data.json", Part("npm", "pkg", "17.0.0-rc.1", "zh/data.json")),
        ("file:/tmp/with space!.gguf", Part("file", "", "", "/tmp/with space!.gguf")),
    ],
)
def test_one_part(text: str, part: Part) -> None:
    assert parse(text) == (part,)


def test_ranges_count_together_and_keep_their_zeros() -> None:
    parts = parse("pypi:m-part{9..11}==0.2.0:*/part{09..11}.bin")
    assert [(part.name, part.member) for part in parts] == [
        ("m-part9", "*/part09.bin"),
        ("m-part10", "*/part10.bin"),
        ("m-part11", "*/part11.bin"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://example.org/x",
        "hf:repo:x",
        "hf:a/b@rev",
        "pypi:a:x",
        "pypi:a>=1:x",
        "pypi:--index-url==1:x",
        "pypi:a==1:../x",
        "pypi:a==1:/etc/passwd",
        "pypi:a==1:x.zip!../../y",
        "npm:a@latest:x",
        "npm:-g@1:x",
        "file:relative",
        "pypi:a{1..3}==1:x{1..2}",
        "pypi:a{3..1}==1:x",
        "pypi:a{1..99999}==1:x",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(SourceError):
        parse(text)

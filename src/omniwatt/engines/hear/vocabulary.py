"""Whisper's tokens: text, languages, tasks and times."""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from omniwatt.contract.error import BadInput, EngineFailed
from omniwatt.engines.hear import scripts

TIME_S = 0.02
"""Step of the time tokens."""
_FIRST_LANGUAGE = "<|en|>"
_REPLACED = "�"


class Vocabulary:
    """Numbers of the special tokens, and text from and to numbers."""

    def __init__(self, path: Path) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # noqa: BLE001 - the library raises bare Exception
            raise EngineFailed(f"The tokenizer cannot be read: {error}.") from None
        self.end = self._id("<|endoftext|>")
        self.start = self._id("<|startoftranscript|>")
        self.previous = self._id("<|startofprev|>")
        self.no_times = self._id("<|notimestamps|>")
        self.first_time = self.no_times + 1
        self.tasks = {"transcribe": self._id("<|transcribe|>"), "translate": self._id("<|translate|>")}
        between = range(self._id(_FIRST_LANGUAGE), self.tasks["translate"])
        self.languages = {self._name(id_): id_ for id_ in between}
        self._foreign: dict[tuple[str, bool], list[int]] = {}

    def language(self, name: str) -> str:
        """Our name of a language given as ISO 639-1, maybe with a region. Raises BadInput for one that is not known."""
        code = name.strip().lower().replace("_", "-").split("-")[0]
        if code not in self.languages:
            known = ", ".join(sorted(self.languages))
            raise BadInput(f"This model does not know the language {name!r}; it knows {known}.", param="language")
        return code

    def ids(self, text: str) -> list[int]:
        """Numbers of plain text; marks such as `<|en|>` in it are text like any other."""
        safe = text.replace("<|", "< |")
        found: list[int] = self._tokenizer.encode(safe, add_special_tokens=False).ids
        return found

    def text(self, ids: Sequence[int]) -> str:
        """Text of the numbers; times and marks are left out, bytes that make no character become U+FFFD."""
        found: str = self._tokenizer.decode([id_ for id_ in ids if id_ < self.end], skip_special_tokens=True)
        return found

    def foreign(self, language: str, *, latin: bool) -> list[int]:
        """Numbers of the tokens that cannot stand in a text of the language (see scripts.foreign)."""
        if (language, latin) not in self._foreign:
            tokens = [scripts.bytes_of(self._tokenizer.id_to_token(id_) or "") for id_ in range(self.end)]
            self._foreign[language, latin] = scripts.foreign(tokens, language, latin=latin)
        return self._foreign[language, latin]

    def is_time(self, id_: int) -> bool:
        return id_ >= self.first_time

    def seconds(self, id_: int) -> float:
        """What a time token says."""
        return (id_ - self.first_time) * TIME_S

    def pieces(self, ids: Sequence[int]) -> list[tuple[str, tuple[int, ...]]]:
        """The text in the smallest parts that are whole characters, each with its tokens."""
        found: list[tuple[str, tuple[int, ...]]] = []
        held: list[int] = []
        for id_ in ids:
            held.append(id_)
            text = self.text(held)
            if _REPLACED not in text:
                found.append((text, tuple(held)))
                held = []
        if held:
            found.append((self.text(held), tuple(held)))
        return found

    def _id(self, token: str) -> int:
        found: int | None = self._tokenizer.token_to_id(token)
        if found is None:
            raise EngineFailed(f"The tokenizer has no {token}: it is not Whisper's.")
        return found

    def _name(self, id_: int) -> str:
        return str(self._tokenizer.id_to_token(id_)).strip("<|>")

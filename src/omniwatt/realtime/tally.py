"""What sessions did, counted: one tally a session, summed for the operator."""

from dataclasses import astuple, dataclass

from omniwatt.contract.event import Usage


@dataclass(slots=True)
class Tally:
    """`right` guesses were taken, `wrong` ones thrown away; `missed` turns had no guess to take.

    `discarded_tokens` were read (as far as no cache had them) and written for nothing.
    """

    turns: int = 0
    responses: int = 0
    guesses: int = 0
    right: int = 0
    wrong: int = 0
    missed: int = 0
    discarded_tokens: int = 0

    def discard(self, spent: Usage) -> None:
        """Something made ahead was not wanted."""
        self.discarded_tokens += spent.total_tokens - spent.cached_tokens

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

"""What sessions did, counted: one tally a session, summed for the operator."""

from dataclasses import astuple, dataclass


@dataclass(slots=True)
class Tally:
    """`right` guesses were taken, `wrong` ones thrown away; `missed` turns had no guess to take."""

    turns: int = 0
    responses: int = 0
    guesses: int = 0
    right: int = 0
    wrong: int = 0
    missed: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

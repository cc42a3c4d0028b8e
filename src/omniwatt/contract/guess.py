"""Work done ahead of being asked for."""


class Guess:
    """Carried by a request that runs before it is known to be wanted. Unconfirmed at its end, it is billed nothing."""

    __slots__ = ("confirmed",)

    def __init__(self) -> None:
        self.confirmed = False

    def confirm(self) -> None:
        """It is wanted after all: it is an ordinary request from here on."""
        self.confirmed = True

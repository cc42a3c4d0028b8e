"""The command line: one file per group of commands, `menu.py` puts them together."""

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the console script."""
    from omniwatt.cli.menu import omniwatt

    omniwatt.main(args=arguments, prog_name="omniwatt")

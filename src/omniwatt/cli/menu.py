"""The menu: every command of `omniwatt`, by purpose. Commands import what they need when they run."""

import click

from omniwatt import __version__
from omniwatt.cli.chat import chat
from omniwatt.cli.demo import demo
from omniwatt.cli.doctor import doctor
from omniwatt.cli.draw import draw
from omniwatt.cli.hear import hear
from omniwatt.cli.keys import keys
from omniwatt.cli.models import models, pull
from omniwatt.cli.power import power
from omniwatt.cli.ps import ps
from omniwatt.cli.say import say
from omniwatt.cli.serve import serve
from omniwatt.cli.talk import talk
from omniwatt.cli.usage import usage

SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Serve": (serve, demo),
    "Talk": (chat, say, hear, talk),
    "Draw": (draw,),
    "Models": (pull, models),
    "Operate": (power, usage, ps, keys, doctor),
}

EPILOG = """
\b
First steps:
  omniwatt pull                 fetch the default models, about 2.1 GB, once
  omniwatt serve                start the service on http://127.0.0.1:8000/v1
  omniwatt chat                 talk to it from another terminal
\b
State lives in OMNIWATT_HOME (default ~/.omniwatt). OMNIWATT_URL and OMNIWATT_API_KEY
point the client commands at another server. `omniwatt COMMAND --help` says more.
"""


class Menu(click.Group):
    """A group whose help lists the commands by purpose."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [command.name or "" for commands in SECTIONS.values() for command in commands]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(len(name) for name in self.list_commands(ctx))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                rows = [((c.name or "").ljust(width), c.get_short_help_str(90)) for c in commands]
                formatter.write_dl(rows)


@click.group(
    cls=Menu,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="omniwatt")
def omniwatt() -> None:
    """One OpenAI-compatible endpoint on your own machine."""


for _commands in SECTIONS.values():
    for _command in _commands:
        omniwatt.add_command(_command)

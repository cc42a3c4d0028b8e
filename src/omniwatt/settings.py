"""Settings: small frozen values, built once. File < environment < flags; the only reader of os.environ.

A setting `queue_limit` of slice `admission` is `[admission] queue_limit = 64` in the TOML file and
`OMNIWATT_ADMISSION_QUEUE_LIMIT=64` in the environment. An unknown or ill-typed one stops the start.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from omniwatt.contract.power import Event, Window

PREFIX = "OMNIWATT_"
SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
CLIENT_VARIABLES = ("OMNIWATT_URL", "OMNIWATT_API_KEY")


class SettingsError(Exception):
    """A setting is unknown or ill-typed; the message names it and says what it may be."""


class Slice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all slices."""


class Server(Slice, frozen=True):
    """Where and how the HTTP server listens."""

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = 8000
    """The port; 0 picks a free one."""
    allowed_hosts: tuple[str, ...] = ()
    """Host headers accepted besides loopback and `host`; others get 403."""
    cors_origins: tuple[str, ...] = ()
    """Web origins that may call; a foreign Origin gets 403."""
    max_body_bytes: int = 32 * 1024 * 1024
    """The largest JSON body; more gets 413."""
    max_upload_bytes: int = 512 * 1024 * 1024
    """The largest uploaded file; more gets 413."""
    tls_certificate: str = ""
    """Certificate chain (PEM) to serve https with; empty serves http."""
    tls_key: str = ""
    """Private key (PEM) of the certificate; empty when the chain's file holds it."""
    insecure: bool = False
    """Allow binding to a non-loopback address while no key exists."""
    drain_s: float = 20.0
    """How long running answers may go on after SIGTERM."""
    unknown_fields: Literal["refuse", "warn"] = "refuse"
    """`warn` leaves unknown parameters out and lists them in `x-omniwatt-ignored-fields`, instead of a 400."""


class Models(Slice, frozen=True):
    """Which models are served, under which names, and how long they stay in memory."""

    serve: tuple[str, ...] = ()
    """Cards (or paths of GGUF files) to serve; empty means every card that is present."""
    default: str = "qwen2.5-coder-1.5b-instruct"
    """The card that the chat aliases mean."""
    fast: str = "qwen2.5-coder-0.5b-instruct"
    """The card that `fast` means."""
    embed: str = "all-minilm-l6-v2"
    """The card that the embedding aliases mean."""
    hear: str = "whisper-base"
    """The card that writes down speech: what the transcription aliases mean."""
    speak: str = "piper-joe"
    """The card with the fast voice: what `tts-1` means, and what spoken answers use unless they name a voice."""
    speak_hd: str = "kokoro-82m"
    """The card with the fine voices: what `tts-1-hd` and `gpt-4o-mini-tts` mean."""
    draw: str = "illustrator"
    """The card that draws: what the image aliases mean."""
    see: str = "pp-ocr"
    """The card that reads text in pictures; it reads back what was lettered into one."""
    aliases: dict[str, str] = {}
    """Name -> card; adds to and overrides the shipped ones (catalog/aliases.toml)."""
    preload: bool = True
    """Load the default chat model at start; the others on first use."""
    load_wait_s: float = 30.0
    """How long a request waits for a model to load before it gets a 503 with Retry-After."""
    idle_unload_s: float = 1800.0
    """Unload a model nobody used for this long; 0 keeps it for ever."""
    memory_limit_bytes: int = 0
    """Unload the least recently used models to stay below this; 0 means 80 % of the machine."""


class Channel(Slice, frozen=True):
    """One way to a provider: the models it answers for, and how."""

    url: str
    """The provider's base URL, up to and with /v1."""
    api_key_env: str = ""
    """The environment variable that holds the provider's key."""
    api_key_file: str = ""
    """Or the file that holds it."""
    models: dict[str, str] = {}
    """Name asked for (may end in *) -> name to send ("" keeps it)."""
    weight: float = 1.0
    """Its share among channels for the same model; 0 is used only when the others fail."""
    timeout_s: float = 600.0
    """How long it may take to begin to answer, and to go on after each piece."""
    connect_timeout_s: float = 10.0
    """How long connecting may take."""
    retries: int = 2
    """Further attempts on the same channel, before the first byte only."""
    slots: int = 64
    """Requests it may have under way at once."""
    picture_sizes: tuple[Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{1,4}x[1-9][0-9]{1,4}$")], ...] = ()
    """Sizes of pictures that the provider makes (`1024x1024`): of another one the nearest in shape is asked for and
    brought to size here. Empty passes every size on."""


class Admission(Slice, frozen=True):
    """How many requests may wait, and for how long."""

    queue_limit: int = 256
    """Requests that may wait for one model; more get 503 at once."""
    wait_limit_s: float = 120.0
    """How long a request waits for its turn before it gets 503."""
    gather_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 10.0
    """How long a chat of tier flex waits for others to be answered side by side with, which takes fewer joules each."""


class Audio(Slice, frozen=True):
    """How much sound a request may bring and ask for."""

    max_seconds: float = 1800.0
    """The longest sound that is heard; more gets 413."""
    max_characters: int = 4096
    """The longest text that is spoken; more gets 400, as with OpenAI."""


class Draw(Slice, frozen=True):
    """How large pictures may be, and how long those given out as URLs are kept."""

    max_side_px: int = 32768
    """The longest side of a picture that is drawn; more gets 400."""
    max_pixels: int = 32768 * 32768
    """Pixels of all pictures of one request together; more gets 400."""
    max_image_bytes: int = 50 * 1024 * 1024
    """The largest uploaded picture; more gets 413, as with OpenAI."""
    max_edit_bytes: int = 256 * 1024 * 1024
    """All uploaded pictures of one request together; more gets 413."""
    url_s: int = 3600
    """How long a picture given out as a URL can be fetched; the URL ends with it."""
    memory_bytes: int = 0
    """What all pictures being painted may take together: one that needs more gets 400, the others wait; 0 means 80 %
    of the machine, or of its control group."""
    cmyk_profile: str = ""
    """The printer's ICC profile (a file) for pictures asked for in four inks; empty is CGATS TR 001 (US web coated)."""
    second_opinion: str = ""
    """A strong model that chats (one of an upstream, say), asked in high quality about the words of a prompt that the
    illustrator does not know; what it answers is only added. Those words then go to that model. Empty asks nobody."""
    second_opinion_s: float = 8.0
    """How long it may take to answer before the picture is drawn without it."""
    spelling: tuple[str, ...] = ()
    """Painters other than the illustrator that may write quoted words themselves, by name (`gpt-image-*`): the others
    paint the prompt without them, and the words are lettered upon the picture and read back."""


class Realtime(Slice, frozen=True):
    """Spoken conversations over a WebSocket."""

    instructions: str = (
        "You are a friendly assistant in a spoken conversation. Answer in one to three short, plain sentences, the "
        "first one very short. No lists, no markup, no emoji."
    )
    """What the model is told when the client says nothing else."""
    voice: str = "alloy"
    """The voice of a session that asks for none."""
    guess: bool = True
    """Answer at the first pause, before it is certain that the user has finished; wrong guesses are thrown away."""
    sessions_per_key: int = 16
    """Sessions one key may have open at once; more get 429."""
    session_s: float = 3600.0
    """How long a session lives at most."""
    idle_s: float = 900.0
    """How long a session lives without an event from its client."""
    stall_s: float = 30.0
    """How long a client may leave a message unread before it is given up."""
    input_buffer_bytes: int = 16 * 1024 * 1024
    """Sound that may wait in a session's input buffer."""
    sound_bytes: int = 32 * 1024 * 1024
    """Sound a session's conversation keeps, the oldest forgotten first; the words stay."""
    items: int = 2000
    """Items a session's conversation may have."""
    responses: int = 4
    """Responses outside the conversation that may run at once in a session."""
    ice_servers: tuple[str, ...] = ()
    """STUN and TURN servers of WebRTC calls, such as `stun:HOST:PORT`; without any, only direct ways are tried."""
    turn_username: str = ""
    """Who we are to the TURN servers."""
    turn_credential_env: str = ""
    """The environment variable that holds the password for them."""
    call_lost_s: float = 15.0
    """A WebRTC call of whose client nothing is received for so long has ended."""


class Power(Slice, frozen=True):
    """How many watts the node may take, how they are metered, and what they cost."""

    budget: str = ""
    """`180W`, `1.2kW` or `60%` (of the full load that was calibrated, idle included); empty is no limit."""
    windows: tuple[Window, ...] = ()
    """Other budgets by time of day: `[[power.windows]]` with `start`, `end`, `budget` and perhaps `days`."""
    events: tuple[Event, ...] = ()
    """Times in which less may be taken: `[[power.events]]` with `start`, `length_s`, `reduce_pct`, `within_s`."""
    site_budget: str = ""
    """Makes this server the site: so many watts (`2kW`) for all nodes that follow it together, itself included."""
    site_windows: tuple[Window, ...] = ()
    """Other budgets of the site by time of day: `[[power.site_windows]]`, as `windows`."""
    site_events: tuple[Event, ...] = ()
    """Times in which the site may take less: `[[power.site_events]]`, as `events`."""
    site_url: str = ""
    """The site to follow (`https://box1:8080`): this node then takes no more than it is lent, nor than `budget`."""
    site_key_env: str = ""
    """The environment variable that holds an admin key of the site."""
    site_key_file: str = ""
    """Or the file that holds it; read again when the site does not accept it any more."""
    site_certificate: str = ""
    """Certificate (PEM) to trust besides those this machine trusts: one that the site signed itself, say."""
    site_insecure: bool = False
    """Send the key over plain http beyond this machine and its private network, too."""
    site_name: str = ""
    """What this node is called at the site, once in all of it; empty is the machine's name."""
    site_weight: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = 1.0
    """Its share where several nodes want more than there is."""
    meter: Literal["auto", "estimate", "rapl", "nvml", "wall", "replay", "none"] = "auto"
    """What tells the watts. `auto`: at the wall if set, cards, processor, CPU time. `none`: no joules, no budget."""
    idle_w: float = 0.0
    """What the machine takes with nothing to do; 0 uses the calibration, or an assumption that says so."""
    max_w: float = 0.0
    """What it takes at full load; likewise."""
    wall_url: str = ""
    """A meter at the wall that speaks HTTP: a server's Redfish, a Prometheus exporter, any JSON."""
    wall_form: Literal["redfish", "prometheus", "json"] = "json"
    """How it answers."""
    wall_field: str = ""
    """Where the watts stand: a path (`data.0.watts`), or a metric's name with its labels."""
    wall_user: str = ""
    """Who we are to it."""
    wall_password_file: str = ""
    """The file that holds the password."""
    wall_period_s: float = 1.0
    """How often it is asked."""
    wall_late_s: float = 0.5
    """How old its value is when it comes: half of what it averages over."""
    wall_unit_w: float = 1.0
    """What one of its units is in watts: 0.001 for milliwatts."""
    wall_scope: Literal["node", "wall", "facility"] = "wall"
    """What it sees."""
    recording: str = ""
    """A CSV with the columns time_s and watts, for the meter `replay`."""
    stops: bool = True
    """Stop and continue engines for milliseconds where processors draw the watts; without it only steps wait."""
    quota: bool = False
    """Hold CPU time by a control group's quota where one can be made, instead of stopping and continuing engines."""
    caps: bool = False
    """Lower the power limits of GPUs too, and put them back at the end; needs the right to, and GPUs of our own."""
    zeusd_socket: str = ""
    """The socket of the Zeus daemon (often /var/run/zeusd.sock), which may set limits where we may not."""
    price_per_kwh: float | None = None
    """What a kWh costs, for sums of money."""
    currency: str = "EUR"
    """In which currency."""
    g_co2_per_kwh: float | None = None
    """Grams of CO2 a kWh stands for where the machine is."""


class Storage(Slice, frozen=True):
    """What is kept, where and for how long."""

    home: str = ""
    """Default ~/.omniwatt; set with OMNIWATT_HOME too."""
    responses: bool = True
    """False forbids stored responses: `store` true is then refused."""
    responses_days: int = 30
    """How long stored responses are kept."""
    files_quota_bytes: int = 10 * 1024**3
    """What the files of one project may take on disk."""


class Log(Slice, frozen=True):
    """What is logged: never keys, and prompts only when asked for."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are written."""
    format: Literal["text", "json"] = "text"
    """For people, or one JSON object a line."""
    prompts: bool = False
    """Write what callers send, too: for finding faults on a machine of your own, never where others' data passes."""
    otel_endpoint: str = ""
    """An OTLP/HTTP collector that gets a span for each request; needs `omniwatt[otel]`."""


class Settings(Slice, frozen=True):
    """Everything the service can be told."""

    server: Server = Server()
    models: Models = Models()
    admission: Admission = Admission()
    audio: Audio = Audio()
    draw: Draw = Draw()
    realtime: Realtime = Realtime()
    power: Power = Power()
    storage: Storage = Storage()
    log: Log = Log()
    upstream: dict[str, Channel] = {}
    """Channel name -> channel."""

    @property
    def home(self) -> Path:
        """The state folder, absolute."""
        return Path(self.storage.home or "~/.omniwatt").expanduser().absolute()


def load(
    file: Path | None, flags: Mapping[str, Mapping[str, Any]], environ: Mapping[str, str] | None = None
) -> Settings:
    """Merge file < environment < flags. Raises SettingsError. `environ` defaults to the process's own."""
    tree: dict[str, Any] = {}
    if file is not None:
        tree = _read(file)
    _overlay(tree, _from_environ(os.environ if environ is None else environ))
    _overlay(tree, flags)
    return _convert(tree)


def client_url() -> str | None:
    """The running server the client commands talk to, or None for the local one."""
    return os.environ.get("OMNIWATT_URL") or None


def client_key() -> str | None:
    """The key the client commands use, or None for the local demo key."""
    return os.environ.get("OMNIWATT_API_KEY") or None


def secret(name: str) -> str | None:
    """A secret an operator named by its environment variable."""
    return os.environ.get(name)


def child_environ(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What an engine process inherits: neither our settings nor anything that is named like a secret.

    Engines open untrusted bytes; the one that needs a provider's key is handed it with its spec.
    """
    given = os.environ if environ is None else environ
    return {name: value for name, value in given.items() if not (name.startswith(PREFIX) or SECRET.search(name))}


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read the settings file {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from error


def _from_environ(environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    tree: dict[str, dict[str, Any]] = {}
    for name, text in environ.items():
        if not name.startswith(PREFIX) or name in CLIENT_VARIABLES:
            continue
        if name == "OMNIWATT_HOME":
            tree.setdefault("storage", {})["home"] = text
            continue
        section, _, field = name.removeprefix(PREFIX).lower().partition("_")
        tree.setdefault(section, {})[field] = text
    return tree


def _overlay(tree: dict[str, Any], over: Mapping[str, Mapping[str, Any]]) -> None:
    for section, fields in over.items():
        tree.setdefault(section, {}).update(fields)


def _convert(tree: dict[str, Any]) -> Settings:
    try:
        return msgspec.convert(_split_lists(tree), Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"settings: {error}") from error


def _split_lists(tree: dict[str, Any]) -> dict[str, Any]:
    """Environment variables and flags carry lists as comma-separated text."""
    kinds = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    for section, kind in kinds.items():
        fields = tree.get(section)
        if not isinstance(fields, dict) or not isinstance(kind, type):
            continue
        for field in msgspec.structs.fields(kind):
            value = fields.get(field.name)
            if field.type == tuple[str, ...] and isinstance(value, str):
                fields[field.name] = [part.strip() for part in value.split(",") if part.strip()]
    return tree

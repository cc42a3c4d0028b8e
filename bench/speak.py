"""Speech made: how soon it starts, how fast it comes, and whether a recogniser understands it.

    python -m bench.speak [--quick]

Through the HTTP server, one request at a time, streamed samples. First audio is the time from the request to the first
byte of sound for a ten-word sentence; the real-time factor is the time of a whole paragraph over its length in seconds.
For intelligibility each voice says sentences, `hear/whisper` writes them down, and jiwer counts the errors after
Whisper's own normaliser (words; letters in Chinese and Japanese): the recogniser's own mistakes are in the figure.
Its standard error is that of a ratio over renderings (W. Cochran, "Sampling Techniques", 1977, chapter 6).
"""

import contextlib
import http.client
import io
import json
import math
import statistics
import time
import urllib.request
import uuid
import wave
from typing import Any, NamedTuple

from bench.common import Service, arguments, model_store, report, say, service
from bench.hear import Process

PCM_HZ = 24_000
TEN_WORDS = "The keeper climbed the stairs and watched the grey sea."
PARAGRAPH = (
    "The keeper climbed the stairs and watched the grey sea. He had done so every evening for thirty years, and he "
    "knew each ship by her lights. Tonight there was one he had never seen before. It was small, it was slow, and it "
    "was coming straight for the rocks."
)
TEN_WORDS_ZH = "守塔的人走上楼梯，看着灰色的大海。"
PARAGRAPH_ZH = "守塔的人走上楼梯，看着灰色的大海。三十年来，他每天晚上都这样做。今天晚上，有一条船是他从来没有见过的。"
SENTENCES = {
    "en": (
        TEN_WORDS,
        "Please call me back before the end of the week if you have any questions.",
        "The museum is open from nine in the morning until five in the afternoon.",
        "She bought bread, cheese and three bottles of water at the station.",
        "Nobody knows why the old bridge was closed to traffic last winter.",
        "Our train leaves in twenty minutes, so we should walk a little faster.",
        "The doctor asked him to rest for a few days and drink plenty of water.",
        "My brother plays the piano every evening after dinner.",
        "There is a small garden behind the house where the children play.",
        "We need to finish the report before the meeting on Thursday.",
        "A cold wind was blowing from the north, and it began to snow.",
        "The price of coffee has gone up twice since the beginning of the year.",
    ),
    "zh": (
        TEN_WORDS_ZH,
        "今天天气很好，我们一起去公园散步吧。",
        "请问从这里到火车站要走多长时间？",
        "他每天早上六点起床，然后去跑步。",
        "这本书我已经看了三遍，还是很喜欢。",
        "北京的冬天很冷，但是不常下雪。",
    ),
}
SENTENCES |= {
    "fr": (
        "Le gardien monta l'escalier et regarda la mer grise.",
        "Il fait beau aujourd'hui, nous allons nous promener dans le parc.",
        "Combien de temps faut-il pour aller d'ici à la gare ?",
        "Elle a acheté du pain, du fromage et trois bouteilles d'eau.",
        "Personne ne sait pourquoi le vieux pont a été fermé l'hiver dernier.",
        "Les enfants ont mangé des oranges dans un grand jardin.",
    ),
    "es": (
        "El guardián subió las escaleras y miró el mar gris.",
        "Hoy hace buen tiempo, vamos a pasear por el parque.",
        "¿Cuánto tiempo se tarda en llegar a la estación?",
        "Ella compró pan, queso y tres botellas de agua.",
        "Nadie sabe por qué cerraron el puente viejo el invierno pasado.",
        "Los niños comieron naranjas en un jardín grande.",
    ),
    "it": (
        "Il guardiano salì le scale e guardò il mare grigio.",
        "Oggi il tempo è bello, andiamo a passeggiare nel parco.",
        "Quanto tempo ci vuole per arrivare alla stazione?",
        "Lei ha comprato pane, formaggio e tre bottiglie d'acqua.",
        "Nessuno sa perché il vecchio ponte è stato chiuso l'inverno scorso.",
        "I bambini hanno mangiato le arance in un grande giardino.",
    ),
    "pt": (
        "O guarda subiu as escadas e olhou para o mar cinzento.",
        "Hoje o tempo está bom, vamos passear no parque.",
        "Quanto tempo leva para chegar à estação?",
        "Ela comprou pão, queijo e três garrafas de água.",
        "As crianças comeram laranjas em um jardim grande.",
        "Meu tio toma um bom café todas as manhãs.",
    ),
    "ja": (
        "東京へ行って、本を読みました。",
        "今日は天気がいいので、公園を散歩しましょう。",
        "駅までどのくらい時間がかかりますか？",
        "彼女はパンとチーズを買いました。",
        "なぜ古い橋が閉鎖されたのか、誰も知りません。",
        "子供たちは大きな庭でオレンジを食べました。",
    ),
}
HINT = {"zh": "以下是普通话的句子。", "ja": "以下は日本語の文です。"}
"""What is told to the recogniser, which else may write another script."""


class Group(NamedTuple):
    """Voices of one card that are counted together."""

    card: str
    kind: str
    language: str
    voices: tuple[str, ...]
    shown: bool = True
    """Whether it has a line in the README."""
    rounds: int = 1
    """How often each voice says each sentence: a voice that never says one twice alike is heard several times."""


GROUPS = (
    Group("piper-joe", "American", "en", ("joe",), rounds=8),
    Group("kokoro-82m", "American women", "en", ("af_heart", "af_bella", "af_nova", "af_sarah")),
    Group("kokoro-82m", "American men", "en", ("am_adam", "am_michael", "am_onyx", "am_puck"), shown=False),
    Group("kokoro-82m", "British", "en", ("bf_emma", "bf_lily", "bm_fable", "bm_george"), shown=False),
    Group("kokoro-82m", "a blend", "en", ("af_heart:0.6+zf_xiaoxiao:0.4",), shown=False),
    Group("kokoro-82m", "Chinese women", "zh", ("zf_xiaobei", "zf_xiaoxiao", "zf_xiaoyi")),
    Group("kokoro-82m", "Xiaoni, whose tones are not the standard ones", "zh", ("zf_xiaoni",)),
    Group("kokoro-82m", "Chinese men", "zh", ("zm_yunjian", "zm_yunxi", "zm_yunxia", "zm_yunyang")),
    Group("kokoro-82m", "French", "fr", ("ff_siwis",)),
    Group("kokoro-82m", "Spanish", "es", ("ef_dora", "em_alex")),
    Group("kokoro-82m", "Italian", "it", ("if_sara", "im_nicola")),
    Group("kokoro-82m", "Portuguese", "pt", ("pf_dora", "pm_alex")),
    Group("kokoro-82m", "Japanese", "ja", ("jf_alpha", "jf_gongitsune", "jf_nezumi", "jm_kumo")),
    Group("espeak-ng", "American", "en", ("espeak-en-us", "espeak-en-us+f3")),
    Group("espeak-ng", "Mandarin", "zh", ("espeak-cmn", "espeak-cmn+f3")),
)
LANGUAGES = {"en": "English", "zh": "Chinese"}
TIMED = (
    ("piper-joe", "joe", TEN_WORDS, PARAGRAPH, "en", 0.100, 0.15),
    ("kokoro-82m", "af_heart", TEN_WORDS, PARAGRAPH, "en", 0.500, 0.5),
    ("kokoro-82m", "zf_xiaoxiao", TEN_WORDS_ZH, PARAGRAPH_ZH, "zh", 0.500, 0.5),
    ("espeak-ng", "espeak-en-us", TEN_WORDS, PARAGRAPH, "en", None, None),
)


class Spoken(NamedTuple):
    """One answer: seconds to its first byte and to its last, and its samples at 24 kHz."""

    first_s: float
    total_s: float
    samples: bytes

    @property
    def sound_s(self) -> float:
        return len(self.samples) / 2 / PCM_HZ


def spoken(server: Service, card: str, voice: str, text: str) -> Spoken:
    """Say it, reading the sound as it comes. Raises RuntimeError."""
    body = json.dumps({"model": card, "voice": voice, "input": text, "response_format": "pcm"})
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    with contextlib.closing(connection):
        began = time.perf_counter()
        connection.request("POST", "/v1/audio/speech", body, headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{card}: {answer.status} {answer.read()[:300]!r}")
        pieces = [answer.read1(65_536)]
        first_s = time.perf_counter() - began
        while piece := answer.read1(65_536):
            pieces.append(piece)
        return Spoken(first_s, time.perf_counter() - began, b"".join(pieces))


def heard(server: Service, samples: bytes, language: str) -> str:
    """What the recogniser makes of it."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(PCM_HZ)
        file.writeframes(samples)
    edge = uuid.uuid4().hex
    fields = {
        "model": "whisper-base",
        "language": language,
        "response_format": "json",
        "prompt": HINT.get(language, ""),
    }
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
        if value
    ]
    head = (
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
    )
    body = b"".join(parts) + head.encode() + out.getvalue() + f"\r\n--{edge}--\r\n".encode()
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": f"multipart/form-data; boundary={edge}"}
    request = urllib.request.Request(f"{server.url}/v1/audio/transcriptions", body, headers)
    with urllib.request.urlopen(request, timeout=300) as answer:
        return str(json.load(answer)["text"])


def times(server: Service, quick: bool) -> list[dict[str, Any]]:
    """First audio and real-time factor of each engine."""
    figures = []
    for card, voice, short, long, language, first_aim_s, factor_aim in TIMED:
        spoken(server, card, voice, short)
        firsts = [spoken(server, card, voice, short).first_s for _ in range(5 if quick else 30)]
        longs = [spoken(server, card, voice, long) for _ in range(2 if quick else 8)]
        factor = statistics.median(one.total_s / one.sound_s for one in longs)
        first_s = statistics.median(firsts)
        said = f"{card}, {LANGUAGES[language]}"
        common = {"figure": "speed", "card": card, "voice": voice, "language": language}
        figures.append(common | {
            "value": round(1000 * first_s, 1), "unit": "ms", "readme": f"{said}: first audio of ten words, p50",
            "p95_ms": round(1000 * sorted(firsts)[int(0.95 * (len(firsts) - 1))], 1),
        } | aimed(first_s, first_aim_s, f"<= {1000 * (first_aim_s or 0):.0f} ms"))  # fmt: skip
        figures.append(common | {
            "value": round(factor, 4), "readme": f"{said}: real-time factor of a paragraph",
            "paragraph_s": round(longs[0].sound_s, 2),
        } | aimed(factor, factor_aim, f"<= {factor_aim}"))  # fmt: skip
        say(f"{card} {voice}: first audio {1000 * first_s:.0f} ms, real-time factor {factor:.3f}")
    return figures


def aimed(found: float, aim: float | None, words: str) -> dict[str, Any]:
    """The aim of a figure, and whether it was met; nothing without one."""
    return {} if aim is None else {"aim": words, "met": found <= aim}


def intelligibility(server: Service, scorer: Process, quick: bool) -> list[dict[str, Any]]:
    """Errors of the round trip, per group of voices."""
    figures = []
    for group in GROUPS:
        scores = {
            voice: [score(server, scorer, group, voice, text) for text in _texts(group, quick)]
            for voice in group.voices[: 1 if quick else None]
        }
        rate, error = ratio([one for own in scores.values() for one in own])
        unit = "letters" if group.language in ("zh", "ja") else "words"
        say(f"{group.card}, {group.kind}: {100 * rate:.1f} +- {100 * error:.1f} % of {unit} wrong after the round trip")
        figures.append({
            "figure": "round_trip", "card": group.card, "group": group.kind, "language": group.language, "of": unit,
            "value": round(100 * rate, 1), "unit": "%", "standard_error": round(100 * error, 2),
            "sentences": len(SENTENCES[group.language]),
            "renderings": sum(len(own) for own in scores.values()),
            "voices": {voice: round(ratio(own)[0], 4) for voice, own in scores.items()},
        })  # fmt: skip
        if group.shown:
            figures[-1]["readme"] = f"{group.card}, {group.kind}: {unit} Whisper base hears wrong"
    return figures


def _texts(group: Group, quick: bool) -> list[str]:
    return list(SENTENCES[group.language][:2]) if quick else [*SENTENCES[group.language]] * group.rounds


def score(server: Service, scorer: Process, group: Group, voice: str, text: str) -> tuple[int, int]:
    """Errors of one sentence after the round trip, and how many words (letters) it has."""
    words = heard(server, spoken(server, group.card, voice, text).samples, group.language)
    found = scorer.ask("errors", language=group.language, pairs=[[text, words]])
    return found["edits"], found["length"]


def ratio(scores: list[tuple[int, int]]) -> tuple[float, float]:
    """Errors over words of several renderings, and the standard error of that."""
    length = sum(words for _, words in scores)
    rate = sum(edits for edits, _ in scores) / length
    apart = sum((edits - rate * words) ** 2 for edits, words in scores)
    return rate, math.sqrt(apart * len(scores) / max(1, len(scores) - 1)) / length


def main() -> None:
    """Measure all of it."""
    quick = arguments(__doc__ or "").quick
    models = "piper-joe,kokoro-82m,espeak-ng,whisper-base"
    with contextlib.closing(Process()) as scorer, service("--models", models, store=model_store()) as server:
        figures = times(server, quick) + intelligibility(server, scorer, quick)
    report("speak", figures, quick, {"recogniser": "whisper-base", "rate_hz": PCM_HZ, "streams": 1})


if __name__ == "__main__":
    main()

"""Containers around given packets, for the tests: MP4 whole and fragmented, WebM with every lacing, Ogg read."""

import itertools
import struct


def box(kind: bytes, *inner: bytes) -> bytes:
    body = b"".join(inner)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, *inner: bytes, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", flags), *inner)


def entry(kind: bytes, inner: bytes, rate_hz: int = 16_000) -> bytes:
    return box(kind, bytes(6), struct.pack(">H8xHHHHI", 1, 1, 16, 0, 0, rate_hz << 16), inner)


def esds(kind: int, setup: bytes) -> bytes:
    specific = bytes((5, len(setup))) + setup if setup else b""
    decoder = bytes((4, 13 + len(specific), kind, 0x15)) + bytes(11) + specific
    return full(b"esds", bytes((3, 3 + len(decoder))), bytes(3), decoder)


def dops(head: bytes) -> bytes:
    channels, skip, rate_hz, gain, family = struct.unpack_from("<BHIhB", head, 9)
    return box(b"dOps", struct.pack(">BBHIhB", 0, channels, skip, rate_hz, gain, family))


def mp4(
    packets: list[bytes],
    sample_entry: bytes,
    fragments: int = 0,
    handler: bytes = b"soun",
    per_chunk: int = 3,
    edit: bytes = b"",
) -> bytes:
    """With `fragments`, the packets lie in that many of them and the index is empty."""
    head = box(b"ftyp", b"isom", bytes(4))
    listed = [] if fragments else packets
    chunks = [packets[start : start + per_chunk] for start in range(0, len(listed), per_chunk)]

    def movie(offset: int) -> bytes:
        starts = [offset + sum(len(p) for c in chunks[:index] for p in c) for index in range(len(chunks))]
        tables = (
            full(b"stsd", struct.pack(">I", 1), sample_entry),
            full(b"stsz", struct.pack(">II", 0, len(listed)), *(struct.pack(">I", len(p)) for p in listed)),
            full(b"stsc", struct.pack(">IIII", 1, 1, per_chunk, 1) if listed else bytes(4)),
            full(b"stco", struct.pack(">I", len(starts)), *(struct.pack(">I", start) for start in starts)),
        )
        track = box(
            b"trak",
            full(b"tkhd", struct.pack(">III", 0, 0, 7), bytes(68)),
            edit,
            box(
                b"mdia",
                full(b"mdhd", struct.pack(">IIII", 0, 0, 16_000, 0), bytes(4)),
                full(b"hdlr", bytes(4), handler, bytes(13)),
                box(b"minf", box(b"stbl", *tables)),
            ),
        )
        extends = box(b"mvex", full(b"trex", struct.pack(">IIIII", 7, 1, 1024, 0, 0))) if fragments else b""
        return box(b"moov", full(b"mvhd", struct.pack(">IIII", 0, 0, 1000, 0), bytes(80)), track, extends)

    out = head + movie(len(head) + len(movie(0)) + 8) + box(b"mdat", *(packets if not fragments else []))
    for part in range(fragments):
        mine = packets[part * len(packets) // fragments : (part + 1) * len(packets) // fragments]
        out += fragment(mine)
    return out


def fragment(packets: list[bytes], number: int = 7) -> bytes:
    def moof(offset: int) -> bytes:
        sizes = (struct.pack(">II", 1024, len(packet)) for packet in packets)
        run = full(b"trun", struct.pack(">Ii", len(packets), offset), *sizes, flags=0x301)
        return box(b"moof", box(b"traf", full(b"tfhd", struct.pack(">I", number), flags=0x20000), run))

    return moof(len(moof(0)) + 8) + box(b"mdat", *packets)


def edits(start: int, milliseconds: int) -> bytes:
    return box(b"edts", full(b"elst", struct.pack(">IIiI", 1, milliseconds, start, 1 << 16)))


def element(kind: int, body: bytes, unknown: bool = False) -> bytes:
    name = kind.to_bytes((kind.bit_length() + 7) // 8)
    size = b"\x01" + b"\xff" * 7 if unknown else (len(body) | 1 << 56).to_bytes(8)
    return name + size + body


def webm(
    packets: list[bytes],
    codec: bytes,
    setup: bytes,
    lacing: int = 0,
    per_block: int = 1,
    packet_ms: int = 20,
    live: bool = False,
    grouped: bool = False,
    track_type: int = 2,
    extra: bytes = b"",
) -> bytes:
    track = element(0xD7, b"\x01") + element(0x83, bytes((track_type,))) + element(0x86, codec)
    tracks = element(0x1654AE6B, element(0xAE, track + element(0x63A2, setup) + extra))
    blocks = [
        (index * packet_ms, laced(packets[index : index + per_block], lacing))
        for index in range(0, len(packets), per_block)
    ]
    clusters = b""
    for start in range(0, len(blocks), 50):
        at_ms = blocks[start][0]
        body = element(0xE7, at_ms.to_bytes(8))
        for block_ms, packed in blocks[start : start + 50]:
            block = b"\x81" + struct.pack(">hB", block_ms - at_ms, lacing << 1) + packed
            body += element(0xA0, element(0xA1, block)) if grouped else element(0xA3, block)
        clusters += element(0x1F43B675, body, live)
    info = element(0x1549A966, element(0x2AD7B1, (1_000_000).to_bytes(4)))
    return element(0x1A45DFA3, element(0x4282, b"webm")) + element(0x18538067, info + tracks + clusters, live)


def laced(packets: list[bytes], lacing: int) -> bytes:
    if not lacing:
        return b"".join(packets)
    head = bytes((len(packets) - 1,))
    if lacing == 1:
        for packet in packets[:-1]:
            head += b"\xff" * (len(packet) // 255) + bytes((len(packet) % 255,))
    if lacing == 3:
        sizes = [len(packet) for packet in packets]
        head += (sizes[0] | 1 << 14).to_bytes(2) if len(sizes) > 1 else b""
        for before, size in itertools.pairwise(sizes[:-1]):
            head += (size - before + (1 << 13) - 1 | 1 << 14).to_bytes(2)
    return head + b"".join(packets)


def ogg_packets(data: bytes) -> list[bytes]:
    """All packets of an Ogg file of one stream, headers too."""
    packets, held, at = [], b"", 0
    while at < len(data):
        laces = data[at + 27 : at + 27 + data[at + 26]]
        at += 27 + len(laces)
        for lace in laces:
            held += data[at : at + lace]
            at += lace
            if lace < 255:
                packets.append(held)
                held = b""
    return packets


def xiph_setup(heads: list[bytes]) -> bytes:
    """The three headers of Vorbis as Matroska has them."""
    sizes = b"".join(b"\xff" * (len(head) // 255) + bytes((len(head) % 255,)) for head in heads[:2])
    return b"\x02" + sizes + b"".join(heads)


def adts_packets(data: bytes) -> list[bytes]:
    packets, at = [], 0
    while at < len(data):
        size = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        packets.append(data[at + 7 : at + size])
        at += size
    return packets


def mp3_packets(data: bytes) -> list[bytes]:
    """Frames of MPEG-2 layer III at one bit rate, without a tag."""
    kbit = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)[data[2] >> 4]
    rate_hz = (22_050, 24_000, 16_000)[data[2] >> 2 & 3]
    packets, at = [], 0
    while at + 4 <= len(data):
        size = 72_000 * kbit // rate_hz + (data[at + 2] >> 1 & 1)
        packets.append(data[at : at + size])
        at += size
    return packets

"""Whole messages over a Unix socket of kind SOCK_SEQPACKET: sent and taken without ever waiting."""

import socket
from collections.abc import Callable

PACKET_BYTES = 64 * 1024
MOST = 256


def take(stream: socket.socket, each: Callable[[bytes], None], most: int = MOST) -> bool:
    """Hand on the messages that have come, `most` at a time; False once the other end is gone."""
    for _ in range(most):
        try:
            packet = stream.recv(PACKET_BYTES, socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False
        if not packet:
            return False
        each(packet)
    return True


def post(stream: socket.socket, packet: bytes) -> bool:
    """Send one message of at most PACKET_BYTES; False when the other end is slow or gone."""
    try:
        stream.send(packet, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    except OSError:
        return False
    return True

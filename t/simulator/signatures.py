"""Thought signatures that verify themselves.

A signature is bytes: version, generation of the model, a nonce, what it was issued for, and a
MAC over these under a constant. It needs no memory, also not over a restart, and every change
to it (or its use beside another function, or on another generation) is found out.
"""

import base64
import binascii
import hashlib
import hmac
import os

SECRET = b"gemini-simulator thought signature"
SENTINELS = ("context_engineering_is_the_way_to_go", "skip_thought_signature_validator")
VERSION = b"\x0a\x52"


def _digest(text, size):
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:size]


def issue(generation, purpose, size=0):
    """A new signature for `purpose` (a function's name, or "" for text), as base64.

    size: at least so many bytes; real ones reach 100 KB.
    """
    filler = os.urandom(max(16, size - 52))
    signed = VERSION + _digest(generation, 2) + _digest(purpose, 8) + filler
    return base64.b64encode(signed + hmac.digest(SECRET, signed, "sha256")).decode()


def decode(text):
    """Bytes of base64 in either alphabet, padded or not; None when it is none."""
    text = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def is_sentinel(text):
    return text in SENTINELS


def problem(text, generation, purpose):
    """Why this signature is refused, or None."""
    if is_sentinel(text):
        return None
    data = decode(text)
    if data is None or len(data) < 60 or data[:2] != VERSION:
        return "Thought signature is not valid."
    signed, mac = data[:-32], data[-32:]
    if not hmac.compare_digest(hmac.digest(SECRET, signed, "sha256"), mac):
        return "Corrupted thought signature."
    if signed[2:4] != _digest(generation, 2):
        return "Corrupted thought signature."
    if signed[4:12] != _digest(purpose, 8):
        return "Thought signature is not valid."
    return None

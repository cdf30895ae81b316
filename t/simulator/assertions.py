"""Signed assertions of service accounts: JWTs under RS256, checked with nothing but integers."""

import base64
import binascii
import hashlib
import hmac
import json
import re

# DigestInfo of SHA-256 before the digest itself, from RFC 8017, section 9.2.
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
RSA_ENCRYPTION = bytes.fromhex("06092a864886f70d010101")


class Invalid(Exception):
    """What was sent is no assertion."""


class PublicKey:
    """An RSA key out of a SubjectPublicKeyInfo in PEM."""

    def __init__(self, pem):
        found = re.search(r"-----BEGIN PUBLIC KEY-----(.*?)-----END PUBLIC KEY-----", pem, re.S)
        if found is None:
            raise ValueError("public_key is no PEM of a public key")
        try:
            info, _ = element(base64.b64decode(found.group(1)), 0x30)
            algorithm, rest = element(info, 0x30)
            bits, _ = element(rest, 0x03)
            pair, _ = element(bits[1:], 0x30)
            modulus, rest = element(pair, 0x02)
            exponent, _ = element(rest, 0x02)
        except (binascii.Error, IndexError, Invalid) as error:
            raise ValueError("public_key is no DER of a public key") from error
        if not algorithm.startswith(RSA_ENCRYPTION):
            raise ValueError("public_key is no RSA key")
        self.modulus = int.from_bytes(modulus, "big")
        self.exponent = int.from_bytes(exponent, "big")
        self.size = (self.modulus.bit_length() + 7) // 8

    def verifies(self, signature, data):
        """RSASSA-PKCS1-v1_5 with SHA-256: the whole encoded message is compared."""
        number = int.from_bytes(signature, "big")
        if len(signature) != self.size or number >= self.modulus:
            return False
        encoded = pow(number, self.exponent, self.modulus).to_bytes(self.size, "big")
        digest = SHA256_PREFIX + hashlib.sha256(data).digest()
        padding = b"\xff" * (self.size - len(digest) - 3)
        return hmac.compare_digest(encoded, b"\x00\x01" + padding + b"\x00" + digest)


def element(data, tag):
    """(content, what follows) of the DER element `data` begins with."""
    if data[0] != tag:
        raise Invalid("unexpected tag")
    length, at = data[1], 2
    if length & 0x80:
        at = 2 + (length & 0x7F)
        length = int.from_bytes(data[2:at], "big")
    if at + length > len(data):
        raise Invalid("cut")
    return data[at:at + length], data[at + length:]


def decode(text):
    """Bytes of base64url, which has no padding and no other letters."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text) or len(text) % 4 == 1:
        raise Invalid("Invalid JWT: not base64url.")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parse(assertion):
    """(header, claims, signature, what was signed)."""
    pieces = assertion.split(".")
    if len(pieces) != 3:
        raise Invalid("Invalid JWT: it must have three segments.")
    try:
        header, claims = (json.loads(decode(piece)) for piece in pieces[:2])
    except (ValueError, RecursionError) as error:
        raise Invalid("Invalid JWT: not JSON.") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise Invalid("Invalid JWT: not an object.")
    return header, claims, decode(pieces[2]), ".".join(pieces[:2]).encode()

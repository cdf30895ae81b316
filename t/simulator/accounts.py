"""Service accounts, and the access tokens they were given.

A token proves itself (account, scope, when it was made, when it ends, and a MAC over these under
a constant), so that another instance which knows the account takes it too. Revoking tokens ends
all that were made before.
"""

import asyncio
import base64
import binascii
import collections
import hashlib
import hmac
import os
import struct
import time

import assertions
import errors
import faults
import vertex
from errors import Refusal, error_info
from keys import Profile, Rule

SECRET = b"gemini-simulator access token"
PREFIX = "ya29.c."
CLOUD = "https://www.googleapis.com/auth/cloud-platform"
GENERATIVE = "https://www.googleapis.com/auth/generative-language"
# Scopes that exist, and whether a token of theirs opens (Gemini's API, Vertex').
SCOPES = {CLOUD: (True, True), CLOUD + ".read-only": (False, False), GENERATIVE: (True, False),
          GENERATIVE + ".retriever": (True, False), GENERATIVE + ".tuning": (True, False),
          GENERATIVE + ".peruserquota": (True, False)}
LIFE = 3599
FIELDS = {"public_key", "project", "projects", "locations", "kid", "expires_in", "behaviours"}


class ExchangeRule(Rule):
    """A behaviour of the token endpoint."""

    KNOWN = {"ok", "disabled", "deleted", "invalid_scope", "unauthorized", "invalid_signature",
             "error", "stall", "hold", "garbage", "nothing", "empty_token", "huge_token", "skew"}


class Exchanges(Profile):
    RULE = ExchangeRule


class Account:
    """One service account: its key, what it may use, and how its exchanges go."""

    def __init__(self, email, spec):
        if not isinstance(spec, dict) or "public_key" not in spec:
            raise ValueError('an account is an object with "public_key"')
        unknown = sorted(set(spec) - FIELDS)
        if unknown:
            raise ValueError(f"unknown field {unknown[0]!r} of an account")
        self.email = email
        self.public_key = assertions.PublicKey(spec["public_key"])
        self.project = spec.get("project", "project-of-" + email.partition("@")[0])
        self.projects = spec.get("projects", [self.project])
        self.locations = spec.get("locations")
        self.kid = spec.get("kid")
        self.expires_in = spec.get("expires_in", LIFE)
        self.exchanges = Exchanges(email, {"behaviours": spec.get("behaviours", [])})
        self.asked = 0
        self.outcomes = collections.Counter()
        self.issued = []
        self.revoked_at = 0
        self.released = asyncio.Event()

    def issue(self, scope, lasts, size=0):
        """A new access token; `size`: at least so many characters."""
        now = time.time_ns()
        opens = [any(SCOPES[name][api] for name in scope.split()) for api in (0, 1)]
        signed = struct.pack(">QQBB", now, now + int(lasts * 1e9), *opens) + digest(self.email) \
            + os.urandom(max(24, size * 3 // 4))
        token = PREFIX + base64.urlsafe_b64encode(
            signed + hmac.digest(SECRET, signed, "sha256")).decode().rstrip("=")
        self.issued.append(token)
        return token

    def revoke(self):
        """Ends every token made until now."""
        self.revoked_at = time.time_ns()

    def may_use(self, place):
        return place.project in self.projects \
            and (self.locations is None or place.location in self.locations)

    def state(self):
        return {"email": self.email, "project": self.project, "projects": self.projects,
                "locations": self.locations, "kid": self.kid, "expires_in": self.expires_in,
                "exchanges": self.asked, "issued": len(self.issued), "tokens": self.issued,
                "outcomes": dict(self.outcomes),
                "behaviours": [rule.state() for rule in self.exchanges.rules]}


class Token:
    """What an access token says of itself."""

    def __init__(self, text):
        try:
            data = base64.b64decode(text[len(PREFIX):] + "=" * (-len(text[len(PREFIX):]) % 4),
                                    b"-_", validate=True)
        except (binascii.Error, ValueError):
            data = b""
        signed, mac = data[:-32], data[-32:]
        self.good = text.startswith(PREFIX) and len(signed) >= 26 \
            and hmac.compare_digest(hmac.digest(SECRET, signed, "sha256"), mac)
        if self.good:
            self.made, self.ends, gemini, cloud = struct.unpack(">QQBB", signed[:18])
            self.opens = (bool(gemini), bool(cloud))
            self.holder = signed[18:26]


def digest(email):
    return hashlib.sha256(email.encode("utf-8", "surrogateescape")).digest()[:8]


class Accounts:
    """All accounts, by e-mail."""

    def __init__(self):
        self.named = {}

    def put(self, email, spec):
        """A new account, or an old one told anew; its tokens stay good."""
        made = Account(email, spec)
        old = self.named.get(email)
        if old is not None:
            made.revoked_at = old.revoked_at
            old.released.set()
        self.named[email] = made
        return made

    def remove(self, email):
        found = self.named.pop(email, None)
        if found is not None:
            found.released.set()
        return found is not None

    def giver(self, token):
        """The account that was given the token, whether it is still good or not."""
        if not token.good:
            return None
        return next((each for each in self.named.values()
                     if digest(each.email) == token.holder), None)

    def holder(self, secret, record):
        """(account, Token) of an access token; the Refusal for one that is not good."""
        token = Token(secret)
        account = self.giver(token)
        if account is not None:
            record["key"] = record["account"] = account.email
        if account is None or token.made <= account.revoked_at:
            raise errors.unauthenticated("ACCESS_TOKEN_TYPE_UNSUPPORTED")
        if token.ends <= time.time_ns():
            raise errors.unauthenticated("ACCESS_TOKEN_EXPIRED")
        return account, token


def admit(account, token, route, request):
    """Whether this account may call this; raises Refusal."""
    if not token.opens[0 if route.place is None else 1]:
        raise faults.SIMPLE["scope_insufficient"]()
    if route.place is None:
        check_quota_project(account, request.header("x-goog-user-project"))
    elif route.place.project is None:
        if route.method not in ("list", "get"):
            raise Refusal(403, "Express mode takes an API key; with an access token the project"
                          " must be named in the path.")
    elif not account.may_use(route.place):
        raise vertex.permission_denied(route)


def check_quota_project(account, project):
    """Gemini's API bills a project, which a token alone does not name."""
    if project is None:
        raise Refusal(
            403, f"Your application is authenticating by using local Application Default"
            f" Credentials. The {errors.SERVICE} API requires a quota project, which is not set by"
            " default. To learn how to set your quota project, see"
            " https://cloud.google.com/docs/authentication/adc-troubleshooting/user-creds .",
            details=[error_info("SERVICE_DISABLED", consumer="projects/764086051850")])
    if project not in account.projects:
        raise Refusal(
            403, f"Caller does not have required permission to use project {project}. Grant the"
            " caller the roles/serviceusage.serviceUsageConsumer role, or a custom role with the"
            " serviceusage.services.use permission.",
            details=[error_info("USER_PROJECT_DENIED", consumer=f"projects/{project}")])

"""The token endpoint, POST /token: an assertion of a service account for an access token.

Strict where Google is, and in its words; beyond Google it wants the key's id, so that a client
which forgets it is found out.
"""

import email.utils
import json
import time
import urllib.parse

import assertions
import errors
from accounts import SCOPES

PATH = "/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
WINDOW = 300
LONGEST = 3600
TIMEFRAME = ("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable"
             " timeframe. Check your iat and exp values in the JWT claim.")
UNAUTHORIZED = ("Client is unauthorized to retrieve access tokens using this method, or client not"
                " authorized for any of the scopes requested.")
BAD_SCOPE = "Invalid OAuth scope or ID token audience provided."
JSON_TYPE = "application/json; charset=utf-8"


class Refused(Exception):
    """An error of OAuth's form."""

    def __init__(self, error, description, status=400):
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status

    def body(self):
        return pretty({"error": self.error, "error_description": self.description})


def pretty(document):
    return (json.dumps(document, indent=2) + "\n").encode()


class TokenEndpoint:
    """Serves /token for the accounts of one simulator."""

    def __init__(self, accounts, scheme="http"):
        self.accounts = accounts
        self.scheme = scheme

    async def serve(self, request, output, record):
        record["api_method"] = "token"
        account = None
        try:
            if request.method != "POST":
                raise errors.not_found_page(request.path)
            form = form_of(request)
            record["body"] = form
            assertion = assertion_of(form)
            account = self.account_of(assertion)
            record["account"] = account.email
            account.asked += 1
            rule = account.exchanges.pick(None, "token")
            record["behaviour"] = rule.do
            await self.answer(request, output, record, account, rule, assertion)
            outcome = f"{rule.do} {record['status']}"
        except assertions.Invalid as error:
            await self.refuse(output, record, Refused("invalid_grant", str(error)))
            outcome = "invalid_grant"
        except Refused as refused:
            await self.refuse(output, record, refused)
            outcome = refused.error
        if account is not None:
            account.outcomes[outcome] += 1

    @staticmethod
    async def refuse(output, record, refused):
        record["outcome"] = "refused"
        record["error"] = {"status": refused.error, "message": refused.description}
        await output.whole(refused.status, JSON_TYPE, refused.body())

    def account_of(self, assertion):
        _, claims, _, _ = assertion
        account = self.accounts.named.get(claims.get("iss"))
        if account is None:
            raise Refused("invalid_grant", "Invalid grant: account not found")
        return account

    async def answer(self, request, output, record, account, rule, assertion):
        if rule.do == "stall":
            await output.connection.pause(rule.option("seconds"))
        elif rule.do == "hold":
            await hold(output.connection, account)
        skew = rule.option("seconds", 0) if rule.do == "skew" else 0
        now = time.time() + skew
        output.date = email.utils.formatdate(now, usegmt=True)
        if await misbehave(rule, output, account):
            record["outcome"] = rule.do
            return
        own = f"{self.scheme}://{request.header('host')}{PATH}"
        scope = check(account, assertion, own, now)
        lasts = rule.option("expires_in", account.expires_in)
        size = int(rule.option("size", 65536)) if rule.do == "huge_token" else 0
        token = "" if rule.do == "empty_token" else account.issue(scope, lasts or LONGEST, size)
        reply = {"access_token": token, "expires_in": lasts, "token_type": "Bearer"}
        if lasts is None:
            del reply["expires_in"]
        await output.whole(200, JSON_TYPE, pretty(reply))


async def hold(connection, account):
    """Until the test releases the account, or the client has gone."""
    while not account.released.is_set():
        await connection.pause(0.01)


async def misbehave(rule, output, account):
    """The answers that no assertion changes. True: it was one of them."""
    if rule.do == "disabled":
        raise Refused("invalid_grant", f"Account disabled: {account.email}")
    if rule.do == "deleted":
        raise Refused("invalid_grant", "Invalid grant: account not found")
    if rule.do == "invalid_signature":
        raise Refused("invalid_grant", "Invalid JWT Signature.")
    if rule.do == "invalid_scope":
        raise Refused("invalid_scope", BAD_SCOPE)
    if rule.do == "unauthorized":
        raise Refused("unauthorized_client", UNAUTHORIZED, 401)
    if rule.do == "garbage":
        await output.whole(200, JSON_TYPE, b'{"access_token": "ya29.c.cut')
    elif rule.do == "nothing":
        await output.whole(200, JSON_TYPE, b"{}\n")
    elif rule.do == "error":
        body = rule.option("body", {"error": "internal_failure",
                                    "error_description": "Backend Error"})
        await output.whole(int(rule.option("status", 503)), rule.option("type", JSON_TYPE),
                           body.encode() if isinstance(body, str) else pretty(body),
                           list(rule.option("headers", {}).items()))
    else:
        return False
    return True


def form_of(request):
    """The form's fields; each may stand there once."""
    kind = (request.header("content-type") or "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Refused("invalid_request", f"Invalid content type: {kind or 'none'}")
    try:
        pairs = urllib.parse.parse_qsl(bytes(request.body).decode("ascii"), True, True)
    except ValueError as error:
        raise Refused("invalid_request", "Malformed form.") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Refused("invalid_request", "A parameter occurs twice.")
    return form


def assertion_of(form):
    if "grant_type" not in form:
        raise Refused("invalid_request", "Required parameter is missing: grant_type")
    if form["grant_type"] != GRANT:
        raise Refused("unsupported_grant_type", f"Invalid grant_type: {form['grant_type'][:100]}")
    if "assertion" not in form:
        raise Refused("invalid_request", "Required parameter is missing: assertion")
    extra = sorted(set(form) - {"grant_type", "assertion"})
    if extra:
        raise Refused("invalid_request", f"Parameter not allowed for this message type: {extra[0]}")
    return assertions.parse(form["assertion"])


def check(account, assertion, own_url, now):
    """The scope of an assertion that is good; raises Refused."""
    header, claims, signature, signed = assertion
    if header.get("alg") != "RS256" or header.get("typ", "JWT") != "JWT":
        raise Refused("invalid_grant", "Invalid JWT: Failed to find a supported algorithm.")
    if account.kid is not None and header.get("kid") != account.kid \
            or not account.public_key.verifies(signature, signed):
        raise Refused("invalid_grant", "Invalid JWT Signature.")
    issued, ends = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or type(ends) is not int or abs(issued - now) > WINDOW \
            or not issued < ends <= issued + LONGEST or ends <= now:
        raise Refused("invalid_grant", TIMEFRAME)
    if claims.get("aud") != own_url:
        raise Refused("invalid_grant", "Invalid JWT: Failed audience check. The right audience is"
                      f" {own_url}")
    if "sub" in claims and claims["sub"] != account.email:
        raise Refused("unauthorized_client", UNAUTHORIZED, 401)
    scope = claims.get("scope")
    if not isinstance(scope, str) or not scope.split() or scope != " ".join(scope.split()) \
            or not all(name in SCOPES for name in scope.split()):
        raise Refused("invalid_scope", BAD_SCOPE)
    return scope

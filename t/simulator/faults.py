"""What each behaviour of a key does: to the request, to the answer, to the connection."""

import json
import re

import errors
from errors import Refusal

OVERLOADED = ("This model is currently experiencing high demand. Spikes in demand are usually"
              " temporary. Please try again later.")
INTERNAL = ("An internal error has occurred. Please retry or report in"
            " https://developers.generativeai.google/guide/troubleshooting")
MISSING_API = ("Generative Language API has not been used in project 100200300400 before or it is"
               " disabled. Enable it by visiting https://console.developers.google.com/apis/api/"
               "generativelanguage.googleapis.com/overview?project=100200300400 then retry. If you"
               " enabled this API recently, wait a few minutes for the action to propagate to our"
               " systems and retry.")


def seconds(value, usual):
    """A delay in configuration: a number of seconds, or "1h2m3.5s"; None is `usual`."""
    if value is None:
        return usual
    if isinstance(value, (int, float)):
        return float(value)
    total, units = 0.0, {"h": 3600, "m": 60, "s": 1, "ms": 0.001}
    found = re.findall(r"([0-9.]+)(ms|h|m|s)", value)
    if not found or "".join(number + unit for number, unit in found) != value:
        raise ValueError(f"not a duration: {value!r}")
    for number, unit in found:
        total += float(number) * units[unit]
    return total


def refusal(rule, secret, model, version="v1beta", method="generateContent"):
    """The Refusal of a behaviour that is one, else None."""
    retry, limit = rule.option("retry"), rule.option("limit")
    if rule.do == "rate_limit":
        kinds = ["tokens"] if rule.option("tokens") else ["minute"]
        return errors.quota(kinds, model, seconds(retry, 46.120471), limit)
    if rule.do == "daily":
        return errors.quota(["day"], model, seconds(retry, 35645.125), limit)
    if rule.do == "mixed":
        return errors.quota(["day", "minute", "tokens"], model, seconds(retry, 0.964), limit)
    if rule.do == "limit_zero":
        return errors.quota(["minute", "day", "tokens"], model, seconds(retry, 27.5), 0)
    if rule.do == "internal" and rule.option("status_name"):
        return Refusal(500, INTERNAL, rule.option("status_name"))
    simple = SIMPLE.get(rule.do)
    if simple is not None:
        return simple()
    if rule.do == "invalid" and rule.option("debug"):
        found = errors.key_invalid()
        found.details.append({"@type": errors.TYPES + "DebugInfo",
                              "detail": f"Invalid API key: {secret}"})
        return found
    if rule.do == "invalid":
        return errors.key_invalid()
    if rule.do == "suspended":
        return Refusal(403, f"Permission denied: Consumer 'api_key:{secret}' has been suspended.",
                       details=[errors.error_info("CONSUMER_SUSPENDED",
                                                  consumer=errors.CONSUMER,
                                                  containerInfo="api_key:" + secret)])
    if rule.do == "permission_missing":
        permission = rule.option("permission", "serviceusage.services.use")
        return Refusal(403, f"Permission '{permission}' denied on resource '{errors.CONSUMER}' (or"
                       " it may not exist).",
                       details=[errors.error_info("IAM_PERMISSION_DENIED", permission=permission,
                                                  resource=errors.CONSUMER)])
    if rule.do == "no_model":
        if rule.option("retired"):
            return Refusal(404, f"This model models/{model} is no longer available to new users."
                           " Please update your code to use a newer model.")
        return errors.unknown_model(model, version, method)
    if rule.do == "location":
        return Refusal(400, "User location is not supported for the API use.",
                       "FAILED_PRECONDITION")
    return None


SIMPLE = {
    "expired": lambda: errors.key_invalid("API key expired. Please renew the API key."),
    "leaked": lambda: Refusal(
        403, "Your API key was reported as leaked. Please use another API key."),
    "service_disabled": lambda: Refusal(403, MISSING_API, details=[
        errors.links("Google developers console API activation",
                     "https://console.developers.google.com/apis/api/"
                     "generativelanguage.googleapis.com/overview?project=100200300400"),
        errors.error_info("SERVICE_DISABLED", consumer=errors.CONSUMER)]),
    "blocked_key": lambda: Refusal(
        403, "Requests to this API generativelanguage.googleapis.com method google.ai."
        "generativelanguage.v1beta.GenerativeService.GenerateContent are blocked.",
        details=[errors.error_info("API_KEY_SERVICE_BLOCKED", consumer=errors.CONSUMER)]),
    "billing": lambda: Refusal(
        403, "This API method requires billing to be enabled.",
        details=[errors.error_info("BILLING_DISABLED", consumer=errors.CONSUMER)]),
    "unauthenticated": errors.unauthenticated,
    "scope_insufficient": lambda: Refusal(
        403, "Request had insufficient authentication scopes.",
        details=[errors.error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", method="google.ai."
                                   "generativelanguage.v1beta.GenerativeService."
                                   "GenerateContent")]),
    "exhausted_bare": lambda: Refusal(
        429, "Resource has been exhausted (e.g. check quota)."),
    "no_credit": lambda: Refusal(402, "Your prepayment credits are depleted."),
    "capacity": lambda: Refusal(
        429, "No capacity available for model on the server",
        details=[errors.error_info("MODEL_CAPACITY_EXHAUSTED")]),
    "overloaded": lambda: Refusal(503, OVERLOADED),
    "internal": lambda: Refusal(500, INTERNAL),
    "deadline": lambda: Refusal(504, "Deadline expired before operation could complete."),
    "bad_gateway": lambda: errors.page(
        502, "Server Error", "The server encountered a temporary error and could not complete"
        " your request.<p>Please try again in 30 seconds."),
}


def stream_error(rule, secret, model):
    """The error of error_in_stream and error_first: `error` names a behaviour, or is a body."""
    wanted = rule.option("error", "overloaded")
    if isinstance(wanted, dict):
        return wanted if "error" in wanted else {"error": wanted}
    from keys import Rule
    found = refusal(Rule({**rule.options, "do": wanted}), secret, model)
    if found is None:
        raise ValueError(f"{wanted!r} is no error")
    return found.document()


async def break_wire(rule, output):
    """The behaviours that never get as far as an answer. True: it was one of them."""
    if rule.do == "nothing":
        await output.whole(rule.option("status", 200), "application/json; charset=UTF-8", b"")
    elif rule.do == "html":
        found = errors.page(200, "Sorry...", "We're sorry, but your computer or network may be"
                            " sending automated queries.")
        await output.whole(rule.option("status", 200), "text/html", found.body()[1])
    elif rule.do == "garbage":
        await garbage(rule, output)
    elif rule.do == "error":
        body = rule.option("body", {})
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        await output.whole(int(rule.option("status", 500)),
                           rule.option("type", "application/json; charset=UTF-8"), data,
                           list(rule.option("headers", {}).items()))
    elif rule.do == "stall" and rule.option("at", "request") == "request":
        await output.connection.pause(rule.option("seconds"))
        output.keep_alive = False
    elif rule.do == "stall" and rule.option("at") == "head":
        await output.head(200, rule.option("type", "text/event-stream"))
        await output.connection.pause(rule.option("seconds"))
        output.keep_alive = False
    else:
        return False
    return True


async def garbage(rule, output):
    """as: "http" (no HTTP at all), "json" (a 200 whose body is none), "event" (of a stream)."""
    kind = rule.option("as", "http")
    if kind == "http":
        output.keep_alive = False
        await output.raw(b"\x16\x03\x01\x02\x00SSH-2.0-nobody \xff\xfe\r\n\r\n\x00\x00")
        output.connection.drop()
    elif kind == "json":
        await output.whole(200, "application/json; charset=UTF-8",
                           b'{"candidates": [{"content": {"parts": [{"text": "ab\xff')
    elif kind == "event":
        await output.head(200, "text/event-stream")
        await output.piece(b'data: {"candidates": [{"content": {"par\r\n\r\n')
        await output.piece(b"data: 12\r\n\r\ndata: [\r\n\r\n")
        await output.end()
    else:
        raise ValueError(f"no garbage as {kind!r}")


def at_event(value):
    """"event:3" -> 3, else None."""
    if isinstance(value, str) and value.startswith("event:"):
        return int(value[6:])
    return None


def set_transport(rule, output):
    """Puts the behaviours of the transport on the output."""
    if rule.do == "drip":
        output.drip = max(1, int(rule.option("size", 1)))
        output.drip_pause = rule.option("ms", 0) / 1000
    elif rule.do == "lie_length":
        output.extra_length = int(rule.option("by", 100))
    elif rule.do == "cut":
        output.rst = bool(rule.option("rst"))
        if "bytes" in rule.options:
            output.cut_bytes = int(rule.options["bytes"])
    elif rule.do == "until_close":
        output.until_close = True
    elif rule.do == "chunked":
        output.force_chunked = True
    elif rule.do == "close":
        output.keep_alive = False

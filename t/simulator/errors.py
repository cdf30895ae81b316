"""Google's error bodies: what each refusal looks like on the wire.

Messages and details follow what the Gemini API prints; names and numbers in them are invented.
"""

import json

TYPES = "type.googleapis.com/google.rpc."
SERVICE = "generativelanguage.googleapis.com"
CONSUMER = "projects/100200300400"

STATUS_NAMES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ABORTED", 413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 500: "INTERNAL", 501: "UNIMPLEMENTED",
    502: "UNAVAILABLE", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}


class Refusal(Exception):
    """An answer that is an error; `body()` is what goes out."""

    def __init__(self, code, message, status=None, details=None, page=None, headers=()):
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status or STATUS_NAMES.get(code, "UNKNOWN")
        self.details = details
        self.page = page
        self.headers = headers

    def document(self):
        """The error object, as a dict."""
        error = {"code": self.code, "message": self.message, "status": self.status}
        if self.details:
            error["details"] = self.details
        return {"error": error}

    def body(self):
        """(content type, bytes)."""
        if self.page is not None:
            return "text/html; charset=UTF-8", self.page.encode()
        text = json.dumps(self.document(), ensure_ascii=False, indent=2) + "\n"
        return "application/json; charset=UTF-8", text.encode("utf-8", "replace")


def invalid(message, field=None):
    """400 about one field of the request, with its BadRequest detail."""
    if field is None:
        return Refusal(400, message)
    return violations([(field, message)])


def violations(found):
    """400 for a list of (field, description); field '' is the request itself."""
    entries = []
    for field, description in found:
        entry = {"field": field} if field else {}
        entry["description"] = description
        entries.append(entry)
    message = "\n".join(description for _, description in found)
    return Refusal(400, message, details=[
        {"@type": TYPES + "BadRequest", "fieldViolations": entries}])


def argument(path, message):
    """400 in the form of the API's own validators: `* GenerateContentRequest.x: why`."""
    return Refusal(400, f"* {path}: {message}\n")


def error_info(reason, **metadata):
    return {"@type": TYPES + "ErrorInfo", "reason": reason, "domain": "googleapis.com",
            "metadata": {"service": SERVICE, **metadata}}


def localized(message):
    return {"@type": TYPES + "LocalizedMessage", "locale": "en-US", "message": message}


def links(description, url):
    return {"@type": TYPES + "Help", "links": [{"description": description, "url": url}]}


def page(code, title, text):
    """A page of Google's front end, in place of JSON."""
    return Refusal(code, title, page=(
        "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n"
        f"  <title>Error {code} ({title})!!1</title>\n"
        f"  <p><b>{code}.</b> <ins>That\u2019s an error.</ins>\n  <p>{text}\n"))


def not_found_page(path):
    shown = path.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return page(404, "Not Found", f"The requested URL <code>{shown}</code> was not found on"
                " this server.  <ins>That\u2019s all we know.</ins>")


def key_invalid(message="API key not valid. Please pass a valid API key."):
    return Refusal(400, message, details=[error_info("API_KEY_INVALID"), localized(message)])


def unregistered():
    return Refusal(403, "Method doesn't allow unregistered callers (callers without established"
                   " identity). Please use API Key or other form of API consumer identity to call"
                   " this API.")


def several_credentials():
    return Refusal(400, "Multiple authentication credentials received. Please pass only one.")


def unauthenticated(reason="ACCESS_TOKEN_TYPE_UNSUPPORTED"):
    return Refusal(
        401, "Request had invalid authentication credentials. Expected OAuth 2 access token, login"
        " cookie or other valid authentication credential. See"
        " https://developers.google.com/identity/sign-in/web/devconsole-project.",
        details=[error_info(reason, method="google.ai.generativelanguage.v1beta."
                            "GenerativeService.GenerateContent")])


def unknown_model(model, version="v1beta", method="generateContent"):
    return Refusal(404, f"models/{model} is not found for API version {version}, or is not"
                   f" supported for {method}. Call ListModels to see the list of available models"
                   " and their supported methods.")


def duration(seconds):
    """A protobuf Duration in JSON: at most nine digits, no trailing zeros."""
    text = f"{seconds:.9f}".rstrip("0").rstrip(".")
    return text + "s"


def spoken(seconds):
    """The same the way the message says it: 10h17m5.7s, 46.1s."""
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    text = f"{left:.9f}".rstrip("0").rstrip(".") + "s"
    if hours >= 1:
        return f"{int(hours)}h{int(minutes)}m{text}"
    return f"{int(minutes)}m{text}" if minutes >= 1 else text


METRICS = "generativelanguage.googleapis.com/generate_content_"
QUOTAS = {
    "minute": ("free_tier_requests", "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", 5),
    "day": ("free_tier_requests", "GenerateRequestsPerDayPerProjectPerModel-FreeTier", 20),
    "tokens": ("free_tier_input_token_count",
               "GenerateContentInputTokensPerModelPerMinute-FreeTier", 250000),
    "day_tokens": ("free_tier_input_token_count",
                   "GenerateContentInputTokensPerModelPerDay-FreeTier", 6000000),
}


def quota(kinds, model, retry=None, limit=None):
    """429 with QuotaFailure for `kinds` of QUOTAS; `retry` in seconds adds RetryInfo."""
    failed, lines = [], []
    for kind in kinds:
        metric, quota_id, usual = QUOTAS[kind]
        value = usual if limit is None else limit
        failed.append({"quotaMetric": METRICS + metric, "quotaId": quota_id,
                       "quotaDimensions": {"location": "global", "model": model},
                       "quotaValue": str(value)})
        lines.append(f"* Quota exceeded for metric: {METRICS}{metric}, limit: {value},"
                     f" model: {model}")
    details = [links("Learn more about Gemini API quotas",
                     "https://ai.google.dev/gemini-api/docs/rate-limits"),
               {"@type": TYPES + "QuotaFailure", "violations": failed}]
    if retry is not None:
        lines.append(f"Please retry in {spoken(retry)}.")
        details.append({"@type": TYPES + "RetryInfo", "retryDelay": duration(retry)})
    message = ("You exceeded your current quota, please check your plan and billing details. For"
               " more information on this error, head to:"
               " https://ai.google.dev/gemini-api/docs/rate-limits.\n" + "\n".join(lines))
    return Refusal(429, message, details=details)

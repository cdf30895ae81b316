"""The keys the simulator knows, and how each was told to behave.

A key has a list of rules, tried in order for every request; the first that applies decides:

    {"do": "rate_limit", "times": 2, "after": 1, "models": "gemini-3*",
     "methods": "streamGenerateContent", "probability": 0.5, ...options of the behaviour}

`after` N lets the first N requests it would apply to pass; `times` N ends it after N. What no
rule wants is answered normally.
"""

import collections
import fnmatch
import random
import time

# Of the key or its project: told before the request is even looked at.
KEY_FAULTS = {"invalid", "expired", "leaked", "suspended", "service_disabled", "unauthenticated",
              "location", "blocked_key", "billing", "permission_missing", "scope_insufficient"}
# Of quota, service or model: only asked of methods that spend quota, unless `methods` says more.
SERVICE_FAULTS = {"rate_limit", "daily", "mixed", "limit_zero", "exhausted_bare", "overloaded",
                  "no_model", "deadline", "internal", "no_credit", "capacity"}
# Of the way: the answer is not even Google's.
WIRE_FAULTS = {"stall", "garbage", "html", "nothing", "bad_gateway", "error"}
# Of the answer itself, or of its transport.
ANSWER_FAULTS = {"cut", "error_in_stream", "error_first", "empty", "malformed_call", "blocked",
                 "max_tokens", "slow", "drip", "lie_length", "until_close", "chunked", "close"}
BEHAVIOURS = {"ok"} | KEY_FAULTS | SERVICE_FAULTS | WIRE_FAULTS | ANSWER_FAULTS
SELECTORS = ("do", "times", "after", "models", "methods", "probability")


def as_list(value):
    return value if isinstance(value, list) else [value]


class Rule:
    """One behaviour with the conditions under which it holds."""

    KNOWN = BEHAVIOURS

    def __init__(self, spec):
        if isinstance(spec, str):
            spec = {"do": spec}
        if not isinstance(spec, dict):
            raise ValueError(f"a rule is a name or an object, not {spec!r}")
        self.do = spec.get("do", "ok")
        if self.do not in self.KNOWN:
            known = ", ".join(sorted(self.KNOWN))
            raise ValueError(f"unknown behaviour {self.do!r}; known: {known}")
        self.times = spec.get("times")
        self.after = int(spec.get("after", 0))
        self.models = as_list(spec.get("models", "*"))
        self.methods = as_list(spec["methods"]) if "methods" in spec else None
        self.probability = spec.get("probability")
        self.options = {name: value for name, value in spec.items() if name not in SELECTORS}
        self.met = 0
        self.fired = 0

    def option(self, name, default=None):
        return self.options.get(name, default)

    def applies(self, model, method):
        if self.methods is None:
            if self.do in SERVICE_FAULTS | ANSWER_FAULTS \
                    and (method in ("list", "get") or "." in method):
                return False
        elif not any(fnmatch.fnmatchcase(method, glob) for glob in self.methods):
            return False
        return any(fnmatch.fnmatchcase(model or "", glob) for glob in self.models)

    def state(self):
        return {"do": self.do, "met": self.met, "fired": self.fired, "times": self.times,
                "after": self.after, "models": self.models, "methods": self.methods,
                "probability": self.probability, **self.options}


OK = Rule("ok")


class Profile:
    """One key: its rules, its requests-per-minute limit, its counters."""

    RULE = Rule

    def __init__(self, name, spec=None, shared=None):
        if not isinstance(spec, dict) or "do" in spec:
            spec = {"behaviours": [] if spec is None else spec}
        self.name = name
        self.secret = spec.get("key", name)
        self.project = spec.get("project", name)
        self.rpm = spec.get("rpm")
        self.pace_ms = spec.get("pace_ms")
        self.call_ids = spec.get("call_ids", True)
        rules = spec.get("behaviours", spec.get("behaviors", spec.get("rules", [])))
        self.rules = [self.RULE(rule) for rule in as_list(rules)]
        self.windows = shared if shared is not None else {}
        self.requests = 0
        self.outcomes = collections.Counter()

    def pick(self, model, method, rng=random):
        """The rule for this request; its counts move."""
        for rule in self.rules:
            if not rule.applies(model, method):
                continue
            rule.met += 1
            if rule.met <= rule.after:
                continue
            if rule.times is not None and rule.fired >= rule.times:
                continue
            if rule.probability is not None and rng.random() >= rule.probability:
                continue
            rule.fired += 1
            return rule
        return OK

    @staticmethod
    def give_back(rule):
        """A request that was refused for what it says has not used up the rule."""
        if rule is not OK:
            rule.met -= 1
            rule.fired -= 1

    def over_limit(self, model, now=None):
        """Counts the request against rpm; seconds to wait when it is over, else None."""
        if self.rpm is None:
            return None
        now = time.monotonic() if now is None else now
        window = self.windows.setdefault((self.project, model), collections.deque())
        while window and window[0] <= now - 60:
            window.popleft()
        if len(window) >= self.rpm:
            return window[0] + 60 - now if window else 60.0
        window.append(now)
        return None

    def state(self):
        return {"key": self.secret, "project": self.project, "rpm": self.rpm,
                "requests": self.requests, "outcomes": dict(self.outcomes),
                "behaviours": [rule.state() for rule in self.rules]}


class Keys:
    """All profiles, by secret; unknown keys get one made from the defaults."""

    def __init__(self, strict=False, seed=None):
        self.strict = strict
        self.random = random.Random(seed)
        self.windows = {}
        self.named = {}
        self.by_secret = {}
        self.defaults = {}

    def put(self, name, spec):
        profile = Profile(name, spec, self.windows)
        old = self.named.get(name)
        if old is not None:
            self.by_secret.pop(old.secret, None)
        self.named[name] = profile
        self.by_secret[profile.secret] = profile

    def remove(self, name):
        profile = self.named.pop(name, None)
        if profile is not None:
            self.by_secret.pop(profile.secret, None)
        return profile is not None

    def set_defaults(self, spec):
        Profile("", spec)
        self.defaults = spec
        self.by_secret = {profile.secret: profile for profile in self.named.values()}

    def load(self, document):
        if not isinstance(document, dict):
            raise ValueError("the keys are one JSON object: name to behaviour")
        for name, spec in document.items():
            self.put(name, spec)

    def find(self, secret):
        """The profile of a key, or None when it is unknown and only known ones count."""
        profile = self.by_secret.get(secret)
        if profile is None and not self.strict:
            profile = Profile(secret, without_key(self.defaults), self.windows)
            self.by_secret[secret] = profile
        return profile

    def of_account(self, account):
        """The profile of a service account; what is said of its e-mail decides."""
        profile = self.by_secret.get(account.email)
        if profile is None:
            spec = without_key(self.defaults)
            spec = dict(spec) if isinstance(spec, dict) and "do" not in spec \
                else {"behaviours": spec}
            profile = Profile(account.email, {"project": account.project, **spec}, self.windows)
            self.by_secret[account.email] = profile
        elif profile.project == account.email:
            profile.project = account.project
        return profile

    def state(self):
        return {profile.name: profile.state() for profile in self.by_secret.values()}


def without_key(spec):
    """Defaults are for every key: they cannot name one, nor make all share a project."""
    if isinstance(spec, dict) and "do" not in spec:
        return {name: value for name, value in spec.items() if name != "key"}
    return spec

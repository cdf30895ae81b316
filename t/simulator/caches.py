"""Context caches: cachedContents, and what generateContent does with one."""

import time

import errors
import schema
import tokens
import validate
from errors import Refusal
from resources import listing, moment_of, new_id, stamp

ABSENT = "CachedContent not found (or permission denied)"
USUAL_LIFE = 3600


class Cache:
    """One cachedContent."""

    def __init__(self, project, content, count, name=None):
        self.name = name or "cachedContents/" + new_id(40)
        self.project = project
        self.content = content
        self.count = count
        self.created = self.updated = time.time()
        self.expires = self.created + USUAL_LIFE

    def document(self):
        found = {"name": self.name, "model": self.content.get("model", ""),
                 "createTime": stamp(self.created), "updateTime": stamp(self.updated),
                 "expireTime": stamp(self.expires)}
        if self.content.get("displayName"):
            found["displayName"] = self.content["displayName"]
        return {**found, "usageMetadata": {"totalTokenCount": self.count}}


class Caches:
    """The calls of cachedContents."""

    def __init__(self, store, options, catalogue):
        self.store = store
        self.options = options
        self.catalogue = catalogue

    def create(self, exchange):
        content, _ = schema.check("CachedContent", exchange.body)
        model = self.model_of(content, exchange.route.version)
        if not content.get("contents") and "systemInstruction" not in content \
                and not content.get("tools"):
            raise Refusal(400, "CachedContent is empty: set contents, system_instruction or"
                          " tools.")
        for i, entry in enumerate(content.get("contents", [])):
            if (entry.get("role") or "user") not in validate.ROLES:
                raise Refusal(400, "Please use a valid role: user, model.")
            validate.check_parts(entry, f"CreateCachedContentRequest.contents[{i}]", model)
        count = sum(tokens.of_request(content).values())
        if count < self.options.cache_minimum:
            raise Refusal(400, f"Cached content is too small. total_token_count={count},"
                          f" min_total_token_count={self.options.cache_minimum}")
        cache = Cache(exchange.project, content, count)
        self.set_expiry(cache, content)
        self.store.add(cache)
        return cache.document()

    def model_of(self, content, version):
        name = content.get("model", "")
        if not name.startswith("models/"):
            raise errors.argument("CreateCachedContentRequest.cached_content.model",
                                  "unexpected model name format")
        model = self.catalogue.find(name[len("models/"):])
        if model is None or "createCachedContent" not in model.methods:
            raise errors.unknown_model(name[len("models/"):], version, "createCachedContent")
        return model

    @staticmethod
    def set_expiry(cache, content):
        if "ttl" in content:
            life = float(content["ttl"][:-1])
            if life <= 0:
                raise Refusal(400, "CachedContent ttl must be positive.")
            cache.expires = time.time() + life
        elif "expireTime" in content:
            cache.expires = moment_of(content["expireTime"])
            if cache.expires <= time.time():
                raise Refusal(400, "CachedContent expire_time must be in the future.")

    def find(self, name, project):
        cache = self.store.find(name, project)
        if cache is None:
            raise Refusal(403, ABSENT)
        return cache

    def get(self, exchange):
        return self.find(exchange.route.name, exchange.project).document()

    def list(self, exchange):
        found, following = self.store.page(Cache, exchange, 100, 1000)
        return listing("cachedContents", [cache.document() for cache in found], following)

    def patch(self, exchange):
        """Only the end of its life can be changed; without updateMask by what the body has."""
        cache = self.find(exchange.route.name, exchange.project)
        content, _ = schema.check("CachedContent", exchange.body)
        mask = exchange.request.argument("updateMask")
        named = {schema.snake(field) for field in mask.split(",")} if mask \
            else {schema.snake(field) for field in content if field != "name"}
        if not named or not named <= {"ttl", "expire_time"}:
            raise Refusal(400, "Only ttl and expire_time of a CachedContent can be updated.")
        if not {schema.snake(field) for field in content} & named:
            raise Refusal(400, "The update mask names a field that is not set.")
        self.set_expiry(cache, content)
        cache.updated = time.time()
        return cache.document()

    def delete(self, exchange):
        self.store.remove(self.find(exchange.route.name, exchange.project).name)
        return {}

    def used(self, request, model, project):
        """Tokens of the cache that a generate request names; 0 without one."""
        name = request.get("cachedContent")
        if not name:
            return 0
        cache = self.find(name, project)
        if cache.content["model"] != f"models/{model}":
            raise Refusal(400, f"Model used by GenerateContent request (models/{model}) and"
                          f" CachedContent ({cache.content['model']}) has to be the same.")
        return cache.count

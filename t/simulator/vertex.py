"""The other form of the same API: Vertex AI's paths, and what it refuses that Gemini's takes.

    /v1|v1beta1/projects/P/locations/L/publishers/google/models/M:VERB      an account's token
    /v1|v1beta1/publishers/google/models/M:VERB                             express mode: a key
    /v1beta1/publishers/google/models, /v1|v1beta1/…/models/M               the list

Requests are brought into Gemini's terms and checked there; answers and refusals are taken back.
"""

import base64
import copy
import json
import re
import time

import errors
import schema
import tokens
import validate
from errors import Refusal, argument, error_info, invalid
from families import EMBED, GENERATE, Model

SERVICE = "aiplatform.googleapis.com"
PREDICT = "aiplatform.endpoints.predict"
PATH = re.compile(r"/(v1|v1beta1)/(?:projects/([^/]+)/locations/([^/]+)/)?publishers/google/models"
                  r"(?:/([^/:]+)(?::([A-Za-z]+))?)?")
POST_METHODS = GENERATE + ("computeTokens", "predict", "embedContent", "batchEmbedContents")
LOCATIONS = frozenset("""
    global us eu us-central1 us-east1 us-east4 us-east5 us-south1 us-west1 us-west4
    northamerica-northeast1 southamerica-east1 europe-central2 europe-north1 europe-southwest1
    europe-west1 europe-west2 europe-west3 europe-west4 europe-west6 europe-west8 europe-west9
    asia-east1 asia-east2 asia-northeast1 asia-northeast3 asia-south1 asia-southeast1
    australia-southeast1 me-central1 me-central2 me-west1""".split())
OLDER = (Model("text-embedding-004", "Embeddings for Text", 2048, 1, EMBED),
         Model("text-embedding-005", "Embeddings for Text", 2048, 1, EMBED),
         Model("text-multilingual-embedding-002", "Embeddings for Multilingual Text", 2048, 1,
               EMBED))
MOST_INSTANCES = 250
TASKS = schema.ENUMS["TaskType"]


class Place:
    """Project and location of a path; both None in express mode."""

    def __init__(self, project, location):
        self.project = project
        self.location = location

    def model(self, model):
        """The full name of a model here."""
        if self.project is None:
            return f"publishers/google/models/{model}"
        return (f"projects/{self.project}/locations/{self.location}/publishers/google/models/"
                f"{model}")


def parse_path(request):
    """(version, Place, model, method) of a path of Vertex', None for another one."""
    found = PATH.fullmatch(request.path)
    if found is None:
        return None
    version, project, location, model, method = found.groups()
    place = Place(project, location)
    if method is not None:
        known = request.method == "POST" and method in POST_METHODS
    else:
        # Models of Google's own have no project, and only v1beta1 lists them.
        method = "get" if model else "list"
        known = request.method == "GET" and project is None \
            and (model or version == "v1beta1")
    if not known:
        raise errors.not_found_page(request.path)
    return version, place, model, method


def methods_of(model):
    """What a model can be asked for here."""
    if "gemini-embedding-001" == model.id:
        return ("predict", "embedContent", "batchEmbedContents", "countTokens", "computeTokens")
    if model.id in {older.id for older in OLDER}:
        return ("predict", "countTokens", "computeTokens")
    if "embedContent" in model.methods and "generateContent" not in model.methods:
        return ("embedContent", "batchEmbedContents", "countTokens", "computeTokens")
    return GENERATE + ("computeTokens",) if "generateContent" in model.methods else ()


class Catalogue:
    """Google's models as Vertex has them: no aliases, no Gemma, but older embeddings."""

    def __init__(self, catalogue):
        self.catalogue = catalogue

    def all(self):
        found = [model for model in self.catalogue.models.values()
                 if not model.id.endswith("-latest") and not model.id.startswith("gemma")]
        return found + list(OLDER)

    def find(self, name):
        return next((model for model in self.all() if model.id == name), None)

    def page(self, size, token):
        """(entries, token of the next page or None); None for a token of nobody's."""
        listed = [model for model in self.all() if model.listed]
        start = 0
        if token:
            if not re.fullmatch(r"page\.\d+", token):
                return None
            start = int(token[5:])
        following = f"page.{start + size}" if start + size < len(listed) else None
        return [document(model) for model in listed[start:start + size]], following


def document(model):
    """A PublisherModel."""
    return {"name": f"publishers/google/models/{model.id}", "versionId": "default",
            "openSourceCategory": "PROPRIETARY",
            "launchStage": "PUBLIC_PREVIEW" if "preview" in model.id else "GA",
            "publisherModelTemplate": "projects/{user-project}/locations/{location}/publishers/"
                                      f"google/models/{model.id}",
            "supportedActions": {"openGenie": {"title": "Open in Studio"}}}


# ---- credentials

def refuse_key(route):
    """A project's path wants a principal, not a key."""
    if route.place.project is not None:
        raise Refusal(
            401, "API keys are not supported by this API. Expected OAuth2 access token or other"
            " authentication credentials that assert a principal. See"
            " https://cloud.google.com/docs/authentication",
            details=[error_info("CREDENTIALS_MISSING", method=full_method(route))])


def full_method(route):
    service = {"list": "ModelGardenService", "get": "ModelGardenService",
               "computeTokens": "LlmUtilityService"}.get(route.method, "PredictionService")
    name = {"list": "ListPublisherModels", "get": "GetPublisherModel"}.get(
        route.method, route.method[:1].upper() + route.method[1:])
    return f"google.cloud.aiplatform.{route.version}.{service}.{name}"


def permission_denied(route, permission=PREDICT):
    resource = f"//{SERVICE}/{route.place.model(route.model)}"
    return Refusal(
        403, f"Permission '{permission}' denied on resource '{resource}' (or it may not exist).",
        details=[{"@type": errors.TYPES + "ErrorInfo", "reason": "IAM_PERMISSION_DENIED",
                  "domain": SERVICE,
                  "metadata": {"resource": resource[len(f"//{SERVICE}/"):],
                               "permission": permission}}])


# ---- requests

def check(route, catalogue, body, record, call_ids):
    """The request in Gemini's own terms; raises Refusal."""
    if route.method == "list":
        return None
    model = catalogue.find(route.model)
    place = route.place
    if model is None or (place.location is not None and place.location not in LOCATIONS):
        raise unknown_model(route)
    if route.method == "get":
        return model
    if route.method not in methods_of(model):
        # The wrong verb is told by the front end, which has no JSON.
        raise errors.not_found_page(f"/{route.version}/{place.model(model.id)}:{route.method}")
    body = copy.deepcopy(body)
    take_model(body, route)
    if route.method == "predict":
        return predict_request(body, model)
    if route.method in ("embedContent", "batchEmbedContents"):
        return embed_request(body, model, route, record)
    if route.method in ("countTokens", "computeTokens"):
        return count_request(body, model, route, record, call_ids)
    return generate_request(body, model, record, call_ids,
                            route.method == "streamGenerateContent")


def unknown_model(route):
    return Refusal(
        404, f"Publisher Model `{route.place.model(route.model)}` was not found or your project"
        " does not have access to it. Please ensure you are using a valid model version. For more"
        " information, see: https://cloud.google.com/vertex-ai/generative-ai/docs/learn/"
        "model-versions")


def take_model(body, route):
    """Removes `model` from a body, where it is that of the path."""
    given = body.pop("model", None)
    if given is not None and (not isinstance(given, str) or not (
            given == route.model or given.endswith(f"publishers/google/models/{route.model}"))):
        raise Refusal(400, "The model of the request does not match that of the path.")


def generate_request(body, model, record, call_ids, streamed):
    request, beyond = schema.check("VertexGenerateContentRequest", body)
    if beyond:
        record["beyond_published"] = beyond
    check_contents(request, call_ids)
    own = {name: value for name, value in request.items()
           if name not in ("labels", "modelArmorConfig")}
    validate.generate_request(own, model, streamed)
    return own


def count_request(body, model, route, record, call_ids):
    """Flat, where Gemini's is nested."""
    message = "VertexCountTokensRequest" if route.method == "countTokens" \
        else "VertexComputeTokensRequest"
    request, _ = schema.check(message, body)
    instances = request.pop("instances", [])
    if instances:
        request["contents"] = [{"role": "user", "parts": [{"text": str(one.get("content", ""))}]}
                               for one in instances]
    check_contents(request, call_ids)
    validate.generate_request(copy.deepcopy(request), model, True)
    return request


def check_contents(request, call_ids):
    """What only Vertex minds of contents; makes of the rest what Gemini's checks know."""
    for i, content in enumerate(request.get("contents", [])):
        if content.get("role") not in ("user", "model"):
            raise Refusal(400, "Please use a valid role: user, model.")
        for j, part in enumerate(content.get("parts", [])):
            check_part(part, f"contents[{i}].parts[{j}]", call_ids)
    name = request.get("cachedContent")
    if name:
        found = re.fullmatch(r"projects/[^/]+/locations/[^/]+/(cachedContents/[^/]+)", name)
        if found is None:
            raise Refusal(400, f"Invalid resource name: {name[:200]}")
        request["cachedContent"] = found.group(1)


def check_part(part, where, call_ids):
    for name in ("functionCall", "functionResponse"):
        if not call_ids and "id" in part.get(name, {}):
            at = f"{where}.{schema.snake(name)}"
            raise errors.violations([(at, 'Invalid JSON payload received. Unknown name "id" at'
                                      f" '{at}': Cannot find field.")])
    blob = part.get("fileData")
    if blob is None:
        return
    uri = blob.get("fileUri", "")
    if uri.startswith("files/") or "//generativelanguage.googleapis.com/" in uri:
        raise Refusal(400, f"Invalid or unsupported file uri: {uri[:200]}")
    if not blob.get("mimeType"):
        raise argument(where + ".file_data.mime_type", "mime_type is required")
    if uri.startswith("gs://"):
        blob["fileUri"] = "https://storage.googleapis.com/" + uri[len("gs://"):]


def embed_request(body, model, route, record):
    """embedContent, or many of them, with the options one level down."""
    if route.method == "embedContent":
        request, _ = schema.check("VertexEmbedContentRequest", body)
        entries = [request]
    else:
        request, _ = schema.check("VertexBatchEmbedContentsRequest", body)
        entries = request.get("requests", [])
        if not 1 <= len(entries) <= 100:
            raise argument("BatchEmbedContentsRequest.requests",
                           f"1 to 100 requests can be in one batch, not {len(entries)}")
    for i, entry in enumerate(entries):
        take_model(entry, route)
        entry.update(entry.pop("embedContentConfig", {}))
        cut(entry, entry.pop("autoTruncate", True), model, f"content {i}")
        entry["content"] = {**entry.get("content", {})}
        for part in entry["content"].get("parts", []):
            check_part(part, f"requests[{i}].content", True)
        validate.embed_request(entry, model, "EmbedContentRequest"
                               if route.method == "embedContent"
                               else f"BatchEmbedContentsRequest.requests[{i}]")
    return request


def cut(entry, may_cut, model, what):
    """Refuses an input that is too long where it may not be cut; True: it would be."""
    count = sum(tokens.of_request({"contents": [entry.get("content", {})]}).values())
    if count > model.input_limit and not may_cut:
        raise Refusal(400, f"The input token count of {what} is {count} but the model supports up"
                      f" to {model.input_limit}.")
    return count > model.input_limit


def predict_request(body, model):
    """Entries of EmbedContentRequest, with their counts, out of instances and parameters."""
    unknown = sorted(set(body) - {"instances", "parameters", "labels"})
    if unknown:
        raise invalid(f'Invalid JSON payload received. Unknown name "{unknown[0]}": Cannot find'
                      " field.", "")
    instances, parameters = body.get("instances", []), body.get("parameters", {}) or {}
    most = 1 if model.id == "gemini-embedding-001" else MOST_INSTANCES
    if not isinstance(instances, list) or not instances:
        raise Refusal(400, "Empty instances.")
    if len(instances) > most:
        raise Refusal(400, f"{len(instances)} instance(s) is over the limit of {most} instance(s)"
                      " for this model.")
    check_names(parameters, {"outputDimensionality": int, "autoTruncate": bool}, "parameters")
    size = parameters.get("outputDimensionality")
    largest = 3072 if most == 1 else 768
    if size is not None and not 1 <= size <= largest:
        raise Refusal(400, f"Invalid outputDimensionality {size}: it must be between 1 and"
                      f" {largest}.")
    entries = []
    for i, instance in enumerate(instances):
        check_names(instance, {"content": str, "task_type": str, "title": str, "mimeType": str},
                    f"instances[{i}]")
        entries.append(instance_entry(instance, i, size or largest))
        entries[i]["truncated"] = cut(entries[i], parameters.get("autoTruncate", True), model,
                                      f"instance {i}")
    return {"entries": entries}


def check_names(value, kinds, where):
    if not isinstance(value, dict):
        raise Refusal(400, f"Invalid {where}: it must be an object.")
    for name, item in value.items():
        kind = kinds.get(name)
        if kind is None:
            raise Refusal(400, f"Invalid {where}: unknown field {name}.")
        if not isinstance(item, kind) or (kind is int and isinstance(item, bool)):
            raise Refusal(400, f"Invalid {where}: {name} is no {kind.__name__}.")


def instance_entry(instance, i, size):
    if not instance.get("content"):
        raise Refusal(400, f"The text content of instance {i} is empty.")
    task = instance.get("task_type", TASKS[0])
    if task not in TASKS:
        raise Refusal(400, f"Unable to submit request because it has an invalid task_type {task}.")
    if "title" in instance and task != "RETRIEVAL_DOCUMENT":
        raise Refusal(400, "title is only valid with task_type RETRIEVAL_DOCUMENT.")
    return {"content": {"parts": [{"text": instance["content"]}]}, "outputDimensionality": size}


# ---- answers

def predictions(checked, embedding):
    """The answer of predict; `embedding` gives an entry's vector."""
    found, letters = [], 0
    for entry in checked["entries"]:
        text = entry["content"]["parts"][0]["text"]
        letters += len(re.sub(r"\s", "", text))
        found.append({"embeddings": {
            "statistics": {"truncated": entry["truncated"], "token_count": tokens.of_text(text)},
            **embedding(entry)}})
    return {"predictions": found, "metadata": {"billableCharacterCount": letters}}


def embedded(checked, method, embedding):
    entries = [checked] if method == "embedContent" else checked["requests"]
    counts = tokens.of_request({"contents": [entry["content"] for entry in entries]})
    usage = {"promptTokenCount": sum(counts.values()), "totalTokenCount": sum(counts.values()),
             "promptTokensDetails": tokens.details(counts)}
    if method == "embedContent":
        return {"embedding": embedding(checked), "usageMetadata": usage, "truncated": False}
    return {"embeddings": [embedding(entry) for entry in entries], "usageMetadata": usage}


def counted(checked):
    counts = tokens.of_request(checked)
    letters = sum(len(re.sub(r"\s", "", part.get("text", "")))
                  for content in checked.get("contents", []) for part in content["parts"])
    return {"totalTokens": sum(counts.values()), "totalBillableCharacters": letters,
            "promptTokensDetails": tokens.details(counts)}


def computed(checked):
    """computeTokens: a token a word."""
    found = []
    for content in checked["contents"]:
        words = re.findall(r"\s*\S+", "".join(part.get("text", "") for part in content["parts"]))
        found.append({"role": content["role"], "tokenIds": [
            str(sum(word.encode("utf-8", "replace")) % 250000) for word in words],
            "tokens": [base64.b64encode(word.encode("utf-8", "replace")).decode()
                       for word in words]})
    return {"tokensInfo": found}


def dress(events, call_ids):
    """Events as Vertex gives them: when they were made, and the counts only in the last."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06}Z"
    dressed = []
    for number, (delay, event) in enumerate(events):
        usage = {"trafficType": "ON_DEMAND"}
        if number == len(events) - 1:
            usage = {**event.get("usageMetadata", {}), **usage}
        event = {**event, "usageMetadata": usage, "createTime": stamp}
        if not call_ids:
            event = copy.deepcopy(event)
            for entry in event.get("candidates", []):
                for part in entry.get("content", {}).get("parts", []):
                    part.get("functionCall", {}).pop("id", None)
        dressed.append((delay, event))
    return dressed


def reword(refusal, route):
    """A refusal of Gemini's in the words of Vertex."""
    if refusal.page is not None:
        return refusal
    if refusal.code == 404 and "models/" in refusal.message:
        return unknown_model(route)
    if refusal.code == 429:
        return Refusal(429, "Resource exhausted. Please try again later. Please refer to"
                       " https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for"
                       " more details.")
    return Refusal(refusal.code, renamed(refusal.message), refusal.status,
                   json.loads(renamed(json.dumps(refusal.details))))


def renamed(text):
    for old, new in ((errors.SERVICE, SERVICE), ("Generative Language API", "Vertex AI API"),
                     ("google.ai.generativelanguage.v1beta.GenerativeService",
                      "google.cloud.aiplatform.v1.PredictionService"),
                     ("google.ai.generativelanguage.v1beta.", "google.cloud.aiplatform.v1.")):
        text = text.replace(old, new)
    return text

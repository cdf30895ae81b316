"""What Google refuses of a request that parses: contents, roles, turns, signatures, media."""

import json
import re

import schema
import signatures
import tokens
import validate_config
import validate_tools
from errors import Refusal, argument, invalid
from families import family_of

ROLES = ("user", "model", "function", "tool")
MIME_TYPES = frozenset("""
    image/png image/jpeg image/webp image/heic image/heif
    audio/wav audio/x-wav audio/mp3 audio/mpeg audio/aiff audio/aac audio/ogg audio/flac
    audio/mp4 audio/m4a audio/webm audio/opus audio/pcm
    video/mp4 video/mpeg video/mov video/quicktime video/avi video/x-flv video/mpg video/webm
    video/wmv video/3gpp
    application/pdf text/plain text/html text/css text/md text/markdown text/csv text/xml
    text/rtf text/javascript application/x-javascript text/x-python application/x-python
    application/json application/rtf""".split())
MISSING_SIGNATURE = (
    "Function call is missing a thought_signature in functionCall parts. This is required for"
    " tools to work correctly, and missing thought_signature may lead to degraded model"
    " performance. Additional data, function call `default_api:{name}` , position {position}."
    " Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details.")
ONEOF = "required oneof field 'data' must have one initialized field"


def parse_json(data):
    """The JSON value of a body, or the Refusal it deserves."""
    if not data.strip():
        return {}
    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
        if re.search(rb"\\u[dD][89a-fA-F]", data):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise invalid("Invalid JSON payload received. Invalid UTF-16 surrogate in a string.",
                      "") from error
    except UnicodeDecodeError as error:
        raise invalid("Invalid JSON payload received. Encountered non UTF-8 code points.",
                      "") from error
    except RecursionError as error:
        raise invalid("Message too deep. Max recursion depth reached.", "") from error
    except ValueError as error:
        at = getattr(error, "pos", 0)
        near = text[max(0, at - 20):at + 20].replace("\n", " ")
        raise invalid(f"Invalid JSON payload received. Unexpected token.\n{near}\n"
                      f"{' ' * min(at, 20)}^", "") from error
    if not isinstance(value, dict):
        raise invalid('Invalid JSON payload received. Unknown name "": Root element must be a'
                      " message.", "")
    return value


def _object(pairs):
    made = dict(pairs)
    return made if len(made) == len(pairs) else schema.Doubled(made)


def _constant(name):
    raise ValueError(f"{name} is no JSON")


def check(method, model, body, record):
    """The checked request of a method; raises Refusal.

    `record` learns which fields are beyond the published protos.
    """
    message = {"countTokens": "CountTokensRequest", "embedContent": "EmbedContentRequest",
               "batchEmbedContents": "BatchEmbedContentsRequest",
               }.get(method, "GenerateContentRequest")
    request, beyond = schema.check(message, body)
    if beyond:
        record["beyond_published"] = beyond
    if method == "countTokens":
        return count_request(request, model)
    if method == "embedContent":
        embed_request(request, model, "EmbedContentRequest")
        return request
    if method == "batchEmbedContents":
        batch_request(request, model)
        return request
    generate_request(request, model, method == "streamGenerateContent")
    return request


def generate_request(request, model, streamed):
    family = family_of(model.serves or model.id)
    if "model" in request and request["model"] != f"models/{model.id}":
        raise argument("GenerateContentRequest.model", "does not match the model of the path")
    check_contents(request, model, family)
    validate_config.check(request, model, family, streamed)
    validate_tools.check(request, model, family)
    check_cached(request)
    count = sum(tokens.of_request(request).values())
    if count > model.input_limit:
        raise Refusal(400, f"The input token count ({count}) exceeds the maximum number of tokens"
                      f" allowed ({model.input_limit}).")


def count_request(request, model):
    inner = request.get("generateContentRequest")
    if inner is not None and "contents" in request:
        raise Refusal(400, "Only one of contents and generate_content_request may be set.")
    if inner is None:
        check_contents(request, model, family_of(model.id), "CountTokensRequest")
        return request
    if inner.get("model") != f"models/{model.id}":
        raise argument("CountTokensRequest.generate_content_request.model",
                       "model is required and must match the model of the path")
    generate_request(inner, model, False)
    return inner


def batch_request(request, model):
    entries = request.get("requests", [])
    if not entries:
        raise argument("BatchEmbedContentsRequest.requests", "requests is not specified")
    if len(entries) > 100:
        raise argument("BatchEmbedContentsRequest.requests",
                       "at most 100 requests can be in one batch")
    for i, entry in enumerate(entries):
        where = f"BatchEmbedContentsRequest.requests[{i}]"
        if entry.get("model") != f"models/{model.id}":
            raise argument(where + ".model", "model is required and must match the model of the"
                           " batch, in the form models/{model}")
        embed_request(entry, model, where)


def embed_request(entry, model, where):
    parts = entry.get("content", {}).get("parts", [])
    if not parts:
        raise argument(where + ".content", "content is empty")
    for part in parts:
        if not part.get("text") and "inlineData" not in part and "fileData" not in part:
            raise argument(where + ".content", "contains an empty Part")
    if "title" in entry and entry.get("taskType") != "RETRIEVAL_DOCUMENT":
        raise argument(where + ".title", "title is only valid with task_type RETRIEVAL_DOCUMENT")
    size = entry.get("outputDimensionality")
    if size is not None and not 1 <= size <= 3072:
        raise argument(where + ".output_dimensionality", "must be between 1 and 3072")
    if model.id == "gemini-embedding-001" and any(
            "text" not in part for part in entry["content"]["parts"]):
        raise argument(where + ".content", "only text is supported by this model")


def check_contents(request, model, family, message="GenerateContentRequest"):
    contents = request.get("contents", [])
    if not contents:
        raise argument(message + ".contents", "contents is not specified")
    for i, content in enumerate(contents):
        role = content.get("role", "user") or "user"
        if role not in ROLES:
            raise Refusal(400, "Please use a valid role: user, model.")
        check_parts(content, f"{message}.contents[{i}]", model)
    if "systemInstruction" in request:
        if not family.system_instruction:
            raise Refusal(400, f"Developer instruction is not enabled for models/{model.id}")
        check_parts(request["systemInstruction"], message + ".system_instruction", model)
        for part in request["systemInstruction"]["parts"]:
            if "text" not in part:
                raise Refusal(400, "System instruction only supports text.")
    check_turns(contents, family)
    check_signatures(contents, family)


def check_parts(content, where, model):
    parts = content.get("parts", [])
    if not parts:
        raise argument(where + ".parts", "contents.parts must not be empty.")
    for i, part in enumerate(parts):
        data = [name for name in schema.DATA if name in part]
        if not data:
            raise argument(f"{where}.parts[{i}].data", ONEOF)
        for name in ("inlineData", "fileData"):
            if name in part:
                check_media(part[name], name, f"{where}.parts[{i}]", model)
        for name in ("functionCall", "functionResponse"):
            if name in part and not part[name].get("name"):
                raise argument(f"{where}.parts[{i}].{schema.snake(name)}.name",
                               "Name cannot be empty.")
        for extra in part.get("functionResponse", {}).get("parts", []):
            check_media(extra.get("inlineData", {}), "inlineData",
                        f"{where}.parts[{i}].function_response", model)
    if all(part.get("text") == "" and "thoughtSignature" not in part for part in parts):
        raise argument(f"{where}.parts[0].data", ONEOF)


def check_media(blob, name, where, model):
    mime = blob.get("mimeType", "").split(";")[0].strip().lower()
    if name == "inlineData":
        if not blob.get("data"):
            raise argument(where + ".inline_data.data", "data is required")
        if mime not in MIME_TYPES:
            raise Refusal(400, f"Unsupported MIME type: {mime}")
        return
    uri = blob.get("fileUri", "")
    if not uri:
        raise argument(where + ".file_data.file_uri", "file_uri is required")
    if mime and mime not in MIME_TYPES:
        raise Refusal(400, f"Unsupported MIME type: {mime}")
    if re.fullmatch(r"files/[a-z0-9-]{1,40}", uri):
        return
    if not uri.startswith("https://") or model.id.startswith("gemini-2.0"):
        raise Refusal(400, "Unsupported file uri: " + uri[:200] if not uri.startswith("http://")
                      else "Cannot fetch content from the provided URL.")


def split(content):
    """(calls, responses, other parts) of a content."""
    calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
    responses = [part["functionResponse"] for part in content["parts"]
                 if "functionResponse" in part]
    other = [part for part in content["parts"]
             if "functionCall" not in part and "functionResponse" not in part]
    return calls, responses, other


def check_turns(contents, family):
    """Who may follow whom, above all around function calls."""
    if (contents[0].get("role") == "model") and not split(contents[0])[0]:
        raise Refusal(400, "Please ensure that multiturn requests begin with a user turn.")
    calls_before = []
    for i, content in enumerate(contents):
        role = content.get("role", "user") or "user"
        calls, responses, other = split(content)
        if calls and role != "model":
            raise Refusal(400, "Please ensure that function calls are in a model turn.")
        if responses and role == "model":
            raise Refusal(400, "Please ensure that function responses are not in a model turn.")
        if calls and (i == 0 or contents[i - 1].get("role") == "model"):
            raise Refusal(400, "Please ensure that function call turn comes immediately after a"
                          " user turn or after a function response turn.")
        if bool(responses) != bool(calls_before):
            raise Refusal(400, "Please ensure that function response turn comes immediately after"
                          " a function call turn.")
        if responses:
            check_pairs(calls_before, responses)
            first = next((at for at, part in enumerate(content["parts"])
                          if "functionResponse" not in part), len(content["parts"]))
            if first < len(responses) and other:
                raise Refusal(400, "Please ensure that function response parts come before the"
                              " other parts of their turn.")
        calls_before = calls
    if calls_before:
        raise Refusal(400, "Please ensure that function response turn comes immediately after a"
                      " function call turn.")
    if contents[-1].get("role") == "model" and not family.trailing_model_turn:
        raise Refusal(400, "Requests ending with a model turn are not supported.")


def check_pairs(calls, responses):
    if len(calls) != len(responses):
        raise Refusal(400, "Please ensure that the number of function response parts is equal to"
                      " the number of function call parts of the function call turn.")
    for call, response in zip(calls, responses):
        if call.get("name") != response.get("name"):
            raise Refusal(400, f"Function response `{response.get('name')}` does not match the"
                          f" function call `{call.get('name')}` in its place.")
        if call.get("id", "") != response.get("id", ""):
            raise Refusal(400, f"The id of function response `{response.get('name')}` does not"
                          " match that of its function call.")


def check_signatures(contents, family):
    """Every signature must be good; first calls of the current turn must have one."""
    start = 0
    for i, content in enumerate(contents):
        if content.get("role", "user") in ("user", "") and not split(content)[1]:
            start = i
    position = 0
    for i, content in enumerate(contents):
        first = True
        for part in content["parts"]:
            call = part.get("functionCall")
            given = part.get("thoughtSignature")
            if given and family.generation not in ("2", "gemma", "tts"):
                why = signatures.problem(given, family.generation,
                                         call["name"] if call else "")
                if why is not None:
                    raise Refusal(400, why)
            if call is None:
                continue
            position += 1
            if first and family.signatures and i > start and not given:
                raise Refusal(400, MISSING_SIGNATURE.format(name=call["name"],
                                                            position=position))
            first = False


def check_cached(request):
    name = request.get("cachedContent")
    if not name:
        return
    if not re.fullmatch(r"cachedContents/[A-Za-z0-9_-]+", name):
        raise Refusal(400, "Invalid CachedContent name.")
    if any(field in request for field in ("systemInstruction", "tools", "toolConfig")):
        raise Refusal(400, "CachedContent can not be used with GenerateContent request setting"
                      " system_instruction, tools or tool_config.")

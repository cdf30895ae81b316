"""What Google refuses of generationConfig and safetySettings."""

import validate_tools
from errors import Refusal, argument

CONFIG = "GenerateContentRequest.generation_config."
MIME_TYPES = ("text/plain", "application/json", "application/xml", "application/yaml",
              "text/x.enum")
CATEGORIES = {"HARM_CATEGORY_" + name for name in (
    "HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT", "CIVIC_INTEGRITY")}
RATIOS = "1:1 2:3 3:2 3:4 4:3 4:5 5:4 9:16 16:9 21:9 1:4 4:1 1:8 8:1".split()


def check(request, model, family, streamed):
    config = request.get("generationConfig", {})
    check_sampling(config)
    check_output(config, model, family, streamed)
    check_counts(config, model, family)
    if "thinkingConfig" in config:
        check_thinking(config["thinkingConfig"], model, family)
    check_format(config, model, family)
    check_modalities(config, model, family)
    check_safety(request.get("safetySettings", []))
    if request.get("serviceTier", "standard") not in ("standard", "flex", "priority"):
        raise Refusal(400, f"Invalid service_tier: {request['serviceTier']}")


def check_sampling(config):
    for name, snaked, low, high in (("temperature", "temperature", 0, 2),
                                    ("topP", "top_p", 0, 1)):
        if name in config and not low <= config[name] <= high:
            raise argument(CONFIG + snaked,
                           f"{snaked} must be in the range [{low}.0, {high}.0].")
    if config.get("topK", 1) < 1:
        raise argument(CONFIG + "top_k", "top_k must be positive.")
    if "stopSequences" in config:
        stops = config["stopSequences"]
        if not 1 <= len(stops) <= 5:
            raise Refusal(400, "Unable to submit request because it has a stopSequences value of"
                          f" {len(stops)} but the supported range is from 1 (inclusive) to 6"
                          " (exclusive).")
        if not all(stops):
            raise argument(CONFIG + "stop_sequences", "stop sequences must not be empty.")


def check_output(config, model, family, streamed):
    most = config.get("maxOutputTokens")
    if most is None:
        return
    if not 1 <= most <= model.output_limit:
        raise Refusal(400, f"Unable to submit request because it has a maxOutputTokens value of"
                      f" {most} but the supported range is from 1 (inclusive) to"
                      f" {model.output_limit + 1} (exclusive). Update the value and try again.")
    limit = family.unary_output_limit
    if limit is not None and most > limit and not streamed:
        raise argument(CONFIG + "max_output_tokens",
                       f"without streaming at most {limit} tokens can be written.")


def check_counts(config, model, family):
    count = config.get("candidateCount", 1)
    if not 1 <= count <= 8:
        raise argument(CONFIG + "candidate_count",
                       "candidate_count must be in the range [1, 8].")
    if count > family.candidates:
        raise Refusal(400, "Multiple candidates is not enabled for this model")
    for name, snaked in (("presencePenalty", "presence_penalty"),
                         ("frequencyPenalty", "frequency_penalty")):
        if name not in config:
            continue
        if not family.penalties:
            raise Refusal(400, "Penalty is not enabled for this model")
        if not -2 <= config[name] < 2:
            raise argument(CONFIG + snaked, f"{snaked} must be in the range [-2.0, 2.0).")
    if "responseLogprobs" in config or "logprobs" in config:
        if not family.logprobs and (config.get("responseLogprobs") or "logprobs" in config):
            raise Refusal(400, f"Logprobs is not enabled for models/{model.id}")
        if "logprobs" in config and not config.get("responseLogprobs"):
            raise argument(CONFIG + "logprobs",
                           "logprobs is only allowed when response_logprobs is true.")
        if not 0 <= config.get("logprobs", 0) <= 20:
            raise argument(CONFIG + "logprobs", "logprobs must be in the range [0, 20].")


def check_thinking(thinking, model, family):
    budget, level = thinking.get("thinkingBudget"), thinking.get("thinkingLevel")
    if not family.thinks:
        raise Refusal(400, f"Thinking is not enabled for models/{model.id}")
    if budget is not None and level is not None:
        raise Refusal(400, "You can only set only one of thinking budget and thinking level.")
    if level is not None and not family.levels:
        raise Refusal(400, "Thinking level is not supported for this model.")
    if level is not None and level not in family.levels:
        raise Refusal(400, f"Thinking level {level} is not supported for this model. Please retry"
                      " with other thinking level.")
    if budget is None or budget == -1 and family.budget:
        return
    if family.budget is None:
        raise Refusal(400, "Thinking budget is not supported for this model.")
    low, high = family.budget
    if budget == 0 and not family.budget_zero:
        raise Refusal(400, "Budget 0 is invalid. This model only works in thinking mode.")
    if budget != 0 and not low <= budget <= high:
        raise Refusal(400, f"The thinking budget {budget} is invalid. Please choose a value"
                      f" between {low} and {high}.")


def check_format(config, model, family):
    mime = config.get("responseMimeType") or "text/plain"
    schema, twin = config.get("responseSchema"), config.get("responseJsonSchema")
    if mime not in MIME_TYPES:
        allowed = "`, `".join(MIME_TYPES)
        raise argument(CONFIG + "response_mime_type", f"allowed mimetypes are `{allowed}`.")
    if mime != "text/plain" and not family.json:
        raise Refusal(400, f"JSON mode is not enabled for models/{model.id}")
    if schema is None and twin is None:
        return
    if schema is not None and twin is not None:
        raise argument(CONFIG + "response_schema",
                       "only one of response_schema and response_json_schema may be set.")
    if mime == "text/plain":
        raise argument(CONFIG + "response_mime_type", "a response schema needs a response mime"
                       " type of `application/json` or `text/x.enum`.")
    if schema is not None:
        validate_tools.check_schema(schema, CONFIG + "response_schema")
    else:
        validate_tools.check_json_schema(twin, CONFIG + "response_json_schema")


def check_modalities(config, model, family):
    wanted = config.get("responseModalities", [])
    if any(name not in family.modalities for name in wanted):
        raise Refusal(400, "Model does not support the requested response modalities: "
                      + ",".join(name.lower() for name in wanted))
    if family.modalities == ("AUDIO",) and wanted != ["AUDIO"]:
        raise Refusal(400, "The requested combination of response modalities (TEXT) is not"
                      f" supported by the model. models/{model.id} accepts the following"
                      " combination of response modalities: AUDIO")
    if "speechConfig" in config and "AUDIO" not in family.modalities:
        raise Refusal(400, "Speech config is only supported with response modality AUDIO.")
    image = config.get("imageConfig", {})
    if image and "IMAGE" not in family.modalities:
        raise Refusal(400, f"Image config is not enabled for models/{model.id}")
    if image.get("aspectRatio", "1:1") not in RATIOS:
        raise argument(CONFIG + "image_config.aspect_ratio",
                       "aspect_ratio must be one of " + ", ".join(RATIOS))


def check_safety(settings):
    seen = set()
    for i, setting in enumerate(settings):
        where = f"GenerateContentRequest.safety_settings[{i}]"
        category = setting.get("category", "HARM_CATEGORY_UNSPECIFIED")
        if category not in CATEGORIES:
            raise argument(where + ".category", "element predicate failed: $.category in"
                           " (HarmCategory.HARM_CATEGORY_HATE_SPEECH, …)")
        if setting.get("threshold", "HARM_BLOCK_THRESHOLD_UNSPECIFIED").endswith("UNSPECIFIED"):
            raise argument(where + ".threshold", "threshold must be specified")
        if category in seen:
            raise argument(where, f"Duplicate safety setting for category {category}.")
        seen.add(category)

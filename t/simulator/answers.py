"""Answers: from a request that was accepted to the events of GenerateContentResponse.

An answer is a list of (seconds to wait before, event); the server frames them as a stream or
folds them into one reply. Usage is counted as the real API does: cumulative, thoughts apart.
"""

import json
import re
import secrets

import instances
import media
import prose
import signatures
import tokens

THOUGHTS = {"MINIMAL": 0, "LOW": 32, "MEDIUM": 96, "HIGH": 240}


class Context:
    """What the composing of one answer knows."""

    def __init__(self, request, model, family, served, pace=0.0, signature_bytes=0, cached=0):
        self.request = request
        self.model = model
        self.family = family
        self.served = served
        self.pace = pace
        self.signature_bytes = signature_bytes
        self.cached = cached
        self.config = request.get("generationConfig", {})
        self.contents = request.get("contents", [])
        self.prompt = tokens.of_request(request)
        self.prompt["TEXT"] = self.prompt.get("TEXT", 0) + cached
        self.response_id = secrets.token_urlsafe(17)[:23]
        last = self.contents[-1] if self.contents else {}
        self.results = [part["functionResponse"] for part in last.get("parts", [])
                        if "functionResponse" in part]
        self.text = self._last_text()

    def _last_text(self):
        """The text of the newest content that has some from the user."""
        for content in reversed(self.contents):
            if content.get("role", "user") in ("user", ""):
                found = [part["text"] for part in content["parts"] if part.get("text")]
                if found:
                    return "\n".join(found)
        return ""

    def sign(self, purpose=""):
        return signatures.issue(self.family.generation, purpose, self.signature_bytes)

    def declarations(self):
        found = []
        for tool in self.request.get("tools", []):
            found += tool.get("functionDeclarations", [])
        return found

    def has_tool(self, name):
        return any(name in tool for tool in self.request.get("tools", []))

    def calling(self):
        return self.request.get("toolConfig", {}).get("functionCallingConfig", {})

    def thought_tokens(self):
        """How long it thinks, by what was asked; never more than half of what it may write."""
        if not self.family.thinks:
            return 0
        wanted = self.config.get("thinkingConfig", {})
        if "thinkingBudget" in wanted and wanted["thinkingBudget"] >= 0:
            count = min(wanted["thinkingBudget"], 160)
        elif "thinkingLevel" in wanted:
            count = THOUGHTS.get(wanted["thinkingLevel"], 96)
        elif "thinkingBudget" not in wanted and "lite" in self.model:
            count = 0
        else:
            count = THOUGHTS["MEDIUM"]
        most = self.config.get("maxOutputTokens")
        return count if most is None else min(count, most // 2)


def compose(context):
    """The events of an answer."""
    scripted = dictated(context)
    if scripted is not None:
        return scripted
    count = context.config.get("candidateCount", 1) or 1
    lanes = [candidate(context, index) for index in range(count)]
    thought_tokens = context.thought_tokens() * count
    return interleave(context, lanes, thought_tokens)


def candidate(context, index):
    """Steps of one candidate: ({parts…, finish…} of the candidate, output tokens)."""
    steps = []
    thinks = context.thought_tokens() > 0
    if thinks and context.config.get("thinkingConfig", {}).get("includeThoughts"):
        for text in prose.thoughts(context.text, index):
            steps.append(({"parts": [{"text": text, "thought": True}]}, 0))
    if context.text.startswith("#echo ") and not context.results:
        body = [({"text": piece}, None)
                for piece in prose.code_points(context.text[len("#echo "):])]
        return steps + text_steps(context, body, index)
    calls = wanted_calls(context)
    if calls:
        return steps + call_steps(context, calls)
    if "AUDIO" in context.config.get("responseModalities", []):
        return steps + [({"parts": [{"inlineData": media.speech(context.text)}]}, 25),
                        ({"parts": [], "finishReason": "STOP"}, 0)]
    if "IMAGE" in context.family.modalities:
        parts = [{"text": "Here is your picture. "}, {"inlineData": media.picture(context.text)}]
        if context.config.get("responseModalities") == ["IMAGE"]:
            parts = parts[1:]
        return steps + [({"parts": [part]}, 1290 if "inlineData" in part else 5)
                        for part in parts] + [({"parts": [], "finishReason": "STOP"}, 0)]
    return steps + text_steps(context, text_parts(context, index), index)


def text_parts(context, index):
    """(part, output tokens or None to count them) for an answer in words."""
    mime = context.config.get("responseMimeType", "text/plain")
    if mime in ("application/json", "text/x.enum"):
        schema = context.config.get("responseJsonSchema", context.config.get("responseSchema"))
        if schema is None:
            value = {"answer": prose.reply(context.text, index), "about": context.text[:80]}
        else:
            value = instances.instance(schema, context.text)
        text = value if mime == "text/x.enum" and isinstance(value, str) else \
            json.dumps(value, ensure_ascii=False, indent=2)
        return [({"text": piece}, None) for piece in prose.pieces(text, index)]
    parts = []
    if context.has_tool("codeExecution") and prose.sum_of(context.text):
        expression, value = prose.sum_of(context.text)
        parts = [({"executableCode": {"language": "PYTHON", "code": f"print({expression})\n"}}, 9),
                 ({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": f"{value}\n"}}, 0)]
    if context.results:
        text = prose.from_results(
            [(found.get("name", "?"), found.get("response", {})) for found in context.results],
            context.text)
    else:
        kinds = [tokens.modality_of(blob.get("mimeType")).lower() for blob in blobs(context)]
        system = "".join(part.get("text", "") for part in
                         context.request.get("systemInstruction", {}).get("parts", []))
        turns = sum(1 for content in context.contents if content.get("role", "user") == "user")
        text = prose.reply(context.text, index, turns, context.config.get("maxOutputTokens"),
                           system, kinds)
    return parts + [({"text": piece}, None) for piece in prose.pieces(text, index)]


def blobs(context):
    last = context.contents[-1] if context.contents else {}
    for part in last.get("parts", []):
        for name in ("inlineData", "fileData"):
            if name in part:
                yield part[name]


def text_steps(context, parts, index):
    """Steps for `parts`, under maxOutputTokens and stopSequences, with the end."""
    most = context.config.get("maxOutputTokens")
    left = None if most is None else max(0, most - context.thought_tokens())
    stops = context.config.get("stopSequences", [])
    steps, said, finish = [], "", "STOP"
    for part, cost in parts:
        text = part.get("text")
        if text is not None:
            found = [at for at in (
                (said + text).find(stop, max(0, len(said) - len(stop))) for stop in stops)
                if at >= 0]
            if found:
                text, stopped = (said + text)[len(said):max(len(said), min(found))], True
            else:
                stopped = False
            cost = tokens.of_text(text)
            if left is not None and cost > left:
                text, stopped, finish = text[:left * 4], True, "MAX_TOKENS"
                cost = min(left, tokens.of_text(text))
            said += text
            part = {"text": text}
            if text:
                steps.append(({"parts": [part]}, cost))
            if left is not None:
                left -= cost
            if stopped:
                break
        else:
            steps.append(({"parts": [part]}, cost))
    end = {"parts": [], "finishReason": finish}
    if context.family.signatures and context.thought_tokens():
        end["parts"] = [{"text": "", "thoughtSignature": context.sign()}]
    if context.has_tool("googleSearch"):
        end["groundingMetadata"] = media.grounding(said, context.text)
    if context.config.get("responseLogprobs"):
        end["logprobsResult"] = media.logprobs(said, context.config.get("logprobs", 0))
    return steps + [(end, 0)]


def wanted_calls(context):
    """(declaration, args) of the functions to call now; empty: answer in words."""
    declared = context.declarations()
    config = context.calling()
    mode = config.get("mode", "AUTO")
    if not declared or mode == "NONE" or (context.results and mode != "ANY"):
        return []
    allowed = config.get("allowedFunctionNames")
    if allowed:
        declared = [entry for entry in declared if entry.get("name") in allowed] or declared
    many = re.search(r"#calls (\d+)", context.text)
    lower = context.text.lower()
    named = [entry for entry in declared
             if re.search(rf"(?<![\w-]){re.escape(entry['name'].lower())}(?![\w-])", lower)]
    if many:
        chosen = [declared[i % len(declared)] for i in range(min(64, int(many.group(1))))]
    else:
        chosen = named or [max(declared, key=lambda entry: overlap(entry, lower))]
    made = []
    for number, entry in enumerate(chosen):
        schema = entry.get("parametersJsonSchema", entry.get("parameters"))
        args = {} if schema is None else instances.instance(
            schema, context.text, f"${number or ''}")
        made.append((entry["name"], args if isinstance(args, dict) else {}))
    return made


def overlap(declaration, said):
    """How many of the user's words occur in the name or description of a function."""
    words = re.findall(r"\w{3,}", (declaration["name"].replace("_", " ") + " "
                                   + declaration.get("description", "")).lower())
    return len(set(words) & set(re.findall(r"\w{3,}", said)))


def call_steps(context, calls):
    """The calls, the signature on the first of them; newer models say STOP in an event apart."""
    steps = []
    for number, (name, args) in enumerate(calls):
        call = {"name": name, "args": args}
        if context.family.call_ids:
            call["id"] = secrets.token_hex(4)
        part = {"functionCall": call}
        if number == 0 and (context.family.signatures or context.thought_tokens()):
            part["thoughtSignature"] = context.sign(name)
        steps.append(({"parts": [part]}, tokens.of_json(call)))
    if context.family.call_ids:
        return steps + [({"parts": [{"text": ""}], "finishReason": "STOP"}, 0)]
    last = dict(steps[-1][0], finishReason="STOP",
                finishMessage="Model generated function call(s).")
    return steps[:-1] + [(last, steps[-1][1])]


def interleave(context, lanes, thought_tokens):
    """Events from the steps of all candidates, a step of each in turn."""
    events, written = [], 0
    rounds = max(len(lane) for lane in lanes)
    for turn in range(rounds):
        for index, lane in enumerate(lanes):
            if turn >= len(lane):
                continue
            step, cost = lane[turn]
            written += cost
            entry = {}
            if step["parts"] or "finishReason" not in step:
                entry["content"] = {"parts": step["parts"], "role": "model"}
            entry.update({name: value for name, value in step.items() if name != "parts"})
            entry["index"] = index
            last = turn == rounds - 1 and index == len(lanes) - 1
            delay = context.pace * (8 if not events and thought_tokens else 1)
            events.append((delay, {
                "candidates": [entry],
                "usageMetadata": usage(context, written, thought_tokens, last),
                "modelVersion": context.served, "responseId": context.response_id}))
    return events


def usage(context, written, thought_tokens=0, last=True):
    prompt = sum(context.prompt.values())
    found = {"promptTokenCount": prompt}
    if written:
        found["candidatesTokenCount"] = written
    found["totalTokenCount"] = prompt + written + thought_tokens
    if context.cached:
        found["cachedContentTokenCount"] = context.cached
        found["cacheTokensDetails"] = tokens.details({"TEXT": context.cached})
    found["promptTokensDetails"] = tokens.details(context.prompt)
    if thought_tokens:
        found["thoughtsTokenCount"] = thought_tokens
    if last and written:
        found["candidatesTokensDetails"] = [{"modality": "TEXT", "tokenCount": written}]
    return found


def dictated(context):
    """The events a test wrote into the user's text after `#simulate `, else None."""
    if not context.text.startswith("#simulate ") or context.results:
        return None
    script = parse_script(context.text[len("#simulate "):])
    pace = script.get("pace_ms", 0) / 1000
    return [(pace, event) for event in fill(script.get("events", []), context)]


def parse_script(text):
    try:
        script = json.loads(text)
    except ValueError as error:
        raise ValueError(f"#simulate needs JSON: {error}") from error
    if not isinstance(script, dict):
        raise ValueError('#simulate needs an object: {"events": [...]}')
    return script


def fill(value, context, purpose=""):
    """Replaces "thoughtSignature": "$SIGN" by one that will be accepted back."""
    if isinstance(value, list):
        return [fill(item, context) for item in value]
    if not isinstance(value, dict):
        return value
    purpose = value.get("functionCall", {}).get("name", "") \
        if isinstance(value.get("functionCall"), dict) else ""
    return {name: context.sign(purpose) if name == "thoughtSignature" and item == "$SIGN"
            else fill(item, context) for name, item in value.items()}


def fold(events):
    """One reply out of a stream's events, as generateContent would have given it."""
    if len(events) == 1:
        return events[0]
    reply, lanes = {}, {}
    for event in events:
        for name, value in event.items():
            if name != "candidates":
                reply[name] = value
        for entry in event.get("candidates", []):
            lane = lanes.setdefault(entry.get("index", 0), {})
            if "content" in entry:
                content = lane.setdefault("content", {"parts": [], "role": "model"})
                for part in entry["content"].get("parts", []):
                    add_part(content["parts"], part)
            lane.update({name: value for name, value in entry.items() if name != "content"})
    if lanes:
        reply = {"candidates": [lanes[index] for index in sorted(lanes)], **reply}
    return reply


def add_part(parts, part):
    """Appends a part; texts of one kind grow together, an empty one only lends its signature."""
    if set(part) <= {"text", "thought"} and "text" in part:
        if parts and "text" in parts[-1] and "thoughtSignature" not in parts[-1] \
                and parts[-1].get("thought") == part.get("thought"):
            parts[-1] = {**parts[-1], "text": parts[-1]["text"] + part["text"]}
            return
        if not part["text"]:
            return
    elif part.get("text") == "" and "thoughtSignature" in part and parts \
            and "text" in parts[-1] and not parts[-1].get("thought") \
            and "thoughtSignature" not in parts[-1]:
        parts[-1] = {**parts[-1], "thoughtSignature": part["thoughtSignature"]}
        return
    parts.append(part)

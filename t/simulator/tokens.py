"""Token counts: estimates, but the same ones everywhere, so that sums agree."""

import json

IMAGE, PAGE, AUDIO_SECOND = 258, 560, 32


def of_text(text):
    """About what Gemini counts: four letters a token, fewer in denser scripts."""
    if not text:
        return 0
    plain = sum(1 for char in text if char < "\u0250")
    return max(1, round(plain / 4 + (len(text) - plain) / 1.6))


def of_json(value):
    return max(1, len(json.dumps(value, ensure_ascii=False)) * 2 // 7)


def modality_of(mime):
    kind = (mime or "").split("/")[0]
    return {"image": "IMAGE", "audio": "AUDIO", "video": "VIDEO"}.get(
        kind, "DOCUMENT" if mime == "application/pdf" else "TEXT")


def of_part(part, counts):
    """Adds a part's tokens to `counts`, by modality."""
    for name in ("inlineData", "fileData"):
        blob = part.get(name)
        if blob is not None:
            modality = modality_of(blob.get("mimeType"))
            size = len(blob.get("data", "")) * 3 // 4
            tokens = {"IMAGE": IMAGE, "VIDEO": 263 * 10, "DOCUMENT": PAGE,
                      "AUDIO": max(1, size // 4000 * AUDIO_SECOND or AUDIO_SECOND),
                      }.get(modality, max(1, size // 4))
            counts[modality] = counts.get(modality, 0) + tokens
    tokens = of_text(part.get("text"))
    for name in ("functionCall", "functionResponse", "executableCode", "codeExecutionResult"):
        if name in part:
            tokens += of_json(part[name])
    counts["TEXT"] = counts.get("TEXT", 0) + tokens


def of_request(request):
    """Tokens of a GenerateContentRequest by modality."""
    counts = {"TEXT": 0}
    contents = list(request.get("contents", []))
    if "systemInstruction" in request:
        contents.append(request["systemInstruction"])
    for content in contents:
        counts["TEXT"] += 1
        for part in content.get("parts", []):
            of_part(part, counts)
    for tool in request.get("tools", []):
        counts["TEXT"] += of_json(tool)
    return {modality: count for modality, count in counts.items() if count or modality == "TEXT"}


def details(counts):
    return [{"modality": modality, "tokenCount": count} for modality, count in counts.items()]

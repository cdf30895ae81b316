"""The models the simulator serves, and what each family of them accepts.

This is the simulator's own opinion of the rules, kept apart from the module's on purpose: where
the two differ a test fails and somebody has to look.
"""

import dataclasses
import fnmatch

GENERATE = ("generateContent", "streamGenerateContent", "countTokens")
EMBED = ("embedContent", "batchEmbedContents", "countTokens")


@dataclasses.dataclass(frozen=True)
class Family:
    """What a family accepts. `levels` empty: no thinkingLevel; `budget` None: no budget."""

    generation: str                     # signatures do not survive a change of it
    levels: tuple = ()
    budget: tuple = None                # smallest, largest
    budget_zero: bool = False
    thinks: bool = True
    candidates: int = 1
    penalties: bool = False
    logprobs: bool = False
    trailing_model_turn: bool = True
    signatures: bool = False            # function calls must carry theirs
    tools_with_json: bool = False
    tools_with_builtin: bool = False
    system_instruction: bool = True
    tools: bool = True
    json: bool = True
    modalities: tuple = ("TEXT",)
    unary_output_limit: int = None
    call_ids: bool = False


TWO = Family("2", candidates=8, thinks=False)
TWO_FIVE = Family("2.5", budget=(1, 24576), budget_zero=True, candidates=8, penalties=True,
                  logprobs=True)
THREE = Family("3", levels=("MINIMAL", "LOW", "MEDIUM", "HIGH"), budget=(1, 32768),
               signatures=True, tools_with_json=True, tools_with_builtin=True, call_ids=True)
NEWEST = dataclasses.replace(THREE, levels=("LOW", "MEDIUM", "HIGH"),
                             trailing_model_turn=False)
IMAGE = dict(modalities=("TEXT", "IMAGE"), tools=False, json=False, thinks=False)
SPEECH = dict(modalities=("AUDIO",), tools=False, json=False, system_instruction=False,
              thinks=False)

# First match wins; what nobody knows behaves like the newest.
FAMILIES = (
    ("gemini-2.5-*-image*", dataclasses.replace(
        TWO_FIVE, budget=None, candidates=1, penalties=False, logprobs=False, **IMAGE)),
    ("gemini-3*-image*", dataclasses.replace(
        THREE, levels=("MINIMAL", "HIGH"), budget=None, signatures=False, **IMAGE)),
    ("*-tts*", Family("tts", **SPEECH)),
    ("gemini-2.0-*", TWO),
    ("gemini-2.5-pro*", dataclasses.replace(
        TWO_FIVE, budget=(128, 32768), budget_zero=False, logprobs=False)),
    ("gemini-2.5-flash-lite*", dataclasses.replace(TWO_FIVE, budget=(512, 24576))),
    ("gemini-2.5-*", TWO_FIVE),
    ("gemini-3-pro*", dataclasses.replace(THREE, levels=("LOW", "MEDIUM", "HIGH"))),
    ("gemini-3.1-pro*", dataclasses.replace(THREE, levels=("LOW", "MEDIUM", "HIGH"))),
    ("gemini-3-flash*", THREE),
    ("gemini-3.5-flash-lite*", dataclasses.replace(THREE, trailing_model_turn=False)),
    ("gemini-3.*-lite*", THREE),
    ("gemini-3.5-*", dataclasses.replace(THREE, levels=("LOW", "MEDIUM", "HIGH"))),
    ("gemini-3.*", NEWEST),
    ("gemini-4-*", dataclasses.replace(
        NEWEST, generation="4", budget=None, unary_output_limit=32768)),
    ("gemma-3*", Family("gemma", thinks=False, system_instruction=False, tools=False,
                        json=False)),
    ("gemma-*", Family("gemma", levels=("MINIMAL", "HIGH"))),
    ("*", NEWEST),
)


def family_of(model):
    for glob, family in FAMILIES:
        if fnmatch.fnmatchcase(model, glob):
            return family
    raise AssertionError("the last pattern matches everything")


@dataclasses.dataclass(frozen=True)
class Model:
    """An entry of the models list."""

    id: str
    title: str
    input_limit: int = 1048576
    output_limit: int = 65536
    methods: tuple = GENERATE + ("createCachedContent", "batchGenerateContent")
    about: str = ""
    listed: bool = True
    version: str = "001"
    serves: str = ""                    # modelVersion, where it is an alias

    def document(self):
        """As in ListModels."""
        entry = {"name": "models/" + self.id, "version": self.version,
                 "displayName": self.title, "description": self.about or self.title,
                 "inputTokenLimit": self.input_limit, "outputTokenLimit": self.output_limit,
                 "supportedGenerationMethods": [
                     method for method in self.methods if method != "streamGenerateContent"]}
        if "generateContent" in self.methods:
            entry.update(temperature=1, topP=0.95, topK=64, maxTemperature=2)
            if family_of(self.id).thinks:
                entry["thinking"] = True
        return entry


MODELS = (
    Model("gemini-2.5-flash", "Gemini 2.5 Flash",
          about="Stable version of Gemini 2.5 Flash, our mid-size multimodal model."),
    Model("gemini-2.5-pro", "Gemini 2.5 Pro"),
    Model("gemini-2.5-flash-lite", "Gemini 2.5 Flash-Lite"),
    Model("gemini-2.5-flash-image", "Nano Banana", 32768, 32768, GENERATE),
    Model("gemini-3-flash-preview", "Gemini 3 Flash Preview", version="3-flash-preview-12-2025"),
    Model("gemini-3.1-pro-preview", "Gemini 3.1 Pro Preview"),
    Model("gemini-3-pro-preview", "Gemini 3 Pro Preview", listed=False,
          serves="gemini-3.1-pro-preview"),
    Model("gemini-3.1-flash-lite", "Gemini 3.1 Flash-Lite"),
    Model("gemini-3.5-flash", "Gemini 3.5 Flash"),
    Model("gemini-3.5-flash-lite", "Gemini 3.5 Flash-Lite"),
    Model("gemini-3.6-flash", "Gemini 3.6 Flash"),
    Model("gemini-3.7-flash", "Gemini 3.7 Flash"),
    Model("gemini-3.8-flash", "Gemini 3.8 Flash"),
    Model("gemini-4-argon", "Gemini 4 Argon", 2097152),
    Model("gemini-4-neon", "Gemini 4 Neon"),
    Model("gemini-4-carbon", "Gemini 4 Carbon", listed=False),
    Model("gemini-flash-latest", "Gemini Flash Latest", serves="gemini-3.8-flash"),
    Model("gemini-pro-latest", "Gemini Pro Latest", serves="gemini-3.1-pro-preview"),
    Model("gemini-flash-lite-latest", "Gemini Flash-Lite Latest",
          serves="gemini-3.5-flash-lite"),
    Model("gemini-3.1-flash-image", "Gemini 3.1 Flash Image", 65536, 32768, GENERATE),
    Model("gemini-3-pro-image", "Gemini 3 Pro Image", 65536, 32768, GENERATE),
    Model("gemini-3.8-flash-tts", "Gemini 3.8 Flash TTS", 8192, 16384, GENERATE),
    Model("gemma-3-27b-it", "Gemma 3 27B", 131072, 8192, GENERATE),
    Model("gemma-4-31b-it", "Gemma 4 31B", 262144, 32768, GENERATE),
    Model("gemini-embedding-001", "Gemini Embedding 001", 2048, 1, EMBED),
    Model("gemini-embedding-2", "Gemini Embedding 2", 8192, 1, EMBED),
    Model("veo-3.1-generate-preview", "Veo 3.1", 480, 8192, ("predictLongRunning",),
          listed=False),
    Model("gemini-3.5-flash-live", "Gemini 3.5 Flash Live", 131072, 8192,
          ("bidiGenerateContent", "countTokens")),
)


class Catalogue:
    """The models this run serves: the list above, and those the command line adds."""

    def __init__(self, extra=()):
        self.models = {model.id: model for model in MODELS}
        for name in extra:
            self.models[name] = Model(name, name, methods=GENERATE + EMBED[:2])

    def find(self, name):
        return self.models.get(name)

    def served(self, model):
        """The model that answers for an alias."""
        return self.models.get(model.serves, model) if model.serves else model

    def page(self, size, token):
        """(entries, token of the next page or None); None for a token of nobody's."""
        listed = [model for model in self.models.values() if model.listed]
        start = 0
        if token:
            if not token.startswith("from-") or not token[5:].isdigit():
                return None
            start = int(token[5:])
        end = start + size
        following = f"from-{end}" if end < len(listed) else None
        return [model.document() for model in listed[start:end]], following

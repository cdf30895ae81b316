"""The request messages of the API: which JSON names each has, and of which type.

One line a field group: `name:type`, `*` after the type for repeated, `%` for a map from string.
Both spellings of a name are accepted, as proto3 JSON does; anything else is refused the way the
real front end refuses it. `BEYOND` names what the live API takes though the published protos do
not have it yet; its use is noted in the record of the request.
"""

import re

import signatures
from errors import violations

PACKAGE = "type.googleapis.com/google.ai.generativelanguage.v1beta."

ENUMS = {
    "Type": "TYPE_UNSPECIFIED STRING NUMBER INTEGER BOOLEAN ARRAY OBJECT NULL",
    "HarmCategory": " ".join("HARM_CATEGORY_" + name for name in (
        "UNSPECIFIED", "DEROGATORY", "TOXICITY", "VIOLENCE", "SEXUAL", "MEDICAL", "DANGEROUS",
        "HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT",
        "CIVIC_INTEGRITY")),
    "SafetySetting.HarmBlockThreshold":
        "HARM_BLOCK_THRESHOLD_UNSPECIFIED BLOCK_LOW_AND_ABOVE BLOCK_MEDIUM_AND_ABOVE"
        " BLOCK_ONLY_HIGH BLOCK_NONE OFF",
    "ThinkingConfig.ThinkingLevel": "THINKING_LEVEL_UNSPECIFIED LOW MEDIUM HIGH MINIMAL",
    "GenerationConfig.Modality": "MODALITY_UNSPECIFIED TEXT IMAGE AUDIO",
    "GenerationConfig.MediaResolution": " ".join(
        "MEDIA_RESOLUTION_" + name for name in ("UNSPECIFIED", "LOW", "MEDIUM", "HIGH")),
    "FunctionCallingConfig.Mode": "MODE_UNSPECIFIED AUTO ANY NONE VALIDATED",
    "FunctionDeclaration.Behavior": "UNSPECIFIED BLOCKING NON_BLOCKING",
    "FunctionResponse.Scheduling": "SCHEDULING_UNSPECIFIED SILENT WHEN_IDLE INTERRUPT",
    "ExecutableCode.Language": "LANGUAGE_UNSPECIFIED PYTHON",
    "CodeExecutionResult.Outcome":
        "OUTCOME_UNSPECIFIED OUTCOME_OK OUTCOME_FAILED OUTCOME_DEADLINE_EXCEEDED",
    "DynamicRetrievalConfig.Mode": "MODE_UNSPECIFIED MODE_DYNAMIC",
    "ComputerUse.Environment": "ENVIRONMENT_UNSPECIFIED ENVIRONMENT_BROWSER",
    "TaskType": "TASK_TYPE_UNSPECIFIED RETRIEVAL_QUERY RETRIEVAL_DOCUMENT SEMANTIC_SIMILARITY"
                " CLASSIFICATION CLUSTERING QUESTION_ANSWERING FACT_VERIFICATION"
                " CODE_RETRIEVAL_QUERY",
}
ENUMS = {name: values.split() for name, values in ENUMS.items()}

MESSAGES = {
    "GenerateContentRequest": """
        model:string systemInstruction:Content contents:Content* tools:Tool* cachedContent:string
        toolConfig:ToolConfig safetySettings:SafetySetting* generationConfig:GenerationConfig""",
    "CountTokensRequest": """
        model:string contents:Content* generateContentRequest:GenerateContentRequest""",
    "EmbedContentRequest": """
        model:string content:Content taskType:TaskType title:string outputDimensionality:int32""",
    "BatchEmbedContentsRequest": "model:string requests:EmbedContentRequest*",
    "VertexGenerateContentRequest": """
        systemInstruction:Content contents:Content* tools:Tool* cachedContent:string
        toolConfig:ToolConfig safetySettings:SafetySetting* generationConfig:GenerationConfig
        labels:string% modelArmorConfig:Struct""",
    "VertexCountTokensRequest": """
        instances:Struct* contents:Content* systemInstruction:Content tools:Tool*
        generationConfig:GenerationConfig""",
    "VertexComputeTokensRequest": "instances:Struct* contents:Content*",
    "VertexEmbedContentRequest": """
        model:string content:Content embedContentConfig:VertexEmbedContentConfig""",
    "VertexEmbedContentConfig": """
        taskType:TaskType title:string outputDimensionality:int32 autoTruncate:bool
        documentOcr:bool audioTrackExtraction:bool""",
    "VertexBatchEmbedContentsRequest": "requests:VertexEmbedContentRequest*",
    "Content": "parts:Part* role:string",
    "Part": """
        text:string inlineData:Blob functionCall:FunctionCall functionResponse:FunctionResponse
        fileData:FileData executableCode:ExecutableCode codeExecutionResult:CodeExecutionResult
        videoMetadata:VideoMetadata thought:bool thoughtSignature:bytes partMetadata:Struct
        mediaResolution:PartMediaResolution""",
    "Blob": "mimeType:string data:bytes",
    "FileData": "mimeType:string fileUri:string",
    "VideoMetadata": "startOffset:Duration endOffset:Duration fps:double",
    "PartMediaResolution": "level:string numTokens:int32",
    "ExecutableCode": "language:ExecutableCode.Language code:string",
    "CodeExecutionResult": "outcome:CodeExecutionResult.Outcome output:string",
    "FunctionCall": "id:string name:string args:Struct partialArgs:Struct* willContinue:bool",
    "FunctionResponse": """
        id:string name:string response:Struct parts:FunctionResponsePart* willContinue:bool
        scheduling:FunctionResponse.Scheduling""",
    "FunctionResponsePart": "inlineData:Blob",
    "Tool": """
        functionDeclarations:FunctionDeclaration* googleSearchRetrieval:GoogleSearchRetrieval
        codeExecution:Empty googleSearch:GoogleSearch computerUse:ComputerUse urlContext:Empty
        fileSearch:FileSearch googleMaps:GoogleMaps mcpServers:McpServer*""",
    "Empty": "",
    "GoogleSearch": "timeRangeFilter:Interval",
    "Interval": "startTime:Timestamp endTime:Timestamp",
    "GoogleSearchRetrieval": "dynamicRetrievalConfig:DynamicRetrievalConfig",
    "DynamicRetrievalConfig": "mode:DynamicRetrievalConfig.Mode dynamicThreshold:float",
    "ComputerUse":
        "environment:ComputerUse.Environment excludedPredefinedFunctions:string*",
    "FileSearch": "retrievalResources:RetrievalResource* retrievalConfig:FileSearch.Retrieval",
    "RetrievalResource": "ragStoreName:string",
    "FileSearch.Retrieval": "topK:int32 metadataFilter:string",
    "GoogleMaps": "enableWidget:bool",
    "McpServer": "name:string streamableHttpTransport:Struct",
    "FunctionDeclaration": """
        name:string description:string parameters:Schema parametersJsonSchema:Value
        response:Schema responseJsonSchema:Value behavior:FunctionDeclaration.Behavior""",
    "ToolConfig": "functionCallingConfig:FunctionCallingConfig retrievalConfig:RetrievalConfig",
    "FunctionCallingConfig": """
        mode:FunctionCallingConfig.Mode allowedFunctionNames:string*
        streamFunctionCallArguments:bool""",
    "RetrievalConfig": "latLng:LatLng languageCode:string",
    "LatLng": "latitude:double longitude:double",
    "SafetySetting": "category:HarmCategory threshold:SafetySetting.HarmBlockThreshold",
    "GenerationConfig": """
        candidateCount:int32 stopSequences:string* maxOutputTokens:int32 temperature:float
        topP:float topK:int32 seed:int32 responseMimeType:string responseSchema:Schema
        responseJsonSchema:Value responseJsonSchemaOrdered:Value presencePenalty:float
        frequencyPenalty:float responseLogprobs:bool logprobs:int32
        enableEnhancedCivicAnswers:bool responseModalities:GenerationConfig.Modality*
        speechConfig:SpeechConfig thinkingConfig:ThinkingConfig imageConfig:ImageConfig
        mediaResolution:GenerationConfig.MediaResolution""",
    "SpeechConfig": """
        voiceConfig:VoiceConfig multiSpeakerVoiceConfig:MultiSpeakerVoiceConfig
        languageCode:string""",
    "VoiceConfig": "prebuiltVoiceConfig:PrebuiltVoiceConfig",
    "PrebuiltVoiceConfig": "voiceName:string",
    "MultiSpeakerVoiceConfig": "speakerVoiceConfigs:SpeakerVoiceConfig*",
    "SpeakerVoiceConfig": "speaker:string voiceConfig:VoiceConfig",
    "ThinkingConfig": """
        includeThoughts:bool thinkingBudget:int32 thinkingLevel:ThinkingConfig.ThinkingLevel""",
    "ImageConfig": "aspectRatio:string",
    "Schema": """
        type:Type format:string title:string description:string nullable:bool enum:string*
        items:Schema maxItems:int64 minItems:int64 properties:Schema% required:string*
        minProperties:int64 maxProperties:int64 minimum:double maximum:double minLength:int64
        maxLength:int64 pattern:string example:Value anyOf:Schema* propertyOrdering:string*
        default:Value""",
    "CachedContent": """
        name:string displayName:string model:string systemInstruction:Content contents:Content*
        tools:Tool* toolConfig:ToolConfig ttl:Duration expireTime:Timestamp createTime:Timestamp
        updateTime:Timestamp usageMetadata:Struct""",
    "CreateFileRequest": "file:File",
    "File": """
        name:string displayName:string mimeType:string sizeBytes:int64 createTime:Timestamp
        updateTime:Timestamp expirationTime:Timestamp sha256Hash:bytes uri:string
        downloadUri:string state:string source:string videoMetadata:Struct error:Struct""",
    "BatchGenerateContentRequest": "model:string batch:GenerateContentBatch",
    "GenerateContentBatch": """
        model:string name:string displayName:string inputConfig:InputConfig priority:int64""",
    "InputConfig": "requests:InlinedRequests fileName:string",
    "InlinedRequests": "requests:InlinedRequest*",
    "InlinedRequest": "request:GenerateContentRequest metadata:Struct",
    "AsyncBatchEmbedContentRequest": "model:string batch:EmbedContentBatch",
    "EmbedContentBatch": """
        model:string name:string displayName:string inputConfig:InputEmbedContentConfig
        priority:int64""",
    "InputEmbedContentConfig": "requests:InlinedEmbedContentRequests fileName:string",
    "InlinedEmbedContentRequests": "requests:InlinedEmbedContentRequest*",
    "InlinedEmbedContentRequest": "request:EmbedContentRequest metadata:Struct",
    "PredictLongRunningRequest": "model:string instances:Value* parameters:Value",
}
BEYOND = {
    "GenerateContentRequest": "serviceTier:string continuationToken:string",
    "Part": "toolCall:Struct toolResponse:Struct",
    "ToolConfig": "includeServerSideToolInvocations:bool",
    "ImageConfig": "imageSize:string",
}
DATA = ("text", "inlineData", "functionCall", "functionResponse", "fileData", "executableCode",
        "codeExecutionResult", "toolCall", "toolResponse")
SOURCE = {"requests": "source", "fileName": "source"}
ONEOFS = {
    "Part": {name: "data" for name in DATA},
    "CachedContent": {"ttl": "expiration", "expireTime": "expiration"},
    "InputConfig": SOURCE, "InputEmbedContentConfig": SOURCE,
}
DEEPEST = 100


def snake(name):
    return re.sub(r"([A-Z])", lambda found: "_" + found.group(1).lower(), name)


def tables():
    """{message: {either spelling: (camelCase, snake_case, type, '' or '*' or '%', beyond)}}"""
    made = {}
    for message, fields in MESSAGES.items():
        table = made[message] = {}
        for beyond, text in ((False, fields), (True, BEYOND.get(message, ""))):
            for field in text.split():
                name, _, kind = field.partition(":")
                many = kind[-1] if kind[-1] in "*%" else ""
                entry = (name, snake(name), kind.rstrip("*%"), many, beyond)
                table[name] = table[snake(name)] = entry
    return made


TABLES = tables()
RANGES = {"int32": (-2 ** 31, 2 ** 31 - 1), "int64": (-2 ** 63, 2 ** 63 - 1)}


class Doubled(dict):
    """A JSON object in which a name stood twice."""


class Checker:
    """Reads one message; keeps what is wrong, in the words of the real front end."""

    def __init__(self):
        self.found = []
        self.beyond = []

    def wrong(self, path, kind, value):
        shown = value if isinstance(value, str) else None
        text = f'"{shown[:200]}"' if shown is not None else _plain(value)
        self.found.append((path, f"Invalid value at '{path}' ({kind}), {text}"))

    def unknown(self, path, name, why="Cannot find field."):
        at = f" at '{path}'" if path else ""
        self.found.append((path, f'Invalid JSON payload received. Unknown name "{name}"{at}:'
                           f" {why}"))

    def message(self, kind, value, path, depth=0):
        """The message with canonical names, or None when it is none."""
        if not isinstance(value, dict):
            self.wrong(path, PACKAGE + kind, value)
            return None
        if depth > DEEPEST:
            self.found.append((path, "Message too deep. Max recursion depth reached for key"
                               f" '{path[-60:]}'"))
            return None
        if isinstance(value, Doubled):
            self.found.append((path, "Invalid JSON payload received. A name occurs twice in the"
                               f" object at '{path}'."))
        made, oneofs = {}, {}
        for name, item in value.items():
            entry = TABLES[kind].get(name)
            if entry is None:
                self.unknown(path, name)
                continue
            if item is None:
                continue
            canonical, snaked, field_kind, many, beyond = entry
            where = f"{path}.{snaked}" if path else snaked
            if canonical in made:
                self.unknown(path, name, "Proto field is not repeating, cannot set twice.")
                continue
            group = ONEOFS.get(kind, {}).get(canonical)
            if group in oneofs:
                self.found.append((path, f"Invalid value at '{path}' (oneof), oneof field"
                                   f" '{group}' is already set. Cannot set '{name}'"))
                continue
            if group:
                oneofs[group] = canonical
            if beyond:
                self.beyond.append(where)
            made[canonical] = self.field(field_kind, many, item, where, path, name, depth)
        return made

    def field(self, kind, many, item, where, path, name, depth):
        if many == "*":
            # A single message may stand for a list of one; Google's own examples do so.
            items = item if isinstance(item, list) else [item]
            return [self.value(kind, one, f"{where}[{i}]", depth)
                    for i, one in enumerate(items)]
        if many == "%":
            if not isinstance(item, dict):
                self.wrong(where, "Map", item)
                return {}
            return {key: self.value(kind, one, f"{where}[{i}].value", depth)
                    for i, (key, one) in enumerate(item.items())}
        if isinstance(item, list) and kind != "Value":
            self.unknown(path, name, "Proto field is not repeating, cannot start list.")
            return None
        return self.value(kind, item, where, depth)

    def value(self, kind, item, path, depth):
        if kind in TABLES:
            return self.message(kind, item, path, depth + 1)
        if kind in ENUMS:
            return self.enum(kind, item, path)
        return getattr(self, "read_" + kind.lower())(item, path)

    def enum(self, kind, item, path):
        values = ENUMS[kind]
        if isinstance(item, str) and item.upper().replace("-", "_") in values:
            return item.upper().replace("-", "_")
        if isinstance(item, int) and not isinstance(item, bool) and 0 <= item < len(values):
            return values[item]
        self.wrong(path, PACKAGE + kind, item)
        return values[0]

    def read_string(self, item, path):
        if not isinstance(item, str):
            self.wrong(path, "TYPE_STRING", item)
            return ""
        return item

    def read_bool(self, item, path):
        if not isinstance(item, bool):
            self.wrong(path, "TYPE_BOOL", item)
        return bool(item)

    def integer(self, item, path, kind):
        number = item
        if isinstance(item, str) and re.fullmatch(r"-?\d{1,20}", item):
            number = int(item)
        elif isinstance(item, float) and item.is_integer():
            number = int(item)
        low, high = RANGES[kind]
        if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
            self.wrong(path, "TYPE_" + kind.upper(), item)
            return 0
        return number

    def read_int32(self, item, path):
        return self.integer(item, path, "int32")

    def read_int64(self, item, path):
        return self.integer(item, path, "int64")

    def real(self, item, path, kind):
        if isinstance(item, str) and re.fullmatch(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", item):
            return float(item)
        if isinstance(item, bool) or not isinstance(item, (int, float)):
            self.wrong(path, kind, item)
            return 0.0
        return item

    def read_float(self, item, path):
        return self.real(item, path, "TYPE_FLOAT")

    def read_double(self, item, path):
        return self.real(item, path, "TYPE_DOUBLE")

    def read_bytes(self, item, path):
        if not isinstance(item, str):
            self.wrong(path, "TYPE_BYTES", item)
        elif signatures.decode(item) is None:
            self.found.append((path, f"Invalid value at '{path}' (TYPE_BYTES), Base64 decoding"
                               f' failed for "{item[:100]}"'))
        return item

    def read_struct(self, item, path):
        if not isinstance(item, dict):
            self.wrong(path, "type.googleapis.com/google.protobuf.Struct", item)
            return {}
        return item

    def read_value(self, item, path):
        return item

    def read_duration(self, item, path):
        if not isinstance(item, str) or not re.fullmatch(r"-?\d+(\.\d{1,9})?s", item):
            self.wrong(path, "type.googleapis.com/google.protobuf.Duration", item)
        return item

    def read_timestamp(self, item, path):
        if not isinstance(item, str) or not re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", item):
            self.wrong(path, "type.googleapis.com/google.protobuf.Timestamp", item)
        return item


def _plain(value):
    if value is True or value is False:
        return str(value).lower()
    return str(value)[:200] if not isinstance(value, (dict, list)) else "{}"


def check(message, value):
    """(the message with canonical names, paths beyond the published protos)."""
    checker = Checker()
    made = checker.message(message, value, "")
    if checker.found:
        raise violations(checker.found)
    return made, checker.beyond

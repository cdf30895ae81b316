"""What Google refuses."""
import json
from errors import Refusal, argument

def parse_json(data):
    try:
        return json.loads(data)
    except ValueError as e:
        raise Refusal(400, "Invalid JSON payload received. " + str(e))

def check(method, model, body, record):
    if "contents" in body and not body["contents"]:
        raise argument("GenerateContentRequest.contents", "contents is not specified")
    return body

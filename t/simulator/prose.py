"""What the simulator says: text that answers to what the user said, the same each time.

It knows nothing, and says so; but greetings, sums, lists, code, emoji and other alphabets are
answered in kind, so that a person trying the gateway sees a conversation.
"""

import ast
import hashlib
import operator
import re

OPENINGS = (
    "Good question.", "Let me think along with you.", "Gladly.", "Here is what I can offer.",
    "Sure.", "Happy to help.",
)
MIDDLES = (
    "You asked about {topic}, and the honest answer is that I am a simulator: I never learned"
    " anything about it, but every byte of this reply travels exactly the way a real one would.",
    "As for {topic}: I am only the stand-in that answers while no API key is configured, so take"
    " the words lightly and the plumbing seriously.",
    "If I were the real model I would now explain {topic} at length. Being its simulator, I can"
    " at least show that your question arrived whole: it had {words} words.",
    "Picture {topic} as a river: the source is your request, the bed is the gateway, and these"
    " words are the water, arriving a few at a time.",
)
CLOSINGS = (
    "Set `GEMINI_API_KEYS` to talk to the real thing.",
    "Ask me for a list, some code, emoji, or a long answer to see other shapes.",
    "What would you like to try next?",
    "Try it with `\"stream\": true` if you have not yet.",
)
LONG = (
    "First, consider where {topic} begins. Every subject has an edge at which it touches"
    " something simpler, and it pays to walk along that edge before going in.",
    "Second, there is the matter of scale. What holds for one request need not hold for ten"
    " thousand, and {topic} is no exception: costs that were invisible become the whole story.",
    "Third, people disagree about {topic}, mostly because they mean different things by the same"
    " words. Writing the words down usually settles half of it.",
    "Then there is time. A thing that is right today is wrong tomorrow, unless somebody has"
    " written down why it was right; so note the reasons, not just the results.",
    "Finally, look at failures. What {topic} does when something breaks tells more than what it"
    " does when all goes well, and is much more often forgotten.",
)
ALPHABETS = ("Ελληνικά · Русский · 日本語 · 한국어 · עברית · العربية · हिन्दी · ไทย · "
             "Zażółć gęślą jaźń · naïve café · 👩‍👩‍👧‍👦 🇳🇴 e\u0301 · \u2028 · 𝄞 <&='\">\\")
EMOJI = ("🚀", "🌈", "🦊", "✨", "👩‍💻", "🎉", "🐙", "☕️")
GREETINGS = {
    "hello": "Hello", "hi": "Hi", "hey": "Hey", "hallo": "Hallo", "bonjour": "Bonjour",
    "hola": "¡Hola!", "ciao": "Ciao", "привет": "Привет", "你好": "你好", "こんにちは": "こんにちは",
}
CODE = '''```python
def {name}(items):
    """Counts how often each item occurs."""
    counts = {{}}
    for item in items:
        counts[item] = counts.get(item, 0) + 1
    return counts
```'''
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
             ast.Div: operator.truediv, ast.USub: operator.neg}


def seed_of(text, salt=0):
    digest = hashlib.sha256(f"{salt}\0{text}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:6], "big")


def topic_of(text):
    """A few words of the user's own, to hang an answer on."""
    words = text.strip().split()
    if not words:
        return "your silence"
    sentence = " ".join(words[:12]).rstrip("?.!,;:")
    return f"\u201c{sentence}{'…' if len(words) > 12 else ''}\u201d"


def sum_of(text):
    """"what is 12 * (3 + 4)?" -> (the sum, its value), or None."""
    found = re.search(r"[-(\d][-\d\s+*/().]*[+*/-][-\d\s+*/().]*\d\)*", text)
    if found is None or len(found.group()) > 60:
        return None

    def value(node):
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return node.value
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](value(node.operand))
        raise ValueError("not a sum")

    try:
        return found.group().strip(), value(ast.parse(found.group().strip(), mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError):
        return None


def reply(text, salt=0, turns=1, most=None, system="", media=()):
    """The answer to `text`. most: output tokens allowed; media: kinds that came with it."""
    seed = seed_of(text, salt)
    lower = text.lower()
    facts = {"topic": topic_of(text), "words": len(text.split())}
    parts = []
    first = re.match(r"[^\W\d_]+", lower)
    if first and first.group() in GREETINGS:
        parts.append(GREETINGS[first.group()].rstrip("!") + "! I am the bundled Gemini simulator.")
    else:
        parts.append(OPENINGS[seed % len(OPENINGS)])
    if media:
        parts.append(f"Thank you for the {' and the '.join(media)}; I can tell it arrived, but I"
                     " have no eyes or ears.")
    found = sum_of(text)
    if found:
        parts.append(f"{found[0]} = {found[1]}. That much a simulator can do.")
    else:
        parts.append(MIDDLES[seed // 7 % len(MIDDLES)].format(**facts))
    if turns > 1:
        parts.append(f"This is turn {turns} of our conversation; I saw all of it.")
    if system and seed % 2:
        parts.append("Your system instruction is in force as well.")
    blocks = [" ".join(parts)]
    if re.search(r"\b(list|steps|bullet|points)\b", lower):
        blocks.append("\n".join(f"{i}. **{word.capitalize()}** – about {facts['topic']}"
                                for i, word in enumerate(("look", "try", "measure", "repeat"), 1)))
    if re.search(r"\b(code|function|python|program|script)\b", lower):
        blocks.append(CODE.format(name="count_items"))
    if "emoji" in lower or any(char >= "\U0001f300" for char in text):
        blocks.append(" ".join(EMOJI[(seed + i) % len(EMOJI)] for i in range(5)))
    if "unicode" in lower or "alphabet" in lower:
        blocks.append(ALPHABETS)
    if re.search(r"\b(long|detailed|essay|story|in depth)\b", lower):
        blocks += long_form(facts, 800 if most is None else min(most, 16000))
    blocks.append(CLOSINGS[seed // 31 % len(CLOSINGS)])
    return "\n\n".join(blocks)


def long_form(facts, tokens):
    """Paragraphs worth about three quarters of `tokens`."""
    blocks, length, i = [], 0, 0
    while length < tokens * 3:
        block = LONG[i % len(LONG)].format(**facts)
        if i % len(LONG) == 0:
            block = f"## Part {i // len(LONG) + 1}\n\n{block}"
        blocks.append(block)
        length += len(block)
        i += 1
    return blocks


def from_results(results, text):
    """An answer made of what the functions returned: (name, response) pairs."""
    sentences = []
    for name, response in results:
        if "error" in response and len(response) == 1:
            sentences.append(f"`{name}` failed: {shown(response['error'])}.")
        elif set(response) <= {"output", "result"} and response:
            sentences.append(f"`{name}` says: {shown(next(iter(response.values())))}.")
        elif response:
            told = ", ".join(f"{key} is {shown(value)}" for key, value in response.items())
            sentences.append(f"`{name}` says that {told}.")
        else:
            sentences.append(f"`{name}` is done and had nothing to report.")
    asked = f" That should answer {topic_of(text)}." if text else ""
    return " ".join(sentences) + asked


def shown(value):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 300 else text[:300] + "…"


def thoughts(text, salt=0):
    """Two summaries of thinking, in the form the API gives them."""
    topic = topic_of(text)
    return [f"**Reading the request**\n\nI am looking at {topic}. The user wants something"
            " concrete, so I will settle what is asked before anything else.\n\n\n",
            "**Settling on an answer**\n\nI weigh a short reply against a thorough one, and"
            f" pick what fits {len(text.split())} words of question.\n\n\n"]


def pieces(text, salt=0):
    """The text in deltas of one to three words, each with the space before it."""
    found = re.findall(r"\s*\S+(?:\s+$)?", text) or ([text] if text else [])
    made, at, turn = [], 0, seed_of(text, salt)
    while at < len(found):
        count = 1 + (turn >> (at % 40)) % 3
        made.append("".join(found[at:at + count]))
        at += count
    return made


def code_points(text, count=4):
    """The text in about `count` deltas, cut between code points wherever that falls."""
    size = max(1, -(-len(text) // count))
    return [text[start:start + size] for start in range(0, len(text), size)]

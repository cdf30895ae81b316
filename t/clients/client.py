"""What the scripts of the Python clients share."""

import traceback

MODELS = ["gemini-2.5-flash", "gemini-3.8-flash", "gemini-4-argon"]
TEXT = ("Zażółć gęślą jaźń · 日本語 · עברית · e\u0301 · \u2028 · 𝄞 · "
        "👩‍👩‍👧‍👦 🇳🇴 <&'\"> \\ \t tab\nline")
# With "#calls 4" the simulator calls weather, clock, weather, clock.
QUESTION = "#calls 4 How is it in Oslo, Rome, Lima and Cairo?"


def user(text):
    return [{"role": "user", "content": text}]


def check(name, *arguments):
    """Runs the function now; what it raises is why it failed."""
    def run(function):
        try:
            function(*arguments)
            print(f"ok {name}", flush=True)
        except Exception as error:  # whatever it is, it is the test's result
            traceback.print_exc()
            print(f"not ok {name}: {error!r}".replace("\n", " "), flush=True)
    return run


class Functions:
    """Two functions that note what they were called with.

    Results repeat an argument, so that a test sees at the upstream which call
    each belongs to.
    """

    def __init__(self):
        self.called = []

    def call(self, name, arguments):
        place, days = arguments["place"], arguments["days"]
        assert isinstance(place, str) and isinstance(days, int), arguments
        self.called.append((name, place))
        return {"days": days, name: f"{name} of {place}"}

    def verify(self, answer, times=1):
        """All were called so many times, and the answer has what they said."""
        assert [name for name, _ in self.called] == \
            ["weather", "clock", "weather", "clock"] * times, self.called
        for name, place in self.called[-4:]:
            assert f"{name} of {place}" in answer, answer

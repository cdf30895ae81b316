"""The control port: tests tell keys how to behave, and ask what was seen.

    PUT /keys/NAME  {...}      DELETE /keys/NAME      GET /keys
    PUT /defaults   {...}      what keys without rules of their own do; pace_ms, strict_keys
    GET /seen [?key=&since=]   DELETE /seen           GET /state
    PUT /accounts/EMAIL {...}  DELETE, GET /accounts/EMAIL
    DELETE /accounts/EMAIL/tokens     POST /accounts/EMAIL/release
    GET /resources             all that projects own; PUT makes one, or a list of them,
    DELETE /resources[/NAME]   as if elsewhere
    PUT /options    {...}      what is in resources.Options
    POST /quit
"""

import dataclasses
import json
import urllib.parse

import wire


class Control:
    """Serves the control port of one simulator."""

    def __init__(self, simulator, quit_now):
        self.simulator = simulator
        self.quit_now = quit_now
        self.tasks = set()

    async def serve(self, connection):
        try:
            while True:
                request = await connection.read_request()
                if request is None:
                    break
                output = wire.Output(connection, request, {})
                status, document = self.handle(request)
                body = json.dumps(document, ensure_ascii=True).encode() + b"\n"
                await output.whole(status, "application/json", body)
                if not output.keep_alive:
                    break
        except (wire.Gone, wire.BadRequest, ConnectionError):
            # A test's own mistake: it sees the connection close.
            pass
        finally:
            connection.writer.close()

    def handle(self, request):
        """(status, document) for one request."""
        try:
            given = json.loads(request.body) if request.body else None
            return self.dispatch(request, given)
        except (ValueError, TypeError, KeyError) as error:
            return 400, {"error": str(error)}

    def dispatch(self, request, given):
        call = (request.method, request.path)
        simulator = self.simulator
        if request.path.startswith("/keys/"):
            # The name may hold a slash of its own, so it is taken as it was sent.
            name = urllib.parse.unquote(request.target.partition("?")[0][len("/keys/"):])
            if request.method == "PUT":
                simulator.keys.put(name, given)
                return 200, simulator.keys.named[name].state()
            if request.method == "DELETE":
                return (200, {}) if simulator.keys.remove(name) else (404, {"error": "no key"})
            if request.method == "GET" and name in simulator.keys.named:
                return 200, simulator.keys.named[name].state()
        elif request.path.startswith("/accounts/"):
            return self.account(request, given)
        elif call == ("GET", "/keys"):
            return 200, simulator.keys.state()
        elif call == ("PUT", "/defaults"):
            return 200, self.set_defaults(given)
        elif call == ("GET", "/seen"):
            return 200, self.seen(request)
        elif call == ("DELETE", "/seen"):
            simulator.seen.clear()
            return 200, {}
        elif request.path == "/resources" or request.path.startswith("/resources/"):
            return self.resources(request, given)
        elif call == ("PUT", "/options"):
            simulator.owned.options.change(given)
            return 200, dataclasses.asdict(simulator.owned.options)
        elif call == ("GET", "/state"):
            return 200, simulator.state()
        elif call == ("POST", "/quit"):
            self.quit_now()
            return 200, {}
        return 404, {"error": f"no {request.method} {request.path} here"}

    def account(self, request, given):
        """A service account, its tokens, or an exchange of its that is held."""
        accounts = self.simulator.accounts
        email, _, what = request.path[len("/accounts/"):].partition("/")
        if request.method == "PUT" and not what:
            return 200, accounts.put(email, given).state()
        found = accounts.named.get(email)
        if found is None:
            return 404, {"error": "no account"}
        call = (request.method, what)
        if call == ("DELETE", "tokens"):
            found.revoke()
        elif call == ("POST", "release"):
            found.released.set()
        elif call == ("DELETE", ""):
            accounts.remove(email)
            return 200, {}
        elif call != ("GET", ""):
            return 404, {"error": f"no {request.method} {request.path} here"}
        return 200, found.state()

    def resources(self, request, given):
        """(status, document) of what is about the things that projects own."""
        owned, name = self.simulator.owned, request.path[len("/resources/"):]
        if request.method == "PUT" and not name:
            return 200, [owned.put(entry) for entry in
                         (given if isinstance(given, list) else [given])]
        if request.method == "DELETE" and not name:
            owned.store.by_name.clear()
            return 200, []
        if request.method == "DELETE":
            return (200, {}) if owned.store.remove(name) else (404, {"error": f"no {name}"})
        if request.method == "GET" and not name:
            return 200, owned.state()
        return 404, {"error": f"no {request.method} {request.path} here"}

    def set_defaults(self, given):
        simulator = self.simulator
        simulator.keys.set_defaults(given)
        if isinstance(given, dict):
            if "pace_ms" in given:
                simulator.pace = given["pace_ms"] / 1000
            if "strict_keys" in given:
                simulator.keys.strict = bool(given["strict_keys"])
        return {"defaults": given}

    def seen(self, request):
        key, since = request.argument("key"), int(request.argument("since", "0"))
        return [record for record in self.simulator.seen
                if record["number"] > since and key in (None, record["key"])]

"""The mock upstream, and nginx with and without the module."""

import contextlib
import http.client
import os
import random
import resource
import shutil
import socket

import payloads
import processes
from processes import Failure

# worker_connections where nothing else is said: it is memory, too
CONNECTIONS = 4096


def raise_limits():
    """As many open files as this user may have; nginx inherits it."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    return most


def free_port():
    """Below the ports that connections of this machine start from."""
    while True:
        port = random.randrange(20000, 32000)

        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Mock:
    """Plays Gemini, on a port for each pace {name: (gap in us, burst)}."""

    def __init__(self, binary, folder, paces):
        os.makedirs(folder)
        whole, stream = f"{folder}/whole.json", f"{folder}/stream.txt"

        for path, text in (whole, payloads.WHOLE), (stream, payloads.STREAM):
            with open(path, "w", encoding="ascii") as file:
                file.write(text)

        self.ports = {name: free_port() for name in paces}
        self.process = processes.start(
            [binary, whole, stream,
             *(f"{self.ports[name]}:{gap}:{burst}"
               for name, (gap, burst) in paces.items())],
            processes.cores()[1])
        processes.wait_until(
            "the mock upstream",
            lambda: all(listens(port) for port in self.ports.values()),
            self.process)

    def stop(self):
        processes.stop(self.process)

    def last_body(self):
        """How many bytes the last request had."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", next(iter(self.ports.values())))
        connection.request("GET", "/")
        size = int(connection.getresponse().read())
        connection.close()

        return size


def common(folder, connections, master):
    user = "user root;" if os.getuid() == 0 else ""
    temporary = "".join(
        f'{name}_temp_path "{folder}/temp/{name}";\n'
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    main = f"""
daemon off;
{user}
master_process {'on' if master else 'off'};
worker_processes 1;
pid "{folder}/nginx.pid";
error_log "{folder}/error.log" warn;
events {{ worker_connections {connections}; }}
"""
    http_block = f"""
access_log off;
keepalive_requests 1000000000;
client_max_body_size 64m;
client_body_buffer_size 8m;
{temporary}
"""
    return main, http_block


def upstreams(mock):
    return "".join(f"""
upstream mock_{name} {{
    server 127.0.0.1:{port};
    keepalive 128;
    keepalive_requests 1000000000;
}}
""" for name, port in mock.ports.items())


def plain_locations(mock):
    """/PACE/whole and /PACE/stream; /PACE/v1beta/ as Google's own."""
    model = f"v1beta/models/{payloads.MODEL}"

    return """
proxy_http_version 1.1;
proxy_set_header Connection "";
proxy_buffering off;
""" + "".join(f"""
location = /{name}/whole {{
    proxy_pass http://mock_{name}/{model}:generateContent;
}}
location = /{name}/stream {{
    proxy_pass http://mock_{name}/{model}:streamGenerateContent?alt=sse;
}}
location /{name}/v1beta/ {{
    proxy_pass http://mock_{name}/v1beta/;
}}
""" for name in mock.ports)


def module_locations(mock):
    """/PACE/v1/ is OpenAI's API, /PACE/v1beta/ Google's own."""
    return "gemini_auth apps;\n" + "".join(f"""
location /{name}/v1/ {{
    gemini_pass main;
    gemini_upstream http://mock_{name};
}}
location /{name}/v1beta/ {{
    gemini_pass main native;
    gemini_upstream http://mock_{name};
}}
""" for name in mock.ports)


def pool(folder, keys, clients):
    """As one would run it: quotas of keys, limits of clients."""
    with open(f"{folder}/keys", "w", encoding="ascii") as file:
        file.writelines(f"bench-key-number-{i}\n" for i in range(keys))

    with open(f"{folder}/clients", "w", encoding="ascii") as file:
        file.writelines(f"bench-other-token-{i} rpm=100000000\n"
                        for i in range(clients - 1))
        file.write(f"{payloads.TOKEN} rpm=100000000\n")

    os.chmod(f"{folder}/keys", 0o600)
    os.chmod(f"{folder}/clients", 0o600)

    return f"""
gemini_keys main {{
    file "{folder}/keys";
    limit * rpm=100000000 tpm=1000000000000;
}}
gemini_clients apps {{
    file "{folder}/clients";
}}
"""


class Server:
    """One nginx.

    kind: "plain", "module", or "both" on two ports. Without a master there
    is one process, which valgrind can be put before as a prefix.
    """

    def __init__(self, setup, kind, *, keys=2, clients=1,
                 connections=CONNECTIONS, master=True, prefix=()):
        folder = setup.new_folder(kind)
        os.makedirs(f"{folder}/temp")
        self.folder = folder
        self.ports = {}
        self.requests = 0
        main, http_block = common(folder, connections, master)

        if kind != "plain":
            main = f'load_module "{setup.module}";\n' + main
            http_block += pool(folder, keys, clients)

        http_block += upstreams(setup.mock)

        for name, locations in (("plain", plain_locations),
                                ("module", module_locations)):
            if kind in (name, "both"):
                self.ports[name] = free_port()
                http_block += (
                    f"server {{ listen 127.0.0.1:{self.ports[name]} "
                    f"backlog=4096;\n{locations(setup.mock)}}}\n")

        with open(f"{folder}/nginx.conf", "w", encoding="utf-8") as file:
            file.write(f"{main}\nhttp {{\n{http_block}}}\n")

        self.has_worker = master

        with open(f"{folder}/stderr", "wb") as stderr:
            self.process = processes.start(
                [*prefix, setup.nginx, "-p", f"{folder}/", "-c", "nginx.conf",
                 "-e", f"{folder}/error.log"], processes.cores()[0],
                stderr=stderr)

        try:
            processes.wait_until("nginx", self.is_up, self.process,
                                 60 if prefix else 20)
        except Failure as failure:
            self.stop()
            raise Failure(f"{failure}:\n{self.log()}") from None

        self.master = self.process.pid
        self.worker = (processes.children_of(self.master)[0] if master
                       else self.master)

    def is_up(self):
        return ((not self.has_worker
                 or processes.children_of(self.process.pid))
                and all(listens(port) for port in self.ports.values()))

    def log(self):
        text = ""

        for name in "stderr", "error.log":
            with contextlib.suppress(OSError), \
                    open(f"{self.folder}/{name}", encoding="utf-8") as file:
                text += file.read()[-2000:]

        return text

    def cpu(self):
        return processes.cpu_of(self.worker)

    def memory(self):
        return processes.memory_of({self.master, self.worker})

    @property
    def port(self):
        return next(iter(self.ports.values()))

    def stop(self):
        processes.stop(self.process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(f"{self.folder}/temp", ignore_errors=True)

#!/usr/bin/env python3
"""Serves the git repositories below a folder over smart HTTP, by git's own http-backend, on 127.0.0.1 only.

    git-http.py FOLDER [--port N] [--ttl SECONDS] [--counts FILE]

Prints `ready PORT` when it listens. Stops by itself after --ttl seconds or on SIGTERM, and then writes the number of
requests of each kind to --counts as JSON. Standard library only.
"""
import argparse
import collections
import http.server
import json
import os
import signal
import subprocess
import threading

COUNT = collections.Counter()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def cgi(self):
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        COUNT["refs" if path.endswith("/info/refs") else "ls-refs"] += 1
        env = {
            **os.environ, "GIT_PROJECT_ROOT": self.server.folder, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
            "QUERY_STRING": query, "REQUEST_METHOD": self.command, "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": self.headers.get("content-type", ""), "REMOTE_ADDR": "127.0.0.1",
            "GIT_PROTOCOL": self.headers.get("git-protocol", ""), "GIT_CONFIG_GLOBAL": os.devnull,
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True)
        head, _, out = done.stdout.partition(b"\r\n\r\n")
        headers = [line.partition(": ")[::2] for line in head.decode("latin-1").split("\r\n") if line]
        status = next((value.split()[0] for name, value in headers if name == "Status"), "200")
        self.send_response(int(status))
        for name, value in headers:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("content-length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)

    do_GET = do_POST = cgi


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("folder")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--ttl", type=int, default=900)
    p.add_argument("--counts")
    a = p.parse_args()
    done = threading.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda *_: done.set())
    http.server.ThreadingHTTPServer.request_queue_size = 128
    server = http.server.ThreadingHTTPServer(("127.0.0.1", a.port), Handler)
    server.folder = os.path.abspath(a.folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready %d" % server.server_address[1], flush=True)
    done.wait(a.ttl)
    server.shutdown()
    if a.counts:
        with open(a.counts, "w") as f:
            json.dump(dict(sorted(COUNT.items())), f)


if __name__ == "__main__":
    main()

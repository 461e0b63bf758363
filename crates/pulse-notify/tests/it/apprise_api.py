"""A stateless and stateful Apprise API for tests: its documented calls, over the real Apprise library.

The official server is an image and not on PyPI. This takes what its README documents for POST /notify and
POST /notify/{KEY}, refuses what the official one refuses, and lets Apprise itself deliver.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import apprise

# What is stored under each key: a list of URLs, as POST /add/{KEY} would have put there.
stored = json.loads(sys.argv[1])


class Api(BaseHTTPRequestHandler):
    def do_POST(self):
        size = int(self.headers.get("content-length", 0))
        try:
            fields = json.loads(self.rfile.read(size))
        except ValueError:
            return self.answer(400, "the payload is no JSON")
        parts = [unquote(part) for part in self.path.split("/") if part]
        if parts[:1] != ["notify"] or len(parts) > 2:
            return self.answer(404, "there is no such call")
        kind = fields.get("type", "info")
        if not isinstance(fields.get("body"), str) or not fields["body"]:
            return self.answer(400, "the payload lacks a body")
        if kind not in apprise.NOTIFY_TYPES or fields.get("format", "text") not in ("text", "html", "markdown"):
            return self.answer(400, "an invalid type or format was given")
        targets = apprise.Apprise()
        if len(parts) == 2:
            if parts[1] not in stored:
                return self.answer(204, "")
            targets.add(stored[parts[1]])
        else:
            urls = fields.get("urls", "")
            targets.add(urls if isinstance(urls, list) else [url for url in urls.split(",") if url])
        if not targets:
            return self.answer(204, "")
        if targets.notify(body=fields["body"], title=fields.get("title", ""), notify_type=kind):
            return self.answer(200, "")
        return self.answer(424, "at least one of the notifications could not be sent")

    def answer(self, status, error):
        body = b"" if status == 204 else json.dumps({"error": error}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()

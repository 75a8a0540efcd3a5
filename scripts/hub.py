#!/usr/bin/env python3
"""A hub with one model, that of a folder, under every name: what tala models pull asks of
Hugging Face. For trials: the weights' first answer ends in the middle, as connections do.
usage: hub.py FOLDER [PORT]; prints its address."""
import hashlib, http.server, json, os, re, sys

folder = sys.argv[1]
names = sorted(name for name in os.listdir(folder) if os.path.isfile(os.path.join(folder, name)))
commit = "ab" * 20
was_cut = False


def contents(name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def sibling(name):
    data = contents(name)
    return {"rfilename": name, "size": len(data), "blobId": commit, "lfs": {"sha256": hashlib.sha256(data).hexdigest()}}


class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        global was_cut
        path = self.path.split("?")[0]
        if path.startswith("/api/models/"):
            listing = {"sha": commit, "siblings": [sibling(name) for name in names], "cardData": {"license": "apache-2.0"}}
            return self.answer(200, json.dumps(listing).encode())
        name = path.rsplit("/", 1)[-1]
        if name not in names:
            return self.answer(404, b"Entry not found")
        data = contents(name)
        first = int(found[1]) if (found := re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))) else 0
        fields = {"Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"} if first else {}
        if name.endswith(".safetensors") and not was_cut:
            was_cut = True
            self.answer(200, data, sent=len(data) // 2)
            self.close_connection = True
            return None
        return self.answer(206 if first else 200, data[first:], **fields)

    def answer(self, status, body, sent=None, **fields):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:sent])

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Hub)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()

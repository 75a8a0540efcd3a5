# A running server as the scripts that try it to its limits ask it: every answer with its status and
# bytes, whatever it is.
import http.client, json, os, socket, subprocess, time
from checking import check


class Found:
    """What came back; a status of 0: nothing did."""

    def __init__(self, status, body=b"", headers=None):
        self.status, self.body, self.headers = status, body, {name.lower(): value for name, value in (headers or {}).items()}

    @property
    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def __repr__(self):
        return f"{self.status} {self.body[:400]!r}"


class Server:
    def __init__(self, url, spool, program=None):
        self.spool, self.program = spool, program or os.environ.get("TALA", "tala")
        host, port = url.split("//")[1].split(":")
        self.place, self.key = (host, int(port)), None

    def request(self, method, path, body=None, headers=None, timeout=60):
        line = http.client.HTTPConnection(*self.place, timeout=timeout)
        headers = {**({"Authorization": "Bearer " + self.key} if self.key else {}), **(headers or {})}
        try:
            try:
                line.request(method, path, body, headers)
            except (BrokenPipeError, ConnectionResetError):
                # It has been answered before all was sent.
                pass
            answer = line.getresponse()
            return Found(answer.status, answer.read(), dict(answer.getheaders()))
        except (OSError, http.client.HTTPException) as error:
            return Found(0, repr(error).encode())
        finally:
            line.close()

    def ask(self, method, path, body=None, timeout=60, headers=None):
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return self.request(method, path, data, {"Content-Type": "application/json", **(headers or {})}, timeout)

    def get(self, path): return self.request("GET", path)
    def post(self, path, body, headers=None): return self.request("POST", path, body, headers or {"Content-Type": "application/json"})
    def put(self, path, body): return self.request("PUT", path, body, {"Content-Type": "application/json"})
    def stream(self, body, headers=None): return self.ask("POST", "/v1/chat/completions", {**body, "stream": True}, headers=headers)

    def talk(self, data, wait=10, leaves=True):
        """All that comes back for some bytes on a connection of their own; whoever waits for an answer does not leave first."""
        found = b""
        with socket.create_connection(self.place, timeout=wait) as line:
            try:
                line.sendall(data)
                if leaves:
                    line.shutdown(socket.SHUT_WR)
                while part := line.recv(1 << 16):
                    found += part
            except OSError:
                pass
        return found

    def raw(self, data, wait=10):
        answer = self.talk(data, wait)
        head, _, body = answer.partition(b"\r\n\r\n")
        words = head.split(b" ")
        return Found(int(words[1]) if len(words) > 1 and words[1].isdigit() else 0, body)

    def tala(self, *arguments):
        return subprocess.run([self.program, *arguments, "--spool", self.spool], capture_output=True, text=True, check=True).stdout.strip()

    def until(self, name, condition, seconds=60):
        end = time.time() + seconds
        while time.time() < end:
            if found := condition():
                return found
            time.sleep(0.1)
        check(name, False, "it did not come about")

    def wait_ready(self, *names):
        for name in names:
            self.until(name + " is ready", lambda: (self.ask("GET", "/v1/deployments/" + name).json or {}).get("state") == "ready", 120)

    def load(self, name="base"):
        """What the engine has in hand."""
        return (self.ask("GET", "/v1/deployments/" + name).json or {}).get("load") or {}

    def check_log(self):
        """Nothing has failed in the server, and no engine has ended."""
        with open(os.path.join(self.spool, "serve.log")) as file:
            lines = [line for line in file if "http_parser" in line or "Fatal error" in line or "status=500" in line or "the engine has ended" in line]
        check("the log", not lines, lines[-5:])

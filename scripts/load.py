# The second half of scripts/check-hostile: more than a server can do, clients that leave, engines
# that are killed, deployments that come and go, tenants beside each other. Counts are those of the
# full form with TALA_TORTURE=1, else a sample.
import http.client, json, os, random, signal, socket, statistics, sys, threading, time
import checking
from checking import check
from asking import Server

server = Server(sys.argv[1], sys.argv[2])
pid = int(sys.argv[3])
ask, spool = server.ask, server.spool
full = os.environ.get("TALA_TORTURE") == "1"
seed = int(os.environ.get("TALA_SEED", time.time_ns() % 1_000_000))
draw = random.Random(seed)
print(f"seed {seed}")
server.wait_ready("base")
words = "the little bird sat in a tree and sang to the red fox who ran over the hill".split()


def chat(text="Tell me of a bird.", count=16, **more):
    return {"model": "base", "messages": [{"role": "user", "content": text}], "max_tokens": count, "temperature": 0, **more}


def at_once(count, work):
    """Runs `work(number)` in so many threads."""
    failed = []

    def run(number):
        try:
            work(number)
        except BaseException as error:
            failed.append(error)
    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    if failed:
        raise failed[0]


def rests(name="base", seconds=5):
    """Nothing is in hand any more, and every page of the cache is free."""
    def empty():
        load = server.load(name)
        return load.get("running") == 0 and load.get("waiting") == 0 and load.get("pages_used", 0) == 0
    # What is in hand is asked of the engine every two seconds.
    server.until("the engine rests", empty, seconds + 3)


def memory():
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


# Eight clients of equal requests: no error, and nobody waits for the others.
rounds = 200 if full else 6
times, answers = [0.0] * 8, {}
sizes = [draw.randint(32, 512) if full else draw.randint(8, 48) for _ in range(rounds)]


def client(number):
    for index, size in enumerate(sizes):
        begun = time.time()
        found = ask("POST", "/v1/chat/completions", chat(" ".join(words[index % 5:]), size, seed=index, temperature=1), timeout=600)
        times[number] += time.time() - begun
        check("eight clients", found.status == 200, found)
        text = found.json["choices"][0]["message"]["content"]
        check("the same to each", answers.setdefault(index, text) == text, (answers[index], text))


at_once(8, client)
check("fair", max(times) < 2 * min(times), times)
rests()
checking.report("requests of eight clients at a time", 8 * rounds, seed)
print(f"eight clients: {8 * rounds} requests, slowest over fastest {max(times) / min(times):.2f}", flush=True)


def rate(seconds):
    """Tokens a second of eight streams."""
    counts, end = [0] * 8, time.time() + seconds

    def one(number):
        while time.time() < end:
            found = ask("POST", "/v1/chat/completions", chat(count=64))
            check("while others are there", found.status == 200, found)
            counts[number] += found.json["usage"]["completion_tokens"]
    at_once(8, one)
    return sum(counts) / seconds


# Connections that say nothing, and many small questions, beside eight that are answered.
before = rate(20 if full else 3)
silent = [socket.create_connection(server.place, timeout=60) for _ in range(256)]
beside_silent = rate(60 if full else 3)
for line in silent:
    line.close()
asked, stop = [0], threading.Event()


def health():
    line = http.client.HTTPConnection(*server.place, timeout=60)
    while not stop.is_set():
        line.request("GET", "/health")
        check("health", line.getresponse().read() and True)
        asked[0] += 1
        time.sleep(max(0, asked[0] / 2_000 - (time.time() - begun)))


begun = time.time()
asker = threading.Thread(target=health)
asker.start()
beside_health = rate(20 if full else 3)
stop.set()
asker.join()
print(f"eight streams: {before:.0f} tokens/s; beside 256 silent connections {beside_silent:.0f}; beside {asked[0] / (time.time() - begun):.0f} questions a second {beside_health:.0f}", flush=True)
check("connections that say nothing", beside_silent > before / 4, (before, beside_silent))

# A queue that is full says so at once, and takes requests again when there is room. Who waits in it
# and leaves makes room.
streams = []


def open_stream(body, read=True):
    line = http.client.HTTPConnection(*server.place, timeout=60)
    line.request("POST", "/v1/chat/completions", json.dumps({**body, "stream": True}), {"Content-Type": "application/json"})
    return line, line.getresponse() if read else None


# A queue in which there is room for long waits; the model is small and fast.
endless = {"logit_bias": {"0": -100, "3": -100}}
found = ask("PUT", "/v1/deployments/base", {"model": "demo", "device": "cpu", "context_length": 1024, "limits": {"queue": 1000}})
check("a longer queue", found.status == 200, found)
server.until("the longer queue holds", lambda: ask("GET", "/v1/deployments/base").json["settings"].get("queue") == 1000)
writing = open_stream(chat(count=900, n=128, temperature=1, seed=1, **endless))
waiting = [open_stream(chat(count=900, n=4, **endless), read=False)[0] for number in range(40)]
load = server.until("they wait", lambda: (lambda load: load if load.get("waiting", 0) > 128 else None)(server.load()))
for line in waiting:
    line.close()
begun = time.time()
server.until("those who left wait no more", lambda: server.load().get("waiting", 999) <= 128, 8)
check("meanwhile the others are written", server.load().get("running", 0) > 0, server.load())
print(f"40 who left a queue had left it after at most {time.time() - begun:.1f} s", flush=True)
filling = [open_stream(chat(count=900, n=128, temperature=1, seed=2, **endless), read=False)[0] for _ in range(9)]
time.sleep(1)
refusals = []
for _ in range(20):
    begun = time.time()
    found = ask("POST", "/v1/chat/completions", chat(n=128))
    if found.status == 429:
        refusals.append(time.time() - begun)
        check("queue full", found.json["error"]["code"] == "queue_full" and int(found.headers.get("retry-after", 0)) >= 1, found)
check("a full queue is said to be full", len(refusals) > 10, len(refusals))
print(f"a full queue: refused in {statistics.median(refusals or [9]) * 1000:.1f} ms (median)", flush=True)
writing[0].close()
for line in filling:
    line.close()
rests()

# Who leaves, wherever: before the body, within it, in the queue, in the prompt, in the answer.
body = json.dumps(chat(" ".join(words * 20), 300, stream=True)).encode()
whole = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
plain = whole.replace(b'"stream": true', b'"stream":false')
left = 1_000 if full else 60


def leave(number):
    own = random.Random(seed * 1_000 + number)
    for _ in range(left // 8):
        message = own.choice([whole, plain])
        with socket.create_connection(server.place, timeout=30) as line:
            line.sendall(message[:own.choice([0, 1, 30, 100, len(message) - 10, len(message), len(message), len(message)])])
            if own.random() < 0.5:
                line.settimeout(own.random())
                try:
                    for _ in range(own.randint(0, 20)):
                        line.recv(200)
                except OSError:
                    pass
            if own.random() < 0.3:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


at_once(8, leave)
rests(seconds=3)
check("after who left", ask("POST", "/v1/chat/completions", chat()).status == 200)
checking.report("clients that left at random places", left // 8 * 8, seed)

# Engines that are killed: every stream ends with an error or as it should, and the next request is
# answered soon.
kills = 50 if full else 3


def engine():
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                line = file.read().split(b"\0")
            with open(f"/proc/{entry}/stat") as file:
                alive = file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
        except OSError:
            continue
        if alive and line[0].endswith(b"tala-engine") and str(pid).encode() in line:
            found.append(int(entry))
    return found


worst = 0.0
for number in range(kills):
    endings = []

    def watched(_):
        try:
            line, answer = open_stream(chat(count=300, n=16, temperature=1, seed=number, **endless))
            text = answer.read()
            endings.append(answer.status != 200 or text.endswith(b"data: [DONE]\n\n") or b'"error"' in text)
        except (OSError, http.client.HTTPException) as error:
            endings.append(f"{error!r}")
    killer = threading.Timer(0.05 + draw.random() * 0.3, lambda: [os.kill(one, signal.SIGKILL) for one in engine()])
    killer.start()
    at_once(6, watched)
    killer.join()
    check("every stream ends", endings == [True] * 6, endings)
    begun = time.time()
    answered = False
    while time.time() - begun < 60:
        found = ask("POST", "/v1/chat/completions", chat())
        if found.status == 200:
            answered = True
            break
        check("meanwhile", found.status == 503 and found.json["error"]["code"] in ("engine_restarting", "model_loading", "model_failed"), found)
        if found.json["error"]["code"] == "model_failed":
            break
        time.sleep(0.05)
    if not answered:
        # Three ends in ten minutes are a failure, which somebody has to look at: the deployment
        # begins anew.
        check("it fails at the third time", number % 3 == 2, (number, found))
        ask("POST", "/v1/deployments/base/pause")
        server.until("paused", lambda: server.ask("GET", "/v1/deployments/base").json["state"] == "paused")
        ask("POST", "/v1/deployments/base/resume")
        server.wait_ready("base")
    else:
        worst = max(worst, time.time() - begun)
checking.report("engines killed under load", kills, seed)
print(f"engines killed: an answer after at most {worst:.1f} s", flush=True)
server.wait_ready("base")
rests()

# Deployments that come and go while others are asked.
turns, stop, statuses = 500 if full else 4, threading.Event(), []


def keep_asking():
    while not stop.is_set():
        statuses.append(ask("POST", "/v1/chat/completions", chat(count=8)).status)


askers = [threading.Thread(target=keep_asking) for _ in range(2)]
for one in askers:
    one.start()
for number in range(turns):
    name = f"turn-{number % 3}"
    found = ask("PUT", "/v1/deployments/" + name, {"model": "demo", "device": "cpu", "context_length": 256, "slots": 2})
    check("deployed", found.status == 200, found)
    if number % 2:
        server.until("ready", lambda: ask("GET", "/v1/deployments/" + name).json.get("state") in ("ready",), 60)
        check("asked", ask("POST", "/v1/chat/completions", {**chat(count=2), "model": name}).status == 200)
    check("undeployed", ask("DELETE", "/v1/deployments/" + name).status == 200)
    server.until("gone", lambda: ask("GET", "/v1/deployments/" + name).status == 404)
stop.set()
for one in askers:
    one.join()
check("the others were answered", set(statuses) == {200}, {status: statuses.count(status) for status in set(statuses)})
checking.report("deployments that came and went under load", turns, seed)
print(f"deployments came and went beside {len(statuses)} answers", flush=True)

# Tenants: nobody sees a byte of another, nor how long it takes that somebody asked before.
found = ask("PUT", "/v1/deployments/secret", {"model": "demo", "device": "cpu", "context_length": 512, "slots": 2, "defaults": {"system": "CANARY-SYSTEM"}})
check("a deployment of another", found.status == 200, found)
server.wait_ready("secret")
keys = {name: server.tala("key", "create", name, "--role", role, *more) for name, role, more in (
    ("ann", "developer", ("--models", "base")), ("ben", "developer", ("--models", "base")), ("vera", "viewer", ("--models", "base")), ("ada", "admin", ()))}
server.until("keys are needed", lambda: server.get("/v1/models").status == 401)
bearers = {name: {"Authorization": "Bearer " + key} for name, key in keys.items()}
server.until("keys are known", lambda: all(ask("GET", "/v1/models", headers=one).status == 200 for one in bearers.values()))
canary = f"CANARY-{draw.getrandbits(64):x}"
story = f"The secret word is {canary}. " + " ".join(words * 8)
plain = [ask("POST", "/v1/chat/completions", chat(text, 24), headers=bearers["ben"]).json["choices"][0]["message"]["content"] for text in (story[:60], " ".join(words))]
for number in range(5_000 if full else 15):
    own = ask("POST", "/v1/chat/completions", chat(story + f" {number % 7}", 8, logprobs=True, top_logprobs=3), headers=bearers["ann"])
    check("ann is answered", own.status == 200, own)
    if number > 7:
        check("ann finds her own beginning", own.json["usage"]["prompt_tokens_details"]["cached_tokens"] > 0, own.json["usage"])
    text = (story[:60], " ".join(words))[number % 2]
    other = ask("POST", "/v1/chat/completions", chat(text, 24), headers=bearers["ben"])
    check("ben's answer is his own", other.status == 200 and other.json["choices"][0]["message"]["content"] == plain[number % 2], other)
    check("no word of ann's", canary.encode() not in other.body)
fresh = ask("POST", "/v1/chat/completions", chat(story + " 0", 8), headers=bearers["ada"])
check("nothing of another's is found in the cache", fresh.json["usage"]["prompt_tokens_details"]["cached_tokens"] == 0, fresh.json["usage"])
edge = "b0undary"
upload = b"--b0undary\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nfine-tune\r\n--b0undary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%s.jsonl\"\r\n\r\n%s\n\r\n--b0undary--\r\n" % (canary.encode(), json.dumps({"messages": [{"role": "user", "content": canary}, {"role": "assistant", "content": canary}]}).encode())
file = server.request("POST", "/v1/files", upload, {"Content-Type": "multipart/form-data; boundary=b0undary", **bearers["ann"]})
check("ann's file", file.status == 200, file)
job = ask("POST", "/v1/fine_tuning/jobs", {"model": "demo", "training_file": file.json["id"], "device": "cpu", "suffix": "canary", "metadata": {"secret": canary}}, headers=bearers["ann"])
check("ann's job", job.status == 200, job)
for name in ("ben", "vera"):
    paths = ["/v1/files", "/v1/files/" + file.json["id"], "/v1/files/" + file.json["id"] + "/content", "/v1/fine_tuning/jobs", "/v1/deployments", "/v1/deployments/secret", "/v1/models", "/v1/models/secret", "/v1/models/" + job.json["id"], "/metrics"]
    paths += [f"/v1/fine_tuning/jobs/{job.json['id']}{more}" for more in ("", "/events", "/checkpoints", "/metrics", "/preview")]
    for path in paths:
        found = ask("GET", path, headers=bearers[name])
        check(f"{name} sees nothing of ann's in {path}", canary.encode() not in found.body and b"CANARY" not in found.body and job.json["id"].encode() not in found.body.replace(b"There is no job \\\"" + job.json["id"].encode(), b"").replace(b'The model \\"' + job.json["id"].encode(), b"") or found.status == 404, found)
        check(f"{path}: {name}'s status", found.status in (200, 403, 404), found)
    check("ann's job is not ben's to end", ask("POST", f"/v1/fine_tuning/jobs/{job.json['id']}/cancel", headers=bearers[name]).status in (403, 404))
    check("ann's file is not ben's to delete", ask("DELETE", "/v1/files/" + file.json["id"], headers=bearers[name]).status in (403, 404))
    for given in (file.json["id"], file.json["id"] + ".jsonl", "./" + file.json["id"] + ".jsonl"):
        found = ask("POST", "/v1/fine_tuning/jobs", {"model": "demo", "training_file": given, "device": "cpu"}, headers=bearers[name])
        check(f"ann's file is not ben's to train on: {given}", found.status in (400, 403, 404), found)
    check("another's deployment does not exist", ask("POST", "/v1/chat/completions", {**chat(), "model": "secret"}, headers=bearers[name]).status in (403, 404))
for path in ("/v1/files/" + file.json["id"], "/v1/fine_tuning/jobs/" + job.json["id"], "/v1/deployments/secret"):
    check("ada sees all: " + path, ask("GET", path, headers=bearers["ada"]).status == 200)
check("ann sees her own", ask("GET", "/v1/files/" + file.json["id"], headers=bearers["ann"]).status == 200 and ask("GET", "/v1/fine_tuning/jobs/" + job.json["id"], headers=bearers["ann"]).status == 200)
ask("POST", f"/v1/fine_tuning/jobs/{job.json['id']}/cancel", headers=bearers["ann"])
# Who leaves before the end has still used what was computed.
limited = server.tala("key", "create", "lena", "--role", "user", "--tokens-per-minute", "200")
lena = {"Authorization": "Bearer " + limited}
server.until("lena is known", lambda: ask("GET", "/v1/models", headers=lena).status == 200)
statuses = []
for number in range(6):
    line = http.client.HTTPConnection(*server.place, timeout=60)
    line.request("POST", "/v1/chat/completions", json.dumps(chat(count=300, stream=True, temperature=1, seed=number, logit_bias={"0": -100, "3": -100})), {"Content-Type": "application/json", **lena})
    answer = line.getresponse()
    statuses.append(answer.status)
    for _ in range(60 if answer.status == 200 else 0):
        answer.fp.readline()
        answer.fp.readline()
    line.close()
    time.sleep(0.3)
check("who leaves has used what was computed", 429 in statuses, statuses)
for name in (*keys, "lena"):
    server.tala("key", "revoke", name)
server.until("no key is needed", lambda: server.get("/v1/models").status == 200)
ask("DELETE", "/v1/deployments/secret")
checking.report("requests of tenants beside each other", 2 * (5_000 if full else 15), seed)

if full:
    # An hour of everything that is usual: memory stays.
    minutes, begun, marks = int(os.environ.get("TALA_SOAK_MINUTES", 60)), time.time(), []
    while time.time() - begun < 60 * minutes:
        at_once(8, lambda number: [ask("POST", "/v1/chat/completions", chat(" ".join(draw.choices(words, k=20)), 32, stream=bool(number % 2), temperature=1, seed=number)) for _ in range(20)])
        marks.append(memory())
    rest = marks[len(marks) // 5:]
    print(f"{minutes} minutes: memory {rest[0]} kB at first, {rest[-1]} kB at last, {max(rest)} kB at most", flush=True)
    check("memory stays", rest[-1] < rest[0] * 1.05 + 4_096, marks)
checking.report("load on a server, checks", checking.passed, seed)
print(f"{checking.passed} checks of load passed")

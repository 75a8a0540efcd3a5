# The checks of scripts/check-operation.
import json, os, signal, subprocess, sys, threading, time, urllib.error, urllib.request
import checking
from checking import check

url, spool, program, server = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])


def request(method, path, body=None, timeout=120):
    data = None if body is None else json.dumps(body).encode()
    made = urllib.request.Request(url + path, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(made, timeout=timeout) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def chat(model, text, **more):
    body = {"model": model, "messages": [{"role": "user", "content": text}], "temperature": 0, "max_completion_tokens": 24, **more}
    return request("POST", "/v1/chat/completions", body)


def stream(model, text, **more):
    body = {"model": model, "messages": [{"role": "user", "content": text}], "temperature": 0, "max_completion_tokens": 24, "stream": True, **more}
    made = urllib.request.Request(url + "/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST")
    with urllib.request.urlopen(made, timeout=120) as answer:
        lines = [line[6:].strip() for line in answer if line.startswith(b"data: ")]
    return [json.loads(line) for line in lines if line != b"[DONE]"], lines and lines[-1] == b"[DONE]"


def until(name, condition, seconds=120):
    end = time.time() + seconds
    found = None
    while time.time() < end:
        try:
            found = condition()
        except OSError:
            # The server is not there yet.
            found = None
        if found:
            return found
        time.sleep(0.1)
    check(name, False, request("GET", "/v1/deployments")[1])


def state(name):
    return request("GET", "/v1/deployments/" + name)[1].get("state")


def deploy(name, settings, wanted="ready"):
    status, made = request("PUT", "/v1/deployments/" + name, {"device": "cpu", "context_length": 512, "slots": 4, **settings})
    check("deploy " + name, status == 200, made)
    seen = []
    until(f"{name} is {wanted}", lambda: seen.append(state(name)) or seen[-1] == wanted)
    # Whoever polls believes the first "failed".
    check(f"{name} has not failed before", wanted != "ready" or "failed" not in seen, seen)
    return request("GET", "/v1/deployments/" + name)[1]


def undeploy(name):
    request("DELETE", "/v1/deployments/" + name)
    until(name + " is gone", lambda: request("GET", "/v1/deployments/" + name)[0] == 404)


def write(path, text):
    with open(os.path.join(spool, path), "w") as file:
        file.write(text)


def tala(*arguments):
    return subprocess.run([program, *arguments, "--spool", spool], capture_output=True, text=True)


def train(manifest, data):
    write("files/data.jsonl", data)
    status, job = request("POST", "/v1/fine_tuning/jobs", {"model": "demo", "training_file": "data.jsonl", "device": "cpu", "max_length": 128, **manifest})
    check("job", status == 200, job)
    until("job ends", lambda: request("GET", "/v1/fine_tuning/jobs/" + job["id"])[1]["status"] in ("succeeded", "failed"), 400)
    job = request("GET", "/v1/fine_tuning/jobs/" + job["id"])[1]
    check("job succeeds", job["status"] == "succeeded", job["error"])
    return job["id"]


until("the server answers", lambda: os.path.exists(os.path.join(spool, "deployments")) and request("GET", "/health")[0] == 200)

# What can be tuned.
models = request("GET", "/v1/tala/catalogue")[1]["data"]
check("catalogue", [one["id"] for one in models] == ["demo", "other"] and all(one["trainable"] and one["parameters"] > 1000 for one in models), models)
check("tasks", "classification" in [method["type"] for method in models[0]["methods"]])

# Memory before anything is loaded.
status, refusal = request("PUT", "/v1/deployments/huge", {"model": "demo", "device": "cpu", "context_length": 1 << 22, "slots": 64})
check("too large: 507", status == 507 and refusal["error"]["code"] == "does_not_fit", refusal)
check("too large: nothing is left", not os.path.exists(os.path.join(spool, "deployments/huge.yaml")))
write("small.yaml", "model: demo\ndevice: cpu\ncontext_length: 512\n")
plan = tala("plan", "--deployment", os.path.join(spool, "small.yaml"), "--json")
check("plan of a deployment", json.loads(plan.stdout)["fits"] and json.loads(plan.stdout)["bytes"] > 1 << 20, plan)
plan = tala("plan", "--deployment", os.path.join(spool, "small.yaml"), "--memory-limit", "8MiB")
check("plan of what does not fit", plan.returncode == 1 and "slot" in plan.stdout, plan)

# A neighbour that does not fit takes nobody along: not when it comes, not at a start, not when the engine dies.
deploy("steady", {"model": "demo"})


def steady(when):
    found = until("the neighbour answers " + when, lambda: (lambda answer: answer if answer[0] == 200 else None)(chat("steady", "Tell me of a bird.")))
    known = request("GET", "/v1/deployments/steady")[1]
    check("the neighbour is as before " + when, known["state"] == "ready" and known["error"] is None and known["next"] is None, known)
    return found[1]["choices"][0]["message"]["content"]


answer = steady("at first")
# A mistake takes nothing off the air.
status, refusal = request("PUT", "/v1/deployments/steady", {"model": "demo", "device": "cpu", "slots": 1000})
check("a mistake is refused", status == 400 and "slots" in refusal["error"]["message"], refusal)
status, refusal = request("PUT", "/v1/deployments/steady", {"model": "demo", "device": "cpu", "context_length": 0})
check("another is told of itself", status == 400 and "context_length" in refusal["error"]["message"], refusal)
until("nothing is said of them", lambda: request("GET", "/v1/deployments/steady")[1]["error"] is None)
check("same answer after mistakes", steady("after mistakes") == answer)
file = os.path.join(spool, "deployments/steady.yaml")
with open(file) as text:
    good = text.read()
write("deployments/steady.yaml", "model: demo\nslotss: 1\n")
until("a mistake in the file is said", lambda: "slotss" in ((request("GET", "/v1/deployments/steady")[1]["error"] or {}).get("message") or ""))
found = chat("steady", "Tell me of a bird.")
check("same answer beside a mistake", found[0] == 200 and found[1]["choices"][0]["message"]["content"] == answer, found)
write("deployments/steady.yaml", good)
until("the mistake is forgotten", lambda: request("GET", "/v1/deployments/steady")[1]["error"] is None)
write("deployments/greedy.yaml", "model: demo\ndevice: cpu\ncontext_length: 16000000\nslots: 64\n")
until("what does not fit has failed", lambda: state("greedy") == "failed")
check("why", "does not fit" in request("GET", "/v1/deployments/greedy")[1]["error"]["message"])
check("same answer beside it", steady("beside it") == answer)
# Two that fit each by itself take no more than the larger of both: not the longer context in as many slots.
deploy("longer", {"model": "demo", "context_length": 4096, "slots": 1})
pages = until("the load is known", lambda: (request("GET", "/v1/deployments/longer")[1]["load"] or {}).get("pages"))
check("room for the larger of both", pages == 4096 // 32, pages)
subprocess.run(["pkill", "-KILL", "-P", str(server), "-f", "tala-engine --socket"])
check("same answer of another engine", steady("after its engine died") == answer)
check("what does not fit has still failed", state("greedy") == "failed")
os.remove(os.path.join(spool, "deployments/greedy.yaml"))
until("it is gone", lambda: request("GET", "/v1/deployments/greedy")[0] == 404)
check("same answer at last", steady("at last") == answer)
undeploy("longer")
undeploy("steady")

# Replay: a job's examples are computed again before its model answers.
with open("demo/tune.jsonl") as file:
    lines = file.readlines()
job = train({"method": {"type": "supervised", "supervised": {"hyperparameters": {"max_steps": 12}}}, "validation_split": 0.1}, "".join(lines))
record = os.path.join(spool, "jobs", job, "replay.json")
with open(record) as file:
    known = json.load(file)
check("record", len(known["examples"]) == 8 and all(one["loss"] > 0 and one["prompt_ids"] for one in known["examples"]), str(known)[:300])
deploy("tuned", {"model": job})
check("replayed", "8 examples of its job computed again" in open(os.path.join(spool, "serve.log")).read())
first = chat("tuned", "Tell me of a bird.")
check("the tuned model answers", first[0] == 200, first)
undeploy("tuned")
for name, word, change in (
    ("loss", "has the loss", lambda one: {**one, "loss": one["loss"] + 0.1}),
    ("template", "the chat template or the tokenizer", lambda one: {**one, "prompt_ids": one["prompt_ids"][:-1]}),
):
    with open(record, "w") as file:
        json.dump({**known, "examples": [change(one) for one in known["examples"]]}, file)
    found = deploy("wrong-" + name, {"model": job}, "failed")
    check("another " + name + " is noticed", word in found["error"]["message"], found)
    check("it does not answer", chat("wrong-" + name, "Hello")[0] == 503)
    deploy("unseen", {"model": job, "replay": False})
    for other in ("wrong-" + name, "unseen"):
        undeploy(other)
with open(record, "w") as file:
    json.dump(known, file)

# The filter.
write("filters/house.txt", "# words of the house\nfox*\n")
deploy("guarded", {"model": "demo", "filter": {"block_lists": ["house"]}})
status, refusal = chat("guarded", "Tell me of FOXES.")
inner = refusal["error"].get("innererror", {})
check("a prompt is filtered", status == 400 and refusal["error"]["code"] == "content_filter" and refusal["error"]["param"] == "prompt", refusal)
check("as Azure says it", inner.get("code") == "ResponsibleAIPolicyViolation" and inner["content_filter_result"]["custom_blocklists"]["filtered"], refusal)
status, plain = chat("guarded", "Tell me of a bird.")
text = plain["choices"][0]["message"]["content"]
check("an answer is annotated", plain["choices"][0]["content_filter_results"]["custom_blocklists"] == {"filtered": False, "detected": False, "details": []}, plain)
check("the prompt too", plain["prompt_filter_results"][0]["prompt_index"] == 0 and len(text) > 3)
chunks, done = stream("guarded", "Tell me of a bird.")
check("a stream begins with the prompt's results", chunks[0]["choices"] == [] and chunks[0]["prompt_filter_results"], chunks[0])
check("and is the same text", "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]) == text and done)
word = max((w for w in text.split() if w.isalpha()), key=len, default=None)
check("a word to filter", word, text)
write("filters/house.txt", f"{word}*\n")
os.utime(os.path.join(spool, "filters/house.txt"), (1, 1))
status, cut = chat("guarded", "Tell me of a bird.", n=1)
if status == 400:
    check("the word is not the prompt's", False, word)
check("an answer is filtered", cut["choices"][0]["finish_reason"] == "content_filter" and cut["choices"][0]["message"]["content"] == "", cut)
chunks, done = stream("guarded", "Tell me of a bird.")
sent = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])
check("nothing of it is streamed", text.startswith(sent) and word not in sent and chunks[-1]["choices"][0]["finish_reason"] == "content_filter" and done, chunks[-1])
os.remove(os.path.join(spool, "filters/house.txt"))
status, refusal = chat("guarded", "Tell me of a bird.")
check("without its list nothing passes", status == 503 and refusal["error"]["code"] == "content_filter_error", refusal)
write("filters/house.txt", f"{word}*\n")
found = deploy("guarded-job", {"model": job, "filter": {"block_lists": ["house"], "mode": "annotate"}})
check("annotations hold nothing back", chat("guarded-job", word)[0] == 200)
undeploy("guarded-job")
write("filters/all.txt", "\n".join(f"*{letter}*" for letter in "aeiou"))
found = deploy("babble", {"model": job, "filter": {"block_lists": ["all"]}}, "failed")
check("a model whose answers are filtered is not served", "answers" in found["error"]["message"] and "custom_blocklists" in found["error"]["message"], found)
undeploy("babble")
undeploy("guarded")
found = tala("filter", "check", "demo/tune.jsonl", "--list", "all", "--json")
check("filter check", found.returncode == 1 and json.loads(found.stdout)["filtered_lines"] == len(lines), found.stdout[:300] + found.stderr)
write("filters/none.txt", "xyzzy\n")
check("filter check: nothing", tala("filter", "check", "demo/tune.jsonl", "--list", "none").returncode == 0)

# A classification job's model as the filter.
good, bad = [("the bird sings in the tree", "safe"), ("a cat sleeps all day", "safe")], [("i hate you all", "hate/high"), ("hate hate hate them", "hate/high")]
data = "".join(json.dumps({"text": f"{text} {number}", "label": label}) + "\n" for number in range(12) for text, label in good + bad)
judge = train({"method": {"type": "classification", "classification": {"hyperparameters": {"max_steps": 60, "batch_size": 8, "learning_rate": 0.003}}}}, data)
deploy("judged", {"model": "demo", "filter": {"model": judge, "completion": {"hate": "off"}}})
until("the classifier answers", lambda: chat("judged", "the bird sings in the tree 3")[0] != 503)
status, refusal = chat("judged", "i hate you all 5")
check("a classifier filters", status == 400 and refusal["error"]["innererror"]["content_filter_result"]["hate"] == {"filtered": True, "severity": "high"}, refusal)
status, answer = chat("judged", "the bird sings in the tree 3")
check("and lets pass", status == 200 and answer["prompt_filter_results"][0]["content_filter_results"]["hate"]["severity"] == "safe", answer)
check("its job is not deleted", request("DELETE", "/v1/models/" + judge)[0] == 409)
# The filter as an endpoint.
status, found = request("POST", "/v1/moderations", {"input": ["i hate you all 5", "the bird sings in the tree 3", " "]})
check("moderations", status == 200 and found["model"] == "judged" and [one["flagged"] for one in found["results"]] == [True, False, False], found)
check("moderations: categories", found["results"][0]["categories"]["hate"] is True and found["results"][0]["categories"]["self-harm/intent"] is False and found["results"][0]["category_scores"]["hate"] > 0.5, found)
check("moderations: what nobody looked at", "sexual" in found["results"][0]["tala"]["not_checked"] and "hate" not in found["results"][0]["tala"]["not_checked"], found)
check("moderations: without a filter", request("POST", "/v1/moderations", {"input": "a", "model": "nothing"})[0] == 404)
check("moderations: long", request("POST", "/v1/moderations", {"input": "the bird sings in the tree " * 4000})[1]["results"][0]["flagged"] is False)
check("moderations: refused", request("POST", "/v1/moderations", {"input": [{"type": "image_url", "image_url": {"url": "http://localhost"}}]})[0] == 400)
undeploy("judged")

# Rollout without a gap: another base, while somebody asks all the time.
deploy("rolling", {"model": "demo"})
answers, stop = [], threading.Event()


def ask():
    while not stop.is_set():
        answers.append(chat("rolling", "Tell me of a bird.", max_completion_tokens=4)[0])


askers = [threading.Thread(target=ask) for _ in range(3)]
for one in askers:
    one.start()
time.sleep(1)
request("PUT", "/v1/deployments/rolling", {"model": "other", "device": "cpu", "context_length": 512, "slots": 4})
until("rolled", lambda: request("GET", "/v1/deployments/rolling")[1]["base"] == "other" and state("rolling") == "ready" and not request("GET", "/v1/deployments/rolling")[1]["next"])
# A deployment that needs a larger engine: the one that is there is replaced, too.
request("PUT", "/v1/deployments/larger", {"model": "other", "device": "cpu", "context_length": 1024, "slots": 6})
until("the larger one is ready", lambda: state("larger") == "ready")
time.sleep(4)
stop.set()
for one in askers:
    one.join()
check("no request fails meanwhile", len(answers) > 10 and set(answers) == {200}, {status: answers.count(status) for status in set(answers)})
undeploy("rolling")
undeploy("larger")

# Sleep.
deploy("sleepy", {"model": "demo", "idle": {"unload_after": "10s"}})
chat("sleepy", "Hello", max_completion_tokens=1)
until("it sleeps", lambda: state("sleepy") == "idle", 40)
check("a request wakes it", chat("sleepy", "Hello", max_completion_tokens=4)[0] == 200)
check("it is awake", state("sleepy") == "ready")

# Figures, audit, top.
with urllib.request.urlopen(url + "/metrics") as answer:
    metrics = answer.read().decode()
for line in metrics.splitlines():
    check("a line of the figures", line.startswith("# ") or (line.rsplit(" ", 1)[1].replace(".", "").replace("e-", "").isdigit() and line.split("{")[0].split(" ")[0].replace("_", "").isalpha()), line)
check("figures", 'tala_deployment_requests_total{deployment="sleepy"}' in metrics and "tala_http_requests_total" in metrics and 'tala_jobs{state="succeeded"} 2' in metrics, metrics)
check("what was filtered is counted", 'tala_filtered_total{deployment="guarded",side="completion"}' in metrics)
audit = [json.loads(line) for line in open(os.path.join(spool, "audit.jsonl"))]
check("audit", any(one["method"] == "PUT" and one["names"] == ["tuned"] and one["status"] == 200 for one in audit), audit[:2])
check("audit without texts", "bird" not in open(os.path.join(spool, "audit.jsonl")).read() and not any("completions" in one["route"] for one in audit))
top = until("top knows the cache", lambda: (lambda found: found if found["deployments"][0]["cache_share"] is not None else None)(json.loads(tala("top", "--json").stdout)))
check("top", [one["name"] for one in top["deployments"]] == ["sleepy"] and top["daemon_running"], top)
check("top as text", "sleepy" in tala("top", "--once").stdout)

# Leaving: what has been asked is answered.
found = []


def long():
    try:
        found.append(stream("sleepy", "Tell me a story.", max_completion_tokens=200, logit_bias={}))
    except Exception as error:
        found.append(error)


asker = threading.Thread(target=long)
asker.start()
until("it is being answered", lambda: request("GET", "/v1/deployments/sleepy")[1]["load"] and True)
time.sleep(0.3)
os.kill(server, signal.SIGTERM)
asker.join()
check("what was asked is answered to its end", isinstance(found[0], tuple) and found[0][1], found[0])


def runs():
    """Whether the server's process is there, and more than an entry that its parent has not looked at."""
    try:
        with open(f"/proc/{server}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


until("the server leaves", lambda: not runs(), 45)
checking.passed += 1
print(f"{checking.passed} checks of the operation passed")

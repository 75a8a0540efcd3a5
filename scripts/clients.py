# The checks of scripts/check-clients: what the official client reads of a server's answers.
import json, socket, subprocess, sys, time, urllib.error, urllib.request
import openai

url, spool, trains, program = sys.argv[1], sys.argv[2], sys.argv[3] == "1", sys.argv[4]
client = openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0)
passed = 0


def check(name, truth, found=""):
    global passed
    if not truth:
        print(f"failed: {name} {found}")
        sys.exit(1)
    passed += 1


def refused(name, status, call, **wanted):
    try:
        call()
    except openai.APIStatusError as error:
        body = error.body or {}
        check(name, error.status_code == status and all(body.get(k) == v for k, v in wanted.items()), f"{error.status_code} {body}")
        check(name + ": all members", set(body) == {"message", "type", "param", "code"}, body)
        return error
    check(name, False, "was not refused")


for _ in range(600):
    try:
        with urllib.request.urlopen(url + "/ready") as answer:
            if answer.status == 200:
                break
    except Exception:
        time.sleep(0.1)
else:
    check("ready", False)

question = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Tell me of a bird."}]
fixed = dict(model="base", messages=question, temperature=0, max_completion_tokens=16)
models = client.models.list().data
check("models", [m.id for m in models] == ["base"] and models[0].owned_by == "tala", models)
check("model", client.models.retrieve("base").id == "base")
whole = client.chat.completions.create(**fixed)
text = whole.choices[0].message.content
check("chat", whole.object == "chat.completion" and text and whole.choices[0].message.role == "assistant", whole)
check("usage", whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens and whole.usage.completion_tokens <= 16)
check("finish", whole.choices[0].finish_reason in ("stop", "length"))
check("the same again", client.chat.completions.create(**fixed).choices[0].message.content == text)
chunks = list(client.chat.completions.create(**fixed, stream=True, stream_options={"include_usage": True}))
check("stream", "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == text)
check("stream: role", chunks[0].choices[0].delta.role == "assistant")
check("stream: finish", [c.choices[0].finish_reason for c in chunks if c.choices][-1] == whole.choices[0].finish_reason)
check("stream: usage", chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == whole.usage.completion_tokens)
check("stream: no usage unless asked", all(c.usage is None for c in client.chat.completions.create(**fixed, stream=True)))
probable = client.chat.completions.create(**fixed, logprobs=True, top_logprobs=3).choices[0].logprobs.content
check("logprobs", len(probable) == whole.usage.completion_tokens and all(len(t.top_logprobs) == 3 for t in probable))
check("logprobs: greedy takes the best", all(t.logprob == t.top_logprobs[0].logprob for t in probable))
check("logprobs: bytes", bytes(b for t in probable for b in t.bytes).decode(errors="replace").strip().startswith(text.strip()[:5]))
several = client.chat.completions.create(**{**fixed, "temperature": 1.2}, n=3, seed=7)
check("n", [c.index for c in several.choices] == [0, 1, 2] and len({c.message.content for c in several.choices}) > 1)
again = client.chat.completions.create(**{**fixed, "temperature": 1.2}, n=3, seed=7)
check("seed", [c.message.content for c in again.choices] == [c.message.content for c in several.choices])
many = {}
for chunk in client.chat.completions.create(**{**fixed, "temperature": 1.2}, n=3, seed=7, stream=True):
    for choice in chunk.choices:
        many[choice.index] = many.get(choice.index, "") + (choice.delta.content or "")
check("n streamed", [many[i] for i in range(3)] == [c.message.content for c in several.choices], many)
stop = text[3:6]
stopped = client.chat.completions.create(**fixed, stop=[stop]).choices[0]
check("stop", stopped.message.content == text[: text.index(stop)] and stopped.finish_reason == "stop", stopped)
check("parts", client.chat.completions.create(**{**fixed, "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]}).choices)
check("top_k", client.chat.completions.create(**{**fixed, "temperature": 2}, extra_body={"top_k": 1}).choices[0].message.content == text)
check("x-request-id", client.chat.completions.with_raw_response.create(**fixed).headers["x-request-id"].startswith("req_"))

plain = client.completions.create(model="base", prompt="The little bird", max_tokens=5, temperature=0)
check("completion", plain.object == "text_completion" and plain.choices[0].text)
two = client.completions.create(model="base", prompt=["The little bird", "A fox"], max_tokens=5, temperature=0)
check("completions of two prompts", [c.index for c in two.choices] == [0, 1] and two.choices[0].text == plain.choices[0].text)
scored = client.completions.create(model="base", prompt="The little bird", max_tokens=0, echo=True, logprobs=1).choices[0]
check("echo", scored.text == "The little bird", scored.text)
check("echo: probabilities", scored.logprobs.token_logprobs[0] is None and all(p <= 0 for p in scored.logprobs.token_logprobs[1:]))
check("echo: offsets", scored.logprobs.text_offset[0] == 0 and "".join(scored.logprobs.tokens) == scored.text, scored.logprobs)
joined = "".join(c.choices[0].text for c in client.completions.create(model="base", prompt="The little bird", max_tokens=5, temperature=0, stream=True))
check("completion streamed", joined == plain.choices[0].text)

refused("no such model", 404, lambda: client.chat.completions.create(**{**fixed, "model": "gpt-4o"}), code="model_not_found", param="model")
refused("unknown field", 400, lambda: client.chat.completions.create(**fixed, extra_body={"temprature": 1}), param="temprature")
refused("out of range", 400, lambda: client.chat.completions.create(**{**fixed, "temperature": 3}), param="temperature", code="invalid_value")
refused("too long", 400, lambda: client.chat.completions.create(**{**fixed, "max_completion_tokens": 5000}), code="context_length_exceeded")
refused("tools", 400, lambda: client.chat.completions.create(**fixed, tools=[{"type": "function", "function": {"name": "f"}}]), param="tools")
refused("no messages", 400, lambda: client.chat.completions.create(**{**fixed, "messages": []}), param="messages")
refused("no such job", 404, lambda: client.fine_tuning.jobs.retrieve("ftjob-0"))
refused("delete what is deployed", 409, lambda: client.models.delete("base"), code="model_is_deployed")
azure = openai.AzureOpenAI(azure_endpoint=url, api_key="none", api_version="2024-10-21", max_retries=0)
check("azure", azure.chat.completions.create(**fixed).choices[0].message.content == text)


def request(method, path, body=None, headers={}):
    data = None if body is None else json.dumps(body).encode()
    made = urllib.request.Request(url + path, data, {"Content-Type": "application/json", **headers}, method=method)
    try:
        with urllib.request.urlopen(made) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


check("rebinding", request("GET", "/v1/models", headers={"Host": "evil.example"})[0] == 403)
check("foreign page", request("POST", "/v1/chat/completions", fixed, {"Origin": "https://evil.example"})[0] == 403)
check("no such path", request("GET", "/v1/nothing")[0] == 404)
check("wrong method", request("DELETE", "/v1/chat/completions")[0] == 405)


def raw(data, path="/v1/chat/completions", headers={}):
    made = urllib.request.Request(url + path, data, {"Content-Type": "application/json", **headers}, method="POST")
    try:
        with urllib.request.urlopen(made, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


check("no JSON", raw(b"{") == 400 and raw(b"\xff") == 400 and raw(b"") == 400)
check("nested deeply", raw(b"[" * 100000) == 400)
check("a key twice", raw(b'{"model": "base", "model": "base"}') == 400)
check("body too large", raw(b" " * ((4 << 20) + 1)) in (413, None))
check("header too large", raw(b"{}", headers={"X-Long": "a" * 20000}) in (400, 431, None))
for number in ("1e999", "-1", "9223372036854775808", "1e308", "2147483648", "0.5", "NaN"):
    body = '{"model": "base", "messages": [{"role": "user", "content": "a"}], "n": %s, "max_tokens": 1}' % number
    check("n " + number, raw(body.encode()) == 400)
host, port = url.split("//")[1].split(":")
for cut in (1, 20, 60, 200):
    body = json.dumps({**fixed, "stream": True}).encode()
    message = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with socket.create_connection((host, int(port))) as gone:
        gone.sendall(message[:cut] if cut < 200 else message)
check("after who left", client.chat.completions.create(**fixed).choices[0].message.content == text)
status, tokens = request("POST", "/tokenize", {"model": "base", "content": "a bird"})
check("tokenize", status == 200 and tokens["count"] == len(tokens["tokens"]) > 0, tokens)
check("detokenize", "a bird" in request("POST", "/detokenize", {"model": "base", "tokens": tokens["tokens"]})[1]["content"])
status, made = request("PUT", "/v1/deployments/second", {"model": "demo", "device": "cpu", "context_length": 128})
check("deploy", status == 200 and made["id"] == "second", made)
check("deploy: refused", request("PUT", "/v1/deployments/third", {"model": "nothing"})[0] == 400)
check("undeploy", request("DELETE", "/v1/deployments/second")[0] == 200)

def tala(*arguments):
    return subprocess.run([program, *arguments, "--spool", spool], capture_output=True, text=True, check=True).stdout.strip()


key = tala("key", "create", "alice", "--role", "user")
bearer = {"Authorization": "Bearer " + key}
for _ in range(50):
    if request("GET", "/v1/models")[0] == 401:
        break
    time.sleep(0.1)
check("a key is needed", request("GET", "/v1/models")[0] == 401 and request("GET", "/health")[0] == 200)
check("the key is taken", request("GET", "/v1/models", headers=bearer)[0] == 200 and request("GET", "/v1/models", headers={"api-key": key})[0] == 200)
check("its role is kept to", request("PUT", "/v1/deployments/x", {"model": "demo"}, bearer)[0] == 403)
check("another key", request("GET", "/v1/models", headers={"Authorization": "Bearer sk-tala-x"})[0] == 401)
tala("key", "revoke", "alice")
for _ in range(50):
    if request("GET", "/v1/models")[0] == 200:
        break
    time.sleep(0.1)
check("revoked", request("GET", "/v1/models", headers=bearer)[0] in (200, 401))

if trains:
    with open("demo/tune.jsonl", "rb") as data:
        file = client.files.create(file=data, purpose="fine-tune")
    check("file", file.object == "file" and client.files.retrieve(file.id).bytes == file.bytes > 0, file)
    check("files", file.id in [f.id for f in client.files.list().data])
    with open("demo/tune.jsonl", "rb") as data:
        check("file: content", client.files.content(file.id).read() == data.read())
    refused("job of nothing", 400, lambda: client.fine_tuning.jobs.create(model="nothing", training_file=file.id), param="model")
    job = client.fine_tuning.jobs.create(
        model="demo", training_file=file.id, extra_body={"device": "cpu", "max_length": 128, "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 1}}}})
    check("job", job.object == "fine_tuning.job" and job.id.startswith("ftjob-"), job)
    for _ in range(3000):
        job = client.fine_tuning.jobs.retrieve(job.id)
        if job.status in ("succeeded", "failed", "cancelled"):
            break
        time.sleep(0.1)
    check("job succeeds", job.status == "succeeded", job)
    check("events", len(client.fine_tuning.jobs.list_events(job.id, limit=5).data) == 5)
    check("checkpoints", client.fine_tuning.jobs.checkpoints.list(job.id).data[0].fine_tuning_job_id == job.id)
    check("jobs", job.id in [j.id for j in client.fine_tuning.jobs.list().data])
    status, made = request("PUT", "/v1/deployments/tuned", {"model": job.id, "device": "cpu", "context_length": 512})
    check("deploy the job", status == 200, made)
    for _ in range(600):
        if request("GET", "/v1/deployments/tuned")[1]["state"] == "ready":
            break
        time.sleep(0.1)
    tuned = client.chat.completions.create(**{**fixed, "model": "tuned"})
    check("chat with the result", tuned.choices[0].message.content is not None)
    refused("delete the deployed job", 409, lambda: client.models.delete(job.id), code="model_is_deployed")
    check("undeploy the job", request("DELETE", "/v1/deployments/tuned")[0] == 200)
    for _ in range(100):
        if request("GET", "/v1/deployments/tuned")[0] == 404:
            break
        time.sleep(0.1)
    check("delete the job", client.models.delete(job.id).deleted)
    check("delete the file", client.files.delete(file.id).deleted)
print(f"{passed} checks passed with openai {openai.__version__}")

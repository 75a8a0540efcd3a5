# The checks of scripts/check-clients: what the official client reads of a server's answers.
import json, socket, subprocess, sys, time, urllib.error, urllib.request
from typing import Literal, Optional
import openai, pydantic
import checking
from checking import check

url, spool, trains, program = sys.argv[1], sys.argv[2], sys.argv[3] == "1", sys.argv[4]
client = openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0)


def refused(name, status, call, **wanted):
    try:
        call()
    except openai.APIStatusError as error:
        body = error.body or {}
        check(name, error.status_code == status and all(body.get(k) == v for k, v in wanted.items()), f"{error.status_code} {body}")
        check(name + ": all members", set(body) == {"message", "type", "param", "code"}, body)
        return error
    check(name, False, "was not refused")


checking.wait_until_ready(url)
question = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Tell me of a bird."}]
fixed = dict(model="base", messages=question, temperature=0, max_completion_tokens=16)
guessed = client.chat.completions.create(**fixed, extra_body={"prompt_lookup_num_tokens": 4})
models = client.models.list().data
check("models", [m.id for m in models] == ["base"] and models[0].owned_by == "tala", models)
check("model", client.models.retrieve("base").id == "base")
whole = client.chat.completions.create(**fixed)
text = whole.choices[0].message.content
check("chat", whole.object == "chat.completion" and text and whole.choices[0].message.role == "assistant", whole)
check("guesses", guessed.choices[0].message.content == text and guessed.usage.completion_tokens_details.rejected_prediction_tokens >= 0, guessed)
check("usage", whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens and whole.usage.completion_tokens <= 16)
check("finish", whole.choices[0].finish_reason in ("stop", "length"))
check("the same again", client.chat.completions.create(**fixed).choices[0].message.content == text)
whole_usage = whole.usage
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
refused("a schema that cannot be kept to", 400, lambda: client.chat.completions.create(**fixed, response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {"not": {}}}}), param="response_format.json_schema.schema.not")
refused("no messages", 400, lambda: client.chat.completions.create(**{**fixed, "messages": []}), param="messages")
refused("no such job", 404, lambda: client.fine_tuning.jobs.retrieve("ftjob-0"))
refused("delete what is deployed", 409, lambda: client.models.delete("base"), code="model_is_deployed")
azure = openai.AzureOpenAI(azure_endpoint=url, api_key="none", api_version="2024-10-21", max_retries=0)
check("azure", azure.chat.completions.create(**fixed).choices[0].message.content == text)




class Bird(pydantic.BaseModel):
    kind: Literal["robin", "owl", "crane"]
    legs: int = pydantic.Field(ge=0, le=2)
    colors: list[Literal["red", "grey"]] = pydantic.Field(min_length=1, max_length=2)
    ring: Optional[bool]


free = dict(model="base", messages=question, temperature=1.5, max_completion_tokens=120)
for seed in range(5):
    parsed = client.chat.completions.parse(**free, seed=seed, response_format=Bird)
    check("parse", isinstance(parsed.choices[0].message.parsed, Bird) and parsed.choices[0].finish_reason == "stop", parsed)
with client.chat.completions.stream(**free, seed=1, response_format=Bird) as stream:
    check("parse streamed", isinstance(stream.get_final_completion().choices[0].message.parsed, Bird))
for seed in range(5):
    whole = client.chat.completions.create(**free, seed=seed, response_format={"type": "json_object"}).choices[0]
    check("json_object", whole.finish_reason == "length" or isinstance(json.loads(whole.message.content), dict), whole)
several = client.chat.completions.create(**free, seed=1, n=3, response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {"enum": [1, 2, 3]}}})
check("schema: several", all(c.message.content in "123" for c in several.choices), several)
weather = {"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": {"type": "object", "properties": {"city": {"enum": ["Oslo", "Rome"]}}, "required": ["city"], "additionalProperties": False}}}
count = {"type": "function", "function": {"name": "count", "parameters": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["n"]}}}
asked = dict(model="base", messages=[{"role": "user", "content": "The weather in Rome?"}], tools=[weather, count], temperature=1, max_completion_tokens=100)
talk = list(asked["messages"])
for turn in range(3):
    answer = client.chat.completions.create(**{**asked, "messages": talk}, tool_choice="required", parallel_tool_calls=False, seed=turn).choices[0]
    call = answer.message.tool_calls[0]
    check("tools: required", answer.finish_reason == "tool_calls" and answer.message.content is None and len(answer.message.tool_calls) == 1, answer)
    given = json.loads(call.function.arguments)
    check("tools: arguments", given in ({"city": "Oslo"}, {"city": "Rome"}) if call.function.name == "weather" else 1 <= given["n"] <= 9, call)
    talk += [answer.message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "21"}]
check("tools: an answer behind them", client.chat.completions.create(**{**asked, "messages": talk, "max_completion_tokens": 5}, tool_choice="none").choices[0].message.content is not None)
named = client.chat.completions.create(**asked, tool_choice={"type": "function", "function": {"name": "count"}}).choices[0]
check("tools: named", {c.function.name for c in named.message.tool_calls} == {"count"})
with client.chat.completions.stream(**asked, tool_choice="required", parallel_tool_calls=False, seed=2) as stream:
    events = [e for e in stream if e.type == "tool_calls.function.arguments.done"]
    final = stream.get_final_completion().choices[0]
check("tools: streamed", len(events) == 1 and final.finish_reason == "tool_calls" and events[0].arguments == final.message.tool_calls[0].function.arguments, final)
same = client.chat.completions.create(**asked, tool_choice="required", parallel_tool_calls=False, seed=2).choices[0].message.tool_calls[0].function
check("tools: streamed and whole", (same.name, same.arguments) == (final.message.tool_calls[0].function.name, final.message.tool_calls[0].function.arguments))
auto = client.chat.completions.create(**asked).choices[0]
check("tools: auto", auto.finish_reason in ("stop", "length", "tool_calls") and (auto.message.content is not None or auto.message.tool_calls))
refused("tools: a strict schema that cannot be kept to", 400, lambda: client.chat.completions.create(**fixed, tools=[{"type": "function", "function": {"name": "f", "strict": True, "parameters": {"type": "object", "minProperties": 1}}}]), param="tools[0].function.parameters.minProperties")
refused("tools: another's name", 400, lambda: client.chat.completions.create(**asked, tool_choice={"type": "function", "function": {"name": "x"}}), param="tool_choice")


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


brief = dict(model="base", input="Tell me of a bird.", max_output_tokens=16, temperature=0)
response = client.responses.create(**brief, instructions="Be brief.")
check("responses", response.object == "response" and response.output_text == text and response.status in ("completed", "incomplete"), response)
check("responses: usage", response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens)
events = list(client.responses.create(**brief, instructions="Be brief.", stream=True))
check("responses: streamed", "".join(e.delta for e in events if e.type == "response.output_text.delta") == text, events)
check("responses: events", events[0].type == "response.created" and events[-1].response.output_text == text and [e.sequence_number for e in events] == list(range(len(events))))
check("responses: parse", isinstance(client.responses.parse(model="base", input="A bird?", max_output_tokens=120, text_format=Bird).output_parsed, Bird))
function = {"type": "function", "strict": True, **{k: v for k, v in weather["function"].items()}}
turn = client.responses.create(model="base", input=[{"role": "user", "content": "Rome?"}], tools=[function], tool_choice="required", parallel_tool_calls=False, max_output_tokens=100)
check("responses: a call", turn.output[0].type == "function_call" and json.loads(turn.output[0].arguments)["city"] in ("Oslo", "Rome"), turn)
after = client.responses.create(model="base", tools=[function], tool_choice="none", max_output_tokens=5, input=[{"role": "user", "content": "Rome?"}, turn.output[0].model_dump(exclude_none=True), {"type": "function_call_output", "call_id": turn.output[0].call_id, "output": "21"}])
check("responses: behind a call", after.output[0].type == "message", after)
with client.responses.stream(model="base", input="Rome?", tools=[function], tool_choice="required", parallel_tool_calls=False, max_output_tokens=100) as stream:
    names = [e.type for e in stream]
    check("responses: a call streamed", "response.function_call_arguments.done" in names and stream.get_final_response().output[0].type == "function_call", names)
refused("responses: nothing is kept", 400, lambda: client.responses.create(**brief, previous_response_id="resp_1"), param="previous_response_id")

vectors = client.embeddings.create(model="base", input=["The little bird", "A fox", "The little bird"]).data
check("embeddings", len(vectors) == 3 and vectors[0].embedding == vectors[2].embedding != vectors[1].embedding)
check("embeddings: length", abs(sum(x * x for x in vectors[0].embedding) - 1) < 1e-4)
numbers = client.embeddings.create(model="base", input="The little bird", encoding_format="float").data[0].embedding
check("embeddings: numbers and base64", max(abs(a - b) for a, b in zip(numbers, vectors[0].embedding)) < 1e-7)
short = client.embeddings.create(model="base", input="The little bird", dimensions=8).data[0].embedding
check("embeddings: dimensions", len(short) == 8 and abs(sum(x * x for x in short) - 1) < 1e-4)
check("embeddings: azure", len(azure.embeddings.create(model="base", input="a").data) == 1)
refused("embeddings: too long", 400, lambda: client.embeddings.create(model="base", input=[[5] * 1100]), code="context_length_exceeded")
refused("embeddings: empty", 400, lambda: client.embeddings.create(model="base", input=""), param="input")

info = request("GET", "/tokenizer_info")[1]
check("tokenizer_info", info["eos_token"] and "<|user|>" in info["chat_template"], info)
status, found = request("POST", "/tokenize", {"prompt": "test", "add_special_tokens": False})
check("tokenize without a model", status == 200 and isinstance(found["tokens"], list), found)
check("tokenize: pieces", "".join(t["piece"] for t in request("POST", "/tokenize", {"content": "a bird", "add_special": False, "with_pieces": True})[1]["tokens"]) == "a bird")
check("detokenize: no such token", request("POST", "/detokenize", {"tokens": [99999]})[0] == 400)
shown = request("POST", "/apply-template", {"model": "base", "messages": question})[1]["prompt"]
check("apply-template", shown.endswith("<|assistant|>") and "Tell me of a bird." in shown, shown)
length = request("POST", "/v1/chat/completions/input_tokens", {"model": "base", "messages": question})[1]["input_tokens"]
check("input_tokens", length == whole_usage.prompt_tokens, length)


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
small = '{"model": "base", "messages": [{"role": "user", "content": "a"}], "max_tokens": 1, %s}'
for field in ("temperature", "top_p", "top_k", "min_p", "max_completion_tokens", "seed", "top_logprobs", "frequency_penalty", "presence_penalty", "repetition_penalty"):
    for number in ("1e999", "9007199254740993", "9223372036854775808", "1e308", "-1e308", "NaN", '"1"', "[]", "1" + "0" * 1000):
        given = raw((small % f'"{field}": {number}').encode())
        check(f"{field} {number[:20]}", given == 400 or (field in ("seed", "top_k", "max_completion_tokens") and given in (200, 400)), given)
for more in ('"stop": ["%s"]' % ("a" * 70000), '"stop": %s' % json.dumps(["a"] * 17), '"logit_bias": {"-1": 5}', '"logit_bias": {"99999999999": 5}', '"tools": %s' % json.dumps([weather] * 200), '"chat_template_kwargs": {"messages": []}', '"chat_template_kwargs": 5', '"stream": "yes"', '"stream_options": {}', '"x": 1'):
    check("refused: " + more[:40], raw((small % more).encode()) == 400)
for words in ('"\\ud800"', '"\\u0000"', '"<|user|>a<|end|><|assistant|>"', '"' + "\U0001d11e" * 50 + '"', '""'):
    given = raw(('{"model": "base", "max_tokens": 1, "messages": [{"role": "user", "content": %s}]}' % words).encode())
    check("content " + words[:20], given == (400 if "ud800" in words else 200), given)
check("overlong UTF-8", raw(b'{"model": "base", "messages": [{"role": "user", "content": "\xc0\x80"}]}') == 400)
check("many keys", raw(json.dumps({f"k{i}": 1 for i in range(100000)}).encode()) == 400)
check("many messages", raw(json.dumps({"model": "base", "messages": [{"role": "user", "content": ""}] * 10001}).encode()) == 400)
for schema in ({"type": "string", "pattern": "a{1,100000}"}, {"anyOf": [{}] * 20000}, {"$ref": "#"}, {"type": "string", "pattern": "((a{1,100}){1,100}){1,100}"}, {"items": {"$ref": "http://localhost/x"}}, 5, {"type": "array", "minItems": 10**12}):
    started = time.time()
    given = raw(json.dumps({**fixed, "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}).encode())
    check("schema " + str(schema)[:40], given == 400 and time.time() - started < 5, given)
deep = {}
for _ in range(40):
    deep = {"type": "object", "properties": {"a": deep}}
check("schema: deep", raw(json.dumps({**fixed, "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": deep}}}).encode()) == 400)
host, port = url.split("//")[1].split(":")


def talk(data, wait=10):
    """What comes back on a connection of its own, byte by byte as it was sent."""
    with socket.create_connection((host, int(port)), timeout=wait) as line:
        line.sendall(data)
        line.shutdown(socket.SHUT_WR)
        found = b""
        try:
            while part := line.recv(65536):
                found += part
        except OSError:
            pass
        return found


get = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
check("pipelined", talk(get + b"\r\n" + get + b"Connection: close\r\n\r\n").count(b"HTTP/1.1 200") == 2)
for bad in (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    get + b"".join(b"X-%d: a\r\n" % i for i in range(100)) + b"\r\n", get + b"X: " + b"a" * 20000 + b"\r\n\r\n", b"GET /health\r\n\r\n", b"\0" * 100,
):
    answer = talk(bad)
    check("refused: " + str(bad[:60]), b" 200 " not in answer.split(b"\r\n")[0] and answer.count(b"HTTP/1.1 2") == 0, answer[:200])
check("a body in pieces", b"200 OK" in talk(b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + b"".join(b"1\r\n%c\r\n" % c for c in b'{"content": "a"}') + b"0\r\n\r\n"))
for cut in (1, 20, 60, 200):
    body = json.dumps({**fixed, "stream": True}).encode()
    message = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with socket.create_connection((host, int(port))) as gone:
        gone.sendall(message[:cut] if cut < 200 else message)
many = client.chat.completions.create(**{**fixed, "temperature": 1, "max_completion_tokens": 300}, n=128, stream=True)
next(iter(many))
error = refused("queue full", 429, lambda: client.chat.completions.create(**fixed), code="queue_full")
check("queue full: when to ask again", int(error.response.headers["retry-after"]) >= 1)
check("queue full: the connection ends", error.response.headers.get("connection") == "close", error.response.headers)
many.close()
for _ in range(100):
    try:
        client.chat.completions.create(**fixed)
        break
    except openai.RateLimitError:
        time.sleep(0.1)
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
limited = tala("key", "create", "bob", "--role", "user", "--requests-per-minute", "2", "--models", "ba*")
bounded = openai.OpenAI(base_url=url + "/v1", api_key=limited, max_retries=0)
for _ in range(50):
    if request("GET", "/v1/models", headers={"Authorization": "Bearer " + limited})[0] == 200:
        break
    time.sleep(0.1)
headers = bounded.chat.completions.with_raw_response.create(**fixed).headers
check("limits: headers", (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("2", "1") and headers["x-ratelimit-reset-requests"].endswith("s"), headers)
bounded.chat.completions.create(**fixed)
error = refused("limits: too many", 429, lambda: bounded.chat.completions.create(**fixed), code="rate_limit_exceeded", type="rate_limit_error")
check("limits: the error's class", isinstance(error, openai.RateLimitError) and int(error.response.headers["retry-after"]) <= 31)
other = tala("key", "create", "carol", "--role", "user", "--models", "other-*")
for _ in range(50):
    if request("GET", "/v1/models", headers={"Authorization": "Bearer " + other})[0] == 200:
        break
    time.sleep(0.1)
hidden = openai.OpenAI(base_url=url + "/v1", api_key=other, max_retries=0)
refused("a key for other deployments", 404, lambda: hidden.chat.completions.create(**fixed), code="model_not_found")
check("a key for other deployments sees none", hidden.models.list().data == [])
for name in ("bob", "carol"):
    tala("key", "revoke", name)
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
        brief_file = client.files.create(file=data, purpose="fine-tune", expires_after={"anchor": "created_at", "seconds": 3600})
    check("file: expires", brief_file.expires_at == brief_file.created_at + 3600 and client.files.delete(brief_file.id).deleted, brief_file)
    with open("demo/tune.jsonl", "rb") as data:
        check("file: content", client.files.content(file.id).read() == data.read())
    with open("demo/tune.jsonl", "rb") as data:
        content = data.read()
    upload = client.uploads.create(filename="tune.jsonl", purpose="fine-tune", bytes=len(content), mime_type="text/jsonl")
    check("upload", upload.status == "pending" and upload.bytes == len(content) and upload.id.startswith("upload_"), upload)
    halves = [client.uploads.parts.create(upload.id, data=part) for part in (content[1000:], content[:1000])]
    refused("upload: not all of it", 400, lambda: client.uploads.complete(upload.id, part_ids=[halves[0].id]), param="part_ids")
    refused("upload: no such part", 400, lambda: client.uploads.complete(upload.id, part_ids=["part_" + "0" * 26]), param="part_ids")
    refused("upload: more than it is for", 413, lambda: client.uploads.parts.create(upload.id, data=content + b"x"), code="file_too_large")
    done = client.uploads.complete(upload.id, part_ids=[halves[1].id, halves[0].id])
    check("upload: completed", done.status == "completed" and client.files.content(done.file.id).read() == content, done)
    refused("upload: once", 409, lambda: client.uploads.complete(upload.id, part_ids=[halves[0].id]), code="wrong_state")
    check("upload: deleted", client.files.delete(done.file.id).deleted)
    other = client.uploads.create(filename="x", purpose="fine-tune", bytes=5, mime_type="text/jsonl")
    check("upload: cancelled", client.uploads.cancel(other.id).status == "cancelled")
    refused("upload: none of another name", 404, lambda: client.uploads.cancel("upload_../../x"))
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
    check("jobs: metadata", client.fine_tuning.jobs.list(metadata={"team": "none"}).data == [])
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
print(f"{checking.passed} checks passed with openai {openai.__version__}")

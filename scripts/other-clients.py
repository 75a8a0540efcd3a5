# The clients of scripts/check-clients beside the official one, each where the Python has it:
# EleutherAI's evaluation harness (lm_eval, with transformers and datasets) and langchain_openai.
import glob, importlib.util, json, os, subprocess, sys, tempfile
import checking
from checking import check

url, model = sys.argv[1], sys.argv[2]
QUESTIONS = [
    ("One day, Lily went to the", ["park", "xyzzy qua"], 0), ("Tom was a little", ["zbrk", "boy"], 1), ("They played with the", ["ball", "ooo"], 0),
    ("She was very", ["tqrs", "happy"], 1),
]
TASKS = {
    "chosen": 'output_type: multiple_choice\ndoc_to_text: "{{question}}"\ndoc_to_choice: choices\ndoc_to_target: answer\n'
    "metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]\n",
    "written": 'output_type: generate_until\ndoc_to_text: "{{question}}"\ndoc_to_target: "{{choices[answer]}}"\n'
    'generation_kwargs: {until: ["."], max_gen_toks: 12, temperature: 0}\nmetric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]\n',
}


def has(*packages):
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        print(f"skipped: {packages[0]} is not tried, this Python has no {', '.join(missing)}")
    return not missing


def harness(place, kind, arguments, tasks, *more):
    """What the harness got for each task's examples, by their numbers."""
    out = os.path.join(place, kind)
    command = [sys.executable, "-m", "lm_eval", "--model", kind, "--model_args", arguments, "--tasks", ",".join(tasks), "--include_path", place]
    command += ["--output_path", out, "--log_samples", "--device", "cpu", *more]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_DATASETS_CACHE": os.path.join(place, "cache")}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check(f"{kind} runs", done.returncode == 0, done.stdout[-2000:])
    found = {}
    for task in tasks:
        lines = open(glob.glob(f"{out}/**/samples_tala_{task.removeprefix('tala_')}_*.jsonl", recursive=True)[0])
        found[task] = {line["doc_id"]: line["resps"] for line in map(json.loads, lines)}
    return found


def evaluate():
    """The harness through the server beside the harness over transformers, on the same files."""
    with tempfile.TemporaryDirectory() as place:
        with open(f"{place}/data.jsonl", "w") as file:
            for question, choices, answer in QUESTIONS:
                file.write(json.dumps({"question": question, "choices": choices, "answer": answer}) + "\n")
        for name, body in TASKS.items():
            with open(f"{place}/{name}.yaml", "w") as file:
                file.write(f"task: tala_{name}\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {place}/data.jsonl}}}}\ntest_split: test\n{body}")
        both = ["tala_chosen", "tala_written"]
        wanted = harness(place, "hf", f"pretrained={model},dtype=float32", both)
        common = f"model=base,num_concurrent=4,max_retries=1,tokenizer_backend=huggingface,tokenizer={model}"
        for tokenized in ("True", "False"):
            found = harness(place, "local-completions", f"{common},base_url={url}/v1/completions,tokenized_requests={tokenized}", both)
            check(f"harness: answers, tokenized {tokenized}", found["tala_written"] == wanted["tala_written"], found["tala_written"])
            for number, answers in wanted["tala_chosen"].items():
                for mine, other in zip(found["tala_chosen"][number], answers):
                    ((own, greedy),), ((log_probability, theirs),) = mine, other
                    near = abs(float(own) - float(log_probability)) < 1e-4 * max(1, abs(float(log_probability)))
                    check(f"harness: log-probability {number}, tokenized {tokenized}", near and greedy == theirs, (mine, other))
        chat = harness(place, "local-chat-completions", f"{common},base_url={url}/v1/chat/completions", ["tala_written"], "--apply_chat_template")
        check("harness: chat", all(answers[0][0].strip() for answers in chat["tala_written"].values()), chat)


def converse():
    import pydantic
    from langchain_openai import ChatOpenAI

    class Person(pydantic.BaseModel):
        name: str
        age: int

    client = ChatOpenAI(model="base", base_url=url + "/v1", api_key="none", temperature=0, max_tokens=12, max_retries=0)
    answer = client.invoke([("system", "You tell stories."), ("human", "One day")])
    usage = answer.usage_metadata
    check("langchain: answer", answer.content and answer.response_metadata["finish_reason"] in ("stop", "length"), answer)
    check("langchain: usage", usage["input_tokens"] + usage["output_tokens"] == usage["total_tokens"], usage)
    check("langchain: stream", "".join(part.content for part in client.stream("One day")) == client.invoke("One day").content)
    check("langchain: batch", all(one.content for one in client.batch(["One", "Two", "Three"])))
    longer = ChatOpenAI(model="base", base_url=url + "/v1", api_key="none", temperature=0, max_tokens=300, max_retries=0)
    check("langchain: structured", isinstance(longer.with_structured_output(Person, method="json_schema").invoke("Lily is 5"), Person))


checking.wait_until_ready(url)
if has("lm_eval", "transformers", "datasets"):
    evaluate()
if has("langchain_openai"):
    converse()
print(f"{checking.passed} checks passed with other clients")

"""Encodes a file with the tokenizers package: encode_text.py MODEL FILE THREADS RUNS prints the number of tokens and the best rate in MB/s."""
import json
import os
import sys
import time

model, file, threads, runs = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
os.environ["TOKENIZERS_PARALLELISM"] = "true" if threads > 1 else "false"
from tokenizers import Tokenizer  # the settings above are read when it is loaded

with open(file, encoding="utf-8", newline="") as stream:
    text = stream.read()
texts = [json.loads(line)["text"] for line in text.split("\n") if line] if file.endswith(".jsonl") else text.split("\n\n")
megabytes = sum(len(text.encode()) for text in texts) / 1e6
tokenizer = Tokenizer.from_file(model if model.endswith(".json") else model + "/tokenizer.json")
tokens, best = 0, 0.0
for _ in range(runs):
    ways = [lambda: sum(len(encoding.ids) for encoding in tokenizer.encode_batch_fast(texts))]
    if threads == 1:
        ways.append(lambda: sum(len(tokenizer.encode(text).ids) for text in texts))
    for way in ways:
        start = time.perf_counter()
        tokens = way()
        best = max(best, megabytes / (time.perf_counter() - start))
print(tokens, best)

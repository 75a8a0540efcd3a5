"""The small chat model: conversations made from a few sentence forms, and which of their tokens are labelled."""

import json
import os
import shutil

from common import ROOT, Random, write_json, write_lines
from models import family, make_model, sizes
from reference_templates import render

ANIMALS = [
    "hen",
    "fox",
    "owl",
    "cat",
    "dog",
    "pig",
    "cow",
    "frog",
    "mouse",
    "swan",
    "goat",
    "horse",
    "duck",
    "hare",
    "bee",
    "crow",
]
PLACES = [
    "in the barn",
    "by the pond",
    "under the oak",
    "on the hill",
    "near the mill",
    "at the gate",
    "in the old house",
    "by the river",
]
FOODS = ["corn", "honey", "grass", "bread", "apples", "seeds", "cheese", "turnips", "hay", "berries"]
THINGS = [
    "a red ball",
    "a small bell",
    "an old coat",
    "a blue cup",
    "a long rope",
    "a round stone",
    "a green hat",
    "a bright lamp",
]
WORDS = [
    "Good morning",
    "Come with me",
    "I am hungry",
    "It is late",
    "Look at this",
    "Do not be afraid",
    "The rain will stop",
]
QUESTIONS = [
    "Tell me about the {a}.",
    "What did the {a} do today?",
    "Where does the {a} live?",
    "Who met the {a}?",
    "A story of the {a}, please.",
]
SENTENCES = [
    "The {a} lives {p}.",
    "Every day it eats {f} and sleeps.",
    "One day the {a} found {t} {p}.",
    '"{w}," said the {b}.',
    "The {b} was happy and they shared {f}.",
    "Then the {a} went home.",
    "It rained, so they waited {p}.",
    "The {b} gave {t} to the {a}.",
    "In the evening they were tired.",
    "Nobody knew where {t} had come from.",
]


def story(random):
    """A question and an answer of three to eight sentences."""
    slots = {
        "a": random.choice(ANIMALS),
        "b": random.choice(ANIMALS),
        "p": random.choice(PLACES),
        "f": random.choice(FOODS),
        "t": random.choice(THINGS),
        "w": random.choice(WORDS),
    }
    count = 3 + random.below(6)
    answer = " ".join(random.choice(SENTENCES).format(**slots) for _ in range(count))
    return random.choice(QUESTIONS).format(**slots), answer


def lines(seed, count):
    random = Random(seed)
    rows = []
    for index in range(count):
        question, answer = story(random)
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        if index % 9 == 4:
            messages.insert(0, {"role": "system", "content": "Speak briefly."})
        if index % 13 == 6:
            question, answer = story(random)
            messages += [
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer.split(".")[0] + "."},
            ]
        rows.append({"messages": messages})
    return rows


def encode(tokenizer, messages):
    """Ids of the rendered text, and labels on each answer from the end of the generation prompt to the end-of-turn token."""

    def text(messages, asks=False):
        return render(
            tokenizer.chat_template,
            messages,
            add_generation_prompt=asks,
            bos_token=tokenizer.bos_token,
            eos_token=tokenizer.eos_token,
        )[0]

    rendered = text(messages)
    encoding = tokenizer(rendered, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = encoding["input_ids"], encoding["offset_mapping"]
    labels = [-100] * len(ids)
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        start = len(text(messages[:index], True))
        end = len(text(messages[: index + 1]))
        for position, (first, last) in enumerate(offsets):
            if start <= first and last <= end:
                labels[position] = ids[position]
    return rendered, ids, labels


CASES = [
    [
        ("system", "You tell short stories."),
        ("user", "A story of the cat, please."),
        ("assistant", "The cat lives by the pond."),
        ("user", "And then?"),
        ("assistant", "It went home."),
    ],
    [("user", "Hello"), ("assistant", "Hello")],
    [("user", "Only a question?")],
    [("user", "Two answers"), ("assistant", "one"), ("assistant", "two")],
    [("system", "Be brief."), ("system", "Be kind."), ("user", "q"), ("assistant", "a")],
    [("user", "Where?"), ("assistant", "Here."), ("user", "Since when?")],
    [("assistant", "I begin."), ("user", "Go on."), ("assistant", "I go on.")],
    [("user", "  spaces  around  "), ("assistant", "  kept, both of them  ")],
    [("user", "Lines\nand\n\nmore"), ("assistant", "one\n two\n\n\nthree\n")],
    [("user", "Grüße, 日本, 🦉?"), ("assistant", "Ça va. Ünïcödé — ok 🦊")],
    [("user", "Say <|end|> please"), ("assistant", "I would rather say <|assistant|> here")],
    [("user", "yes"), ("assistant", "yes"), ("user", "yes"), ("assistant", "yes")],
    [("user", "Numbers 1 22 333 4444?"), ("assistant", "3.14159, 2,718 and -1e9")],
]


def make(out):
    from transformers import AutoTokenizer

    folder = f"{out}/chat-model"
    config = family(
        "llama",
        "LlamaForCausalLM",
        **sizes(64, 172, 4, 8, 4, 768),
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        rope_theta=10000.0,
        rope_scaling=None,
        attention_bias=False,
        mlp_bias=False,
    )
    config |= {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": None}
    make_model(folder, config, "float32", 1, 77)
    os.remove(f"{folder}/config.transformers5.json")
    for file in ["tokenizer.json", "tokenizer_config.json", "generation_config.json"]:
        shutil.copyfile(f"{ROOT}/demo/model/{file}", f"{folder}/{file}")
    write_json(f"{folder}/special_tokens_map.json", {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"})
    training, validation = lines(11, 208), lines(12, 40)
    write_lines(f"{folder}/train.jsonl", training)
    write_lines(f"{folder}/validation.jsonl", validation)

    tokenizer = AutoTokenizer.from_pretrained(folder)
    cases = []
    for conversation in CASES:
        messages = [{"role": role, "content": content} for role, content in conversation]
        rendered, ids, labels = encode(tokenizer, messages)
        cases.append({"messages": messages, "rendered": rendered, "input_ids": ids, "labels": labels})
    encoded = [encode(tokenizer, row["messages"]) for row in training]
    write_json(
        f"{folder}/masking_golden.json",
        {
            "rule": "rendered with the chat template, tokenised without special tokens; labels on each assistant turn from the end of the "
            "generation prompt to the end-of-turn token inclusive",
            "cases": cases,
            "train_lengths": [len(ids) for _, ids, _ in encoded],
            "train_labelled": [sum(label != -100 for label in labels) for _, _, labels in encoded],
        },
    )
    print("chat-model", flush=True)


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]

"""Inputs that must be refused, and the good ones beside them, of every kind that comes from outside.

Nothing computes these expectations: they are what the formats say, and where the formats are silent a choice (`judgement`)."""

import copy
import gzip
import json
import struct

from common import normal, save, write_bytes, write_json


def expect(folder, verdict, file, why, **more):
    write_bytes(f"{folder}/expect.json", json.dumps({"verdict": verdict, "file": file, "why": why, **more}) + "\n")


# --- data ---------------------------------------------------------------------------------------------------------------------------------


def chat(question="Hello", answer="Good day"):
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def joined(*rows):
    return b"".join(
        (row if isinstance(row, bytes) else (row if isinstance(row, str) else json.dumps(row)).encode()) + b"\n"
        for row in rows
    )


def altered(index, key, value):
    row = copy.deepcopy(chat())
    if value is KeyError:
        del row["messages"][index][key]
    else:
        row["messages"][index][key] = value
    return row


GOOD = chat()
DATA = {
    "valid": (joined(chat("a", "b"), chat("c", "d"), chat("e", "f")), "accept", "three conversations", {}),
    "byte-order-mark": (b"\xef\xbb\xbf" + joined(GOOD, GOOD), "accept", "a byte order mark at the beginning", {}),
    "carriage-returns": (joined(GOOD, GOOD).replace(b"\n", b"\r\n"), "accept", "CRLF line ends", {}),
    "blank-lines": (joined(GOOD, "", GOOD, "", ""), "accept", "blank lines between and behind", {"judgement": True}),
    "no-last-line-end": (joined(GOOD, GOOD)[:-1], "accept", "the last line is not closed", {}),
    "more-keys": (joined({**GOOD, "id": 7, "source": {"a": []}}), "accept", "keys that nobody asks for", {}),
    "spaces-around": (b"   " + joined(GOOD)[:-1] + b" \t \n", "accept", "white space around the object", {}),
    "every-escape": (
        joined(
            r'{"messages": [{"role": "user", "content": "\"\\\/\b\f\n\r\t\u00e9\ud83e\udd89"}, {"role": "assistant", "content": "a"}]}'
        ),
        "accept",
        "all escapes of JSON",
        {},
    ),
    "ends-with-a-question": (
        joined({"messages": [*GOOD["messages"], {"role": "user", "content": "and?"}]}),
        "accept",
        "the last turn is a question",
        {"judgement": True},
    ),
    "long-line": (joined(chat("q", "word " * 2000)), "accept", "a line of 10 KB", {}),
    "empty": (b"", "reject", "no byte", {}),
    "only-blank-lines": (b"\n \n\t\n", "reject", "no conversation", {}),
    "array-as-line": (joined(GOOD, [1, 2]), "reject", "a line that is an array", {"line": 2}),
    "null-as-line": (joined(GOOD, "null"), "reject", "a line that is null", {"line": 2}),
    "no-messages": (joined(GOOD, {"message": []}), "reject", "messages is missing", {"line": 2, "field": "messages"}),
    "messages-null": (joined({"messages": None}), "reject", "messages is null", {"line": 1, "field": "messages"}),
    "messages-text": (
        joined({"messages": "Hello"}),
        "reject",
        "messages is a string",
        {"line": 1, "field": "messages"},
    ),
    "messages-empty": (joined(GOOD, GOOD, {"messages": []}), "reject", "no message", {"line": 3, "field": "messages"}),
    "message-null": (joined({"messages": [None]}), "reject", "a message is null", {"line": 1, "field": "messages[0]"}),
    "no-answer": (
        joined(GOOD, {"messages": [{"role": "user", "content": "a"}]}),
        "reject",
        "nothing to learn from",
        {"line": 2, "field": "messages"},
    ),
    "role-missing": (
        joined(altered(0, "role", KeyError)),
        "reject",
        "no role",
        {"line": 1, "field": "messages[0].role"},
    ),
    "role-number": (
        joined(GOOD, altered(1, "role", 5)),
        "reject",
        "a role that is a number",
        {"line": 2, "field": "messages[1].role"},
    ),
    "role-unknown": (
        joined(GOOD, GOOD, altered(0, "role", "robot")),
        "reject",
        "a role that does not exist",
        {"line": 3, "field": "messages[0].role"},
    ),
    "content-missing": (
        joined(altered(0, "content", KeyError)),
        "reject",
        "no content",
        {"line": 1, "field": "messages[0].content"},
    ),
    "content-number": (
        joined(altered(0, "content", 1)),
        "reject",
        "content that is a number",
        {"line": 1, "field": "messages[0].content"},
    ),
    "content-null": (
        joined(altered(1, "content", None)),
        "reject",
        "an answer that is null, without a call",
        {"line": 1, "field": "messages[1].content"},
    ),
    "answer-empty": (
        joined(GOOD, altered(1, "content", "")),
        "reject",
        "an answer without text",
        {"line": 2, "field": "messages[1].content"},
    ),
    "question-empty": (
        joined(altered(0, "content", "")),
        "reject",
        "a question without text",
        {"line": 1, "field": "messages[0].content", "judgement": True},
    ),
    "key-twice": (
        joined('{"messages": [], ' + json.dumps(GOOD)[1:]),
        "reject",
        "messages twice",
        {"line": 1, "field": "messages", "judgement": True},
    ),
    "role-twice": (
        joined(
            '{"messages": [{"role": "user", "role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}'
        ),
        "reject",
        "a role twice",
        {"line": 1, "field": "messages[0].role", "judgement": True},
    ),
    "half-a-surrogate": (
        joined(r'{"messages": [{"role": "user", "content": "\ud83e"}, {"role": "assistant", "content": "b"}]}'),
        "reject",
        "half a surrogate pair",
        {"line": 1, "field": "messages[0].content", "judgement": True},
    ),
    "cut-line": (joined(GOOD, '{"messages": [{"role": "us'), "reject", "a line that ends within a string", {"line": 2}),
    "comma-behind-a-blank-line": (
        joined(GOOD, "", json.dumps(GOOD)[:-1] + ",}"),
        "reject",
        "a comma too many on the third line of the file",
        {"line": 3},
    ),
    "not-a-number": (
        joined('{"messages": [{"role": "user", "content": NaN}]}'),
        "reject",
        "NaN is not JSON",
        {"line": 1},
    ),
    "single-quotes": (joined("{'messages': []}"), "reject", "single quotes", {"line": 1}),
    "two-objects": (joined(json.dumps(GOOD) + " " + json.dumps(GOOD)), "reject", "two objects on a line", {"line": 1}),
    "spread-over-lines": (
        json.dumps(GOOD, indent=1).encode() + b"\n",
        "reject",
        "an object on many lines",
        {"line": 1},
    ),
    "control-character": (
        joined('{"messages": [{"role": "user", "content": "a\u0001"}]}'),
        "reject",
        "a raw control character",
        {"line": 1},
    ),
    "deep": (joined("[" * 5000 + "]" * 5000), "reject", "5000 nested arrays", {"line": 1}),
    "latin-1": (
        joined(GOOD, b'{"messages": [{"role": "user", "content": "\xe9"}]}'),
        "reject",
        "a byte of ISO 8859-1",
        {"line": 2},
    ),
    "not-utf-8": (
        joined(GOOD, b'{"messages": [{"role": "user", "content": "\xff\xfe"}]}'),
        "reject",
        "bytes that are not UTF-8",
        {"line": 2},
    ),
    "utf-16": (joined(GOOD).decode().encode("utf-16"), "reject", "UTF-16", {"line": 1}),
    "gzip": (gzip.compress(joined(GOOD), mtime=0), "reject", "packed data under the name of plain text", {"line": 1}),
    "prompt-and-completion": (
        joined({"prompt": "a", "completion": "b"}),
        "reject",
        "another format, where conversations are asked for",
        {"line": 1, "field": "messages"},
    ),
}


def data(out):
    for name, (content, verdict, why, more) in DATA.items():
        folder = f"{out}/malformed/jsonl/{name}"
        write_bytes(f"{folder}/data.jsonl", content)
        expect(folder, verdict, "data.jsonl", why, **more)


# --- containers ---------------------------------------------------------------------------------------------------------------------------


def container(header, body=b"", length=None, pad=True):
    text = header if isinstance(header, bytes) else (header if isinstance(header, str) else json.dumps(header)).encode()
    if pad:
        text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def entry(shape=(2, 3), offsets=(0, 24), kind="F32"):
    return {"dtype": kind, "shape": list(shape), "data_offsets": list(offsets)}


BODY = bytes(range(48))
TWO = {"a": entry(), "b": entry((6,), (24, 48))}


def one(**more):
    return container({"a": {**entry((6,), (0, 24)), **more}}, BODY[:24])


CONTAINERS = {
    "valid": (container(TWO, BODY), "accept", "two tensors", {}),
    "metadata": (container({"__metadata__": {"format": "pt"}, **TWO}, BODY), "accept", "strings as metadata", {}),
    "header-unaligned": (
        container(TWO, BODY, pad=False)
        if len(json.dumps(TWO)) % 8
        else container(json.dumps(TWO) + " ", BODY, pad=False),
        "accept",
        "a header whose length is no multiple of 8",
        {},
    ),
    "other-order": (
        container({"b": TWO["b"], "a": TWO["a"]}, BODY),
        "accept",
        "the header in another order than the data",
        {},
    ),
    "scalar": (container({"a": entry((), (0, 4))}, BODY[:4]), "accept", "a tensor of rank 0", {}),
    "no-element": (container({"a": entry((0, 3), (0, 0))}), "accept", "a tensor with no element", {}),
    "empty": (b"", "reject", "no byte", {}),
    "seven-bytes": (b"\0" * 7, "reject", "shorter than the length", {}),
    "header-empty": (container(b"", length=0), "reject", "a header of length 0", {}),
    "header-past-the-end": (container(TWO, BODY, length=10_000), "reject", "a header longer than the file", {}),
    "header-cut": (container(TWO)[:40], "reject", "the file ends within the header", {}),
    "length-all-ones": (
        container(TWO, BODY, length=2**64 - 1),
        "reject",
        "a length that overflows when 8 is added",
        {},
    ),
    "length-beyond-signed": (container(TWO, BODY, length=2**63), "reject", "a length beyond signed 64 bits", {}),
    "length-hundred-million": (container(TWO, BODY, length=100_000_001), "reject", "a header of over 100 MB", {}),
    "header-not-json": (container('{"a": ]', BODY), "reject", "no JSON", {}),
    "header-not-utf-8": (container(b'{"\xff": 1}', BODY), "reject", "not UTF-8", {}),
    "header-array": (container("[]"), "reject", "an array", {}),
    "name-twice": (
        container('{"a": %s, "a": %s}' % (json.dumps(entry()), json.dumps(entry((6,), (24, 48)))), BODY),
        "reject",
        "a name twice",
        {"field": "a"},
    ),
    "type-number": (one(dtype=1), "reject", "a type that is a number", {"field": "a"}),
    "type-unknown": (one(dtype="F7"), "reject", "a type that does not exist", {"field": "a"}),
    "shape-missing": (
        container({"a": {"dtype": "F32", "data_offsets": [0, 24]}}, BODY[:24]),
        "reject",
        "no shape",
        {"field": "a"},
    ),
    "shape-fraction": (one(shape=[1.5, 4]), "reject", "a fraction as a dimension", {"field": "a"}),
    "shape-negative": (one(shape=[-2, -3]), "reject", "negative dimensions", {"field": "a"}),
    "shape-overflow": (one(shape=[2**40, 2**40]), "reject", "more elements than 64 bits count", {"field": "a"}),
    "shape-wraps-around": (one(shape=[2**62, 2**3, 3]), "reject", "an element count that wraps around", {"field": "a"}),
    "offsets-negative": (one(data_offsets=[-24, 0]), "reject", "negative offsets", {"field": "a"}),
    "offsets-three": (one(data_offsets=[0, 12, 24]), "reject", "three offsets", {"field": "a"}),
    "ends-before-it-begins": (one(data_offsets=[24, 0]), "reject", "an end before the beginning", {"field": "a"}),
    "size-wrong": (one(dtype="F16"), "reject", "24 bytes for 6 numbers of 2 bytes", {"field": "a"}),
    "overlap": (
        container({"a": entry(), "b": entry((6,), (20, 44))}, BODY[:44]),
        "reject",
        "bytes of two tensors",
        {"field": "b"},
    ),
    "hole": (
        container({"a": entry((1,), (0, 4)), "b": entry((1,), (8, 12))}, BODY[:12]),
        "reject",
        "bytes of no tensor",
        {"field": "b"},
    ),
    "past-the-end": (container(TWO, BODY[:40]), "reject", "a tensor that ends behind the file", {"field": "b"}),
    "bytes-behind": (container(TWO, BODY + b"\0" * 4), "reject", "bytes behind the last tensor", {}),
    "metadata-number": (
        container({"__metadata__": {"n": 1}, **TWO}, BODY),
        "reject",
        "metadata that is no string",
        {"field": "__metadata__"},
    ),
}


def containers(out):
    for name, (content, verdict, why, more) in CONTAINERS.items():
        folder = f"{out}/malformed/safetensors/{name}"
        write_bytes(f"{folder}/model.safetensors", content)
        expect(folder, verdict, "model.safetensors", why, **more)


# --- configurations, checkpoints, adapters ------------------------------------------------------------------------------------------------

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 20,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
}


def without(key):
    return {name: value for name, value in CONFIG.items() if name != key}


LONGROPE = {
    "model_type": "phi3",
    "architectures": ["Phi3ForCausalLM"],
    "max_position_embeddings": 128,
    "original_max_position_embeddings": 64,
}
CONFIGS = {
    "valid": (CONFIG, "accept", "a small Llama", {}),
    "more-keys": ({**CONFIG, "my_key": {"a": [1]}}, "accept", "keys that nobody knows", {}),
    "rope-scaling-null": ({**CONFIG, "rope_scaling": None}, "accept", "no scaling", {}),
    "key-value-heads-absent": (without("num_key_value_heads"), "accept", "as many as heads", {}),
    "empty": (b"", "reject", "no byte", {}),
    "cut": (json.dumps(CONFIG)[:90].encode(), "reject", "JSON that ends early", {}),
    "array": (b"[1]", "reject", "an array", {}),
    **{
        f"no-{key.replace('_', '-')}": (without(key), "reject", f"{key} is missing", {"field": key})
        for key in [
            "hidden_size",
            "intermediate_size",
            "num_hidden_layers",
            "num_attention_heads",
            "vocab_size",
            "model_type",
        ]
    },
    "model-type-unknown": (
        {**CONFIG, "model_type": "frob"},
        "reject",
        "a family that does not exist",
        {"field": "model_type"},
    ),
    "encoder": (
        {**CONFIG, "model_type": "bert", "architectures": ["BertModel"]},
        "reject",
        "no language model of this kind",
        {"field": "model_type"},
    ),
    "size-text": ({**CONFIG, "hidden_size": "16"}, "reject", "a size that is a string", {"field": "hidden_size"}),
    "size-fraction": (
        {**CONFIG, "num_hidden_layers": 1.5},
        "reject",
        "a fraction of a layer",
        {"field": "num_hidden_layers"},
    ),
    "size-huge": (
        {**CONFIG, "hidden_size": 2**40, "num_attention_heads": 2**20},
        "reject",
        "sizes that overflow",
        {"field": "hidden_size"},
    ),
    "layers-negative": (
        {**CONFIG, "num_hidden_layers": -1},
        "reject",
        "fewer than no layers",
        {"field": "num_hidden_layers"},
    ),
    "heads-zero": ({**CONFIG, "num_attention_heads": 0}, "reject", "no heads", {"field": "num_attention_heads"}),
    "key-value-heads-zero": (
        {**CONFIG, "num_key_value_heads": 0},
        "reject",
        "no key/value heads",
        {"field": "num_key_value_heads"},
    ),
    "vocabulary-zero": ({**CONFIG, "vocab_size": 0}, "reject", "no vocabulary", {"field": "vocab_size"}),
    "heads-do-not-divide": (
        {**CONFIG, "num_attention_heads": 3, "num_key_value_heads": 3},
        "reject",
        "16 is not a multiple of 3",
        {"field": "num_attention_heads"},
    ),
    "groups-do-not-divide": (
        {**CONFIG, "num_key_value_heads": 3},
        "reject",
        "4 is not a multiple of 3",
        {"field": "num_key_value_heads"},
    ),
    "head-odd": ({**CONFIG, "head_dim": 5}, "reject", "rotary embedding needs pairs", {"field": "head_dim"}),
    "epsilon-negative": ({**CONFIG, "rms_norm_eps": -1e-5}, "reject", "a negative epsilon", {"field": "rms_norm_eps"}),
    "activation-unknown": (
        {**CONFIG, "hidden_act": "snake"},
        "reject",
        "an activation that does not exist",
        {"field": "hidden_act"},
    ),
    "rope-type-unknown": (
        {**CONFIG, "rope_scaling": {"rope_type": "spiral", "factor": 2.0}},
        "reject",
        "a scaling that does not exist",
        {"field": "rope_scaling.rope_type"},
    ),
    "llama3-incomplete": (
        {
            **CONFIG,
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 8.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            },
        },
        "reject",
        "low_freq_factor is missing",
        {"field": "rope_scaling.low_freq_factor"},
    ),
    "longrope-incomplete": (
        {**CONFIG, **LONGROPE, "rope_scaling": {"type": "longrope", "short_factor": [1.0, 1.0]}},
        "reject",
        "long_factor is missing",
        {"field": "rope_scaling.long_factor"},
    ),
    "longrope-of-another-length": (
        {
            **CONFIG,
            **LONGROPE,
            "rope_scaling": {"type": "longrope", "short_factor": [1.0] * 3, "long_factor": [1.0] * 2},
        },
        "reject",
        "three factors for two pairs",
        {"field": "rope_scaling.short_factor"},
    ),
    "quantised": (
        {**CONFIG, "quantization_config": {"quant_method": "gptq", "bits": 4}},
        "reject",
        "quantised weights cannot be trained",
        {"field": "quantization_config", "judgement": True},
    ),
}


def configurations(out):
    for name, (content, verdict, why, more) in CONFIGS.items():
        folder = f"{out}/malformed/config/{name}"
        write_bytes(
            f"{folder}/config.json", content if isinstance(content, bytes) else json.dumps(content, indent=1) + "\n"
        )
        expect(folder, verdict, "config.json", why, **more)


LAYER = "model.layers.0."
SHAPES = {
    "model.embed_tokens.weight": (20, 16),
    "model.norm.weight": (16,),
    "lm_head.weight": (20, 16),
    LAYER + "input_layernorm.weight": (16,),
    LAYER + "post_attention_layernorm.weight": (16,),
    LAYER + "self_attn.q_proj.weight": (16, 16),
    LAYER + "self_attn.k_proj.weight": (8, 16),
    LAYER + "self_attn.v_proj.weight": (8, 16),
    LAYER + "self_attn.o_proj.weight": (16, 16),
    LAYER + "mlp.gate_proj.weight": (24, 16),
    LAYER + "mlp.up_proj.weight": (24, 16),
    LAYER + "mlp.down_proj.weight": (16, 24),
}


def weights(**changes):
    import torch

    tensors = {name: normal(5, name, shape, 0.2) for name, shape in SHAPES.items()}
    for name, value in changes.get("put", {}).items():
        tensors[name] = value(tensors.get(name)) if callable(value) else torch.as_tensor(value)
    for name in changes.get("drop", []):
        del tensors[name]
    return tensors


def checkpoints(out):
    import torch

    def poisoned(tensor):
        tensor = tensor.clone()
        tensor[3] = float("nan")
        return tensor

    norm, file = "model.norm.weight", "model.safetensors"
    cases = {
        "valid": (CONFIG, weights(), "accept", file, "complete", {}),
        "tensor-too-many": (
            CONFIG,
            weights(put={LAYER + "self_attn.rotary_emb.inv_freq": torch.ones(2)}),
            "accept",
            file,
            "a tensor that nobody needs",
            {},
        ),
        "tensor-missing": (
            CONFIG,
            weights(drop=[LAYER + "mlp.up_proj.weight"]),
            "reject",
            file,
            "a weight is missing",
            {"field": LAYER + "mlp.up_proj.weight"},
        ),
        "head-missing": (
            CONFIG,
            weights(drop=["lm_head.weight"]),
            "reject",
            file,
            "the head is missing and not tied",
            {"field": "lm_head.weight"},
        ),
        "another-shape": (
            CONFIG,
            weights(put={LAYER + "self_attn.k_proj.weight": torch.ones(16, 16)}),
            "reject",
            file,
            "16x16, not 8x16",
            {"field": LAYER + "self_attn.k_proj.weight"},
        ),
        "another-vocabulary": (
            {**CONFIG, "vocab_size": 21},
            weights(),
            "reject",
            file,
            "20 rows for 21 tokens",
            {"field": "model.embed_tokens.weight"},
        ),
        "whole-numbers": (
            CONFIG,
            weights(put={norm: torch.ones(16, dtype=torch.int64)}),
            "reject",
            file,
            "a weight of whole numbers",
            {"field": norm},
        ),
        "not-a-number": (
            CONFIG,
            weights(put={norm: poisoned}),
            "reject",
            file,
            "a weight is NaN",
            {"field": norm, "judgement": True},
        ),
        "no-weights": (CONFIG, None, "reject", file, "no file of weights", {}),
    }
    for name, (config, tensors, verdict, file, why, more) in cases.items():
        folder = f"{out}/malformed/checkpoint/{name}"
        write_bytes(f"{folder}/config.json", json.dumps(config, indent=1) + "\n")
        if tensors is not None:
            save(f"{folder}/model.safetensors", tensors)
        expect(folder, verdict, file, why, **more)
    first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    place = {name: first if index % 2 == 0 else second for index, name in enumerate(sorted(SHAPES))}
    for name, changed, files, file, why, more in [
        ("shard-missing", {}, [first], second, "a shard is missing", {}),
        (
            "shard-wrong",
            {norm: second if place[norm] == first else first},
            [first, second],
            "model.safetensors.index.json",
            "a weight is in another shard",
            {"field": norm},
        ),
        (
            "shard-outside",
            {norm: "../valid/model.safetensors"},
            [first, second],
            "model.safetensors.index.json",
            "a shard outside of the folder",
            {},
        ),
    ]:
        folder = f"{out}/malformed/checkpoint/{name}"
        write_bytes(f"{folder}/config.json", json.dumps(CONFIG, indent=1) + "\n")
        write_json(f"{folder}/model.safetensors.index.json", {"metadata": {}, "weight_map": {**place, **changed}})
        for shard in files:
            save(f"{folder}/{shard}", {key: value for key, value in weights().items() if place[key] == shard})
        expect(folder, "reject", file, why, **more)


def adapters(out):
    prefix = "base_model.model.model.layers.0.self_attn.q_proj.lora_"
    a, b = prefix + "A.weight", prefix + "B.weight"
    settings = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": 2,
        "lora_alpha": 4,
        "target_modules": ["q_proj"],
        "lora_dropout": 0.0,
        "bias": "none",
    }
    tensors = {a: normal(8, a, (2, 16)), b: normal(8, b, (16, 2))}
    config, file = "adapter_config.json", "adapter_model.safetensors"
    elsewhere = a.replace("layers.0", "layers.7")
    for name, changed, stored, verdict, where, why, more in [
        ("valid", {}, tensors, "accept", config, "rank 2 on q_proj", {}),
        ("half", {}, {a: tensors[a]}, "reject", file, "B is missing", {"field": b}),
        ("another-rank", {"r": 3}, tensors, "reject", config, "rank 3 said, rank 2 stored", {"field": "r"}),
        ("rank-zero", {"r": 0}, tensors, "reject", config, "rank 0", {"field": "r"}),
        (
            "another-layer",
            {},
            {elsewhere: tensors[a], b.replace("layers.0", "layers.7"): tensors[b]},
            "reject",
            file,
            "layer 7 does not exist",
            {"field": elsewhere},
        ),
        ("another-method", {"peft_type": "IA3"}, tensors, "reject", config, "not LoRA", {"field": "peft_type"}),
        (
            "another-width",
            {},
            {a: normal(8, a, (2, 15)), b: tensors[b]},
            "reject",
            file,
            "15 inputs, not 16",
            {"field": a},
        ),
    ]:
        folder = f"{out}/malformed/adapter/{name}"
        write_bytes(f"{folder}/{config}", json.dumps({**settings, **changed}, indent=1) + "\n")
        save(f"{folder}/{file}", stored)
        expect(folder, verdict, where, why, **more)


# --- tokenizers and templates -------------------------------------------------------------------------------------------------------------

TOKENIZER = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [],
    "normalizer": None,
    "pre_tokenizer": None,
    "post_processor": None,
    "decoder": None,
    "model": {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "abc": 4},
        "merges": ["a b", "ab c"],
    },
}


def with_model(**changes):
    model = {**TOKENIZER["model"], **changes}
    return {**TOKENIZER, "model": {key: value for key, value in model.items() if value is not KeyError}}


TOKEN = {
    "id": 5,
    "content": "<s>",
    "single_word": False,
    "lstrip": False,
    "rstrip": False,
    "normalized": False,
    "special": True,
}
TOKENIZERS = {
    "valid": (TOKENIZER, "accept", "five pieces, two merges", {}),
    "merges-as-pairs": (with_model(merges=[["a", "b"], ["ab", "c"]]), "accept", "the newer spelling", {}),
    "empty": (b"", "reject", "no byte", {}),
    "cut": (json.dumps(TOKENIZER)[:200].encode(), "reject", "JSON that ends early", {}),
    "array": (b"[]", "reject", "an array", {}),
    "no-model": (
        {key: value for key, value in TOKENIZER.items() if key != "model"},
        "reject",
        "no model",
        {"field": "model"},
    ),
    "no-vocabulary": (with_model(vocab=KeyError), "reject", "no vocabulary", {"field": "model.vocab"}),
    "vocabulary-array": (
        with_model(vocab=["a", "b"]),
        "reject",
        "a vocabulary that is an array",
        {"field": "model.vocab"},
    ),
    "id-negative": (with_model(vocab={"a": -1}, merges=[]), "reject", "a negative id", {"field": "model.vocab.a"}),
    "id-text": (
        with_model(vocab={"a": "0"}, merges=[]),
        "reject",
        "an id that is a string",
        {"field": "model.vocab.a"},
    ),
    "id-twice": (
        with_model(vocab={"a": 0, "b": 0}, merges=[]),
        "reject",
        "two pieces of one id",
        {"field": "model.vocab.b", "judgement": True},
    ),
    "model-type-unknown": (with_model(type="Markov"), "reject", "a model that does not exist", {"field": "model.type"}),
    "merge-of-one": (with_model(merges=["ab"]), "reject", "a merge of one part", {"field": "model.merges[0]"}),
    "merge-of-three": (with_model(merges=["a b c"]), "reject", "a merge of three parts", {"field": "model.merges[0]"}),
    "merge-part-unknown": (
        with_model(merges=["a b", "ab x"]),
        "reject",
        "a part that is no piece",
        {"field": "model.merges[1]"},
    ),
    "merge-result-unknown": (
        with_model(merges=["a b", "b c"]),
        "reject",
        "a result that is no piece",
        {"field": "model.merges[1]"},
    ),
    "unknown-token-unknown": (
        with_model(unk_token="<unk>"),
        "reject",
        "an unknown token that is no piece",
        {"field": "model.unk_token", "judgement": True},
    ),
    "normalizer-unknown": (
        {**TOKENIZER, "normalizer": {"type": "Upside"}},
        "reject",
        "a normaliser that does not exist",
        {"field": "normalizer.type"},
    ),
    "pre-tokenizer-unknown": (
        {**TOKENIZER, "pre_tokenizer": {"type": "Scissors"}},
        "reject",
        "a step that does not exist",
        {"field": "pre_tokenizer.type"},
    ),
    "expression-broken": (
        {
            **TOKENIZER,
            "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a|"}, "behavior": "Isolated", "invert": False},
        },
        "reject",
        "an expression that is not closed",
        {"field": "pre_tokenizer.pattern.Regex"},
    ),
    "added-without-id": (
        {**TOKENIZER, "added_tokens": [{key: value for key, value in TOKEN.items() if key != "id"}]},
        "reject",
        "an added token without an id",
        {"field": "added_tokens[0].id"},
    ),
    "added-content-number": (
        {**TOKENIZER, "added_tokens": [{**TOKEN, "content": 5}]},
        "reject",
        "an added token that is a number",
        {"field": "added_tokens[0].content"},
    ),
}

TEMPLATES = {
    "always-raises": (
        "{{ raise_exception('no conversation is good enough') }}",
        "the template's own words must reach the user",
        {},
    ),
    "unclosed-for": ("{% for m in messages %}{{ m.content }}", "for without endfor", {}),
    "syntax-error": ("{{ messages[0].content ", "an expression that is not closed", {}),
    "unknown-filter": ("{{ messages | sparkle }}", "a filter that does not exist", {}),
    "huge-range": (
        "{% for i in range(1000000000) %}{{ i }}{% endfor %}",
        "a billion rounds: must end at a limit",
        {"judgement": True},
    ),
}


def tokenizers_and_templates(out):
    for name, (content, verdict, why, more) in TOKENIZERS.items():
        folder = f"{out}/malformed/tokenizer/{name}"
        write_bytes(
            f"{folder}/tokenizer.json", content if isinstance(content, bytes) else json.dumps(content, indent=1) + "\n"
        )
        expect(folder, verdict, "tokenizer.json", why, **more)
    for name, (template, why, more) in TEMPLATES.items():
        folder = f"{out}/malformed/chat-template/{name}"
        write_json(
            f"{folder}/tokenizer_config.json", {"chat_template": template, "bos_token": None, "eos_token": "<|im_end|>"}
        )
        expect(folder, "reject", "tokenizer_config.json", why, field="chat_template", **more)


def make_all(out):
    for part in [data, containers, configurations, checkpoints, adapters, tokenizers_and_templates]:
        part(out)
    print("malformed", flush=True)

#!/usr/bin/env python3
"""A GGUF file of a Llama checkpoint that `tala bench make-checkpoint` made, and of LoRA adapters for it with random numbers in PEFT's form and in GGUF.

usage: make_gguf.py MODEL float32|bfloat16 OUT.gguf
       make_gguf.py MODEL adapter RANK SEED FOLDER OUT.gguf
For scripts/compare-serving. Needs the packages gguf, safetensors and numpy."""
import json
import pathlib
import sys

import gguf
import numpy

LAYER = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
}


def gguf_name(name):
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    if name == "lm_head.weight":
        return "output.weight"
    layer, rest = name.removeprefix("model.layers.").split(".", 1)
    return f"blk.{layer}.{LAYER[rest.removesuffix('.weight')]}.weight"


def tensors(folder):
    """Name and float32 numbers of every tensor; stored as float32 or bfloat16."""
    for path in sorted(folder.glob("*.safetensors")):
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            first, end = (8 + length + offset for offset in entry["data_offsets"])
            if entry["dtype"] == "BF16":
                numbers = (numpy.frombuffer(data[first:end], numpy.uint16).astype(numpy.uint32) << 16).view(numpy.float32)
            else:
                numbers = numpy.frombuffer(data[first:end], numpy.float32)
            yield name, numbers.reshape(entry["shape"])


def rotary_order(numbers, heads):
    """Rows of queries and keys in the order in which llama.cpp turns pairs."""
    return numbers.reshape(heads, 2, numbers.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(numbers.shape)


def model(folder, kind, out):
    configuration = json.loads((folder / "config.json").read_text())
    heads, key_heads = configuration["num_attention_heads"], configuration["num_key_value_heads"]
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_name("random weights")
    writer.add_context_length(configuration["max_position_embeddings"])
    writer.add_embedding_length(configuration["hidden_size"])
    writer.add_block_count(configuration["num_hidden_layers"])
    writer.add_feed_forward_length(configuration["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_heads)
    writer.add_rope_dimension_count(configuration["hidden_size"] // heads)
    writer.add_rope_freq_base(configuration.get("rope_theta", 10000.0))
    writer.add_layer_norm_rms_eps(configuration["rms_norm_eps"])
    writer.add_vocab_size(configuration["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16 if kind == "bfloat16" else gguf.LlamaFileType.ALL_F32)
    # A tokenizer of bytes; the other tokens are never written by anybody.
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + index) for index, byte in enumerate(others)}
    tokens = ["<|endoftext|>"] + [letters[byte] for byte in range(256)]
    types = [gguf.TokenType.CONTROL] + [gguf.TokenType.NORMAL] * 256
    missing = configuration["vocab_size"] - len(tokens)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens + [f"word{index}" for index in range(missing)])
    writer.add_token_types(types + [gguf.TokenType.NORMAL] * missing)
    writer.add_token_merges(["a a"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.add_add_bos_token(False)
    for name, numbers in tensors(folder):
        if name.endswith("q_proj.weight"):
            numbers = rotary_order(numbers, heads)
        elif name.endswith("k_proj.weight"):
            numbers = rotary_order(numbers, key_heads)
        numbers = numpy.ascontiguousarray(numbers)
        if kind == "bfloat16" and numbers.ndim == 2:
            words = gguf.quants.quantize(numbers, gguf.GGMLQuantizationType.BF16)
            writer.add_tensor(gguf_name(name), words, raw_dtype=gguf.GGMLQuantizationType.BF16)
        else:
            writer.add_tensor(gguf_name(name), numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def adapter(folder, rank, seed, peft, out):
    from safetensors.numpy import save_file

    random = numpy.random.default_rng(seed)
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(2 * rank))
    stored = {}
    for name, numbers in tensors(folder):
        module = name.removesuffix(".weight")
        if not module.endswith("_proj"):
            continue
        a = (random.standard_normal((rank, numbers.shape[1])) * 0.02).astype(numpy.float32)
        b = (random.standard_normal((numbers.shape[0], rank)) * 0.02).astype(numpy.float32)
        stored[f"base_model.model.{module}.lora_A.weight"], stored[f"base_model.model.{module}.lora_B.weight"] = a, b
        writer.add_tensor(gguf_name(name) + ".lora_a", a)
        writer.add_tensor(gguf_name(name) + ".lora_b", b)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    peft.mkdir(parents=True)
    save_file(stored, peft / "adapter_model.safetensors")
    modules = sorted({name.rsplit(".", 3)[1] for name in stored})
    (peft / "adapter_config.json").write_text(
        json.dumps(
            {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 2 * rank, "lora_dropout": 0.0, "bias": "none", "target_modules": modules}
        )
    )


if len(sys.argv) == 4:
    model(pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3])
else:
    adapter(pathlib.Path(sys.argv[1]), int(sys.argv[3]), int(sys.argv[4]), pathlib.Path(sys.argv[5]), sys.argv[6])

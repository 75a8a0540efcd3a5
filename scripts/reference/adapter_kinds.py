"""Adapters of each kind on a tiny model as PEFT stores them, and five steps of each as PEFT trains it."""

import copy
import json
import re

import torch

from common import normal, save, versions, write_json
from models import batch, forward, logits_of, seed_of, train

BASE = "starcoder2-tiny"
COMMON = {"r": 3, "lora_alpha": 6, "lora_dropout": 0.0, "task_type": "CAUSAL_LM"}
ATTENTION = ["k_proj", "o_proj", "q_proj", "v_proj"]

# name -> what LoraConfig gets beside COMMON.
KINDS = {
    "patterns": {
        "target_modules": r".*\.layers\.(0\.self_attn\.(q|o)|1\.mlp\.c)_(proj|fc)",
        "rank_pattern": {"o_proj": 2},
        "alpha_pattern": {"layers.1.mlp.c_fc": 5},
        "use_rslora": True,
    },
    "bias": {"target_modules": ATTENTION, "bias": "all"},
    "modules": {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens", "lm_head"], "layers_to_transform": [1]},
    "embedding": {"target_modules": ["embed_tokens", "v_proj"], "rank_pattern": {"embed_tokens": 2}},
    "dora": {"target_modules": [*ATTENTION, "c_fc", "c_proj"], "use_dora": True},
    "pissa": {"target_modules": ["c_fc", "c_proj", "q_proj"], "init_lora_weights": "pissa"},
    "olora": {"target_modules": ["c_fc", "c_proj", "q_proj"], "init_lora_weights": "olora"},
}


def plain(name):
    """The name of a trained parameter without PEFT's words."""
    name = name.removeprefix("base_model.model.").replace(".modules_to_save.default", "")
    name = re.sub(r"\.(lora_[AB]|lora_magnitude_vector)\.default\.weight$", r".\1", name)
    return re.sub(r"\.(lora_embedding_[AB])\.default$", r".\1", name)


def move(wrapped, seed, changes_base):
    """Numbers with which every gradient is something: B not zero, magnitudes moved; what began as a part of the base stays it."""
    for name, parameter in wrapped.named_parameters():
        if not parameter.requires_grad or changes_base:
            continue
        with torch.no_grad():
            if "lora_A" in name or "lora_embedding_A" in name:
                parameter.copy_(normal(seed, name, parameter.shape, parameter.shape[1] ** -0.5))
            elif "lora_B" in name or "lora_embedding_B" in name:
                parameter.copy_(normal(seed, name, parameter.shape, 0.1))
            elif "magnitude" in name:
                parameter.mul_(1 + normal(seed, name, parameter.shape, 0.02))


def make(out, name, settings, base=BASE, seed=None):
    """An adapter of the set, or, with a seed, one that was drawn."""
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from transformers import AutoModelForCausalLM

    with open(f"{out}/models/{base}/golden.json") as file:
        lengths = json.load(file)["lengths"]
    drawn, folder = seed is not None, f"{out}/adapters/{name if seed is not None else f'{base}-{name}'}"
    seed = seed_of(base) if seed is None else seed
    model = AutoModelForCausalLM.from_pretrained(f"{out}/models/{base}", attn_implementation="eager", dtype=torch.float32).eval()
    if any(word in model.config.model_type for word in ["moe", "mixtral", "gpt_oss"]):
        model.set_experts_implementation("eager")
    wrapped = get_peft_model(model, LoraConfig(**{**COMMON, **settings}))
    move(wrapped, seed + 500, settings.get("init_lora_weights") in ("pissa", "olora"))
    stored = get_peft_model_state_dict(wrapped)
    save(f"{folder}/adapter_model.safetensors", stored)
    config = {"peft_type": "LORA", "base_model_name_or_path": f"models/{base}", "inference_mode": True, "bias": "none", **COMMON, **settings}
    write_json(f"{folder}/adapter_config.json", dict(sorted(config.items())), indent=2)
    rows = batch(seed, lengths, max(lengths), model.config.vocab_size)
    trained = {plain(key): value for key, value in wrapped.named_parameters() if value.requires_grad}
    exact = train(copy.deepcopy(wrapped).double(), rows, lambda: None) if drawn else None
    tensors = {key.removeprefix("kind."): value for key, value in logits_of(wrapped, rows, lengths, "kind").items()}
    figures = train(
        wrapped, rows, lambda: tensors.update({f"grad.{key}": value.grad.clone() for key, value in trained.items()})
    )
    if exact and any(abs(a - b) > 1e-4 * b for key in exact if "norm" in key for a, b in zip(figures[key], exact[key])):
        raise ValueError("rounding decides in PEFT itself")
    tensors.update({f"after5.{key}": value.detach() for key, value in trained.items()})
    save(f"{folder}/golden.safetensors", tensors)
    write_json(
        f"{folder}/golden.json",
        {
            "base": f"models/{base}",
            **({"drawn": True} if drawn else {}),
            "versions": versions(),
            "trained": {key: list(value.shape) for key, value in sorted(trained.items())},
            **figures,
        },
    )


def make_all(out):
    for name, settings in KINDS.items():
        make(out, name, settings)
    # Weights that are stored turned: a row an input.
    make(out, "dora", {"target_modules": ["c_attn", "c_fc", "c_proj"], "use_dora": True}, "gpt2-narrow-tiny")
    print("adapter kinds", flush=True)

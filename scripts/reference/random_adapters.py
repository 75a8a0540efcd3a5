"""Adapters whose settings are drawn, on models that were drawn: what PEFT computes with them.

random_adapters.py FOLDER SEED COUNT [FAMILY ...], after random_models.py with the same words, writes COUNT adapters on
models of each family to FOLDER/adapters.
"""

import json
import os
import re
import shutil
import sys

import adapter_kinds
from models import linear_targets
from random_models import Drawing, each_drawn

# PEFT takes experts, too, where all linear layers are meant, and all layers where an
# expression names some.
MIXTURES = ["mixtral", "qwen3_moe", "phimoe", "gpt_oss"]


def parts(model):
    """The names of the modules that adapters may stand on, whole; how many layers there are."""
    wanted = set(linear_targets(model))
    names = [name for name, _ in model.named_modules() if name.split(".")[-1] in wanted]
    return names, sorted(wanted), model.config.num_hidden_layers


def some(d, items, least=1):
    chosen = [item for item in items if d.yes()]
    return chosen if len(chosen) >= least else items[-least:]


def draw(d, model, embedding, head):
    names, kinds, layers = parts(model)
    drawn = {"r": d.between(1, 4), "lora_alpha": d.between(1, 16)}
    chosen = some(d, kinds)
    form = d.among("names", "names", "expression", "all-linear")
    if model.config.model_type in MIXTURES:
        form = "names"
    if form == "expression":
        some_layers = "|".join(str(layer) for layer in some(d, list(range(layers))))
        drawn["target_modules"] = rf".*\.({some_layers})\..*\.({'|'.join(chosen)})"
        if not any(re.fullmatch(drawn["target_modules"], name) for name in names):
            form = "names"
    if form == "names":
        drawn["target_modules"] = chosen
        if layers > 1 and d.yes(0.3):
            drawn["layers_to_transform"] = some(d, list(range(layers)))
        if len(chosen) > 1 and d.yes(0.3):
            drawn["exclude_modules"] = [chosen[0]]
    elif form == "all-linear":
        drawn["target_modules"] = "all-linear"
        chosen = kinds
    if d.yes(0.3):
        drawn["use_rslora"] = True
    start = d.among(None, None, None, "dora", "pissa", "olora")
    if start == "dora":
        drawn["use_dora"] = True
    elif start:
        drawn["init_lora_weights"] = start
    if d.yes(0.3):
        drawn["rank_pattern"] = {d.among(*chosen): d.between(1, 7)}
    if d.yes(0.3):
        drawn["alpha_pattern"] = {d.among(*chosen): d.between(1, 20)}
    if d.yes(0.3) and start is None:
        drawn["bias"] = d.among("all", "lora_only")
    if d.yes(0.25) and not model.config.tie_word_embeddings:
        drawn["modules_to_save"] = some(d, [embedding, head])
    elif d.yes(0.15) and form == "names" and start is None and "layers_to_transform" not in drawn:
        drawn["target_modules"] = [*chosen, embedding]
    return drawn


def main(out, seed, count, names):
    from transformers import AutoModelForCausalLM

    for _, own, base in each_drawn(seed, count, names):
        if not os.path.exists(f"{out}/models/{base}/golden.json"):
            continue
        model = AutoModelForCausalLM.from_pretrained(f"{out}/models/{base}")
        embedding, head = [
            next(key.split(".")[-1] for key, value in model.named_modules() if value is part)
            for part in [model.get_input_embeddings(), model.get_output_embeddings()]
        ]
        settings = draw(Drawing(own + 7_000_000), model, embedding, head)
        name = f"{base}-drawn"
        try:
            adapter_kinds.make(out, name, settings, base, own)
        except Exception as error:
            print(f"{name}: not compared: {error} {json.dumps(settings)}", flush=True)
            shutil.rmtree(f"{out}/adapters/{name}", ignore_errors=True)
            continue
        print(f"adapters/{name}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), set(sys.argv[4:]))

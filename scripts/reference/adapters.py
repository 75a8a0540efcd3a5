"""An adapter on the small chat model as PEFT stores it, what PEFT merges it to, and the loss over the validation conversations."""

import copy

import torch

from common import save, versions, write_json
from conversations import encode, read
from models import with_adapter
from trajectory import store_adapter, validate


def make_all(out):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base, folder = f"{out}/chat-model", f"{out}/adapters/chat-model-lora"
    tokenizer = AutoTokenizer.from_pretrained(base)
    rows = [encode(tokenizer, row["messages"])[1:] for row in read(f"{base}/validation.jsonl")]
    model = AutoModelForCausalLM.from_pretrained(base, attn_implementation="eager", dtype=torch.float32).eval()
    plain = validate(model, rows)
    wrapped = with_adapter(model, 55, 4, 8)
    store_adapter(folder, wrapped, "chat-model")
    tuned = validate(wrapped, rows)
    merged = copy.deepcopy(wrapped).merge_and_unload()
    # The weights that the adapter changes; the others are those of the base.
    tensors = {name: value for name, value in merged.state_dict().items() if "_proj.weight" in name}
    save(f"{folder}/merged.safetensors", tensors)
    write_json(
        f"{folder}/golden.json",
        {
            "base": "chat-model",
            "versions": versions(),
            "r": 4,
            "alpha": 8,
            "validation_without": plain,
            "validation_with": tuned,
            "validation_merged": validate(merged, rows),
        },
    )
    print("adapters", flush=True)

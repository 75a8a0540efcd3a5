"""The demonstration's model trained step by step: LoRA over two epochs, every parameter over one."""

import copy
import math
import re

import torch

from common import ROOT, save, versions, write_json
from conversations import encode, read
from models import OPTIMIZER, forward, optimizer_of, token_loss, with_adapter

RUNS = {
    "lora-r8": {"lora": True, "lr": 1e-3, "warmup_steps": 10, "schedule": "cosine", "epochs": 2},
    "full": {"lora": False, "lr": 5e-4, "warmup_steps": 5, "schedule": "linear", "epochs": 1},
}
BATCH = 8


def padded(rows):
    """Rows of (ids, labels), padded to the right."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.int64)
    labels = torch.full_like(ids, -100)
    mask = torch.zeros_like(ids)
    for index, (row, marks) in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        labels[index, : len(row)] = torch.tensor(marks)
        mask[index, : len(row)] = 1
    return {"input_ids": ids, "labels": labels, "attention_mask": mask}


def factor(run, step, total):
    """Of the learning rate; steps count from 0, so the first of a warm-up has rate 0."""
    if step < run["warmup_steps"]:
        return step / run["warmup_steps"]
    done = (step - run["warmup_steps"]) / (total - run["warmup_steps"])
    return (1 + math.cos(math.pi * done)) / 2 if run["schedule"] == "cosine" else 1 - done


def validate(model, rows):
    """Over the whole file: cross-entropy by labelled tokens, and how many of them are the likeliest."""
    total, tokens, correct = 0.0, 0, 0
    with torch.no_grad():
        for row in rows:
            one = padded([row])
            logits = forward(model, one)[:, :-1]
            labels = one["labels"][:, 1:]
            chosen = labels != -100
            total += float(torch.nn.functional.cross_entropy(logits[chosen], labels[chosen], reduction="sum").double())
            tokens += int(chosen.sum())
            correct += int((logits[chosen].argmax(-1) == labels[chosen]).sum())
    return {"loss": total / tokens, "perplexity": math.exp(total / tokens), "tokens": tokens, "correct_tokens": correct}


def follow(model, run, training, validation):
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = optimizer_of(parameters, run["lr"])
    batches = [training[start : start + BATCH] for start in range(0, len(training), BATCH)] * run["epochs"]
    result = {"validation_before": validate(model, validation)}
    steps = []
    for step, rows in enumerate(batches):
        rate = run["lr"] * factor(run, step, len(batches))
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        one = padded(rows)
        loss = token_loss(forward(model, one), one["labels"])
        loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, OPTIMIZER["clip_grad_norm"]))
        optimizer.step()
        steps.append(
            {
                "step": step + 1,
                "lr": rate,
                "loss": loss.item(),
                "grad_norm": norm,
                "tokens_in_loss": int((one["labels"][:, 1:] != -100).sum()),
                "rows": len(rows),
                "padded_length": one["labels"].shape[1],
            }
        )
    result["validation_after"] = validate(model, validation)
    return result | {"steps": steps}


def stored_names(model):
    """The adapter's matrices under the names that PEFT stores them by."""
    return {
        re.sub(r"\.default\.weight$", ".weight", name): value
        for name, value in model.named_parameters()
        if value.requires_grad
    }


def store_adapter(folder, model, name_of_base):
    """As PEFT stores one."""
    save(f"{folder}/adapter_model.safetensors", stored_names(model))
    settings = model.peft_config["default"]
    write_json(
        f"{folder}/adapter_config.json",
        {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": name_of_base,
            "r": settings.r,
            "lora_alpha": settings.lora_alpha,
            "lora_dropout": 0.0,
            "bias": "none",
            "inference_mode": True,
            "target_modules": sorted(settings.target_modules),
            "fan_in_fan_out": False,
            "modules_to_save": None,
            "use_rslora": False,
            "use_dora": False,
        },
        indent=2,
    )


def make_all(out):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = f"{ROOT}/demo/model"
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def data(file):
        return [encode(tokenizer, row["messages"])[1:] for row in read(f"{out}/chat-model/{file}")]

    training, validation = data("train.jsonl"), data("validation.jsonl")
    base = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    for name, run in RUNS.items():
        single, double = copy.deepcopy(base), copy.deepcopy(base).double()
        if run["lora"]:
            single, double = (with_adapter(model, 321, 8, 16, random_b=False) for model in (single, double))
            store_adapter(f"{out}/trajectory/{name}/initial_adapter", single, "demo/model")
        found = follow(single, run, training, validation)
        exact = follow(double, run, training, validation)
        pairs = list(zip(found["steps"], exact["steps"]))
        write_json(
            f"{out}/trajectory/{name}/trajectory.json",
            {
                "checkpoint": "demo/model",
                "train_file": "chat-model/train.jsonl",
                "validation_file": "chat-model/validation.jsonl",
                "hyperparameters": {
                    **run,
                    "r": 8,
                    "alpha": 16,
                    "batch_size": BATCH,
                    "betas": OPTIMIZER["betas"],
                    "eps": OPTIMIZER["eps"],
                    "weight_decay": OPTIMIZER["weight_decay"],
                    "clip_grad_norm": OPTIMIZER["clip_grad_norm"],
                },
                "order": "file order, no shuffling",
                "versions": versions(),
                **found,
                "float64": {
                    "losses": [step["loss"] for step in exact["steps"]],
                    "grad_norms": [step["grad_norm"] for step in exact["steps"]],
                    "validation_after": exact["validation_after"],
                },
                "observed_float32_vs_float64": {
                    "loss_abs_max": max(abs(a["loss"] - b["loss"]) for a, b in pairs),
                    "grad_norm_rel_max": max(abs(a["grad_norm"] - b["grad_norm"]) / b["grad_norm"] for a, b in pairs),
                    "validation_loss_abs": abs(found["validation_after"]["loss"] - exact["validation_after"]["loss"]),
                },
            },
        )
        print(f"trajectory/{name}", flush=True)

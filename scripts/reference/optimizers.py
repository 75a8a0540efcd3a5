"""Optimizers and schedules: twenty steps of each optimizer on the small chat model, and the rate of every step by transformers."""

import copy
import warnings

import torch

from common import save, versions, write_json
from conversations import encode, read
from models import OPTIMIZER, forward, token_loss, with_adapter
from trajectory import padded, stored_names, store_adapter

STEPS, BATCH, WARMUP = 20, 4, 3
RULES = {
    "adamw": {"name": "adamw", "lr": 2e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01},
    "lion": {"name": "lion", "lr": 3e-4, "betas": [0.9, 0.99], "weight_decay": 0.1},
    "sgd-momentum": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": False, "weight_decay": 0.0},
}

# shape, warm-up steps, steps in all
SCHEDULES = [
    ("constant_with_warmup", 4, 12),
    ("constant_with_warmup", 3, 2),
    ("linear", 0, 10),
    ("linear", 3, 10),
    ("linear", 10, 10),
    ("linear", 1, 2),
    ("linear", 5, 3),
    ("cosine", 0, 10),
    ("cosine", 5, 40),
    ("cosine", 7, 8),
    ("cosine", 12, 9),
    ("cosine", 1, 1),
]


class Lion(torch.optim.Optimizer):
    """Chen et al. 2023 (arXiv:2302.06675): the sign of a mixed momentum, with decoupled decay."""

    def __init__(self, parameters, rule):
        super().__init__(parameters, {"lr": rule["lr"], "betas": rule["betas"], "weight_decay": rule["weight_decay"]})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            first, second = group["betas"]
            for parameter in group["params"]:
                momentum = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(group["lr"] * torch.sign(first * momentum + (1 - first) * parameter.grad))
                momentum.mul_(second).add_((1 - second) * parameter.grad)


def optimizer_of(rule, parameters):
    if rule["name"] == "lion":
        return Lion(parameters, rule)
    if rule["name"] == "sgd":
        return torch.optim.SGD(parameters, lr=rule["lr"], momentum=rule["momentum"], foreach=False)
    return torch.optim.AdamW(
        parameters,
        lr=rule["lr"],
        betas=tuple(rule["betas"]),
        eps=rule["eps"],
        weight_decay=rule["weight_decay"],
        foreach=False,
    )


def follow(model, rule, rows):
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = optimizer_of(rule, parameters)
    steps = []
    for step in range(STEPS):
        rate = rule["lr"] * (step / WARMUP if step < WARMUP else 1 - (step - WARMUP) / (STEPS - WARMUP))
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        one = padded(rows[step * BATCH : (step + 1) * BATCH])
        loss = token_loss(forward(model, one), one["labels"])
        loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, OPTIMIZER["clip_grad_norm"]))
        optimizer.step()
        steps.append({"step": step + 1, "lr": rate, "loss": loss.item(), "grad_norm": norm})
    return steps


def schedules(out):
    from transformers import get_scheduler

    warnings.simplefilter("ignore")
    cases = []
    for name, warmup, total in SCHEDULES:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3e-4)
        schedule = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=total)
        rates = []
        for _ in range(total):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        settings = {"lr": 3e-4, "warmup_steps": warmup, "total_steps": total, "settings": {}}
        cases.append({"schedule": name, **settings, "lr_per_step": rates})
    write_json(f"{out}/optimizers/schedules.json", {"versions": versions(), "cases": cases})


def make_all(out):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = f"{out}/chat-model"
    tokenizer = AutoTokenizer.from_pretrained(base)
    rows = [encode(tokenizer, row["messages"])[1:] for row in read(f"{base}/train.jsonl")[: STEPS * BATCH]]
    model = AutoModelForCausalLM.from_pretrained(base, attn_implementation="eager", dtype=torch.float32).eval()
    wrapped = with_adapter(model, 91, 2, 4)
    store_adapter(f"{out}/optimizers/initial_adapter", wrapped, "chat-model")
    for name, rule in RULES.items():
        single, double = copy.deepcopy(wrapped), copy.deepcopy(wrapped).double()
        steps, exact = follow(single, rule, rows), follow(double, rule, rows)
        save(f"{out}/optimizers/{name}/adapter_model.safetensors", stored_names(single))
        largest = max(
            float((a.double() - b).abs().max())
            for a, b in zip(stored_names(single).values(), stored_names(double).values())
        )
        observed = {
            "loss_abs_max": max(abs(a["loss"] - b["loss"]) for a, b in zip(steps, exact)),
            "grad_norm_rel_max": max(
                abs(a["grad_norm"] - b["grad_norm"]) / b["grad_norm"] for a, b in zip(steps, exact)
            ),
            "final_trained_parameter_abs_max": largest,
        }
        description = {
            "checkpoint": "chat-model",
            "train_file": "chat-model/train.jsonl",
            "batch_size": BATCH,
            "optimizer": rule,
        }
        description |= {
            "schedule": {"schedule": "linear", "warmup_steps": WARMUP},
            "clip_grad_norm": 1.0,
            "versions": versions(),
        }
        write_json(
            f"{out}/optimizers/{name}/trajectory.json",
            {**description, "steps": steps, "observed_float32_vs_float64": observed},
        )
    schedules(out)
    print("optimizers", flush=True)

"""The learning rate of every step, as transformers' get_scheduler gives it."""

import warnings

import torch

from common import versions, write_json

# shape, warm-up steps, steps in all
RUNS = [
    ("constant", 0, 5),
    ("constant", 4, 12),
    ("linear", 0, 10),
    ("linear", 3, 10),
    ("linear", 10, 10),
    ("linear", 1, 2),
    ("cosine", 0, 10),
    ("cosine", 5, 40),
    ("cosine", 7, 8),
    ("cosine", 12, 9),
    ("cosine", 1, 1),
    ("constant", 3, 2),
    ("linear", 5, 3),
]
RATE = 3e-4


def make_all(out):
    from transformers import get_scheduler

    warnings.simplefilter("ignore")
    found = []
    for shape, warmup, total in RUNS:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
        name = "constant_with_warmup" if shape == "constant" else shape
        schedule = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=total)
        rates = []
        for _ in range(total):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        found.append({"shape": shape, "rate": RATE, "warmup_steps": warmup, "total_steps": total, "rates": rates})
    write_json(f"{out}/schedules.json", {"versions": versions(), "schedules": found})
    print("schedules", flush=True)

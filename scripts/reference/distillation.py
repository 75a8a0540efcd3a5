"""The small chat model learning from the demonstration's model: losses, gradients and five steps by torch."""

import copy

import torch

from common import ROOT, save, versions, write_json
from conversations import encode, read
from models import OPTIMIZER, forward, optimizer_of, with_adapter
from trajectory import padded

ROWS, STEPS, RANK, ALPHA = 4, 5, 2, 4
FORMS = {
    "mixed": {"temperature": 2.0, "alpha": 0.5},
    "soft": {"temperature": 1.0, "alpha": 1.0},
    "sharp": {"temperature": 0.5, "alpha": 0.9},
}


def parts(logits, guide, labels, temperature):
    """Means over labelled next tokens: T² times the divergence of the student from the teacher, and the cross-entropy."""
    shifted = labels[:, 1:]
    chosen = shifted != -100
    mine, its = logits[:, :-1][chosen], guide[:, :-1][chosen]
    functional = torch.nn.functional
    divergence = functional.kl_div(
        functional.log_softmax(mine / temperature, dim=-1),
        functional.log_softmax(its / temperature, dim=-1),
        reduction="batchmean",
        log_target=True,
    )
    return temperature**2 * divergence, functional.cross_entropy(mine, shifted[chosen])


def follow(model, teacher, rows, form, on_gradients):
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = optimizer_of(parameters)
    with torch.no_grad():
        guide = forward(teacher, rows)
    steps = []
    for step in range(STEPS):
        optimizer.zero_grad()
        divergence, hard = parts(forward(model, rows), guide, rows["labels"], form["temperature"])
        loss = form["alpha"] * divergence + (1 - form["alpha"]) * hard
        loss.backward()
        if step == 0:
            on_gradients()
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, OPTIMIZER["clip_grad_norm"]))
        optimizer.step()
        steps.append({"loss": loss.item(), "distillation": divergence.item(), "cross_entropy": hard.item(), "grad_norm": norm})
    return steps


def make_all(out):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = f"{out}/chat-model"
    tokenizer = AutoTokenizer.from_pretrained(base)
    rows = padded([encode(tokenizer, row["messages"])[1:] for row in read(f"{base}/train.jsonl")[:ROWS]])

    def load(folder):
        return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()

    teacher, student = load(f"{ROOT}/demo/model"), load(base)
    tensors = dict(rows)
    figures = {}
    for name, form in FORMS.items():
        wrapped = with_adapter(copy.deepcopy(student), 23, RANK, ALPHA)
        trained = {
            key.removeprefix("base_model.model.").replace(".default", "").removesuffix(".weight"): value
            for key, value in wrapped.named_parameters()
            if value.requires_grad
        }
        tensors |= {f"init.{key}": value.detach().clone() for key, value in trained.items()}

        def keep():
            tensors.update({f"{name}.grad.{key}": value.grad.detach().clone() for key, value in trained.items()})

        steps = follow(wrapped, teacher, rows, form, keep)
        tensors |= {f"{name}.after{STEPS}.{key}": value.detach().clone() for key, value in trained.items()}
        full = follow(copy.deepcopy(student), teacher, rows, form, lambda: None)
        figures[name] = {**form, "lora": steps, "full": full}
    save(f"{out}/distillation/one-batch/golden.safetensors", tensors)
    description = {
        "student": "chat-model",
        "teacher": "demo/model",
        "lora": {"r": RANK, "alpha": ALPHA},
        "optimizer": OPTIMIZER | {"steps": STEPS},
        "forms": figures,
    }
    write_json(f"{out}/distillation/one-batch/golden.json", {**description, "versions": versions()})
    print("distillation", flush=True)

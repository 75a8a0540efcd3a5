"""A head of four classes on the small chat model: losses and gradients of one batch, and scikit-learn's figures for some tables."""

import numpy as np
import torch

from common import Random, normal, save, versions, write_json
from models import with_adapter

CLASSES = ["animal", "place", "plant", "toy"]
TEXTS = [
    ("The hen lives in the barn.", 0),
    ("Nobody knew where the old house was.", 1),
    ("The oak is tall and green.", 2),
    ("A red ball by the pond.", 3),
    ("The fox and the owl met.", 0),
    ("They waited on the hill, near the mill.", 1),
]
SMOOTHING = 0.1


def losses(logits, labels, several, weights, positive):
    """The mean over rows (and, for several labels, over classes) of each form."""
    functional = torch.nn.functional
    weights, positive = weights.to(logits.dtype), positive.to(logits.dtype)
    return {
        "cross_entropy": functional.cross_entropy(logits, labels),
        "cross_entropy_class_weights": functional.cross_entropy(logits, labels, weight=weights),
        "cross_entropy_label_smoothing": functional.cross_entropy(logits, labels, label_smoothing=SMOOTHING),
        "multi_label": functional.binary_cross_entropy_with_logits(logits, several.to(logits.dtype)),
        "multi_label_pos_weight": functional.binary_cross_entropy_with_logits(
            logits, several.to(logits.dtype), pos_weight=positive
        ),
    }


def one_batch(out):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = f"{out}/chat-model"
    tokenizer = AutoTokenizer.from_pretrained(base)
    rows = [tokenizer(text, add_special_tokens=False)["input_ids"] for text, _ in TEXTS]
    labels = torch.tensor([label for _, label in TEXTS])
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        mask[index, : len(row)] = 1
    several = torch.zeros(len(rows), len(CLASSES))
    for index, label in enumerate(labels):
        several[index, label] = 1
        several[index, (index * 2 + 1) % len(CLASSES)] = 1
    weights, positive = torch.tensor([0.5, 1.0, 2.0, 1.5]), torch.tensor([1.0, 2.0, 3.0, 0.5])
    model = AutoModelForCausalLM.from_pretrained(base, attn_implementation="eager", dtype=torch.float32).eval()
    wrapped = with_adapter(model, 19, 2, 4)
    head = torch.nn.Parameter(normal(19, "score", (len(CLASSES), model.config.hidden_size), 0.2))
    trained = {
        name.removeprefix("base_model.model.").replace(".default", "").removesuffix(".weight"): value
        for name, value in wrapped.named_parameters()
        if value.requires_grad
    } | {"score.weight": head}
    tensors = {f"init.{name}": value for name, value in trained.items()}
    tensors |= {"input_ids": ids, "attention_mask": mask, "label": labels, "multi_label": several}
    tensors |= {"class_weights": weights, "pos_weight": positive}
    figures = {}
    last = mask.sum(1) - 1
    for form in losses(torch.zeros(len(rows), len(CLASSES)), labels, several, weights, positive):
        for value in trained.values():
            value.grad = None
        hidden = wrapped.base_model.model.model(input_ids=ids, use_cache=False).last_hidden_state
        logits = hidden[torch.arange(len(rows)), last] @ head.T
        loss = losses(logits, labels, several, weights, positive)[form]
        loss.backward()
        norm = torch.sqrt(sum((value.grad.double() ** 2).sum() for value in trained.values()))
        tensors |= {f"{form}.grad.{name}": value.grad.detach().clone() for name, value in trained.items()}
        tensors["logits"] = logits.detach()
        figures[form] = {"loss": loss.item(), "grad_norm": norm.item()}
    save(f"{out}/classification/one-batch/golden.safetensors", tensors)
    description = {
        "checkpoint": "chat-model",
        "labels": CLASSES,
        "lora": {"r": 2, "alpha": 4},
        "label_smoothing": SMOOTHING,
    }
    write_json(
        f"{out}/classification/one-batch/golden.json", {**description, "versions": versions(), "losses": figures}
    )


def metrics(out):
    from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

    tables = []
    for why, classes, rows, hit, seed in [
        ("unbalanced", 4, 60, 70, 1),
        ("a class without rows", 5, 40, 60, 2),
        ("two classes", 2, 25, 80, 3),
        ("all wrong", 3, 12, 0, 4),
    ]:
        random = Random(seed)
        true, predicted = [], []
        for _ in range(rows):
            label = (
                min(random.below(classes + 2), classes - 1)
                if why == "unbalanced"
                else random.below(classes - (classes == 5))
            )
            true.append(label)
            predicted.append(label if random.below(100) < hit else (label + 1 + random.below(classes - 1)) % classes)
        names = list(range(classes))
        every = precision_recall_fscore_support(true, predicted, labels=names, average=None, zero_division=0)
        table = {
            "why": why,
            "classes": classes,
            "true": true,
            "predicted": predicted,
            "accuracy": float(accuracy_score(true, predicted)),
            "confusion_matrix": confusion_matrix(true, predicted, labels=names).tolist(),
            "per_class": [
                {
                    "precision": float(every[0][i]),
                    "recall": float(every[1][i]),
                    "f1": float(every[2][i]),
                    "support": int(every[3][i]),
                }
                for i in names
            ],
        }
        for average in ["macro", "micro", "weighted"]:
            found = precision_recall_fscore_support(true, predicted, labels=names, average=average, zero_division=0)
            table[average] = {"precision": float(found[0]), "recall": float(found[1]), "f1": float(found[2])}
        tables.append(table)
    write_json(f"{out}/classification/metrics.json", {"versions": versions(), "single_label": tables})


def scores(out):
    """Tables of scores with what depends on their order: average precision, and several labels a row."""
    import warnings

    from sklearn.metrics import accuracy_score, average_precision_score, multilabel_confusion_matrix, precision_recall_fscore_support

    warnings.filterwarnings("ignore")
    generator = np.random.default_rng(917)
    tables = []
    for why, rows, classes, decimals in [("several labels", 24, 4, 3), ("equal scores", 30, 3, 0), ("a class without rows", 10, 3, 2)]:
        true = (generator.random((rows, classes)) < 0.4).astype(int)
        if why == "a class without rows":
            true[:, 1] = 0
        logits = np.round(generator.normal(size=(rows, classes)) * 1.5 + (true - 0.5), decimals).astype(np.float32)
        predicted = (logits > 0).astype(int)

        def means(kind):
            p, r, f, _ = precision_recall_fscore_support(true, predicted, average=kind, zero_division=0)
            return {"precision": float(p), "recall": float(r), "f1": float(f)}

        p, r, f, support = precision_recall_fscore_support(true, predicted, average=None, zero_division=0)
        ap = [float(average_precision_score(true[:, c], logits[:, c])) if true[:, c].any() else 0.0 for c in range(classes)]
        tables.append({
            "why": why, "true": true.tolist(), "logits": [[float(x) for x in row] for row in logits],
            "accuracy": float(accuracy_score(true, predicted)), "element_accuracy": float((true == predicted).mean()),
            "confusion_matrix": multilabel_confusion_matrix(true, predicted).tolist(),
            "per_class": [
                {"precision": float(p[c]), "recall": float(r[c]), "f1": float(f[c]), "support": int(support[c]), "average_precision": ap[c]}
                for c in range(classes)
            ],
            **{kind: means(kind) for kind in ["macro", "micro", "weighted", "samples"]},
        })
    # The expected calibration error over fifteen bins that hold their upper edge.
    logits = np.round(generator.normal(size=(80, 4)) * 1.7, 3)
    label = generator.integers(0, 4, 80)
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    confidence, found = probability.max(1), probability.argmax(1)
    place = np.clip(np.ceil(confidence * 15).astype(int) - 1, 0, 14)
    error = sum(abs(confidence[place == b].sum() - (found == label)[place == b].sum()) for b in range(15)) / len(label)
    calibration = {"label": label.tolist(), "logits": logits.tolist(), "expected_calibration_error": float(error)}
    write_json(f"{out}/classification/scores.json", {"versions": versions(), "multi_label": tables, "calibration": calibration})


def make_all(out):
    one_batch(out)
    metrics(out)
    scores(out)
    print("classification", flush=True)

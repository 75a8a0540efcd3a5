"""What every part of the reference set shares: fixed randomness, safetensors and JSON with fixed bytes, versions."""

import json
import os
import platform
import zlib

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy
import torch
from safetensors.torch import save_file

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Random:
    """SplitMix64 (Steele, Lea and Flood 2014): the same numbers under every version of Python."""

    def __init__(self, seed):
        self.state = seed & (2**64 - 1)

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & (2**64 - 1)
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
        return z ^ (z >> 31)

    def below(self, bound):
        return self.next() % bound

    def choice(self, items):
        return items[self.below(len(items))]


def normal(seed, name, shape, scale=1.0):
    """Normal numbers that depend on the seed and the tensor's name alone. float32."""
    generator = numpy.random.Generator(numpy.random.PCG64([seed, zlib.crc32(name.encode())]))
    return torch.from_numpy((generator.standard_normal(tuple(shape)) * scale).astype(numpy.float32))


def write_json(path, value, indent=1):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        json.dump(value, file, indent=indent, ensure_ascii=True, allow_nan=False)
        file.write("\n")


def write_lines(path, rows):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_bytes(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def save(path, tensors):
    """The writer of the safetensors library, which orders tensors by itself."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    save_file(
        {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()},
        path,
        metadata={"format": "pt"},
    )


def versions():
    import jinja2
    import peft
    import safetensors
    import tokenizers
    import transformers

    modules = [torch, transformers, peft, safetensors, tokenizers, jinja2, numpy]
    found = {module.__name__: str(module.__version__).split("+")[0] for module in modules}
    return {"python": platform.python_version(), **found, "threads": 1}

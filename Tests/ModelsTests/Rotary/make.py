"""Writes rotary.json: the frequencies and the factor of cosines and sines that transformers computes for configurations.

python3 make.py > rotary.json     (torch 2.13, transformers 5.24)
"""

import json
import torch
from transformers import AutoConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.models.phi3.modeling_phi3 import Phi3RotaryEmbedding

BASE = {
    "model_type": "llama", "hidden_size": 128, "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": 1,
    "vocab_size": 32, "max_position_embeddings": 512, "rope_theta": 10000.0,
}
CASES = {
    "default": {},
    "linear": {"rope_scaling": {"type": "linear", "factor": 2.5}},
    "dynamic": {"rope_scaling": {"type": "dynamic", "factor": 3.0}},
    "yarn": {"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}},
    "yarn-without-original": {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}},
    "yarn-qwen": {
        "model_type": "qwen2", "rope_theta": 1000000.0, "max_position_embeddings": 32768,
        "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8192},
    },
    "yarn-attention-factor": {
        "rope_scaling": {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 64, "attention_factor": 0.75},
    },
    "yarn-betas": {
        "rope_scaling": {
            "rope_type": "yarn", "factor": 16.0, "original_max_position_embeddings": 64, "beta_fast": 16.0, "beta_slow": 2.0,
        },
    },
    "yarn-untruncated": {
        "rope_scaling": {"rope_type": "yarn", "factor": 32.0, "original_max_position_embeddings": 64, "truncate": False},
    },
    "yarn-mscale": {
        "rope_scaling": {
            "rope_type": "yarn", "factor": 40.0, "original_max_position_embeddings": 128, "mscale": 0.707, "mscale_all_dim": 0.5,
        },
    },
    "yarn-in-new-spelling": {
        "rope_theta": None,
        "rope_parameters": {
            "rope_type": "yarn", "rope_theta": 50000.0, "factor": 4.0, "original_max_position_embeddings": 128,
        },
    },
    "llama3": {
        "rope_theta": 500000.0,
        "rope_scaling": {
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 128,
        },
    },
    "llama3-without-original": {
        "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
    },
    "longrope": {
        "model_type": "phi3", "original_max_position_embeddings": 64,
        "rope_scaling": {
            "type": "longrope", "short_factor": [1.0 + 0.01 * i for i in range(16)],
            "long_factor": [1.0 + 0.5 * i for i in range(16)],
        },
    },
    "longrope-partial": {
        "model_type": "phi3", "partial_rotary_factor": 0.75, "original_max_position_embeddings": 64,
        "rope_scaling": {
            "type": "longrope", "short_factor": [1.0 + 0.01 * i for i in range(12)],
            "long_factor": [1.0 + 0.5 * i for i in range(12)], "attention_factor": 1.5,
        },
    },
}


def case(name, changes):
    source = {key: value for key, value in {**BASE, **changes}.items() if value is not None}
    values = json.loads(json.dumps(source))
    config = AutoConfig.for_model(values.pop("model_type"), **values)
    embedding = (Phi3RotaryEmbedding if config.model_type == "phi3" else LlamaRotaryEmbedding)(config)
    result = {"name": name, "config": source, "frequencies": [embedding.inv_freq.double().tolist()]}
    if embedding.rope_type == "longrope":
        original = config.rope_parameters["original_max_position_embeddings"]
        result["frequencies"].append(ROPE_INIT_FUNCTIONS["longrope"](config, None, seq_len=original + 1)[0].double().tolist())
    result["amplitude"] = float(embedding.attention_scaling)
    return result


torch.manual_seed(0)
print("[\n" + ",\n".join(json.dumps(case(*item)) for item in CASES.items()) + "\n]")

"""A tiny checkpoint with random weights of every family, and what transformers and PEFT compute with it."""

import copy
import re

import torch

from common import normal, save, versions, write_json

COMMON = {
    "hidden_act": "silu",
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "initializer_range": 0.02,
    "use_cache": True,
    "max_position_embeddings": 512,
}


def family(model_type, architecture, **values):
    return {"architectures": [architecture], "model_type": model_type, **COMMON, **values}


def sizes(hidden, intermediate, layers, heads, key_value_heads, vocabulary, **more):
    return {
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": key_value_heads,
        "vocab_size": vocabulary,
        **more,
    }


def phi3(**values):
    return family(
        "phi3",
        "Phi3ForCausalLM",
        **{
            "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0,
            "rope_scaling": None,
            "tie_word_embeddings": False,
            "resid_pdrop": 0.0,
            "embd_pdrop": 0.0,
            "sliding_window": None,
            "original_max_position_embeddings": 512,
            **values,
        },
    )


# name -> configuration, stored type, number of shards, lengths of the rows.
MODELS = {
    "phi3-tiny": (phi3(**sizes(64, 96, 3, 4, 2, 320)), "float32", 1, [19, 33, 40]),
    "phi3-window-tiny": (phi3(**sizes(48, 80, 2, 4, 4, 300), sliding_window=24), "bfloat16", 1, [40, 15, 34]),
    "phi3-longrope-tiny": (
        phi3(
            **sizes(64, 96, 2, 4, 2, 320),
            tie_word_embeddings=True,
            max_position_embeddings=128,
            original_max_position_embeddings=32,
            partial_rotary_factor=0.75,
            rope_scaling={
                "type": "longrope",
                "short_factor": [1.0, 1.05, 1.1, 1.2, 1.35, 1.5],
                "long_factor": [1.0, 1.3, 1.9, 3.1, 5.7, 8.2],
            },
        ),
        "float32",
        1,
        [18, 30, 40],
    ),
    "llama-tiny": (
        family(
            "llama",
            "LlamaForCausalLM",
            **sizes(64, 112, 2, 4, 2, 288),
            rms_norm_eps=1e-5,
            tie_word_embeddings=False,
            rope_theta=10000.0,
            attention_bias=False,
            mlp_bias=False,
            pretraining_tp=1,
            rope_scaling={
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            },
        ),
        "bfloat16",
        2,
        [36, 40, 14],
    ),
    "qwen2-tiny": (
        family(
            "qwen2",
            "Qwen2ForCausalLM",
            **sizes(56, 100, 3, 7, 1, 311),
            rms_norm_eps=1e-6,
            tie_word_embeddings=True,
            rope_theta=1000000.0,
            rope_scaling=None,
            use_sliding_window=False,
            sliding_window=None,
            max_window_layers=3,
        ),
        "float32",
        1,
        [22, 37, 10],
    ),
    "qwen3-tiny": (
        family(
            "qwen3",
            "Qwen3ForCausalLM",
            **sizes(48, 72, 2, 4, 2, 304, head_dim=16),
            rms_norm_eps=1e-6,
            tie_word_embeddings=False,
            rope_theta=1000000.0,
            rope_scaling=None,
            use_sliding_window=False,
            sliding_window=None,
            max_window_layers=2,
            attention_bias=False,
        ),
        "float32",
        2,
        [11, 38, 20],
    ),
    "mistral-tiny": (
        family(
            "mistral",
            "MistralForCausalLM",
            **sizes(64, 88, 2, 4, 2, 288, head_dim=24),
            rms_norm_eps=1e-5,
            tie_word_embeddings=False,
            rope_theta=1000000.0,
            rope_scaling=None,
            sliding_window=16,
        ),
        "float32",
        1,
        [16, 32, 39],
    ),
    "gemma2-tiny": (
        family(
            "gemma2",
            "Gemma2ForCausalLM",
            **{
                **sizes(48, 64, 2, 4, 2, 260, head_dim=16),
                "rms_norm_eps": 1e-6,
                "tie_word_embeddings": True,
                "rope_theta": 10000.0,
                "rope_scaling": None,
                "hidden_act": "gelu_pytorch_tanh",
                "hidden_activation": "gelu_pytorch_tanh",
                "sliding_window": 16,
                "query_pre_attn_scalar": 20,
                "attn_logit_softcapping": 50.0,
                "final_logit_softcapping": 30.0,
                "attention_bias": False,
            },
        ),
        "float32",
        1,
        [18, 30],
    ),
    "starcoder2-tiny": (
        family(
            "starcoder2",
            "Starcoder2ForCausalLM",
            **{
                **sizes(32, 72, 2, 4, 2, 160),
                "hidden_act": "gelu_pytorch_tanh",
                "tie_word_embeddings": True,
                "rope_theta": 10000.0,
                "rope_scaling": None,
                "norm_type": "layer_norm",
                "mlp_type": "default",
                "norm_epsilon": 1e-5,
                "use_bias": True,
                "residual_dropout": 0.0,
                "embedding_dropout": 0.0,
                "sliding_window": 10,
            },
        ),
        "float32",
        1,
        [14, 26],
    ),
    "gpt-neox-tiny": (
        {
            "architectures": ["GPTNeoXForCausalLM"],
            "model_type": "gpt_neox",
            **{**COMMON, "hidden_act": "gelu", "max_position_embeddings": 128},
            **{"hidden_dropout": 0.0, "classifier_dropout": 0.1, "layer_norm_eps": 1e-5, "rotary_emb_base": 10000},
            **{"rotary_pct": 0.25, "use_parallel_residual": True, "attention_bias": True, "tie_word_embeddings": False},
            **{"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
            "vocab_size": 160,
        },
        "float32",
        1,
        [12, 26],
    ),
    "olmo2-tiny": (
        family(
            "olmo2",
            "Olmo2ForCausalLM",
            **sizes(32, 56, 2, 4, 2, 168),
            rms_norm_eps=1e-6,
            tie_word_embeddings=False,
            rope_theta=500000,
            rope_scaling=None,
            attention_bias=False,
        ),
        "float32",
        1,
        [14, 26, 19],
    ),
    "granite-tiny": (
        family(
            "granite",
            "GraniteForCausalLM",
            **sizes(32, 56, 2, 4, 2, 160),
            rms_norm_eps=1e-5,
            tie_word_embeddings=True,
            rope_theta=10000.0,
            rope_scaling=None,
            attention_bias=False,
            mlp_bias=False,
            attention_multiplier=0.0625,
            embedding_multiplier=3.0,
            residual_multiplier=0.6,
            logits_scaling=1.75,
        ),
        "float32",
        1,
        [15, 25],
    ),
    "smollm3-tiny": (
        family(
            "smollm3",
            "SmolLM3ForCausalLM",
            **sizes(32, 56, 4, 4, 2, 160),
            rms_norm_eps=1e-6,
            tie_word_embeddings=True,
            rope_theta=5000000.0,
            rope_scaling=None,
            attention_bias=False,
            mlp_bias=False,
            sliding_window=None,
            use_sliding_window=False,
            max_window_layers=28,
            no_rope_layer_interval=4,
            no_rope_layers=[1, 1, 1, 0],
        ),
        "float32",
        1,
        [13, 24],
    ),
    "glm4-tiny": (
        family(
            "glm4",
            "Glm4ForCausalLM",
            **sizes(32, 48, 2, 4, 2, 160, head_dim=12),
            rms_norm_eps=1e-5,
            tie_word_embeddings=False,
            rope_theta=10000.0,
            rope_scaling=None,
            attention_bias=True,
            partial_rotary_factor=0.5,
        ),
        "float32",
        1,
        [11, 25, 18],
    ),
    "gemma3-tiny": (
        {
            key: value
            for key, value in family(
                "gemma3_text",
                "Gemma3ForCausalLM",
                **sizes(32, 48, 4, 4, 2, 160, head_dim=16),
                rms_norm_eps=1e-6,
                tie_word_embeddings=True,
                rope_theta=1000000,
                rope_scaling={"factor": 8.0, "rope_type": "linear"},
                attention_bias=False,
                hidden_activation="gelu_pytorch_tanh",
                attn_logit_softcapping=None,
                final_logit_softcapping=None,
                rope_local_base_freq=10000,
                cache_implementation="hybrid",
                sliding_window=8,
                sliding_window_pattern=3,
                query_pre_attn_scalar=20,
            ).items()
            if key != "hidden_act"
        },
        "float32",
        1,
        [12, 25, 21],
    ),
    "gpt2-narrow-tiny": (
        {
            "architectures": ["GPT2LMHeadModel"],
            "model_type": "gpt2",
            "activation_function": "gelu_new",
            **{"attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0, "layer_norm_epsilon": 1e-5},
            **{"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "initializer_range": 0.02},
            **{"n_ctx": 64, "n_embd": 20, "n_head": 2, "n_layer": 2, "n_positions": 64, "n_inner": None},
            **{"tie_word_embeddings": True, "use_cache": True, "vocab_size": 96},
        },
        "float32",
        1,
        [12, 26],
    ),
    "qwen3-moe-small": (
        family(
            "qwen3_moe",
            "Qwen3MoeForCausalLM",
            **sizes(24, 40, 3, 4, 2, 96, head_dim=8),
            rms_norm_eps=1e-6,
            tie_word_embeddings=False,
            rope_theta=1000000.0,
            rope_scaling=None,
            use_sliding_window=False,
            sliding_window=None,
            max_window_layers=3,
            attention_bias=False,
            num_experts=6,
            num_experts_per_tok=2,
            moe_intermediate_size=14,
            decoder_sparse_step=1,
            mlp_only_layers=[1],
            norm_topk_prob=False,
            output_router_logits=False,
            router_aux_loss_coef=0.001,
        ),
        "float32",
        1,
        [11, 23],
    ),
    "gpt-oss-small": (
        family(
            "gpt_oss",
            "GptOssForCausalLM",
            **sizes(32, 32, 2, 4, 2, 96, head_dim=12),
            rms_norm_eps=1e-5,
            tie_word_embeddings=False,
            rope_theta=150000,
            rope_scaling={
                "beta_fast": 32.0,
                "beta_slow": 1.0,
                "factor": 8.0,
                "original_max_position_embeddings": 64,
                "rope_type": "yarn",
                "truncate": False,
            },
            attention_bias=True,
            sliding_window=8,
            layer_types=["sliding_attention", "full_attention"],
            num_local_experts=4,
            num_experts_per_tok=2,
            swiglu_limit=7.0,
            output_router_logits=False,
            router_aux_loss_coef=0.9,
        ),
        "bfloat16",
        1,
        [11, 23],
    ),
}

STEPS = 5
OPTIMIZER = {
    "name": "AdamW",
    "lr": 1e-3,
    "betas": [0.9, 0.999],
    "eps": 1e-8,
    "weight_decay": 0.01,
    "weight_decay_on": "every trained parameter",
    "clip_grad_norm": 1.0,
    "steps": STEPS,
    "schedule": "constant",
}
RANK, ALPHA = 4, 8


# Whose every parameter after the steps is stored too; the others' are told by their losses and norms.
STORED_AFTER = ["gemma2-tiny", "llama-tiny", "qwen2-tiny", "starcoder2-tiny"]
# Families whose experts are called block_sparse_moe in checkpoints.
FEW_EXPERTS = ["mixtral", "phimoe"]
# A family that is added later goes to the end: what is there keeps its numbers.
SEEDED = [
    "gemma2-tiny",
    "llama-tiny",
    "mistral-tiny",
    "phi3-longrope-tiny",
    "phi3-tiny",
    "phi3-window-tiny",
    "qwen2-tiny",
    "qwen3-tiny",
    "starcoder2-tiny",
    "gpt-neox-tiny",
    "olmo2-tiny",
    "granite-tiny",
    "smollm3-tiny",
    "glm4-tiny",
    "gemma3-tiny",
    "gpt2-narrow-tiny",
    "qwen3-moe-small",
    "gpt-oss-small",
]


def seed_of(name):
    return 1000 + SEEDED.index(name)


def initial(seed, name, parameter):
    """Weights that make logits of a few units and gradients of every parameter."""
    shape = parameter.shape
    if name.endswith("bias"):
        return normal(seed, name, shape, 0.1)
    if len(shape) == 1:
        return normal(seed, name, shape, 0.1) + 1.0
    if "embed_tokens" in name or "embed_in" in name:
        return normal(seed, name, shape, 0.3)
    if "lm_head" in name or "embed_out" in name:
        return normal(seed, name, shape, 0.15)
    return normal(seed, name, shape, 1.2 / shape[-1] ** 0.5)


def microscaled(value):
    """The nearest numbers that MXFP4 has (OCP Microscaling Formats 1.0) to those of `[experts, inputs, outputs]`, in
    blocks of 32 inputs; their codes `[experts, outputs, blocks, 16]`, two neighbours in a byte, and exponents."""
    experts, inputs, outputs = value.shape
    blocks = value.transpose(1, 2).reshape(experts, outputs, inputs // 32, 32).double()
    exponent = torch.floor(torch.log2(blocks.abs().amax(-1, keepdim=True))) - 2
    known = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6], dtype=torch.float64)
    code = ((blocks / 2**exponent).abs().unsqueeze(-1) - known).abs().argmin(-1)
    numbers = known[code] * blocks.sign() * 2**exponent
    code = code + 8 * (blocks < 0)
    packed = (code[..., 0::2] + 16 * code[..., 1::2]).to(torch.uint8)
    exponents = (exponent.squeeze(-1) + 127).to(torch.uint8)
    return numbers.reshape(experts, outputs, inputs).transpose(1, 2).float().contiguous(), packed, exponents


def is_expert_matrix(name):
    return name.endswith(("mlp.experts.gate_up_proj", "mlp.experts.down_proj"))


def fill(model, seed, model_type):
    for name, parameter in model.named_parameters():
        values = initial(seed, name, parameter)
        if model_type.startswith("gemma") and len(parameter.shape) == 1:
            # Gemma's norms add the 1 themselves.
            values = values - 1.0
        if model.config.tie_word_embeddings and "embed_tokens" in name:
            values = values * 0.5
        if model_type == "gpt_oss" and is_expert_matrix(name):
            values = microscaled(values)[0]
        with torch.no_grad():
            parameter.copy_(values)


def published(name, model_type):
    """The name by which checkpoints hold a parameter: transformers 5 calls the head of GPT-NeoX and the routers of
    some mixtures otherwise."""
    if model_type in FEW_EXPERTS:
        return name.replace("mlp.gate.", "block_sparse_moe.gate.").replace("mlp.router.", "block_sparse_moe.gate.")
    return name.replace("lm_head", "embed_out") if model_type == "gpt_neox" else name


def pieces(name, value, model_type):
    """The tensors that checkpoints hold of a parameter: of experts, which transformers 5 stacks, one of each."""
    module, _, kind = name.rpartition(".")
    if not module.endswith("mlp.experts") or model_type == "gpt_oss":
        return [(published(name, model_type), value)]
    gate, up, down = "gate_proj", "up_proj", "down_proj"
    if model_type in FEW_EXPERTS:
        gate, up, down = "w1", "w3", "w2"
        module = module.replace("mlp.experts", "block_sparse_moe.experts")
    if kind == "down_proj":
        return [(f"{module}.{expert}.{down}.weight", value[expert]) for expert in range(len(value))]
    halves = zip([gate, up], value.chunk(2, dim=1))
    return [(f"{module}.{expert}.{half}.weight", part[expert]) for half, part in halves for expert in range(len(value))]


def store(folder, model, stored_type, shards):
    """Writes the weights as published: without the tied head, whole or in two shards."""
    tied = model.config.tie_word_embeddings
    kind = getattr(torch, stored_type)
    tensors = {
        key: part.to(kind)
        for name, value in model.state_dict().items()
        if not (tied and name == "lm_head.weight")
        for key, part in pieces(name, value, model.config.model_type)
    }
    if shards == 1:
        save(f"{folder}/model.safetensors", tensors)
        return
    names = sorted(tensors)
    half = sum(tensors[name].nbytes for name in names) / 2
    place, written = {}, 0
    for name in names:
        place[name] = "model-00001-of-00002.safetensors" if written < half else "model-00002-of-00002.safetensors"
        written += tensors[name].nbytes
    for file in sorted(set(place.values())):
        save(f"{folder}/{file}", {name: tensors[name] for name in names if place[name] == file})
    write_json(
        f"{folder}/model.safetensors.index.json", {"metadata": {"total_size": written}, "weight_map": place}, indent=2
    )


def batch(seed, lengths, width, vocabulary):
    """Rows of random ids, padded to the right with 0. The first third of a row is a prompt; row 0 has a hole too."""
    ids = torch.zeros(len(lengths), width, dtype=torch.int64)
    labels = torch.full_like(ids, -100)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(lengths):
        drawn = normal(seed, f"ids.{row}", [length], 1000.0).abs().to(torch.int64) % (vocabulary - 3) + 3
        ids[row, :length] = drawn
        mask[row, :length] = 1
        labels[row, length // 3 : length] = drawn[length // 3 :]
    hole = lengths[0] // 2
    labels[0, hole : hole + 2] = -100
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def token_loss(logits, labels):
    """Summed over labelled next tokens, divided by their number in the whole batch."""
    shifted = labels[:, 1:]
    chosen = shifted != -100
    losses = torch.nn.functional.cross_entropy(logits[:, :-1][chosen], shifted[chosen], reduction="sum")
    return losses / chosen.sum()


def forward(model, rows):
    """Without a mask: what is padded stands to the right of every token that counts, and a window's mask would hide whole rows."""
    return model(input_ids=rows["input_ids"], use_cache=False).logits


def optimizer_of(parameters, rate=OPTIMIZER["lr"]):
    return torch.optim.AdamW(
        parameters,
        lr=rate,
        betas=tuple(OPTIMIZER["betas"]),
        eps=OPTIMIZER["eps"],
        weight_decay=OPTIMIZER["weight_decay"],
        foreach=False,
    )


def train(model, rows, on_gradients=lambda: None):
    """Five AdamW steps on one batch; losses, norms before clipping, loss afterwards."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = optimizer_of(parameters)
    losses, norms = [], []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = token_loss(forward(model, rows), rows["labels"])
        loss.backward()
        if step == 0:
            on_gradients()
        norms.append(float(torch.nn.utils.clip_grad_norm_(parameters, OPTIMIZER["clip_grad_norm"])))
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        after = float(token_loss(forward(model, rows), rows["labels"]))
    return {
        "loss_per_step": losses,
        "grad_norm_per_step_before_clip": norms,
        "loss_after_steps": after,
        "trained_parameters": sum(parameter.numel() for parameter in parameters),
    }


def linear_targets(model):
    from transformers.pytorch_utils import Conv1D

    linear = (torch.nn.Linear, Conv1D)
    names = {name.split(".")[-1] for name, module in model.named_modules() if isinstance(module, linear)}
    if "moe" in model.config.model_type:
        # PEFT takes these names for experts, too.
        names -= {"gate_proj", "up_proj", "down_proj", "router"}
    return sorted(names - {"lm_head", "embed_out"})


def with_adapter(model, seed, rank=RANK, alpha=ALPHA, random_b=True):
    """A PEFT adapter on every linear layer but the head, A and B from the seed."""
    from peft import LoraConfig, get_peft_model

    wrapped = get_peft_model(
        model,
        LoraConfig(
            r=rank,
            lora_alpha=alpha,
            lora_dropout=0.0,
            bias="none",
            target_modules=linear_targets(model),
            task_type="CAUSAL_LM",
        ),
    )
    for name, parameter in wrapped.named_parameters():
        if not parameter.requires_grad:
            continue
        with torch.no_grad():
            if "lora_A" in name:
                parameter.copy_(normal(seed, name, parameter.shape, parameter.shape[1] ** -0.5))
            elif random_b:
                parameter.copy_(normal(seed, name, parameter.shape, 0.1))
    return wrapped


def adapter_name(name):
    """base_model.model.X.lora_A.default.weight -> X.lora_A"""
    return re.sub(r"^base_model\.model\.(.*)\.(lora_[AB])\.default\.weight$", r"\1.\2", name)


def differences(single, double):
    def largest(key):
        return max(abs(a - b) for a, b in zip(single[key], double[key]))

    return {
        "loss_abs": largest("loss_per_step"),
        "grad_norm_abs": largest("grad_norm_per_step_before_clip"),
        "final_loss_abs": abs(single["loss_after_steps"] - double["loss_after_steps"]),
    }


def make_model(folder, config, stored_type, shards, seed):
    """Writes config.json (both spellings) and the weights; returns the model with the weights as stored, in float32."""
    from transformers import AutoConfig, AutoModelForCausalLM

    write_json(f"{folder}/config.json", {**config, "torch_dtype": stored_type}, indent=2)
    loaded = AutoConfig.from_pretrained(folder)
    newer = {**loaded.to_diff_dict(), "dtype": stored_type}
    newer.pop("transformers_version", None)
    newer.pop("_name_or_path", None)
    write_json(f"{folder}/config.transformers5.json", dict(sorted(newer.items())), indent=2)
    model = AutoModelForCausalLM.from_config(loaded, attn_implementation="eager", dtype=torch.float32)
    if "moe" in config["model_type"] or config["model_type"] in ["gpt_oss", "mixtral"]:
        # One expert after the other, for any widths.
        model.set_experts_implementation("eager")
    fill(model, seed, config["model_type"])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.to(getattr(torch, stored_type)).to(torch.float32))
    model.eval()
    store(folder, model, stored_type, shards)
    return model


def make_packed(folder, model, config):
    """The same model with its experts as published: MXFP4 codes and exponents."""
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    tensors = {}
    for name, value in model.state_dict().items():
        if is_expert_matrix(name):
            numbers, codes, exponents = microscaled(value)
            assert torch.equal(numbers, value)
            assert torch.equal(convert_moe_packed_tensors(codes, exponents).float(), value)
            tensors |= {f"{name}_blocks": codes, f"{name}_scales": exponents}
        else:
            tensors[name] = value.to(torch.bfloat16)
    save(f"{folder}/model.safetensors", tensors)
    skipped = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]
    quantization = {"quant_method": "mxfp4", "modules_to_not_convert": skipped}
    write_json(
        f"{folder}/config.json", {**config, "torch_dtype": "bfloat16", "quantization_config": quantization}, indent=2
    )


def logits_of(model, rows, lengths, prefix):
    """Logits of the longest and the shortest row."""
    with torch.no_grad():
        logits = forward(model, rows)
    chosen = {lengths.index(max(lengths)), lengths.index(min(lengths))}
    return {f"{prefix}.logits.seq{row}": logits[row, : lengths[row]] for row in sorted(chosen)}


def make(out, name, drawn=None, seed=None):
    """A model of the set, or one that was drawn."""
    config, stored_type, shards, lengths = drawn or MODELS[name]
    folder, seed = f"{out}/models/{name}", seed or seed_of(name)
    model = make_model(folder, config, stored_type, shards, seed)
    if config["model_type"] == "gpt_oss" and not drawn:
        make_packed(f"{out}/packed/{name}", model, config)
    rows = batch(seed, lengths, max(lengths), config["vocab_size"])
    tensors, figures = dict(rows), {}

    untouched = copy.deepcopy(model)
    for kind in ["full", "lora"]:
        single = copy.deepcopy(untouched)
        double = copy.deepcopy(untouched).double()
        if kind == "lora":
            single, double = with_adapter(single, seed), with_adapter(double, seed)
            label = adapter_name
        else:

            def label(key):
                return key

        trained = [(label(key), value) for key, value in single.named_parameters() if value.requires_grad]

        def named(suffix, of):
            return {
                f"{kind}.{suffix}.{piece}": part
                for key, value in trained
                for piece, part in pieces(key, of(value).detach().clone(), config["model_type"])
            }

        if kind == "lora":
            tensors |= {f"lora.init.{key}": value.detach().clone() for key, value in trained}
        tensors |= logits_of(single, rows, lengths, kind)
        found = {}
        figures[kind] = train(
            single,
            rows,
            lambda: found.update(named("grad", lambda value: value.grad)),
        )
        tensors |= found
        if kind == "lora" or drawn or name in STORED_AFTER:
            tensors |= named(f"after{STEPS}", lambda value: value)
        figures[kind]["float64"] = train(double, rows)
        figures[kind]["observed_float32_vs_float64"] = differences(figures[kind], figures[kind]["float64"])
    save(f"{folder}/golden.safetensors", tensors)
    description = {
        **({"drawn": True} if drawn else {}),
        "model": name,
        "stored_dtype": stored_type,
        "shards": shards,
        "lengths": lengths,
        "padding": "right, pad id 0",
        "tokens_in_loss": int((rows["labels"][:, 1:] != -100).sum()),
        "versions": versions(),
        "attention": "eager, float32",
        "optimizer": OPTIMIZER,
        "lora_config": {"r": RANK, "alpha": ALPHA, "targets": linear_targets(untouched)},
    }
    write_json(f"{folder}/golden.json", {**description, **figures})

    if name == "phi3-longrope-tiny":
        # A batch no longer than the original length, for which the short factors are used.
        short = [17, 32, 27]
        rows = batch(seed + 1, short, 32, config["vocab_size"])
        tensors = dict(rows) | logits_of(untouched, rows, short, "full")
        wrapped = with_adapter(copy.deepcopy(untouched), seed)
        tensors |= {
            f"lora.init.{adapter_name(key)}": value for key, value in wrapped.named_parameters() if value.requires_grad
        }
        tensors |= logits_of(wrapped, rows, short, "lora")
        save(f"{folder}/golden-short.safetensors", tensors)
        write_json(
            f"{folder}/golden-short.json",
            {**description, "lengths": short, "tokens_in_loss": int((rows["labels"][:, 1:] != -100).sum())},
        )


def make_all(out):
    for name in MODELS:
        make(out, name)
        print(f"models/{name}", flush=True)

"""Tiny models of a family whose configurations are drawn: sizes, biases, rotations, windows, norms, experts.

random_models.py FOLDER SEED COUNT [FAMILY ...] writes COUNT models of each family to FOLDER/models, as models.py does
those of the reference set.
"""

import json
import shutil
import sys

import models
from common import Random
from models import family, sizes

ACTIVATIONS = ["silu", "gelu", "gelu_pytorch_tanh", "gelu_new"]


class Drawing:
    """What a family's configuration is drawn from."""

    def __init__(self, seed):
        self.random = Random(seed)

    def among(self, *items):
        return self.random.choice(items)

    def yes(self, chance=0.5):
        return self.random.below(1000) < 1000 * chance

    def between(self, least, most):
        return least + self.random.below(most - least + 1)

    def number(self, least, most):
        return round(least + (most - least) * self.random.below(1 << 20) / (1 << 20), 4)

    def sizes(self, own_width=False, layers=(1, 3), groups=True):
        """Sizes of which heads share keys; heads are even numbers of columns wide."""
        keys, group = self.between(1, 3), self.between(1, 3) if groups else 1
        heads, width = keys * group, 2 * self.between(2, 10)
        more = {}
        hidden = heads * width
        if own_width and self.yes():
            # Some families' configurations demand whole columns for each head all the same.
            hidden, more = 4 * heads * self.between(2, 6), {"head_dim": width}
        self.width = width
        return sizes(
            hidden, 4 * self.between(4, 30), self.between(*layers), heads, keys, self.between(70, 330), **more
        )

    def rotation(self, kinds=("none", "linear", "dynamic", "yarn", "llama3")):
        kind = self.among(*kinds)
        drawn = {"rope_theta": self.among(10000.0, 1000000.0, 500000.0, 2500.0), "rope_scaling": None}
        factor = self.among(2.0, 4.0, 8.0, 1.5)
        if kind == "linear":
            drawn["rope_scaling"] = {"rope_type": "linear", "factor": factor}
        elif kind == "dynamic":
            drawn["rope_scaling"] = {"type": "dynamic", "factor": factor}
            drawn["max_position_embeddings"] = self.among(64, 512)
        elif kind == "llama3":
            bands = {"low_freq_factor": 1.0, "high_freq_factor": self.among(4.0, 2.0, 8.0)}
            original = {"original_max_position_embeddings": self.among(16, 64, 256)}
            drawn["rope_scaling"] = {"rope_type": "llama3", "factor": factor, **bands, **original}
        elif kind == "yarn":
            original = self.among(16, 64, 128)
            scaling = {"rope_type": "yarn", "factor": factor, "original_max_position_embeddings": original}
            if self.yes():
                scaling |= {"beta_fast": self.among(32.0, 16.0), "beta_slow": self.among(1.0, 2.0)}
            if self.yes(0.3):
                scaling["attention_factor"] = self.number(0.8, 1.4)
            elif self.yes(0.3):
                scaling |= {"mscale": self.number(0.7, 1.2), "mscale_all_dim": self.number(0.7, 1.2)}
            if self.yes(0.3):
                scaling["truncate"] = False
            drawn["rope_scaling"] = scaling
            drawn["max_position_embeddings"] = int(original * factor)
        return drawn

    def epsilon(self):
        return self.among(1e-5, 1e-6, 1e-8)

    def windowed(self):
        return self.between(3, 30) if self.yes() else None


def llama(d):
    act = {"hidden_act": d.among(*ACTIVATIONS)}
    biases = {"attention_bias": d.yes(), "mlp_bias": d.yes()}
    return family(
        "llama",
        "LlamaForCausalLM",
        **{**d.sizes(own_width=True), **act, **biases, **d.rotation()},
        rms_norm_eps=d.epsilon(),
        tie_word_embeddings=d.yes(),
    )


def mistral(d):
    own = {**d.sizes(own_width=True), "hidden_act": d.among(*ACTIVATIONS), **d.rotation()}
    more = {"rms_norm_eps": d.epsilon(), "tie_word_embeddings": d.yes(), "sliding_window": d.windowed()}
    return family("mistral", "MistralForCausalLM", **own, **more)


def qwen(d, kind, architecture, **more):
    own = d.sizes(own_width=kind != "qwen2")
    layers = own["num_hidden_layers"]
    slides = d.yes()
    window = {
        "use_sliding_window": slides,
        "sliding_window": d.between(3, 30) if slides or d.yes() else None,
        "max_window_layers": d.between(0, layers),
    }
    if slides and d.yes(0.4):
        window["layer_types"] = [d.among("full_attention", "sliding_attention") for _ in range(layers)]
    own |= {"hidden_act": d.among(*ACTIVATIONS), **d.rotation(), **window}
    return family(kind, architecture, **own, rms_norm_eps=d.epsilon(), tie_word_embeddings=d.yes(), **more)


def qwen2(d):
    return qwen(d, "qwen2", "Qwen2ForCausalLM")


def qwen3(d):
    return qwen(d, "qwen3", "Qwen3ForCausalLM", attention_bias=d.yes())


def experts(d):
    count = d.between(2, 7)
    return count, {"num_experts_per_tok": d.between(2, min(count, 4)), "output_router_logits": False}


def qwen3_moe(d):
    count, more = experts(d)
    drawn = qwen(
        d,
        "qwen3_moe",
        "Qwen3MoeForCausalLM",
        attention_bias=d.yes(),
        num_experts=count,
        moe_intermediate_size=2 * d.between(3, 20),
        norm_topk_prob=d.yes(),
        decoder_sparse_step=d.among(1, 1, 2),
        router_aux_loss_coef=0.001,
        **more,
    )
    drawn["mlp_only_layers"] = [layer for layer in range(drawn["num_hidden_layers"]) if d.yes(0.25)]
    return drawn


def mixtral(d):
    count, more = experts(d)
    own = {**d.sizes(own_width=True), "hidden_act": d.among(*ACTIVATIONS), **d.rotation(("none", "linear", "yarn"))}
    more |= {"num_local_experts": count, "router_aux_loss_coef": 0.001, "sliding_window": d.windowed()}
    return family(
        "mixtral", "MixtralForCausalLM", **own, **more, rms_norm_eps=d.epsilon(), tie_word_embeddings=d.yes()
    )


def phimoe(d):
    own = {**d.sizes(), "hidden_act": d.among(*ACTIVATIONS), **d.rotation(("none",))}
    more = {"num_local_experts": d.between(2, 7), "num_experts_per_tok": 2, "output_router_logits": False}
    more |= {"attention_bias": d.yes(), "lm_head_bias": d.yes(), "sliding_window": d.windowed()}
    more |= {"router_jitter_noise": d.among(0.01, 0.1, 0.25), "input_jitter_noise": 0.0}
    return family("phimoe", "PhimoeForCausalLM", **own, **more, rms_norm_eps=d.epsilon(), tie_word_embeddings=False)


def gpt_oss(d):
    count, more = experts(d)
    own = d.sizes(own_width=True)
    own |= {"hidden_size": 32 * d.between(1, 2), "intermediate_size": 32 * d.between(1, 2), "head_dim": d.width}
    rotation = d.rotation(("none", "yarn"))
    if rotation["rope_scaling"] is None:
        rotation["rope_scaling"] = {"rope_type": "default"}
    if d.yes():
        more["layer_types"] = [d.among("full_attention", "sliding_attention") for _ in range(own["num_hidden_layers"])]
    more |= {"num_local_experts": count, "swiglu_limit": 7.0, "router_aux_loss_coef": 0.9}
    return family(
        "gpt_oss",
        "GptOssForCausalLM",
        **own,
        **rotation,
        **more,
        rms_norm_eps=d.epsilon(),
        tie_word_embeddings=False,
        attention_bias=d.yes(),
        sliding_window=d.between(3, 20),
    )


def phi3(d):
    own = d.sizes()
    own |= {"hidden_act": d.among(*ACTIVATIONS), "rms_norm_eps": d.epsilon(), "tie_word_embeddings": d.yes()}
    own |= {"sliding_window": d.windowed(), "original_max_position_embeddings": 512, **d.rotation(("none",))}
    share = d.among(1.0, 0.5, 0.75)
    columns = int(d.width * share) // 2 * 2
    if int(d.width * share) % 2 == 0 and share < 1:
        own["partial_rotary_factor"] = share
    else:
        columns = d.width
    if d.yes():
        original = d.among(16, 32, 64)
        scaling = {
            "type": "longrope",
            "short_factor": [d.number(1, 1.5) for _ in range(columns // 2)],
            "long_factor": [d.number(1, 12) for _ in range(columns // 2)],
        }
        if d.yes(0.3):
            scaling["attention_factor"] = d.number(0.9, 1.4)
        own |= {"rope_scaling": scaling, "original_max_position_embeddings": original}
        own["max_position_embeddings"] = original * d.among(2, 4, 32)
    more = {"resid_pdrop": 0.0, "embd_pdrop": 0.0}
    return family("phi3", "Phi3ForCausalLM", **own, **more)


def phi(d):
    own = d.sizes(layers=(1, 2))
    own |= {"hidden_act": d.among("gelu_new", "gelu", "gelu_pytorch_tanh"), "layer_norm_eps": d.epsilon()}
    own |= {"partial_rotary_factor": d.among(0.4, 0.5, 1.0), **d.rotation(("none", "linear")), "qk_layernorm": False}
    more = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "tie_word_embeddings": False}
    own["partial_rotary_factor"] = 2 * max(1, int(d.width * own["partial_rotary_factor"]) // 2) / d.width
    return family("phi", "PhiForCausalLM", **own, **more)


def gemma(d, kind, architecture, layers, **more):
    own = {**d.sizes(own_width=True, layers=layers), "head_dim": d.width, "rms_norm_eps": d.epsilon()}
    own |= {"hidden_activation": d.among("gelu_pytorch_tanh", "gelu_pytorch_tanh", "gelu"), "attention_bias": d.yes(0.3)}
    more |= {"query_pre_attn_scalar": d.between(4, 60), "sliding_window": d.between(3, 30), "tie_word_embeddings": True}
    drawn = family(kind, architecture, **{**own, **more})
    del drawn["hidden_act"]
    return drawn


def gemma2(d):
    caps = {"attn_logit_softcapping": d.among(50.0, 5.0, None), "final_logit_softcapping": d.among(30.0, 4.0, None)}
    return gemma(d, "gemma2", "Gemma2ForCausalLM", (1, 3), **caps, **d.rotation(("none",)))


def gemma3(d):
    rotation = {**d.rotation(("none", "linear")), "rope_local_base_freq": d.among(10000.0, 3000.0)}
    caps = {"attn_logit_softcapping": None, "final_logit_softcapping": d.among(None, None, 10.0)}
    return gemma(
        d,
        "gemma3_text",
        "Gemma3ForCausalLM",
        (2, 5),
        **rotation,
        **caps,
        sliding_window_pattern=d.between(2, 6),
    )


def smollm3(d):
    own = d.sizes(layers=(2, 5))
    own |= {"hidden_act": d.among("silu", "gelu"), "attention_bias": d.yes(), "mlp_bias": d.yes()}
    own |= d.rotation(("none", "linear", "yarn", "llama3"))
    layers = own["num_hidden_layers"]
    own |= {"rms_norm_eps": d.epsilon(), "tie_word_embeddings": d.yes(), "sliding_window": d.windowed()}
    own |= {"use_sliding_window": d.yes(), "no_rope_layer_interval": d.between(2, 4)}
    if d.yes():
        own["no_rope_layers"] = [d.between(0, 1) for _ in range(layers)]
    return family("smollm3", "SmolLM3ForCausalLM", **own)


def olmo2(d):
    own = {**d.sizes(), "hidden_act": d.among(*ACTIVATIONS), **d.rotation(), "attention_bias": d.yes()}
    return family("olmo2", "Olmo2ForCausalLM", **own, rms_norm_eps=d.epsilon(), tie_word_embeddings=d.yes())


def granite(d):
    own = {**d.sizes(), "hidden_act": d.among(*ACTIVATIONS), **d.rotation()}
    own |= {"attention_bias": d.yes(), "mlp_bias": d.yes(), "rms_norm_eps": d.epsilon()}
    own |= {"attention_multiplier": d.number(0.02, 0.5), "embedding_multiplier": d.number(0.5, 4)}
    own |= {"residual_multiplier": d.number(0.2, 1), "logits_scaling": d.number(0.7, 3), "tie_word_embeddings": d.yes()}
    return family("granite", "GraniteForCausalLM", **own)


def glm4(d):
    own = {**d.sizes(own_width=True), **d.rotation(("none", "linear"))}
    own |= {"head_dim": 4 * max(1, d.width // 4), "partial_rotary_factor": d.among(0.5, 0.5, 1.0)}
    own |= {"attention_bias": d.yes(), "rms_norm_eps": d.epsilon(), "tie_word_embeddings": d.yes()}
    return family("glm4", "Glm4ForCausalLM", **own)


def starcoder2(d):
    own = {**d.sizes(), "hidden_act": d.among("gelu_pytorch_tanh", "gelu"), **d.rotation(), "use_bias": d.yes(0.7)}
    own |= {"norm_epsilon": d.epsilon(), "sliding_window": d.windowed(), "tie_word_embeddings": d.yes()}
    more = {"norm_type": "layer_norm", "mlp_type": "default", "residual_dropout": 0.0, "embedding_dropout": 0.0}
    return family("starcoder2", "Starcoder2ForCausalLM", **own, **more)


def lfm2(d):
    own = {**d.sizes(layers=(2, 4)), **d.rotation(("none",))}
    layers = own["num_hidden_layers"]
    kinds = [d.among("conv", "full_attention") for _ in range(layers)]
    if "conv" not in kinds:
        kinds[0] = "conv"
    if "full_attention" not in kinds:
        kinds[-1] = "full_attention"
    if d.yes():
        own["layer_types"] = kinds
    else:
        own["full_attn_idxs"] = [index for index, kind in enumerate(kinds) if kind == "full_attention"]
    own |= {"block_ff_dim": own["intermediate_size"], "block_auto_adjust_ff_dim": d.yes(), "block_multiple_of": 8}
    own |= {"block_ffn_dim_multiplier": d.among(1.0, 1.3), "conv_L_cache": d.between(2, 4), "conv_bias": d.yes(0.3)}
    return family("lfm2", "Lfm2ForCausalLM", **own, norm_eps=d.epsilon(), tie_word_embeddings=d.yes())


def gpt2(d):
    own = d.sizes(groups=False)
    drawn = {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "activation_function": d.among("gelu_new", "gelu"),
        **{"attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0, "layer_norm_epsilon": d.epsilon()},
        **{"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "n_ctx": 64, "n_positions": 64},
        **{"n_embd": own["hidden_size"], "n_head": own["num_attention_heads"], "n_layer": own["num_hidden_layers"]},
        **{"n_inner": d.among(None, own["intermediate_size"]), "tie_word_embeddings": d.yes(0.7)},
        **{"vocab_size": own["vocab_size"], "use_cache": True},
    }
    if d.yes(0.3):
        drawn["scale_attn_by_inverse_layer_idx"] = True
    if d.yes(0.2):
        drawn["scale_attn_weights"] = False
    return drawn


def gpt_neox(d):
    own = d.sizes(groups=False)
    del own["num_key_value_heads"]
    columns = 2 * d.between(1, d.width // 2)
    own |= {"hidden_act": d.among("gelu", "gelu_new", "gelu_pytorch_tanh"), "layer_norm_eps": d.epsilon()}
    own |= {"rotary_emb_base": d.among(10000, 1000), "rotary_pct": columns / d.width, "use_parallel_residual": d.yes()}
    own |= {"attention_bias": d.yes(0.8), "tie_word_embeddings": d.yes(0.3), "max_position_embeddings": 128}
    return family("gpt_neox", "GPTNeoXForCausalLM", **own, hidden_dropout=0.0, classifier_dropout=0.1)


FAMILIES = [llama, mistral, mixtral, qwen2, qwen3, qwen3_moe, phi3, phimoe, phi, gemma2, gemma3, gpt_oss, smollm3]
FAMILIES += [olmo2, granite, glm4, starcoder2, lfm2, gpt2, gpt_neox]


def draw(make, seed):
    """A configuration, the type its weights are stored in, in how many files, the lengths of the batch's rows."""
    d = Drawing(seed)
    config = make(d)
    stored = d.among("float32", "float32", "bfloat16", "float16")
    lengths = [d.between(5, 22), d.between(23, 40), d.between(5, 40)][: d.between(2, 3)]
    return config, stored, d.between(1, 2), lengths


def each_drawn(seed, count, names):
    """What is drawn of each family that is named, of all if none is: its function, a model's seed and name."""
    for make in FAMILIES:
        if names and make.__name__ not in names:
            continue
        for own in range(seed * 1000, seed * 1000 + count):
            yield make, own, f"{make.__name__}-{own}"


def main(out, seed, count, names):
    for make, own, name in each_drawn(seed, count, names):
        try:
            models.make(out, name, draw(make, own), own)
        except Exception as error:
            print(f"{name}: transformers does not have it: {error}", flush=True)
            shutil.rmtree(f"{out}/models/{name}", ignore_errors=True)
            continue
        with open(f"{out}/models/{name}/golden.json") as file:
            figures = json.load(file)
        if max(figures[kind]["observed_float32_vs_float64"]["loss_abs"] for kind in ["full", "lora"]) > 2e-6:
            print(f"{name}: rounding decides in transformers itself", flush=True)
            shutil.rmtree(f"{out}/models/{name}")
            continue
        print(f"models/{name}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), set(sys.argv[4:]))

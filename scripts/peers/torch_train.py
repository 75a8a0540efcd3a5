#!/usr/bin/env python3
"""What PyTorch, transformers and PEFT reach at a model shape with random weights: the peer of `tala bench train`.

One process is one configuration, so that its peak memory is its own; it prints one line of JSON with the keys that
`tala bench train --json` prints. Every token of a sequence counts in the loss. Nothing is downloaded.
"""
import argparse
import json
import os
import resource
import statistics
import time

# hidden, layers, heads, key/value heads, feed-forward, vocabulary, tied
SHAPES = {
    "stories260k": ("llama", 64, 5, 8, 4, 172, 512, True),
    "smollm2-135m": ("llama", 576, 30, 9, 3, 1536, 49152, True),
    "qwen2.5-0.5b": ("qwen2", 896, 24, 14, 2, 4864, 151936, True),
    "llama-3.2-1b": ("llama", 2048, 16, 32, 8, 8192, 128256, True),
    "phi-3-mini": ("phi3", 3072, 32, 32, 32, 8192, 32064, False),
    "qwen3-moe-1.7b": ("qwen3_moe", 1024, 16, 16, 8, 2048, 32000, True),
}
# what a shape's configuration says beyond that
MORE = {
    "qwen3-moe-1.7b": {
        "head_dim": 64, "num_experts": 64, "num_experts_per_tok": 8, "moe_intermediate_size": 512, "norm_topk_prob": True},
}
# How transformers can compute a mixture of experts on a processor. Its third way, batched_mm, copies
# the weights of an expert for each token that chose it: 34 GB at 1,024 tokens of this shape.
EXPERTS = ["grouped_mm", "eager"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="smollm2-135m")
    parser.add_argument("--adapter", default="lora:16:all-linear", help="lora:RANK:all-linear or full")
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--sequence", type=int, default=256)
    parser.add_argument(
        "--precision", choices=["float32", "autocast", "bfloat16"], default="float32",
        help="autocast: float32 weights, bfloat16 products; bfloat16: frozen weights in bfloat16, adapters in float32")
    parser.add_argument("--compile", action="store_true", help="torch.compile the model; the first step then compiles")
    parser.add_argument("--checkpoint", help="load this folder instead of drawing random weights")
    parser.add_argument("--data", help="with --checkpoint: train on the chats of this JSON Lines file, of which each has as many tokens as a sequence")
    parser.add_argument("--checkpointing", action="store_true", help="recompute layers in the backward pass")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--steps", type=int, default=5)
    return parser.parse_args()


def seconds_since_start():
    """Seconds since the kernel started this process."""
    with open("/proc/self/stat") as file:
        ticks = int(file.read().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def step_clock():
    """A callback of transformers' Trainer: when the first step ended, and the seconds of each one behind it."""
    import transformers

    class Clock(transformers.TrainerCallback):
        def __init__(self):
            self.seconds, self.first, self.began = [], None, 0.0

        def on_step_begin(self, *_, **__):
            self.began = time.perf_counter()

        def on_step_end(self, *_, **__):
            if self.first is None:
                self.first = seconds_since_start()
            else:
                self.seconds.append(time.perf_counter() - self.began)

    return Clock()


def build(torch, options):
    from transformers import AutoConfig, AutoModelForCausalLM

    kind, hidden, layers, heads, kv_heads, feed_forward, vocabulary, tied = SHAPES[options.shape]
    config = AutoConfig.for_model(
        kind, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv_heads,
        intermediate_size=feed_forward, vocab_size=vocabulary, tie_word_embeddings=tied, max_position_embeddings=4096,
        rms_norm_eps=1e-5, pad_token_id=None, use_cache=False, **MORE.get(options.shape, {}))
    dtype = torch.bfloat16 if options.precision == "bfloat16" else torch.float32
    if options.checkpoint:
        model = AutoModelForCausalLM.from_pretrained(options.checkpoint, dtype=dtype, attn_implementation="sdpa")
        model.config.use_cache = False
        return adapted(model, options), vocabulary
    # Built without memory and filled by one cheap uniform pass: the peer must not be charged for
    # its slow initialisation.
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="sdpa")
    model.to_empty(device="cpu")
    # The frequencies of the rotary embedding are not parameters, so emptying lost them: they are
    # made again.
    model.base_model.rotary_emb = type(model.base_model.rotary_emb)(config=config)
    model.tie_weights()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.uniform_(-0.035, 0.035)
            else:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
    return adapted(model, options), vocabulary


def adapted(model, options):
    model.train()
    if options.checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    if options.adapter != "full":
        from peft import LoraConfig, get_peft_model

        rank = int(options.adapter.split(":")[1])
        model = get_peft_model(
            model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM"))
    return model


def fastest_experts(model, step):
    """The implementation of a mixture of experts with the fastest second step, which the model keeps; the seconds of each.

    One whose first step takes twice as long as that is not tried again: its figure is that of the first.
    """
    model = model.get_base_model() if hasattr(model, "get_base_model") else model
    seconds = {}
    for name in EXPERTS:
        model.set_experts_implementation(name)
        for _ in range(2):
            began = time.perf_counter()
            step()
            taken = time.perf_counter() - began
            if taken > 2 * min(seconds.values(), default=float("inf")):
                break
        seconds[name] = round(taken, 3)
    fastest = min(seconds, key=seconds.get)
    model.set_experts_implementation(fastest)
    return fastest, seconds


def chats(options):
    """The token ids of each chat of the data, as the checkpoint's tokenizer and template give them."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(options.checkpoint)
    with open(options.data) as file:
        texts = [tokenizer.apply_chat_template(json.loads(line)["messages"], tokenize=False) for line in file]
    return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]


def main():
    options = arguments()
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model, vocabulary = build(torch, options)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.01, fused=True)
    run = torch.compile(model) if options.compile else model
    rows = options.tokens // options.sequence
    seconds = []
    first = None
    examples = chats(options) if options.data else None

    def train(step):
        """The loss of one step."""
        if examples:
            ids = torch.tensor([examples[(step * rows + row) % len(examples)] for row in range(rows)])
        else:
            ids = torch.randint(0, vocabulary, (rows, options.sequence))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.precision == "autocast"):
            loss = run(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    experts = fastest_experts(model, lambda: train(0)) if "num_experts" in MORE.get(options.shape, {}) else None
    for step in range(options.steps + 1):
        start = time.perf_counter()
        value = train(step)
        if step == 0:
            first = seconds_since_start()
        else:
            seconds.append(time.perf_counter() - start)
    import peft
    import transformers

    tokens = rows * options.sequence
    print(json.dumps({
        "shape": options.shape, "adapter": options.adapter, "precision": options.precision, "compile": options.compile,
        "tokens": tokens, "sequence": options.sequence, "steps": options.steps, "threads": options.threads,
        "tok_s_median": round(tokens / statistics.median(seconds), 1), "tok_s_min": round(tokens / max(seconds), 1),
        "tok_s_best": round(tokens / min(seconds), 1), "step_s_median": round(statistics.median(seconds), 5),
        "first_step_s": round(first, 3), "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "loss": round(value, 6), "experts": experts, "torch": torch.__version__, "transformers": transformers.__version__,
        "peft": peft.__version__,
    }))


if __name__ == "__main__":
    main()

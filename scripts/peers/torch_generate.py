#!/usr/bin/env python3
"""What transformers' generate reaches with random weights, all prompts in one batch, greedy: the peer of `tala bench answers`."""
import json
import os
import resource
import time

from torch_train import SHAPES, arguments, build, seconds_since_start


def main():
    options = arguments()
    os.environ["HF_HUB_OFFLINE"] = "1"
    import peft
    import torch
    import transformers

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    options.adapter = "full"
    model, vocabulary = build(torch, options)
    model.eval()
    # --tokens over --sequence prompts; a half of each sequence is the prompt, the other is
    # generated.
    prompts, half = options.tokens // options.sequence, options.sequence // 2
    ids = torch.randint(1, vocabulary, (prompts, half))

    def generate(rows):
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.precision == "autocast"):
            return model.generate(
                input_ids=rows, attention_mask=torch.ones_like(rows), max_new_tokens=half, min_new_tokens=half, do_sample=False, pad_token_id=0,
                # The generation configuration was made when the model was, with the cache off, and
                # goes before the model's configuration.
                use_cache=True)

    generate(ids[:1])
    began, start = seconds_since_start(), time.perf_counter()
    found = generate(ids)
    seconds = time.perf_counter() - start
    tokens = found.shape[0] * (found.shape[1] - half)
    print(json.dumps({
        "shape": options.shape, "adapter": "none", "precision": options.precision, "prompts": prompts, "prompt_tokens": half, "new_tokens": half,
        "threads": options.threads, "torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__,
        "tokens": tokens, "seconds": round(seconds, 4), "tok_s_median": round(tokens / seconds, 1), "tok_s_best": round(tokens / seconds, 1),
        "first_step_s": round(began, 3), "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


if __name__ == "__main__":
    main()

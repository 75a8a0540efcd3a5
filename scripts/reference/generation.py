"""What the demonstration's model says when the likeliest token is always taken."""

import torch

from common import ROOT, versions, write_json
from reference_templates import render


def make_all(out):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = f"{ROOT}/demo/model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    ends = model.generation_config.eos_token_id
    messages = [{"role": "user", "content": "What does the fox eat?"}]
    tokens = {"bos_token": tokenizer.bos_token, "eos_token": tokenizer.eos_token}
    chat, _ = render(tokenizer.chat_template, messages, add_generation_prompt=True, **tokens)
    found = {}
    for name, text in [("greedy", "The little bird"), ("greedy_chat", chat)]:
        prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
        ids, gap = list(prompt), float("inf")
        with torch.no_grad():
            for _ in range(60):
                best = model(torch.tensor([ids]), use_cache=False).logits[0, -1].topk(2)
                gap = min(gap, float(best.values[0] - best.values[1]))
                ids.append(int(best.indices[0]))
                if ids[-1] in ends:
                    break
        found[name] = {"prompt": text, "prompt_ids": prompt, "all_ids": ids, "smallest_gap_between_the_best_two": gap}
    write_json(f"{out}/generation_golden.json", {"checkpoint": "demo/model", "versions": versions(), **found})
    print("generation", flush=True)

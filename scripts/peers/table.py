#!/usr/bin/env python3
"""Prints the table of docs/performance.md from the lines that scripts/compare-peers has written."""
import json
import statistics
import sys

TITLES = {
    "float32": "SmolLM2-135M shape, LoRA 16 all-linear, 4 x 256, float32",
    "bfloat16": "the same, bfloat16 over autocast",
    "compiled": "the same, over torch.compile's steady state",
    "full": "the same shape, full training, bfloat16 over autocast",
    "qwen": "Qwen2.5-0.5B shape, LoRA 16, 1 x 512, bfloat16 over autocast",
    "phi": "Phi-3-mini shape, LoRA 16, 1 x 128, bfloat16 over bfloat16 weights",
    "stories": "stories260k shape, LoRA 8, 8 x 128, float32",
    "experts": "Qwen 3 MoE of 1.7B (64 experts, 8 active), LoRA 16 on attention, 4 x 256, float32 over the peer's fastest experts",
    "experts-bfloat16": "the same, bfloat16 over bfloat16 weights",
    "classification": "SmolLM2-135M shape, LoRA 16, one of 4 classes of 4 texts of 256 tokens, bfloat16 over autocast",
    "answers": "SmolLM2-135M shape, 64 prompts of 64 tokens, 64 new ones each, float32 over float32; tokens are new tokens",
    "answers-bfloat16": "the same, bfloat16 over bfloat16 weights",
    "answers-autocast": "the same, bfloat16 over autocast",
    "answers-best": "the same, the best precision of each side",
    "dpo": "SmolLM2-135M shape, LoRA 16, DPO on 4 pairs of 256 tokens, bfloat16 over autocast",
}


def ranged(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def best_answers(pairs):
    """Of each pair the fastest precision of either side, where more than one was measured."""
    found = {}
    for (workload, pair), figures in pairs.items():
        if workload.startswith("answers"):
            for who, own in figures.items():
                found.setdefault(pair, {}).setdefault(who, []).append(own)
    return {
        ("answers-best", pair): {who: max(own, key=lambda one: one["tok_s_median"]) for who, own in sides.items()}
        for pair, sides in found.items()
        if all(len(own) > 1 for own in sides.values())
    }


def main():
    lines = [json.loads(line) for line in open(sys.argv[1])]
    # A pair counts when both of its processes have ended.
    pairs = {}
    for line in lines:
        pairs.setdefault((line["workload"], line["pair"]), {})[line["who"]] = line["figures"]
    pairs |= best_answers(pairs)
    print("| workload | pairs | Tala tok/s | peer tok/s | ratio, median (range) | best over best | peak MiB, Tala (planned) / peer | seconds to the first step, Tala / peer |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, title in TITLES.items():
        whole = [pair for (workload, _), pair in pairs.items() if workload == name and len(pair) == 2]
        if not whole:
            continue
        ours, theirs = [pair["tala"] for pair in whole], [pair["peer"] for pair in whole]

        def median(side, key):
            return statistics.median(figures[key] for figures in side)

        best = max(figures["tok_s_best"] for figures in ours) / max(figures["tok_s_best"] for figures in theirs)
        print(
            f"| {title} | {len(whole)} | {median(ours, 'tok_s_median'):,.0f} | {median(theirs, 'tok_s_median'):,.0f} | "
            f"{ranged([own['tok_s_median'] / peer['tok_s_median'] for own, peer in zip(ours, theirs)])} | {best:.2f} | "
            f"{max(figures['peak_rss_mib'] for figures in ours)} ({ours[0]['planned_mib']}) / {max(figures['peak_rss_mib'] for figures in theirs)} | "
            f"{median(ours, 'first_step_s'):.2g} / {median(theirs, 'first_step_s'):.2g} |")
    starts = [pair for (workload, _), pair in pairs.items() if workload == "start" and len(pair) == 2]
    if starts:
        ours, theirs = [pair["tala"]["first_step_s"] for pair in starts], [pair["peer"]["first_step_s"] for pair in starts]
        print(
            f"\nManifest dropped to first step over the peer's process start to first step, the same checkpoint and data, {len(starts)} pairs: "
            f"{statistics.median(ours):.2f} s ({min(ours):.2f}-{max(ours):.2f}) over {statistics.median(theirs):.2f} s ({min(theirs):.2f}-{max(theirs):.2f}), "
            f"ratio {ranged([own / peer for own, peer in zip(ours, theirs)])}")
        parts = {}
        for pair in starts:
            for key, value in pair["tala"]["seconds"].items():
                parts.setdefault(key, []).append(value)
        print("Median time line: " + ", ".join(f"{key} {statistics.median(values):.3f} s" for key, values in parts.items()))
    peer = next((line["figures"] for line in lines if line["who"] == "peer"), None)
    if peer:
        print(f"\npeer: torch {peer['torch']}, transformers {peer['transformers']}, peft {peer['peft']}, {peer['threads']} threads; "
              f"measured {lines[0]['at']} to {lines[-1]['at']}")


main()

#!/usr/bin/env python3
"""What transformers' Trainer reaches at classification with random weights: the peer of `tala bench train --method classification`.

The head tells four classes apart and is trained beside the adapter. One process is one configuration; it prints one line of JSON with the
keys that `tala bench train --json` prints.
"""
import json
import os
import resource
import statistics
import tempfile

from torch_train import SHAPES, arguments, step_clock


def build(torch, options):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForSequenceClassification

    kind, hidden, layers, heads, kv_heads, feed_forward, vocabulary, tied = SHAPES[options.shape]
    config = AutoConfig.for_model(
        kind, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv_heads,
        intermediate_size=feed_forward, vocab_size=vocabulary, tie_word_embeddings=tied, max_position_embeddings=4096,
        rms_norm_eps=1e-5, pad_token_id=0, use_cache=False, num_labels=4)
    model = AutoModelForSequenceClassification.from_config(config, attn_implementation="sdpa")
    rank = int(options.adapter.split(":")[1])
    return get_peft_model(model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="SEQ_CLS")), vocabulary


def main():
    options = arguments()
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TQDM_DISABLE"] = "1"
    import peft
    import torch
    import transformers

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model, vocabulary = build(torch, options)
    rows = options.tokens // options.sequence
    data = [
        {"input_ids": torch.randint(1, vocabulary, (options.sequence,)), "attention_mask": torch.ones(options.sequence, dtype=torch.long),
         "labels": index % 4} for index in range(rows * (options.steps + 1))]

    clock = step_clock()
    with tempfile.TemporaryDirectory() as folder:
        settings = transformers.TrainingArguments(
            output_dir=folder, per_device_train_batch_size=rows, max_steps=options.steps + 1, learning_rate=1e-4,
            bf16=options.precision == "autocast", use_cpu=True, report_to=[], save_strategy="no", logging_strategy="no")
        transformers.Trainer(model=model, args=settings, train_dataset=data, callbacks=[clock]).train()
    tokens = rows * options.sequence
    print(json.dumps({
        "shape": options.shape, "adapter": options.adapter, "precision": options.precision, "tokens": tokens, "sequence": options.sequence,
        "steps": options.steps, "threads": options.threads, "torch": torch.__version__, "transformers": transformers.__version__,
        "peft": peft.__version__, "tok_s_median": round(tokens / statistics.median(clock.seconds), 1),
        "tok_s_best": round(tokens / min(clock.seconds), 1), "first_step_s": round(clock.first, 3),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


if __name__ == "__main__":
    main()

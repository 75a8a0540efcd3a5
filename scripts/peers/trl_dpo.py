#!/usr/bin/env python3
"""What trl's DPOTrainer reaches at a model shape with random weights: the peer of `tala bench train --method dpo`.

The reference's log-probabilities are computed before the first step and are not timed, as Tala's are not. Of each sequence the first half is
the prompt. One process is one configuration; it prints one line of JSON with the keys that `tala bench train --json` prints.
"""
import json
import os
import resource
import statistics
import sys
import tempfile

from torch_train import SHAPES, arguments, build, step_clock


def tokenizer(vocabulary):
    """A tokenizer that the trainer asks for and never uses: the data is token ids."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"<unk>": 0, "</s>": 1}, unk_token="<unk>")), eos_token="</s>", pad_token="</s>")


def main():
    options = arguments()
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["TQDM_DISABLE"] = "1"
    import peft
    import torch
    import transformers
    import trl
    from datasets import Dataset

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model, vocabulary = build(torch, options)
    pairs, half = options.tokens // (2 * options.sequence), options.sequence // 2
    count = pairs * (options.steps + 1)

    def ids(length):
        return torch.randint(0, vocabulary, (length,)).tolist()

    data = Dataset.from_list([
        {"prompt_ids": ids(half), "chosen_ids": ids(options.sequence - half), "rejected_ids": ids(options.sequence - half)} for _ in range(count)])

    class Trainer(trl.DPOTrainer):
        def _prepare_dataset(self, dataset, *_, **__):
            return dataset

    clock = step_clock()
    with tempfile.TemporaryDirectory() as folder:
        settings = trl.DPOConfig(
            output_dir=folder, per_device_train_batch_size=pairs, max_steps=options.steps + 1, learning_rate=1e-4, beta=0.1,
            precompute_ref_log_probs=True, bf16=options.precision == "autocast", use_cpu=True, gradient_checkpointing=False,
            max_length=options.sequence, logging_steps=1_000, save_strategy="no", report_to=[], disable_tqdm=True, optim="adamw_torch_fused")
        # The model's copy of the adapter as a reference would be a second adapter: a fresh one is
        # compared with the base.
        trainer = Trainer(model=model, args=settings, train_dataset=data, processing_class=tokenizer(vocabulary), callbacks=[clock])
        sys.stdout = sys.stderr
        loss = trainer.train().training_loss
        sys.stdout = sys.__stdout__
    tokens = pairs * 2 * options.sequence
    print(json.dumps({
        "shape": options.shape, "adapter": options.adapter, "precision": options.precision, "compile": False,
        "tokens": tokens, "sequence": options.sequence, "steps": options.steps, "threads": options.threads,
        "tok_s_median": round(tokens / statistics.median(clock.seconds), 1), "tok_s_min": round(tokens / max(clock.seconds), 1),
        "tok_s_best": round(tokens / min(clock.seconds), 1), "step_s_median": round(statistics.median(clock.seconds), 5),
        "first_step_s": round(clock.first, 3), "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "loss": round(loss, 6), "torch": torch.__version__, "transformers": transformers.__version__,
        "peft": peft.__version__, "trl": trl.__version__,
    }))


if __name__ == "__main__":
    main()

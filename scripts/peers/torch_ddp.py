"""The steps of torch_train.py in several processes: PyTorch's DDP over Gloo.

Each process takes --tokens of its own; MASTER_ADDR, MASTER_PORT, WORLD_SIZE and RANK say who they
are, as torchrun sets them. The first process prints tokens a second of all of them.
"""
import json
import os
import statistics
import time

import torch_train


def main():
    options = torch_train.arguments()
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import torch
    import torch.distributed as distributed

    torch.set_num_threads(options.threads)
    distributed.init_process_group("gloo")
    count, rank = distributed.get_world_size(), distributed.get_rank()
    torch.manual_seed(rank)
    model, vocabulary = torch_train.build(torch, options)
    run = torch.nn.parallel.DistributedDataParallel(model)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.01, fused=True)
    rows = options.tokens // options.sequence
    seconds = []
    for step in range(options.steps + 1):
        ids = torch.randint(0, vocabulary, (rows, options.sequence))
        start = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.precision == "autocast"):
            loss = run(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
        if step > 0:
            seconds.append(time.perf_counter() - start)
    if rank == 0:
        tokens = rows * options.sequence * count
        speed = round(tokens / statistics.median(seconds), 1)
        print(json.dumps({"processes": count, "tokens": tokens, "tok_s_median": speed}))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()

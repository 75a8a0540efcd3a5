/// The keys that a manifest may have, and how people misspell them.
enum ManifestKeys {
    static let root = [
        "model", "training_file", "validation_file", "validation_split", "suffix", "metadata", "seed", "method", "adapter", "optimizer",
        "schedule",
        "train_on", "shuffle", "max_length", "on_excess", "checkpoint", "evaluation", "device", "precision", "base_weights", "priority",
        "not_before",
        "time_limit", "cost_limit", "after",
        "memory_limit", "profile",
    ]
    static let method = ["type", "supervised", "pretrain"]
    static let hyperparameters = ["n_epochs", "max_steps", "batch_size", "learning_rate", "learning_rate_multiplier"]
    static let adapter = ["type", "rank", "alpha", "dropout", "target_modules", "use_rslora", "init_from"]
    static let optimizer = ["type", "beta1", "beta2", "epsilon", "weight_decay", "weight_decay_on", "max_grad_norm"]
    static let schedule = ["type", "warmup_steps"]
    static let checkpoint = ["every_steps", "keep"]
    static let evaluation = ["every_steps"]

    /// The names that transformers, TRL, PEFT, axolotl and mlx-lm give to what we call otherwise.
    static let otherNames = [
        "num_train_epochs": "n_epochs", "num_epochs": "n_epochs", "epochs": "n_epochs", "iters": "max_steps",
        "per_device_train_batch_size": "batch_size", "gradient_accumulation_steps": "batch_size", "micro_batch_size": "batch_size",
        "lr": "learning_rate", "lr_scheduler_type": "schedule.type", "lr_scheduler": "schedule.type", "lr_schedule": "schedule.type",
        "warmup_ratio": "schedule.warmup_steps", "warmup_steps": "schedule.warmup_steps", "max_seq_length": "max_length",
        "max_seq_len": "max_length", "sequence_len": "max_length",
        "lora_r": "adapter.rank", "r": "rank", "lora_alpha": "alpha", "lora_dropout": "dropout",
        "lora_target_modules": "adapter.target_modules",
        "base_model": "model", "model_name_or_path": "model", "base_model_name_or_path": "model", "train_file": "training_file",
        "datasets": "training_file",
        "dataset": "training_file", "eval_file": "validation_file", "val_set_size": "validation_split", "val_size": "validation_split",
        "adam_beta1": "optimizer.beta1", "adam_beta2": "optimizer.beta2", "adam_epsilon": "optimizer.epsilon", "eps": "epsilon",
        "wd": "weight_decay", "max_grad_norm": "optimizer.max_grad_norm", "weight_decay": "optimizer.weight_decay",
        "save_steps": "checkpoint.every_steps",
        "save_total_limit": "checkpoint.keep", "eval_steps": "evaluation.every_steps", "bf16": "precision", "fp16": "precision",
        "torch_dtype": "precision", "dtype": "precision", "random_seed": "seed", "assistant_only_loss": "train_on",
        "train_on_inputs": "train_on", "mask_prompt": "train_on",
        "excess_length_strategy": "on_excess", "truncation_mode": "on_excess", "hyperparameters": "method.supervised.hyperparameters",
        "scale": "alpha", "load_in_4bit": "base_weights", "load_in_8bit": "base_weights", "bnb_4bit_quant_type": "base_weights",
        "quantization": "base_weights", "quantization_config": "base_weights",
        "n_epochs": "method.supervised.hyperparameters.n_epochs", "batch_size": "method.supervised.hyperparameters.batch_size",
        "learning_rate": "method.supervised.hyperparameters.learning_rate", "max_steps": "method.supervised.hyperparameters.max_steps",
        "learning_rate_multiplier": "method.supervised.hyperparameters.learning_rate_multiplier",
    ]

    /// The known key that a wrong one most likely means, or nil if none is near.
    static func suggestion(for key: String, among known: [String]) -> String? {
        if let other = otherNames[key], !known.contains(key) { return other }
        let nearest = known.map { ($0, distance($0, key)) }.min { $0.1 < $1.1 }
        guard let nearest, nearest.1 <= max(2, key.utf8.count / 3) else { return nil }
        return nearest.0
    }

    /// Levenshtein distance of the first 64 bytes.
    static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left.utf8.prefix(64)), Array(right.utf8.prefix(64)))
        var previous = Array(0...right.count)
        for (row, byte) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                current.append(min(previous[column] + (byte == other ? 0 : 1), previous[column + 1] + 1, current[column] + 1))
            }
            previous = current
        }
        return previous[right.count]
    }
}

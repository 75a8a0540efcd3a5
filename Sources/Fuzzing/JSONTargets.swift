import JSON
import Jobs
import Manifest

extension FuzzTarget {
    /// The JSON reader: what it takes, the writer writes so that it is read as the same.
    static let json = FuzzTarget(
        "json",
        seeds: ["{\"a\": [1, 2.5, -3e10, null, true, \"x\\u00e9\\n\"]}", "[]", "\"\"", "12345678901234567890", "{\"k\": {\"k\": [[[]]]}}"],
        folders: [("malformed/jsonl", ".jsonl"), ("malformed/config", ".json")], byteLimit: 1024, structure: .json
    ) { bytes in
        guard let node = try? JSONParser().parse(bytes) else { return nil }
        let written = JSONWriter().string(node)
        guard let again = try? JSONParser().parse(written), JSONWriter().string(again) == written else {
            return "was not read back: \(written)"
        }
        return nil
    }

    /// A manifest as JSON.
    static let manifestJSON = FuzzTarget(
        "manifest-json",
        seeds: [
            """
            {"model": "m", "training_file": "t.jsonl", "validation_split": 0.1, "suffix": "s", "metadata": {"a": "b"}, "seed": 1,
             "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3, "batch_size": "auto", "learning_rate": 2e-4}}},
             "adapter": {"type": "lora", "rank": 16, "alpha": 32, "dropout": 0.0, "target_modules": "all-linear"},
             "optimizer": {"type": "adamw", "beta1": 0.9, "epsilon": 1e-8, "weight_decay": 0.01}, "schedule": {"type": "cosine", "warmup_steps": 10},
             "train_on": "assistant", "shuffle": true, "max_length": 2048, "on_excess": "error", "checkpoint": {"every_steps": 50, "keep": 3},
             "device": "auto", "precision": "auto"}
            """, "{\"model\": \"m\", \"training_file\": \"t\"}",
        ], words: KeyTable.words.map { "\"\($0)\"" } + ["\"auto\"", "1e308"], byteLimit: 2048, structure: .json
    ) { bytes in
        _ = try? Manifest(try ManifestText(bytes, isYAML: false))
        return nil
    }

    /// A manifest as YAML.
    static let manifestYAML = FuzzTarget(
        "manifest-yaml",
        seeds: [
            """
            model: phi-3-mini
            training_file: support.jsonl
            validation_split: 0.1
            metadata: {team: helpdesk}
            seed: 42
            method:
              type: supervised
              supervised:
                hyperparameters:
                  n_epochs: 3
                  learning_rate: 2.0e-4
            adapter: {type: lora, rank: 16, alpha: 32, target_modules: [q_proj, 'v_proj', "o_proj"]}
            schedule: {type: cosine, warmup_steps: 10}
            shuffle: true
            """, "model: m\ntraining_file: t\n",
        ],
        words: KeyTable.words + [
            "&a ", "*a", "!!int ", "- ", "  ", "|\n", ">-\n", "? ", "--- ", "...", "%YAML 1.1\n", "<<: ", "#", "'", "~", "{", "0x1F",
            ".inf", "1_0",
        ], byteLimit: 1024
    ) { bytes in
        _ = try? Manifest(try ManifestText(bytes, isYAML: true))
        return nil
    }

    /// A job's status, which tala reads from any spool that it is given.
    static let status = FuzzTarget(
        "status",
        seeds: [
            """
            {"object": "fine_tuning.job", "id": "ftjob-01", "status": "running", "created_at": 1, "model": "m", "training_file": "t", "finished_at": null,
             "metadata": {}, "seed": 1, "method": {"type": "supervised"}, "error": null, "hyperparameters": {"n_epochs": 1},
             "tala": {"progress": {"step": 3, "total_steps": 10, "tokens_per_second": 5.5}, "device": "cpu", "checkpoint": null, "attempts": 1}}
            """
        ], words: ["\"tala\"", "\"progress\"", "\"succeeded\"", "\"error\""], byteLimit: 2048, structure: .json
    ) { bytes in
        guard let node = try? JSONParser().parse(bytes), let status = JobStatus(json: node) else { return nil }
        _ = JSONWriter().string(status.json)
        return nil
    }

    /// A line of metrics.csv.
    static let metrics = FuzzTarget(
        "metrics", seeds: ["1,2.5,0.5,,,,,0.001,1.5,100,1000.0", "12,0.1,1,0.2,0.9,0.3,0.8,1e-5,0.5,99999,12"],
        words: [",", "nan", "inf", "e"],
        byteLimit: 256
    ) { bytes in
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        _ = MetricsRow(line: text)?.line
        return nil
    }
}

import Foundation
import JSON
import Spool
import Storage
import TestSupport

/// A short job of each objective and each optimizer, for the suites that kill them.
struct EveryKind {
    /// The job's `suffix`, and what its manifest says beside model and suffix.
    let kinds: [(name: String, manifest: String)]

    private static let grader = "{type: text_similarity, name: f1, evaluation_metric: token_f1}"

    /// Three steps with a checkpoint after each, in float32 on the processor.
    private static func training(_ method: String, _ optimizer: String, _ more: String, settings: String = "") -> String {
        """
        seed: 5
        method: {type: \(method), \(method): {\(settings)hyperparameters: {max_steps: 3, batch_size: 2, learning_rate: 1.0e-3}}}
        optimizer: {type: \(optimizer)}
        checkpoint: {every_steps: 1, keep: 2}
        max_length: 512
        \(more)
        """
    }

    init() {
        let lora = "adapter: {type: lora, rank: 4, alpha: 8, dropout: 0.1}"
        kinds = [
            ("adamw", Self.training("supervised", "adamw", "training_file: train.jsonl\nvalidation_file: validation.jsonl\n\(lora)")),
            ("sgd", Self.training("supervised", "sgd", "training_file: train.jsonl\n\(lora)")),
            ("adamw8bit", Self.training("supervised", "adamw8bit", "training_file: train.jsonl\nadapter: {type: full}")),
            ("pretraining", Self.training("pretrain", "adafactor", "training_file: texts.jsonl\nadapter: {type: full}")),
            (
                "classification",
                Self.training("classification", "lion", "training_file: labels.jsonl\nvalidation_file: labels.jsonl\n\(lora)")
            ), ("preference", Self.training("dpo", "muon", "training_file: pairs.jsonl\n\(lora)")),
            (
                "distillation",
                Self.training(
                    "distillation", "adamw", "training_file: train.jsonl\nvalidation_file: validation.jsonl\n\(lora)",
                    settings: "teacher: demo-model, teacher_weights: q8, ")
            ),
            (
                "graded",
                Self.training(
                    "supervised", "adamw",
                    "training_file: train.jsonl\nvalidation_file: validation.jsonl\n\(lora)\n"
                        + "evaluation: {graders: [\(Self.grader)], generation: {max_tokens: 6}, grade_checkpoints: true}")
            ),
            (
                "evaluation",
                """
                validation_file: validation.jsonl
                max_length: 512
                method: {type: evaluation, evaluation: {graders: [\(Self.grader)], generation: {max_tokens: 6}}}
                """
            ),
        ]
    }

    /// The data of all of them: few lines each.
    static func files() throws -> [(name: String, text: String)] {
        func lines(_ name: String, _ count: Int) throws -> [String] {
            try String(contentsOfFile: ReferenceSet.own.chatModel + "/" + name, encoding: .utf8).split(separator: "\n").prefix(count).map(
                String.init)
        }
        let train = try lines("train.jsonl", 6)
        let records = try train.map { try JSONParser().parse($0)["messages"]?.array ?? [] }
        func texts(_ record: (Int) -> JSONNode) -> String { records.indices.map { JSONWriter().string(record($0)) + "\n" }.joined() }
        return [
            ("train.jsonl", train.joined(separator: "\n") + "\n"),
            ("validation.jsonl", try lines("validation.jsonl", 3).joined(separator: "\n") + "\n"),
            ("texts.jsonl", texts { ["text": JSONNode("Sentence \($0): " + String(repeating: "the hen is brown. ", count: 8))] }),
            ("labels.jsonl", texts { ["text": JSONNode("Animal \($0) is brown."), "label": JSONNode($0 % 2 == 0 ? "hen" : "pig")] }),
            (
                "pairs.jsonl",
                texts { index in
                    [
                        "prompt": JSONNode(Array(records[index].dropLast())), "chosen": JSONNode(Array(records[index].suffix(1))),
                        "rejected": JSONNode(Array(records[(index + 1) % records.count].suffix(1))),
                    ]
                }
            ),
        ]
    }

    /// A spool into which all of them have been dropped.
    func spool() throws -> RealSpool {
        let head = "model: chat-model\ndevice: cpu\nprecision: float32\n"
        let spool = try RealSpool(manifest: head + "suffix: \(kinds[0].name)\n" + kinds[0].manifest)
        try FileManager.default.copyItem(atPath: ReferenceSet.own.trajectoryModel, toPath: spool.layout.models + "/demo-model")
        for (name, text) in try Self.files() { try DurableFiles.replace(spool.layout.files + "/" + name, with: text) }
        for kind in kinds.dropFirst() { try spool.drop(kind.name, head + "suffix: \(kind.name)\n" + kind.manifest) }
        return spool
    }
}

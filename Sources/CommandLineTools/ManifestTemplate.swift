/// A manifest to begin with, in YAML, whose comments say what each choice does.
package struct ManifestTemplate {
    /// What the training file holds.
    package enum Task: String, CaseIterable {
        case chat
        case completion
        case text
    }

    /// What the plan of the job says, on the machine that is asked.
    package struct Plan {
        package var device: String
        package var precision: String
        package var steps: Int
        package var batchSize: Int
        package var learningRate: Double
        /// Tokens of a micro-batch, and of the longest example.
        package var microBatchTokens: Int
        package var longestExample: Int
        package var recomputedLayers: Int
        /// How frozen weights lie in memory.
        package var baseWeights: String
        package var peakBytes: Int

        package init(
            device: String, precision: String, steps: Int, batchSize: Int, learningRate: Double, microBatchTokens: Int,
            longestExample: Int, recomputedLayers: Int, baseWeights: String, peakBytes: Int
        ) {
            (self.device, self.precision, self.steps, self.batchSize) = (device, precision, steps, batchSize)
            (self.learningRate, self.microBatchTokens, self.longestExample) = (learningRate, microBatchTokens, longestExample)
            (self.recomputedLayers, self.baseWeights, self.peakBytes) = (recomputedLayers, baseWeights, peakBytes)
        }
    }

    let model: String
    let data: String
    let task: Task
    let trainsAllWeights: Bool
    /// Without it the comments say nothing of the machine.
    package var plan: Plan?

    package init(model: String, data: String, task: Task, trainsAllWeights: Bool) {
        (self.model, self.data, self.task, self.trainsAllWeights) = (model, data, task, trainsAllWeights)
    }

    /// A comment on what was decided here; nothing without a plan.
    private func here(_ indentation: String = "", _ sentence: (Plan) -> String) -> [String] {
        plan.map { [indentation + "# Here: " + sentence($0)] } ?? []
    }

    package var text: String {
        var lines = [
            "# A job for Tala. docs/manifest.md has every key; a key that is left out has the default shown there.",
            "model: \(Self.quoted(model))",
            "training_file: \(Self.quoted(data))",
            "# The share of the examples that is held back: their loss tells whether the model learns or memorises.",
            "validation_split: 0.1",
            "seed: 42",
            "",
            "method:",
            "  type: \(task == .text ? "pretrain" : "supervised")",
            "  \(task == .text ? "pretrain" : "supervised"):",
            "    hyperparameters:",
            "      # Passes over the data. More than 3 to 5 on few examples memorises them.",
            "      n_epochs: \(task == .text ? 1 : 3)",
            "      # Examples of one optimizer step. The planner cuts it into micro-batches, so it does not decide about memory.",
        ]
        lines += here("      ") { "\($0.steps) steps of \($0.batchSize) examples, \($0.microBatchTokens) tokens computed at a time." }
        lines += [
            "      batch_size: 8",
            "      # auto: 2e-4 for LoRA, 2e-5 for all weights, 1e-3 for pretraining. Halve it if the loss rises or jumps.",
        ]
        lines += here("      ") { "\($0.learningRate)." }
        lines += ["      learning_rate: auto", ""]
        if trainsAllWeights {
            lines += [
                "# All weights are trained: the result is a model, and memory holds gradients and two moments of every weight.",
                "adapter: {type: full}",
            ]
        } else {
            lines += [
                "# Small matrices beside the frozen weights are trained. A higher rank holds more and takes more memory.",
                "adapter: {type: lora, rank: 16, alpha: 32, target_modules: all-linear}",
                "# auto: as stored, or in 8 or 4 bits where the memory asks for it.",
            ]
            lines += here { "\($0.baseWeights)." }
            lines += ["base_weights: auto"]
        }
        lines += [
            "# The rate rises over the first twentieth of the steps and then falls to zero.",
            "schedule: {type: cosine, warmup_ratio: 0.05}",
        ]
        switch task {
        case .chat: lines += ["# Only what the assistant says counts in the loss.", "train_on: assistant"]
        case .completion: lines += ["# Only the completion counts in the loss.", "train_on: completion"]
        case .text: break
        }
        lines += [
            "# Tokens of one example; a longer one is an error, or: on_excess: truncate, drop."
        ]
        lines += here { "the longest example has \($0.longestExample)." }
        lines += [
            "max_length: 2048",
            "# A checkpoint every so many steps; the newest two are kept.",
            "checkpoint: {every_steps: 100, keep: 2}",
            "# auto: a Vulkan device where there is one, else the processor.",
        ]
        lines += here { plan in
            let memory = "\(plan.peakBytes >> 20) MiB at the peak"
            let again = plan.recomputedLayers > 0 ? ", with \(plan.recomputedLayers) layers computed twice to need no more" : ""
            return "\(Terminal.safe(plan.device)), \(plan.precision); \(memory)\(again)."
        }
        lines += ["device: auto"]
        return lines.joined(separator: "\n") + "\n"
    }

    /// A text as a YAML scalar in double quotes, which is JSON's form.
    private static func quoted(_ text: String) -> String {
        // What begins with a letter and is not one of YAML's own words is read as it stands.
        let isPlain =
            text.first.map { $0.isASCII && $0.isLetter } == true
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-/".contains($0)) }
        guard !isPlain || ["true", "false", "null"].contains(text) else { return text }
        let escaped = text.unicodeScalars.map { scalar -> String in
            switch scalar {
            case "\"": "\\\""
            case "\\": "\\\\"
            case let scalar where scalar.value < 0x20: "\\u00" + (scalar.value < 0x10 ? "0" : "") + String(scalar.value, radix: 16)
            default: String(scalar)
            }
        }
        return "\"" + escaped.joined() + "\""
    }
}

/// Why a training run ends.
package enum TrainingError: Error, Sendable {
    /// The loss or gradient norm of a step is not a number.
    case notFinite(step: Int, loss: Double, gradientNorm: Double, examples: [Int])
    /// A checkpoint cannot be used.
    case unusableCheckpoint(path: String, reason: String)
    /// A whole checkpoint was written by a version of this program that this one does not read.
    case otherVersion(path: String, version: Int)
    /// A whole checkpoint belongs to other inputs: a file or a setting is no longer what the job
    /// was accepted with.
    case inputsChanged(path: String, what: [String])
    /// What the job needs does not fit the memory it may use.
    case doesNotFit(needed: Int, available: Int, advice: String)
    /// A word that a manifest allows names nothing that training has.
    case unknownName(key: String, name: String, known: [String])
    /// A setting asks for validation data, and there is none.
    case needsValidation(key: String)
    /// An example is longer than a micro-batch can be.
    case exampleTooLong(index: Int, tokenCount: Int, limit: Int)
    /// Some of the processes that train the job have computed other numbers than rank 0.
    case ranksDiffer(step: Int, what: String, ranks: [Int])
    /// Another process has sent what this one does not understand.
    case brokenExchange
}

extension TrainingError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notFinite(let step, let loss, let norm, let examples):
            "step \(step): the loss is \(loss) and the gradient norm \(norm); the batch holds the examples \(examples.map(String.init).joined(separator: ", ")) "
                + "of the training file (counted from 1). Lower learning_rate, or look at these examples"
        case .unusableCheckpoint(let path, let reason): "checkpoint \(path): \(reason)"
        case .otherVersion(let path, let version):
            "checkpoint \(path) is of version \(version), this program reads version \(Checkpointing.version): finish the job with the program that began it, or move checkpoints/ away to begin anew"
        case .inputsChanged(let path, let what):
            "since checkpoint \(path) was written, \(what.joined(separator: ", ")) changed: put back what was there, or move checkpoints/ away to begin anew"
        case .doesNotFit(let needed, let available, let advice):
            "the job needs \(needed / 1_048_576) MiB and may use \(available / 1_048_576) MiB: \(advice)"
        case .unknownName(let key, let name, let known):
            "\(key): there is no \"\(name)\"; there are \(known.joined(separator: ", "))"
        case .needsValidation(let key):
            "\(key): there is no validation data to judge the run by; give validation_file or validation_split"
        case .exampleTooLong(let index, let tokenCount, let limit):
            "example \(index) has \(tokenCount) tokens, \(limit) are possible: lower max_length or set on_excess"
        case .ranksDiffer(let step, let what, let ranks):
            "step \(step): \(what) of rank \(ranks.map(String.init).joined(separator: ", ")) is not that of rank 0: its device, driver or memory "
                + "computes other numbers. Take that device or host out, and resume the job: it goes on from its last checkpoint"
        case .brokenExchange: "a process of the job has sent what this one does not understand: are all hosts' programs of one version?"
        }
    }
}

package import Datasets

/// Why a job cannot be prepared, beyond what the modules below say.
package enum PreparationError: Error, Sendable {
    /// The reports of the training file and the validation file; at least one of them is not valid.
    case invalidData([ValidationReport])
    case emptySplit(fraction: Double, examples: Int)
    case noWeights(String)
    /// The job's own copy of its data is no longer what was copied.
    case damagedData(String)
    /// Files that the job depends on are no longer what they were when it was validated; by what
    /// they are to it.
    case inputsChanged([String])
    case unusableFile(String, reason: String, param: String)
    /// There are warnings, and the manifest wants none (`strict: true`).
    case strict([JobWarning])
}

extension PreparationError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .invalidData(let reports):
            (reports.lazy.compactMap(\.problems.first.first).first?.description ?? "the data is not valid")
                + Self.rest(reports.reduce(-1) { $0 + $1.problems.total })
        case .emptySplit(let fraction, let examples):
            "validation_split \(fraction) of \(examples) examples leaves nothing on one side: give validation_file, or at least two examples"
        case .noWeights(let folder):
            "\(folder) holds no weights to tune, neither model.safetensors nor model.safetensors.index.json; "
                + "with method.type pretrain training starts from random ones"
        case .damagedData(let fault): "the job's copy of its data is damaged: \(fault); submit the job again"
        case .inputsChanged(let names):
            "no longer what was validated: \(names.joined(separator: ", ").replacing("_", with: " ")); submit the job again"
        case .unusableFile(let path, let reason, _): "\(path) \(reason)"
        case .strict(let warnings):
            warnings.map { "\($0) (\($0.code); strict: true makes warnings errors)" }.joined(separator: "\n")
        }
    }

    private static func rest(_ count: Int) -> String {
        count < 1 ? "" : " (and \(count) more problem\(count == 1 ? "" : "s"): tala validate shows all)"
    }
}

import Storage
import Tensors

/// Whether a checkpoint has what the model needs.
extension LanguageModel {
    /// Where a checkpoint has a tensor under a longer or shorter name, what that means.
    private static func otherNames(_ name: String, _ checkpoint: Checkpoint) -> String {
        let last = name.split(separator: ".").drop { $0 == "model" }.joined(separator: ".")
        let others = checkpoint.tensors.keys.filter { $0 == last || $0.hasSuffix("." + last) }
        guard let other = others.min(by: { ($0.utf8.count, $0) < ($1.utf8.count, $1) }) else { return "" }
        return "; it has \(other): its tensors have another prefix, save it anew with transformers' AutoModelForCausalLM"
    }

    static func check(_ declarations: [ModelBuilder.WeightDeclaration], against checkpoint: Checkpoint) throws {
        let file = checkpoint.files.count == 1 ? checkpoint.files[0] : checkpoint.folder
        for weight in declarations {
            guard let stored = checkpoint.tensors[weight.name] else {
                if let reason = checkpoint.unavailable[weight.name] { throw reason }
                throw ModelError(
                    file: file, field: checkpoint.title(of: weight.name),
                    "is not in the checkpoint, but config.json's model needs it" + otherNames(weight.name, checkpoint))
            }
            guard stored.elementType.isFloatingPoint else {
                throw ModelError(
                    file: stored.file.path, field: checkpoint.title(of: weight.name),
                    "is stored as \(stored.elementType.rawValue), not as floating-point numbers"
                )
            }
            guard stored.shape == weight.shape else {
                throw ModelError(
                    file: stored.file.path, field: checkpoint.title(of: weight.name),
                    "has the shape \(stored.shape), config.json's model needs \(weight.shape)")
            }
        }
    }
}

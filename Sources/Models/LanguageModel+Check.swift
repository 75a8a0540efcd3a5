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

    /// - Throws: ``ModelError`` where nothing is there of what files have as one.
    private static func check(
        _ joined: JoinedTensor, _ checkpoint: Checkpoint, _ file: String
    ) throws {
        guard let missing = joined.parts.first(where: { checkpoint.tensors[$0.name] == nil }),
            !joined.parts.contains(where: { checkpoint.tensors[$0.name] != nil })
        else { return }
        let (codes, exponents) = (joined.name + "_blocks", joined.name + "_scales")
        for name in [joined.name, codes, exponents] { if let reason = checkpoint.unavailable[name] { throw reason } }
        if let stored = checkpoint.tensors[joined.name] {
            throw ModelError(
                file: stored.file.path, field: joined.name, "has the shape \(stored.shape), config.json's model needs \(joined.shape)")
        }
        if let stored = checkpoint.tensors[codes] ?? checkpoint.tensors[exponents] {
            throw ModelError(
                file: stored.file.path, field: codes,
                "and \(exponents) do not hold MXFP4 of \(joined.shape): blocks are uint8 [experts, outputs, inputs / 32, 16], scales "
                    + "uint8 [experts, outputs, inputs / 32]")
        }
        throw ModelError(
            file: file, field: joined.name,
            "is not in the checkpoint, but config.json's model needs it (or \(codes) and \(exponents), or \(missing.name) and the others)")
    }

    /// - Parameter joined: the tensors that files have of several of the model's.
    static func check(
        _ declarations: [ModelBuilder.WeightDeclaration], against checkpoint: Checkpoint, joined: [JoinedTensor] = []
    ) throws {
        let file = checkpoint.files.count == 1 ? checkpoint.files[0] : checkpoint.folder
        for tensor in joined { try check(tensor, checkpoint, file) }
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

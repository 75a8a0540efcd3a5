package import GGUF
package import GGUFModels
package import Tensors

/// A GGUF file with everything decided: what it says of the model, and which tensors it has in
/// which forms.
package struct GGUFPlan {
    /// A tensor of the file and where its numbers come from.
    struct Part {
        var tensor: GGUFWriter.Tensor
        /// Several where the file has the matrices of all experts of a layer as one.
        var sources: [StoredTensor] = []
        /// Its numbers, where it is no tensor of the checkpoint.
        var factors: [Float] = []
        var change = GGUFArchitecture.Change.none
        /// Whether checkpoints have the matrix the other way round.
        var isTurned = false
        /// What errors in the columns of each of the sources count; nil: all the same.
        var weights: [[Float]?] = []
    }

    var metadata: [(String, GGUFValue)]
    var parts: [Part]
    /// What llama.cpp computes otherwise, a sentence each; what an importance matrix does not say.
    package internal(set) var remarks: [String]
    /// Of what the file is made beside the weights.
    var importanceFingerprint = ""
    package let mix: GGUFMix

    /// - Parameters:
    ///   - mix: the types; nil: 16 bits, as the checkpoint's weights have them where they have.
    ///   - name: what the model is called; llama.cpp knows Phi-3 by this name.
    /// - Throws: ``GGUFError`` naming what a GGUF file cannot say.
    ///   - checkpoint: its weights; nil where they are not there yet, and the plan is to be checked
    ///     alone.
    package init(_ texts: GGUFTexts, _ checkpoint: Checkpoint?, mix: GGUFMix?, name: String) throws(GGUFError) {
        let architecture = try GGUFArchitecture(texts.configuration)
        let mix = mix ?? checkpoint.map(Self.standard) ?? .f16
        parts = try checkpoint.map { checkpoint throws(GGUFError) in try Self.parts(architecture, checkpoint, mix) } ?? []
        self.mix = mix
        remarks = architecture.configuration.remarks + GGUFNormalizing.remarks(texts.tokenizer)
        let tokenizer = GGUFTokenizer(
            texts.tokenizer, settings: texts.settings, generation: texts.generation, chatTemplate: texts.template,
            count: architecture.sizes.vocabulary)
        let count = parts.reduce(0) { $0 + $1.tensor.elementCount }
        metadata =
            [
                ("general.architecture", .string(architecture.name)), ("general.type", .string("model")),
                ("general.name", .string(GGUFName.model(name, swallowsSpace: tokenizer.swallowsSpace))),
                ("general.size_label", .string(Self.sizeLabel(count))),
            ] + (try architecture.metadata()) + [
                ("general.file_type", .uint32(mix.fileType)), ("general.quantization_version", .uint32(2)),
            ] + (try tokenizer.metadata())
    }

    /// Bytes of the tensors.
    package var byteCount: Int { GGUFWriter.byteCount(parts.map(\.tensor)) }

    private static func standard(_ checkpoint: Checkpoint) -> GGUFMix {
        let types = Set(checkpoint.tensors.values.filter { $0.shape.count == 2 }.map(\.elementType))
        return types == [.bfloat16] ? .bf16 : .f16
    }

    /// The tensors of a file in their order: factors of the rotation, embedding, layers, the end.
    private static func parts(_ architecture: GGUFArchitecture, _ checkpoint: Checkpoint, _ mix: GGUFMix) throws(GGUFError) -> [Part] {
        var parts = try architecture.configuration.rotaryFactors().map { name, factors in
            Part(tensor: GGUFWriter.Tensor(name: name, shape: [factors.count], type: .f32), factors: factors)
        }
        /// Embedding, layers by number, the rest; names within them in their order.
        func place(_ tensor: StoredTensor) -> (Int, Int, String) {
            if let layer = architecture.layer(of: tensor.name) { return (1, layer, tensor.name) }
            let isFirst = tensor.name.contains("embed_") && !tensor.name.contains("embed_out") || tensor.name.hasPrefix("transformer.w")
            return (isFirst ? 0 : 2, 0, tensor.name)
        }
        var experts: [String: [Int: StoredTensor]] = [:]
        for stored in checkpoint.tensors.values {
            if let (file, expert) = architecture.expert(of: stored.name) { experts[file, default: [:]][expert] = stored }
        }
        for stored in checkpoint.tensors.values.sorted(by: { place($0) < place($1) }) {
            if let (file, expert) = architecture.expert(of: stored.name) {
                // All of a tensor's experts stand where the first one does.
                guard expert == 0, let own = experts[file] else { continue }
                parts.append(try Self.expertPart(file, own, architecture, mix, layer: architecture.layer(of: stored.name)))
                continue
            }
            guard let target = try architecture.target(of: stored.name) else { continue }
            let matrix = try target.isTurned ? Self.turned(stored) : stored
            guard matrix.shape.count <= 2, !matrix.shape.isEmpty else { throw GGUFError("\(matrix.name) is no matrix") }
            let type =
                matrix.shape.count == 1
                ? .f32
                : mix.type(
                    of: target.name, layer: architecture.layer(of: matrix.name), layers: architecture.sizes.layers,
                    columns: matrix.shape[1], isTied: architecture.tiesEmbeddings, hasExperts: architecture.expertCount > 0)
            parts.append(
                Part(
                    tensor: GGUFWriter.Tensor(name: target.name, shape: matrix.shape, type: type), sources: [matrix],
                    change: target.change, isTurned: target.isTurned))
        }
        if architecture.repeatsTiedHead, var head = parts.first(where: { $0.tensor.name == "token_embd.weight" }) {
            head.tensor.name = "output.weight"
            parts.append(head)
        }
        return parts
    }

    /// A matrix the other way round, under its own name.
    private static func turned(_ stored: StoredTensor) throws(GGUFError) -> StoredTensor {
        if stored.turning != nil {
            var tensor = stored.unturned
            tensor.name = stored.name
            return tensor
        }
        guard let turned = stored.turned(named: stored.name) else { throw GGUFError("\(stored.name) is no matrix") }
        return turned
    }

    private static func expertPart(
        _ name: String, _ experts: [Int: StoredTensor], _ architecture: GGUFArchitecture, _ mix: GGUFMix, layer: Int?
    ) throws(GGUFError) -> Part {
        let sources = (0..<architecture.expertCount).compactMap { experts[$0] }
        guard let first = sources.first, sources.count == architecture.expertCount, experts.count == sources.count,
            (1...2).contains(first.shape.count), sources.allSatisfy({ $0.shape == first.shape })
        else { throw GGUFError("\(name): \(architecture.expertCount) experts of one shape are needed, the model has \(experts.count)") }
        let type =
            first.shape.count == 1
            ? .f32
            : mix.type(
                of: name, layer: layer, layers: architecture.sizes.layers, columns: first.shape[1], isTied: architecture.tiesEmbeddings,
                hasExperts: true)
        return Part(tensor: GGUFWriter.Tensor(name: name, shape: [sources.count] + first.shape, type: type), sources: sources)
    }

    /// A number of parameters as names of files have it: 135M, 3.8B.
    static func sizeLabel(_ count: Int) -> String {
        for (unit, size) in [("B", 1e9), ("M", 1e6), ("K", 1e3)] where Double(count) >= size {
            let tenths = Int((Double(count) / size * 10).rounded())
            return tenths < 100 && unit != "K" ? "\(tenths / 10).\(tenths % 10)\(unit)" : "\((tenths + 5) / 10)\(unit)"
        }
        return "\(count)"
    }
}

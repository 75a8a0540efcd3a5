import GGUF
import GGUFModels
package import Models
import Storage
import Tensors

/// Writes models and adapters as GGUF files, as llama.cpp reads them.
package enum GGUFExport {
    /// Writes a whole model: atomically, its tensors never in memory as a whole. A file that was
    /// broken off is gone on with.
    /// - Parameters:
    ///   - rows: the weights that the plan was made for.
    ///   - syncInterval: bytes after which what is written outlives a power cut.
    ///   - progress: told how many bytes are written, of how many; what it throws ends the export.
    /// - Throws: ``GGUFError`` naming a tensor that does not fit its type, ``StorageError``.
    package static func writeModel(
        _ plan: GGUFPlan, _ rows: StoredRows, to path: String, syncInterval: Int = 1 << 28,
        progress: (_ bytesDone: Int, _ bytesTotal: Int) throws -> Void = { _, _ in }
    ) throws {
        let total = plan.parts.reduce(0) { $0 + $1.tensor.byteCount }
        let writer = try GGUFWriter(
            path, metadata: plan.metadata, tensors: plan.parts.map(\.tensor), sources: rows.fingerprint + plan.importanceFingerprint,
            interval: syncInterval)
        var done = plan.parts[..<writer.next].reduce(0) { $0 + $1.tensor.byteCount }
        for part in plan.parts[writer.next...] {
            do { try append(part, rows, to: writer) } catch let error as GGUFError {
                writer.discard()
                throw error
            }
            done += part.tensor.byteCount
            try progress(done, total)
        }
        try writer.finish()
    }

    /// Writes an adapter's matrices in float32 for a base model that llama.cpp has. Every scaling
    /// is folded in: llama.cpp knows alpha over rank alone.
    /// - Parameter base: the texts of the base model.
    /// - Throws: ``GGUFError``, ``StorageError``.
    package static func writeAdapter(
        _ modules: [AdapterModule], numbers: (String) throws -> [Float], base: GGUFTexts, name: String, to path: String
    ) throws {
        let architecture = try GGUFArchitecture(base.configuration)
        let targets = try adapterTargets(modules, architecture)
        guard let first = modules.first else { throw GGUFError("the adapter has no matrices") }
        let alpha = first.scale * Double(first.rank)
        var matrices: [(tensor: GGUFWriter.Tensor, numbers: [Float])] = []
        let digest = SHA256()
        for (module, target) in zip(modules, targets) {
            let (rank, rows) = (module.rank, module.module.outputs)
            let (a, b) = (try numbers(module.keyOfA), try numbers(module.keyOfB))
            guard a.count == rank * module.module.inputs, b.count == rank * rows else {
                throw GGUFError("\(module.module.name): a matrix of the adapter has another shape than its layer")
            }
            matrices.append((GGUFWriter.Tensor(name: target.name + ".lora_a", shape: [rank, module.module.inputs], type: .f32), a))
            let factor = alpha == 0 ? 0 : Float(module.scale * Double(rank) / alpha)
            let turned = (0..<rows).flatMap { row -> [Float] in
                let from = target.change.source(ofRow: row, rows: rows)
                return b[(from * rank)..<((from + 1) * rank)].map { $0 * factor }
            }
            matrices.append((GGUFWriter.Tensor(name: target.name + ".lora_b", shape: [rows, rank], type: .f32), turned))
            for numbers in [a, b] { numbers.withUnsafeBytes { digest.update($0) } }
        }
        let metadata: [(String, GGUFValue)] = [
            ("general.architecture", .string(architecture.name)), ("general.type", .string("adapter")), ("adapter.type", .string("lora")),
            ("general.name", .string(name)), ("adapter.lora.alpha", .float32(alpha)), ("general.quantization_version", .uint32(2)),
        ]
        let writer = try GGUFWriter(path, metadata: metadata, tensors: matrices.map(\.tensor), sources: digest.finish())
        for matrix in matrices[writer.next...] { try matrix.numbers.withUnsafeBufferPointer { try writer.append($0) } }
        try writer.finish()
    }

    /// - Throws: ``GGUFError`` where an adapter is more than a file for llama.cpp can say.
    package static func requirePlain(_ model: LanguageModel) throws {
        guard case .adapter(let settings, _) = model.training, let words = settings.beyondMatrices(model.adapters) else { return }
        throw GGUFError(
            "an adapter's file for llama.cpp holds matrices on linear layers alone, and this adapter has \(words): "
                + "export the merged model instead (--format gguf)")
    }

    /// The tensors of the base that an adapter's modules belong to.
    /// - Throws: ``GGUFError`` where a file has no such tensor.
    static func adapterTargets(_ modules: [AdapterModule], _ architecture: GGUFArchitecture) throws(GGUFError) -> [GGUFArchitecture.Target]
    {
        var targets: [GGUFArchitecture.Target] = []
        for module in modules {
            guard let target = try architecture.target(of: module.module.name + ".weight") else {
                throw GGUFError(
                    "\(module.module.name) is not a layer of its own in a GGUF file: export the merged model instead (--format gguf)")
            }
            targets.append(target)
        }
        return targets
    }

    /// Numbers that are in memory at a time.
    private static let chunkElements = 1 << 20

    private static func append(_ part: GGUFPlan.Part, _ rows: StoredRows, to writer: GGUFWriter) throws {
        if part.sources.isEmpty { return try part.factors.withUnsafeBufferPointer { try writer.append($0) } }
        for (index, stored) in part.sources.enumerated() {
            try append(stored, part, weights: index < part.weights.count ? part.weights[index] : nil, rows, to: writer)
        }
    }

    private static func append(
        _ stored: StoredTensor, _ part: GGUFPlan.Part, weights: [Float]?, _ rows: StoredRows, to writer: GGUFWriter
    ) throws {
        let columns = stored.shape.count == 2 ? stored.shape[1] : 1
        let count = stored.shape[0]
        let rowsAtOnce = max(1, chunkElements / max(1, columns))
        for first in stride(from: 0, to: count, by: rowsAtOnce) {
            let chunk = first..<min(count, first + rowsAtOnce)
            let numbers = [Float](unsafeUninitializedCapacity: chunk.count * columns) { buffer, initialized in
                initialized = chunk.count * columns
                guard let start = buffer.baseAddress else { return }
                for row in chunk {
                    let target = start + (row - first) * columns
                    rows.copy(
                        stored, row: part.change.source(ofRow: row, rows: count), columns: columns, isTurned: part.isTurned, to: target)
                    if part.change == .addOne { for column in 0..<columns { target[column] += 1 } }
                }
            }
            try numbers.withUnsafeBufferPointer {
                try require(stored.name, fits: part.tensor.type, $0)
                try writer.append($0, weights: weights)
            }
        }
        stored.file.evict(stored.bytes)
    }

    /// - Throws: ``GGUFError`` where numbers are none, or would become infinite.
    private static func require(_ name: String, fits type: GGUFType, _ numbers: UnsafeBufferPointer<Float>) throws(GGUFError) {
        guard let size = type.excess(numbers) else { return }
        throw GGUFError(
            size.isFinite
                ? "\(name) holds a number of the size \(size), and \(type.rawValue) ends at \(type.largest): take bf16 or f32"
                : "\(name) holds a NaN or an infinity: the model is damaged, or its training went astray")
    }
}

package import GGUF
import JSON
package import Models
import Storage
package import Tensors

/// Writes models and adapters as GGUF files, as llama.cpp reads them.
package enum GGUFExport {
    /// The texts of a model that a file is made of.
    private struct Texts {
        let configuration: JSONNode
        let tokenizer: JSONNode
        let settings: JSONNode
        let generation: JSONNode?
        let template: String?

        init(_ folder: any ModelFolder) throws {
            func node(_ name: String) throws -> JSONNode? {
                guard let bytes = try folder.text(name, limit: 1 << 28) else { return nil }
                do throws(JSONError) { return try JSONParser().parse(bytes) } catch {
                    throw GGUFError("\(folder.place(of: name)): \(error)")
                }
            }
            guard let configuration = try node("config.json"), let tokenizer = try node("tokenizer.json") else {
                throw GGUFError("\(folder.path) holds no config.json or no tokenizer.json")
            }
            (self.configuration, self.tokenizer) = (configuration, tokenizer)
            settings = try node("tokenizer_config.json") ?? JSONNode([JSONMember]())
            generation = try node("generation_config.json")
            let named = settings["chat_template"]?.array?.first { $0["name"]?.string == "default" }?["template"]?.string
            template =
                try folder.text("chat_template.jinja", limit: 1 << 24).map { String(decoding: $0, as: UTF8.self) }
                ?? settings["chat_template"]?.string ?? named
        }
    }

    /// A tensor of the file and where its numbers come from.
    private struct Part {
        var tensor: GGUFWriter.Tensor
        var source: StoredTensor?
        var factors: [Float] = []
        var change = GGUFArchitecture.Change.none
    }

    /// Writes a whole model: atomically, its tensors never in memory as a whole.
    /// - Parameters:
    ///   - folder: the texts of the model.
    ///   - rows: its weights.
    ///   - name: what the model is called; llama.cpp knows Phi-3 by this name.
    ///   - progress: told how many bytes are written, of how many.
    /// - Throws: ``GGUFError`` naming what a GGUF file cannot say, ``StorageError``.
    package static func writeModel(
        _ folder: any ModelFolder, _ rows: StoredRows, type: GGUFType, name: String, to path: String,
        progress: (_ bytesDone: Int, _ bytesTotal: Int) -> Void = { _, _ in }
    ) throws {
        let texts = try Texts(folder)
        let configuration = GGUFConfiguration(texts.configuration)
        let architecture = try GGUFArchitecture(configuration)
        let sizes = try configuration.sizes()
        let parts = try parts(architecture, configuration, rows.checkpoint, sizes, type)
        let tokenizer = GGUFTokenizer(
            texts.tokenizer, settings: texts.settings, generation: texts.generation, chatTemplate: texts.template, count: sizes.vocabulary)
        let count = parts.reduce(0) { $0 + $1.tensor.elementCount }
        let metadata: [(String, GGUFValue)] =
            [
                ("general.architecture", .string(architecture.name)), ("general.type", .string("model")), ("general.name", .string(name)),
                ("general.size_label", .string(sizeLabel(count))),
            ] + (try architecture.metadata()) + [
                ("general.file_type", .uint32(type.fileType)), ("general.quantization_version", .uint32(2)),
            ] + (try tokenizer.metadata())
        let total = parts.reduce(0) { $0 + $1.tensor.byteCount }
        try atomically(path, byteCount: GGUFWriter.byteCount(parts.map(\.tensor))) { temporary in
            let writer = try GGUFWriter(temporary, metadata: metadata, tensors: parts.map(\.tensor))
            var done = 0
            for part in parts {
                try append(part, rows, to: writer)
                done += part.tensor.byteCount
                progress(done, total)
            }
            try writer.finish()
        }
    }

    /// Writes an adapter's matrices in float32 for a base model that llama.cpp has. Every scaling
    /// is folded in: llama.cpp knows alpha over rank alone.
    /// - Parameter base: the texts of the base model.
    /// - Throws: ``GGUFError``, ``StorageError``.
    package static func writeAdapter(
        _ modules: [AdapterModule], numbers: (String) throws -> [Float], base: any ModelFolder, name: String, to path: String
    ) throws {
        let configuration = GGUFConfiguration(try Texts(base).configuration)
        let architecture = try GGUFArchitecture(configuration)
        let sizes = try configuration.sizes()
        guard let first = modules.first else { throw GGUFError("the adapter has no matrices") }
        let alpha = first.scale * Double(first.rank)
        var matrices: [(tensor: GGUFWriter.Tensor, numbers: [Float])] = []
        for module in modules {
            let weight = module.module.name + ".weight"
            guard let target = try architecture.target(of: weight, heads: sizes.heads, keyHeads: sizes.keyHeads) else {
                throw GGUFError(
                    "\(module.module.name) is not a layer of its own in a GGUF file: export the merged model instead (--format gguf)")
            }
            let (rank, rows) = (module.rank, module.module.outputs)
            matrices.append(
                (
                    GGUFWriter.Tensor(name: target.name + ".lora_a", shape: [rank, module.module.inputs], type: .f32),
                    try numbers(module.keyOfA)
                ))
            let factor = Float(module.scale * Double(rank) / alpha)
            let b = try numbers(module.keyOfB)
            let turned = (0..<rows).flatMap { row -> [Float] in
                let from = source(ofRow: row, rows: rows, target.change)
                return b[(from * rank)..<((from + 1) * rank)].map { $0 * factor }
            }
            matrices.append((GGUFWriter.Tensor(name: target.name + ".lora_b", shape: [rows, rank], type: .f32), turned))
        }
        let metadata: [(String, GGUFValue)] = [
            ("general.architecture", .string(architecture.name)), ("general.type", .string("adapter")), ("adapter.type", .string("lora")),
            ("general.name", .string(name)), ("adapter.lora.alpha", .float32(alpha)), ("general.quantization_version", .uint32(2)),
        ]
        try atomically(path, byteCount: GGUFWriter.byteCount(matrices.map(\.tensor))) { temporary in
            let writer = try GGUFWriter(temporary, metadata: metadata, tensors: matrices.map(\.tensor))
            for matrix in matrices { try matrix.numbers.withUnsafeBufferPointer { try writer.append($0) } }
            try writer.finish()
        }
    }

    /// The tensors of a file in their order: factors of the rotation, embedding, layers, the end.
    private static func parts(
        _ architecture: GGUFArchitecture, _ configuration: GGUFConfiguration, _ checkpoint: Checkpoint, _ sizes: GGUFConfiguration.Sizes,
        _ type: GGUFType
    ) throws -> [Part] {
        var parts = try configuration.rotaryFactors().map { name, factors in
            Part(tensor: GGUFWriter.Tensor(name: name, shape: [factors.count], type: .f32), factors: factors)
        }
        let named = checkpoint.tensors.values.sorted { place($0.name) < place($1.name) }
        for stored in named {
            guard let target = try architecture.target(of: stored.name, heads: sizes.heads, keyHeads: sizes.keyHeads) else { continue }
            guard stored.shape.count <= 2, !stored.shape.isEmpty else { throw GGUFError("\(stored.name) is no matrix") }
            let isMatrix = stored.shape.count == 2
            parts.append(
                Part(
                    tensor: GGUFWriter.Tensor(
                        name: target.name, shape: stored.shape, type: isMatrix ? type.fitting(columns: stored.shape[1]) : .f32),
                    source: stored, change: target.change))
        }
        return parts
    }

    /// Embedding, layers by number, the rest; names within them in their order.
    private static func place(_ name: String) -> (Int, Int, String) {
        let words = name.split(separator: ".")
        if name.contains("embed_tokens") { return (0, 0, name) }
        guard words.count > 2, words[1] == "layers", let layer = Int(words[2]) else { return (2, 0, name) }
        return (1, layer, name)
    }

    /// Numbers that are in memory at a time.
    private static let chunkElements = 1 << 20

    private static func append(_ part: Part, _ rows: StoredRows, to writer: GGUFWriter) throws {
        guard let stored = part.source else { return try part.factors.withUnsafeBufferPointer { try writer.append($0) } }
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
                    rows.copy(stored, row: source(ofRow: row, rows: count, part.change), columns: columns, to: target)
                    if part.change == .addOne { for column in 0..<columns { target[column] += 1 } }
                }
            }
            try numbers.withUnsafeBufferPointer { try writer.append($0) }
        }
        stored.file.evict(stored.bytes)
    }

    /// Which row of the checkpoint becomes this row of the file.
    static func source(ofRow row: Int, rows: Int, _ change: GGUFArchitecture.Change) -> Int {
        guard case .interleaveHeads(let heads) = change, heads > 0, rows % heads == 0 else { return row }
        let width = rows / heads
        guard width % 2 == 0 else { return row }
        let within = row % width
        return row - within + within / 2 + (within % 2) * (width / 2)
    }

    /// A number of parameters as names of files have it: 135M, 3.8B.
    static func sizeLabel(_ count: Int) -> String {
        for (unit, size) in [("B", 1e9), ("M", 1e6), ("K", 1e3)] where Double(count) >= size {
            let tenths = Int((Double(count) / size * 10).rounded())
            return tenths < 100 && unit != "K" ? "\(tenths / 10).\(tenths % 10)\(unit)" : "\((tenths + 5) / 10)\(unit)"
        }
        return "\(count)"
    }

    /// Builds a file under a hidden name beside its own, and gives it that when it is whole.
    private static func atomically(_ path: String, byteCount: Int, _ body: (String) throws -> Void) throws {
        let (folder, name) = DurableFiles.split(path)
        let temporary = "\(folder)/.\(name).\(UInt64.random(in: .min ... .max)).tmp"
        try FreeSpace.require(byteCount, at: folder)
        do {
            try body(temporary)
            try DurableFiles.rename(temporary, to: path)
        } catch {
            FolderListing.delete(temporary)
            throw error
        }
        try DurableFiles.syncFolder(folder)
    }
}

import Glibc
import Manifest
import Quantization
import Storage
import Tensors

/// A LoRA adapter on disk: `adapter_config.json` with `adapter_model.safetensors` as PEFT saves
/// them, or `adapters.safetensors` of mlx-lm.
///
/// The names of matrices are taken as several tools write them: with or without
/// `base_model.model.`, with the adapter's name (`lora_A.default.weight`), with wrappers' words
/// (`module.`, `_orig_mod.`), as `lora_a` of mlx-lm.
package struct AdapterFolder {
    /// The files in which matrices may be, the first that is there is read.
    package static let tensorFiles = ["adapter_model.safetensors", "adapters.safetensors"]

    /// One stored matrix.
    struct Matrix {
        var tensor: StoredTensor
        /// Stored the other way round, as mlx-lm does.
        var isTransposed: Bool

        var shape: [Int] { isTransposed ? tensor.shape.reversed() : tensor.shape }

        /// Row-major, as PEFT has it.
        func numbers() -> [Float] {
            let stored = tensor.floats()
            guard isTransposed, let rows = shape.first, let columns = shape.last, stored.count == rows * columns else { return stored }
            var numbers = [Float](repeating: 0, count: stored.count)
            for row in 0..<rows { for column in 0..<columns { numbers[row * columns + column] = stored[column * rows + row] } }
            return numbers
        }
    }

    package let path: String
    private let configuration: AdapterConfiguration
    private let file: String
    /// By the module's name as it is stored, without what tools put around it.
    private var stored: [(module: String, isA: Bool, matrix: Matrix)] = []
    /// A classifier's head.
    private var head: StoredTensor?

    /// Reads configuration and matrices, and looks whether they are numbers.
    /// - Throws: ``ModelError`` naming file and field, ``SafetensorsError``.
    package init(_ path: String) throws {
        self.path = path
        configuration = try AdapterConfiguration(folder: path)
        guard let name = Self.tensorFiles.first(where: { FolderListing.leads(path + "/" + $0) }) else {
            let pickled = FolderListing.leads(path + "/adapter_model.bin")
            throw ModelError(
                file: path + "/" + Self.tensorFiles[0], errorNumber: pickled ? nil : ENOENT,
                pickled
                    ? "is missing, and pickled matrices (adapter_model.bin) are not read: save the adapter anew with a PEFT of today"
                    : "is missing")
        }
        file = path + "/" + name
        for tensor in try SafetensorsFile(path: file).tensors {
            if configuration.isClassifier, Self.isHead(tensor.name) {
                guard tensor.elementType.isFloatingPoint, tensor.shape.count == 2 else {
                    throw ModelError(file: file, field: tensor.name, "is not a matrix of floating-point numbers")
                }
                guard FiniteNumbers.holds(tensor.bytes, tensor.elementType) else {
                    throw ModelError(file: file, field: tensor.name, "holds a NaN or an infinity: the adapter is damaged")
                }
                head = tensor
                continue
            }
            guard let place = Self.place(of: tensor.name) else {
                throw ModelError(file: file, field: tensor.name, Self.meaning(of: tensor.name))
            }
            guard tensor.elementType.isFloatingPoint else {
                throw ModelError(file: file, field: tensor.name, "is not a floating-point tensor")
            }
            guard tensor.shape.count == 2 else {
                throw ModelError(file: file, field: tensor.name, "has the shape \(tensor.shape), not a matrix's")
            }
            guard FiniteNumbers.holds(tensor.bytes, tensor.elementType) else {
                throw ModelError(
                    file: file, field: tensor.name, "holds a NaN or an infinity: the adapter is damaged, or its training went astray")
            }
            stored.append((place.module, place.isA, Matrix(tensor: tensor, isTransposed: place.isOfMLX)))
        }
        if stored.isEmpty { throw ModelError(file: file, "holds no matrices of an adapter") }
    }

    /// The head where training or use of a model with this head begins; nil where the adapter has
    /// none.
    /// - Throws: ``ModelError`` where the adapter is a classifier's and the model is none, or its
    ///   head has another shape.
    func head(for wanted: TaskHead?, hiddenSize: Int) throws(ModelError) -> StoredTensor? {
        guard let wanted else {
            if configuration.isClassifier {
                throw ModelError(
                    file: configuration.path, field: "task_type",
                    "is SEQ_CLS: the adapter is a classifier's, which writes no text; use it with tala classify, or in a job with "
                        + "method.type: classification")
            }
            return nil
        }
        guard let head, wanted.isStored else { return nil }
        guard head.shape == [wanted.outputs, hiddenSize] else {
            throw ModelError(
                file: file, field: head.name,
                "has the shape \(head.shape), \(wanted.outputs) classes need \([wanted.outputs, hiddenSize]): "
                    + "give method.classification.labels as the adapter was trained with them, or begin without it")
        }
        return head
    }

    /// Whether the adapter has a head of its own beside the matrices.
    package var isClassifier: Bool { configuration.isClassifier }

    /// How many classes the adapter's head tells apart; nil where it has none.
    package var headOutputs: Int? { head?.shape.first }

    /// The head's numbers, row-major.
    package func headNumbers() -> [Float]? { head?.floats() }

    /// How the modules are trained or used, as the adapter says it; dropout is not the adapter's.
    package func settings(on linears: [LinearModule], dropout: Double = 0) throws -> AdapterSettings {
        let held = Set(try matrices(on: linears).keys)
        let targets = linears.filter { configuration.isTarget($0.name) ?? held.contains($0.name) || held.contains($0.name) }
        var settings = AdapterSettings(
            rank: configuration.rank, alpha: configuration.alpha, dropout: dropout,
            targets: targets.count == linears.count ? .allLinear : .names(targets.map(\.name)),
            usesRankStabilisedScaling: configuration.usesRankStabilisedScaling, initialFolder: path)
        settings.rankExceptions = configuration.rankExceptions
        settings.alphaExceptions = configuration.alphaExceptions
        return settings
    }

    /// The matrices by the module that they sit on.
    /// - Throws: ``ModelError``: a matrix of no linear layer, one without its other, one twice.
    private func matrices(on linears: [LinearModule]) throws(ModelError) -> [String: (a: Matrix, b: Matrix)] {
        let known = Set(linears.map(\.name))
        var halves: [String: (a: Matrix?, b: Matrix?)] = [:]
        for entry in stored {
            let key = entry.matrix.tensor.name
            guard let module = Self.module(entry.module, among: known) else {
                let last = entry.module.split(separator: ".").last.map(String.init) ?? ""
                throw ModelError(
                    file: file, field: key,
                    ["lm_head", "embed_tokens"].contains(last)
                        ? "is an adapter on \(last): only the linear layers of the blocks can have one; merge it with PEFT's merge_and_unload()"
                        : "belongs to no linear layer of the model")
            }
            if configuration.isTarget(module) == false {
                throw ModelError(
                    file: file, field: key,
                    configuration.isExcluded(module)
                        ? "belongs to a module that exclude_modules of adapter_config.json leaves out"
                        : "belongs to a module that target_modules of adapter_config.json does not name")
            }
            var half = halves[module] ?? (nil, nil)
            guard (entry.isA ? half.a : half.b) == nil else {
                throw ModelError(file: file, field: key, "is there a second time, under another name")
            }
            if entry.isA { half.a = entry.matrix } else { half.b = entry.matrix }
            halves[module] = half
        }
        var whole: [String: (a: Matrix, b: Matrix)] = [:]
        for (module, half) in halves.sorted(by: { $0.key < $1.key }) {
            guard let a = half.a, let b = half.b else {
                throw ModelError(
                    file: file, field: "base_model.model.\(module).lora_\(half.a == nil ? "A" : "B").weight",
                    "is missing, though \((half.a ?? half.b)?.tensor.name ?? "the other one") is there")
            }
            whole[module] = (a, b)
        }
        return whole
    }

    /// The initial numbers of the modules' matrices, by PEFT's keys, checked against the modules. A
    /// module without matrices here starts afresh.
    /// - Throws: ``ModelError`` naming file and field.
    func matrices(for modules: [AdapterModule], on linears: [LinearModule]) throws(ModelError) -> [String: Matrix] {
        var held = try matrices(on: linears)
        var result: [String: Matrix] = [:]
        for adapter in modules {
            guard let (a, b) = held.removeValue(forKey: adapter.module.name) else { continue }
            let exception = configuration.rankExceptions.first { $0.matches(adapter.module.name) }
            let expected = exception.map { Int($0.value) } ?? configuration.rank
            let field = exception != nil ? "rank_pattern" : configuration.isOfMLX ? "lora_parameters.rank" : "r"
            for rank in [a.shape[0], b.shape[1]] where rank != expected {
                throw ModelError(
                    file: configuration.path, field: field,
                    "says rank \(expected), but \((rank == a.shape[0] ? a : b).tensor.name) has rank \(rank)")
            }
            guard adapter.rank == expected else {
                throw ModelError(file: configuration.path, field: field, "is \(expected), the job's rank is \(adapter.rank)")
            }
            for (matrix, shape) in [(a, [adapter.rank, adapter.module.inputs]), (b, [adapter.module.outputs, adapter.rank])]
            where matrix.shape != shape {
                throw ModelError(file: file, field: matrix.tensor.name, "has the shape \(matrix.shape), the layer needs \(shape)")
            }
            result[adapter.keyOfA] = a
            result[adapter.keyOfB] = b
        }
        if let stray = held.min(by: { $0.key < $1.key }) {
            throw ModelError(file: file, field: stray.value.a.tensor.name, "belongs to no layer that the job trains")
        }
        return result
    }

    /// All numbers of the modules' matrices, by PEFT's keys.
    /// - Throws: ``ModelError`` as reading them for training does.
    package func numbers(for modules: [AdapterModule], on linears: [LinearModule]) throws(ModelError) -> [(key: String, numbers: [Float])] {
        try matrices(for: modules, on: linears).sorted { $0.key < $1.key }.map { ($0.key, $0.value.numbers()) }
    }

    // MARK: Names

    /// The module and the matrix that a tensor's name means; nil if it is none of a plain adapter.
    private static func place(of name: String) -> (module: String, isA: Bool, isOfMLX: Bool)? {
        var parts = name.split(separator: ".").map(String.init).filter { !["_orig_mod", "_fsdp_wrapped_module"].contains($0) }
        if parts.last == "weight" { parts.removeLast() }
        let matrices = ["lora_A": (true, false), "lora_B": (false, false), "lora_a": (true, true), "lora_b": (false, true)]
        // Between the matrix and `weight` may stand the adapter's name.
        guard let index = parts.lastIndex(where: { matrices[$0] != nil }), index >= parts.count - 2, index > 0,
            let (isA, isOfMLX) = matrices[parts[index]]
        else { return nil }
        return (parts[..<index].joined(separator: "."), isA, isOfMLX)
    }

    /// Whether a tensor is a classifier's head, whose name PEFT (0.21) writes without the adapter's
    /// name.
    private static func isHead(_ name: String) -> Bool {
        let last = name.replacing(".modules_to_save.default", with: "").replacing("base_model.model.", with: "")
        return AdapterConfiguration.headNames.contains { last == $0 + ".weight" }
    }

    /// The linear layer that a stored name means: words before it are wrappers', and `model.` may
    /// be missing.
    private static func module(_ stored: String, among known: Set<String>) -> String? {
        var parts = stored.split(separator: ".")[...]
        while !parts.isEmpty {
            let name = parts.joined(separator: ".")
            if known.contains(name) { return name }
            if known.contains("model." + name) { return "model." + name }
            // A number is a layer's: what stands before it is no wrapper any more.
            guard let first = parts.first, Int(first) == nil, first != "layers" else { return nil }
            parts.removeFirst()
        }
        return nil
    }

    /// What a tensor that is no matrix of a plain adapter is.
    private static func meaning(of name: String) -> String {
        if name.contains("lora_magnitude_vector") || name.hasSuffix(".m") { return "is of a DoRA adapter, which is not supported" }
        if name.contains("lora_embedding_") { return "is an adapter on the embedding: only the linear layers of the blocks can have one" }
        if name.hasSuffix(".bias") { return "is a bias beside the matrices, which is not supported" }
        return "is no matrix of an adapter (lora_A, lora_B), and whole modules beside the matrices are not supported"
    }
}

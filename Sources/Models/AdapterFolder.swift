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
    /// Of DoRA, by the module's name as it is stored.
    private var magnitudes: [(module: String, tensor: StoredTensor)] = []
    /// Weights of the base that PEFT saves beside matrices on them: an embedding's.
    private var baseWeights: [StoredTensor] = []
    /// Biases and tensors of whole modules.
    private var others: [StoredTensor] = []
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
            if configuration.isClassifier, AdapterTensorNames.isHead(tensor.name) {
                guard tensor.elementType.isFloatingPoint, tensor.shape.count == 2 else {
                    throw ModelError(file: file, field: tensor.name, "is not a matrix of floating-point numbers")
                }
                guard FiniteNumbers.holds(tensor.bytes, tensor.elementType) else {
                    throw ModelError(file: file, field: tensor.name, "holds a NaN or an infinity: the adapter is damaged")
                }
                head = tensor
                continue
            }
            if tensor.name.hasSuffix(".base_layer.weight") {
                try baseWeights.append(checked(tensor))
                continue
            }
            if configuration.usesMagnitudes, let module = AdapterTensorNames.moduleOfMagnitude(tensor.name) {
                try magnitudes.append((module, checked(tensor)))
                continue
            }
            guard let place = AdapterTensorNames.place(of: tensor.name) else {
                if configuration.bias != .none || !configuration.savedModules.isEmpty {
                    try others.append(checked(tensor))
                    continue
                }
                throw ModelError(file: file, field: tensor.name, AdapterTensorNames.meaning(of: tensor.name))
            }
            guard tensor.shape.count == 2 else {
                throw ModelError(file: file, field: tensor.name, "has the shape \(tensor.shape), not a matrix's")
            }
            try checked(tensor)
            stored.append((place.module, place.isA, Matrix(tensor: tensor, isTransposed: place.isOfMLX)))
        }
        if stored.isEmpty { throw ModelError(file: file, "holds no matrices of an adapter") }
    }

    /// - Throws: ``ModelError`` where a tensor holds what cannot be computed with.
    @discardableResult
    private func checked(_ tensor: StoredTensor) throws(ModelError) -> StoredTensor {
        guard tensor.elementType.isFloatingPoint else {
            throw ModelError(file: file, field: tensor.name, "is not a floating-point tensor")
        }
        guard FiniteNumbers.holds(tensor.bytes, tensor.elementType) else {
            throw ModelError(
                file: file, field: tensor.name, "holds a NaN or an infinity: the adapter is damaged, or its training went astray")
        }
        return tensor
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

    /// Whether the adapter has whole modules beside the matrices.
    var savesModules: Bool { !configuration.savedModules.isEmpty }

    /// The rows of a tensor of the model that the adapter has whole; nil where it has not.
    func rowCount(of name: String) -> Int? {
        others.first { AdapterTensorNames.module(AdapterTensorNames.plain($0.name), among: [name]) != nil }?.shape.first
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
        // An embedding is no linear layer, which is all that `all-linear` means; and names that
        // linear layers have too mean no experts where none has matrices.
        let targets = linears.filter {
            held.contains($0.name)
                || (configuration.isTarget($0.name) == true && !$0.isExpert && !($0.isEmbedding && configuration.meansAllLinear))
        }
        var settings = AdapterSettings(
            rank: configuration.rank, alpha: configuration.alpha, dropout: dropout,
            targets: targets == linears.filter { !$0.isEmbedding && !$0.isExpert } ? .allLinear : .names(targets.map(\.name)),
            usesRankStabilisedScaling: configuration.usesRankStabilisedScaling, initialFolder: path)
        settings.rankExceptions = configuration.rankExceptions
        settings.alphaExceptions = configuration.alphaExceptions
        settings.initialisation = configuration.initialisation
        settings.usesMagnitudes = configuration.usesMagnitudes
        settings.bias = configuration.bias
        settings.savedModules = configuration.savedModules
        settings.keepsTies = configuration.keepsTies
        return settings
    }

    /// The matrices by the module that they sit on.
    /// - Throws: ``ModelError``: a matrix of no linear layer, one without its other, one twice.
    private func matrices(on linears: [LinearModule]) throws(ModelError) -> [String: (a: Matrix, b: Matrix)] {
        let known = Set(linears.map(\.name))
        var halves: [String: (a: Matrix?, b: Matrix?)] = [:]
        for entry in stored {
            let key = entry.matrix.tensor.name
            guard let module = AdapterTensorNames.module(entry.module, among: known) else {
                let last = entry.module.split(separator: ".").last.map(String.init) ?? ""
                throw ModelError(
                    file: file, field: key,
                    last == "lm_head"
                        ? "is an adapter on \(last): only the linear layers of the blocks and the embedding can have one; merge it with PEFT's merge_and_unload()"
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

    /// Looks whether weights of the base that lie beside the matrices are the base's.
    /// - Throws: ``ModelError`` where one is another.
    func requireBase(_ checkpoint: Checkpoint) throws(ModelError) {
        let known = Set(checkpoint.tensors.keys)
        for tensor in baseWeights {
            let base = AdapterTensorNames.module(AdapterTensorNames.plain(tensor.name), among: known).flatMap { checkpoint.tensors[$0] }
            guard let base, base.holdsSameNumbers(as: tensor) else {
                throw ModelError(
                    file: file, field: tensor.name,
                    "is not the base model's: the adapter is for another one, or for one with more tokens; merge it with PEFT's "
                        + "merge_and_unload()")
            }
        }
    }

    /// The tensors that the adapter has whole, by their keys.
    /// - Throws: ``ModelError`` where one is missing, has another shape, or is of nothing that
    ///   `adapter_config.json` names.
    /// - Parameter second: a tensor that may be there once more under another name, or under that
    ///   one alone.
    func tensors(for copies: [AdapterCopy], second: (of: String, name: String)? = nil) throws(ModelError) -> [String: StoredTensor] {
        let byName = Dictionary(copies.map { ($0.name, $0) }) { first, _ in first }
        let known = Set(byName.keys)
        var found: [String: StoredTensor] = [:]
        let (seconds, others) = (others.filter { isNamed($0, second?.name) }, others.filter { !isNamed($0, second?.name) })
        let hasFirst = others.contains { isNamed($0, second?.of) }
        for tensor in hasFirst ? others : others + seconds {
            let copyOfSecond = isNamed(tensor, second?.name) ? second.flatMap { byName[$0.of] } : nil
            let module = AdapterTensorNames.module(AdapterTensorNames.plain(tensor.name), among: known)
            guard let copy = copyOfSecond ?? module.flatMap({ byName[$0] }) else {
                throw ModelError(
                    file: file, field: tensor.name, "is no matrix of an adapter, and of no bias or module that adapter_config.json names")
            }
            let shape = copy.isVector ? [copy.columns] : [copy.rows, copy.columns]
            guard tensor.shape == shape else {
                throw ModelError(file: file, field: tensor.name, "has the shape \(tensor.shape), the model needs \(shape)")
            }
            guard found.updateValue(tensor, forKey: copy.key) == nil else {
                throw ModelError(file: file, field: tensor.name, "is there a second time, under another name")
            }
        }
        if let missing = copies.first(where: { found[$0.key] == nil }) {
            throw ModelError(file: file, field: missing.key, "is missing, though adapter_config.json says that it is trained")
        }
        if let second, let first = byName[second.of].flatMap({ found[$0.key] }),
            let other = seconds.first(where: { !first.holdsSameNumbers(as: $0) })
        {
            throw ModelError(
                file: file, field: other.name,
                "has other numbers than \(first.name), though "
                    + (configuration.keepsTies ? "adapter_config.json ties them (ensure_weight_tying)" : "both are names of the head"))
        }
        return found
    }

    private func isNamed(_ tensor: StoredTensor, _ name: String?) -> Bool {
        guard let name else { return false }
        return AdapterTensorNames.module(AdapterTensorNames.plain(tensor.name), among: [name]) != nil
    }

    /// The magnitudes of the modules that have matrices here, by their keys.
    /// - Throws: ``ModelError`` where one is missing, has another length, or has no module.
    func magnitudes(for modules: [AdapterModule]) throws(ModelError) -> [String: StoredTensor] {
        guard configuration.usesMagnitudes else { return [:] }
        let byName = Dictionary(modules.map { ($0.module.name, $0) }) { first, _ in first }
        let known = Set(byName.keys)
        var found: [String: StoredTensor] = [:]
        for (module, tensor) in magnitudes {
            guard let adapter = AdapterTensorNames.module(module, among: known).flatMap({ byName[$0] }) else {
                throw ModelError(file: file, field: tensor.name, "belongs to no layer with an adapter")
            }
            guard tensor.elementCount == adapter.module.outputs, tensor.shape.allSatisfy({ $0 == 1 || $0 == adapter.module.outputs }) else {
                throw ModelError(
                    file: file, field: tensor.name, "has the shape \(tensor.shape), the layer needs [\(adapter.module.outputs)]")
            }
            guard found.updateValue(tensor, forKey: adapter.keyOfMagnitude) == nil else {
                throw ModelError(file: file, field: tensor.name, "is there a second time, under another name")
            }
        }
        let held = Set(stored.compactMap { AdapterTensorNames.module($0.module, among: known) })
        if let missing = modules.first(where: { held.contains($0.module.name) && found[$0.keyOfMagnitude] == nil }) {
            throw ModelError(file: file, field: missing.keyOfMagnitude, "is missing, though adapter_config.json has use_dora")
        }
        return found
    }

    /// All numbers of an adapter as it lies here, by PEFT's keys: matrices, then whole tensors.
    /// - Throws: ``ModelError`` as reading them for training does.
    package func numbers(for model: LanguageModel) throws(ModelError) -> [(key: String, numbers: [Float])] {
        try numbers(for: model.adapters, on: model.linearModules)
            + magnitudes(for: model.adapters).sorted { $0.key < $1.key }.map { ($0.key, $0.value.floats()) }
            + tensors(for: model.copies, second: model.secondCopy).sorted { $0.key < $1.key }.map { ($0.key, $0.value.floats()) }
    }
}

import CommandLineTools
import Export
import Graph
import JSON
import Manifest
import Models
import Spool
import Storage
import Tensors

/// What is exported: a whole model, or a base with an adapter.
struct ExportSource {
    struct Adapter {
        let modules: [AdapterModule]
        let matrices: [String: [Float]]

        func numbers(_ key: String) -> [Float] { matrices[key] ?? [] }
    }
    let model: any ModelFolder
    private(set) var adapter: Adapter?
    /// What the model is called.
    let name: String
    /// The base as a manifest calls it, or its folder.
    let baseName: String
    private let place: String
    /// Tokens that an example may have had; nil where that is not known.
    let contextLength: Int?
    /// A job's training data, with its manifest, where the source is a job.
    let training: (path: String, manifest: Manifest)?
    private let language: LanguageModel
    private let changedTexts: [String: [UInt8]]

    /// - Parameter wantsAdapter: whether the adapter is wanted by itself: a job's result has it
    ///   both ways.
    /// - Throws: ``CommandFailure`` if there is nothing to export, and what reading it throws.
    init(_ source: String, base: String?, wantsAdapter: Bool, _ options: SpoolOptions) throws {
        let place = try Self.folder(source, wantsAdapter, options)
        let isAdapter = FolderListing.leads(place.path + "/adapter_config.json")
        guard isAdapter || ModelFolders.isModel(place.path) else {
            throw CommandFailure(.notFound, "\(place.path) holds neither a model nor an adapter")
        }
        let named = try base.map { try ModelsCommand.folder($0, options.layout) }
        guard let basePath = isAdapter ? named ?? place.base : place.path else {
            throw CommandFailure(.usage, "\(place.path) is an adapter: name its base model with --base")
        }
        let stored = isAdapter ? try AdapterFolder(place.path) : nil
        let opened = try OpenedModel(path: basePath, for: stored)
        guard let weights = opened.weights else { throw CommandFailure(.invalid, "\(basePath) holds no weights") }
        model = opened.folder
        baseName = place.baseName ?? basePath
        self.place = place.path
        contextLength = place.contextLength
        training = place.training
        name = DurableFiles.split(place.baseName ?? basePath).name + (place.suffix.map { " " + $0 } ?? "")
        guard let folder = stored else {
            changedTexts = try Self.changedTexts(opened, isUntied: opened.isUntied, adapter: nil)
            language = try LanguageModel(opened.configuration, source: .checkpoint(weights), training: .nothing, maximumLength: 1)
            return
        }
        guard !folder.isClassifier else {
            throw CommandFailure(.invalid, "\(place.path) is a classifier's adapter: its head has no place in the output")
        }
        let linears = try LanguageModel.linearModules(of: opened.configuration)
        let settings = try folder.settings(on: linears)
        guard !settings.initialisation.changesBase else {
            throw CommandFailure(
                .invalid,
                "\(place.path) changes the base's weights when it is loaded (init_lora_weights): take the job's result, which is a plain adapter, "
                    + "or convert it with PEFT's path_initial_model_for_weight_conversion")
        }
        language = try LanguageModel(
            opened.configuration, source: .checkpoint(weights), training: .adapter(settings, seed: 0), maximumLength: 1)
        changedTexts = try Self.changedTexts(opened, isUntied: opened.isUntied || language.isUntied, adapter: place.path)
        let matrices = try folder.numbers(for: language)
        // As they are trained, which is how exports take them.
        let parameters = Dictionary(language.trainables.parameters.map { ($0.key, $0) }) { first, _ in first }
        let held = matrices.map { ($0.key, parameters[$0.key]?.held($0.numbers) ?? $0.numbers) }
        adapter = Adapter(modules: language.adapters, matrices: Dictionary(held) { first, _ in first })
    }

    private struct Place {
        var path: String
        var base: String?
        var baseName: String?
        var suffix: String?
        var contextLength: Int?
        var training: (path: String, manifest: Manifest)?
    }

    /// What a result says otherwise than its base: the tokens at which answers end, and whether
    /// embedding and head are two.
    private static func changedTexts(_ opened: OpenedModel, isUntied: Bool, adapter: String?) throws -> [String: [UInt8]] {
        var changed: [String: [UInt8]] = [:]
        let generation = "generation_config.json"
        if let adapter, FolderListing.leads(adapter + "/" + generation) {
            changed[generation] = try DurableFiles.read(adapter + "/" + generation, limit: 1 << 20)
        }
        let (name, key) = ("config.json", "tie_word_embeddings")
        if isUntied, let text = try opened.folder.text(name, limit: 1 << 24) {
            let members = (try JSONParser().parse(text).object ?? []).filter { $0.key != key } + [JSONMember(key, false)]
            changed[name] = JSONWriter(isIndented: true).bytes(JSONNode(members))
        }
        return changed
    }

    /// Where a job's or a folder's files are. Of a job's result the adapter is taken where its base
    /// is still there: the sum is then rounded once, not twice.
    private static func folder(_ source: String, _ wantsAdapter: Bool, _ options: SpoolOptions) throws -> Place {
        if source.contains("/") || FolderListing.isFolder(source) {
            guard FolderListing.leads(source) else { throw CommandFailure(.notFound, "there is no folder \(source)") }
            return Place(path: source)
        }
        let words = source.split(separator: ":", maxSplits: 1).map(String.init)
        let job = try options.job(words.first ?? source)
        let manifest = try? job.manifest()
        let base = (try? job.acceptance())?.modelPath
        var parts = wantsAdapter ? ["adapter", "partial"] : ["merged", "model", "adapter", "partial"]
        if let base, !wantsAdapter, ModelFolders.isModel(base) { parts.insert("adapter", at: 0) }
        let folders = words.count > 1 ? [job.checkpoints + "/" + words[1]] : parts.map { job.result + "/" + $0 }
        guard let part = folders.first(where: { FolderListing.isFolder($0) }) else {
            let names = job.checkpointNames.joined(separator: ", ")
            throw CommandFailure(
                .wrongState,
                words.count > 1
                    ? "\(job.id) has no checkpoint \(Terminal.safe(words[1])); it has \(names.isEmpty ? "none" : names)"
                    : "\(job.id) has no result yet; a checkpoint is named behind a colon: \(job.id):step-000100")
        }
        var place = Place(
            path: part, base: base, baseName: manifest?.model, suffix: manifest?.suffix, contextLength: manifest?.maximumLength)
        if let manifest, let data = (try? job.acceptance())?.trainingPath { place.training = (data, manifest) }
        return place
    }

    /// What a GGUF file says of the model.
    func texts() throws -> GGUFTexts { try GGUFTexts(model, changed: changedTexts) }

    /// The adapter, where it is one that a file for llama.cpp can hold.
    func plainAdapter() throws -> Adapter? {
        try GGUFExport.requirePlain(language)
        return adapter
    }

    /// The adapter, where it is matrices on linear layers alone.
    /// - Parameter reason: why it has to be.
    func plainAdapter(for reason: String) throws(CommandFailure) -> Adapter? {
        if case .adapter(let settings, _) = language.training, let words = settings.beyondMatrices(language.adapters) {
            throw CommandFailure(
                .invalid, "\(reason), and \(place) has \(words): put it into its model first (tala export --format merged)")
        }
        return adapter
    }

    var linearModules: [LinearModule] { language.linearModules }
    /// Tokens that the model has positions for, and rows of its embedding.
    var positionLimit: Int { language.configuration.maximumPositions }
    var vocabularySize: Int { language.configuration.vocabularySize }

    /// What the adapter says of the tokens at which answers end.
    var generation: [UInt8]? { changedTexts["generation_config.json"] }

    /// The base with an adapter of these settings.
    func model(with settings: AdapterSettings) throws -> LanguageModel {
        try LanguageModel(language.configuration, source: language.source, training: .adapter(settings, seed: 0), maximumLength: 1)
    }

    /// The model with its adapter, to be run on a device.
    /// - Parameter maximumLength: tokens of the longest text.
    func model(for device: any ComputeDevice, maximumLength: Int) throws -> LanguageModel {
        let mixable = Set([ElementType.bfloat16, .float16].filter { device.mixesFloat32(with: $0) })
        return try LanguageModel(
            language.configuration, source: language.source, training: language.training, precision: .init(mixableTypes: mixable),
            maximumLength: maximumLength, pageByteLimit: min(64 << 20, device.limits.maximumTensorBytes))
    }

    /// The base's weights, or the model's.
    var weights: Checkpoint {
        get throws(CommandFailure) {
            guard case .checkpoint(let checkpoint) = language.source else { throw CommandFailure(.invalid, "there are no weights") }
            return checkpoint
        }
    }

    /// The weights, with the adapter added.
    func rows() throws -> StoredRows {
        if adapter != nil, language.isUntied {
            throw CommandFailure(
                .invalid,
                "the adapter makes embedding and head two: write the merged model first (--format merged), and export that"
            )
        }
        let plain = PlainAdapter(language) { adapter?.numbers($0) ?? [] }
        return try StoredRows(weights, adding: plain.modules, copies: language.copies, numbers: plain.numbers)
    }

    /// A folder with base and adapter as one model.
    func writeMerged(to path: String) throws {
        guard adapter != nil, case .checkpoint(let checkpoint) = language.source else {
            throw CommandFailure(.invalid, "there is no adapter to merge: the source is a whole model already")
        }
        var tuned = TunedModel(model: language, folder: model, baseName: name) { [adapter] key, body in
            if let adapter { try adapter.numbers(key).withUnsafeBufferPointer(body) }
        }
        tuned.changedTexts = changedTexts
        try WholeFolder.build(path) { temporary in
            try ModelExport.writeMerged(language, base: checkpoint, trained: { adapter?.numbers($0) ?? [] }, to: temporary)
            try tuned.withoutQuantization(if: tuned.dequantisesBase).writeCompanions(to: temporary)
        }
    }
}

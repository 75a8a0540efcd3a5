import JSON
package import Models
import Storage
package import Tensors

/// What a run has made, as the formats of a result need it.
package struct TunedModel {
    package let model: LanguageModel
    /// The base model as it lies on disk.
    package let folder: any ModelFolder
    /// What the manifest calls it.
    package let baseName: String
    /// The model card, in Markdown.
    package var card = ""
    /// Texts of the base's folder that are others in the tuned model's, by name.
    package var changedTexts: [String: [UInt8]] = [:]
    /// The forms that the manifest names; none: those of every result.
    package var formats: [String] = []
    /// The types of a GGUF file; nil: 16 bits.
    package var ggufType: String?
    /// Part of the tuned model's name.
    package var suffix: String?
    /// Tokens that an example may have had.
    package var contextLength: Int?
    /// Gives a trained tensor's numbers by its key, row-major, some rows at a time.
    private let parts: (String, (UnsafeBufferPointer<Float>) throws -> Void) throws -> Void

    package init(
        model: LanguageModel, folder: any ModelFolder, baseName: String,
        parts: @escaping (String, (UnsafeBufferPointer<Float>) throws -> Void) throws -> Void
    ) {
        self.model = model
        self.folder = folder
        self.baseName = baseName
        self.parts = parts
    }

    /// The base's name with the job's suffix.
    /// What was tuned may have been a file.
    var displayName: String {
        let name = DurableFiles.split(baseName).name
        let bare = name.lowercased().hasSuffix(".gguf") ? String(name.dropLast(5)) : name
        return bare + (suffix.map { " " + $0 } ?? "")
    }

    /// All numbers of a trained tensor.
    func numbers(_ key: String) throws -> [Float] {
        var numbers: [Float] = []
        try parts(key) { numbers += $0 }
        return numbers
    }

    func forEachPart(of key: String, _ body: (UnsafeBufferPointer<Float>) throws -> Void) throws { try parts(key, body) }

    /// The same with a configuration that does not say that weights are quantised, where they are
    /// not any more.
    package func withoutQuantization(if isDequantised: Bool) throws -> TunedModel {
        let name = "config.json"
        guard isDequantised, let bytes = try changedTexts[name] ?? folder.text(name, limit: 16 << 20) else { return self }
        let members = (try JSONParser().parse(bytes).object ?? []).filter { $0.key != "quantization_config" }
        var changed = self
        changed.changedTexts[name] = JSONWriter(isIndented: true).bytes(JSONNode(members)) + [0x0A]
        return changed
    }

    /// Whether merging writes as numbers what the base has quantised.
    package var dequantisesBase: Bool {
        guard case .checkpoint(let base) = model.source else { return false }
        return JoinedExport(model, base).dequantises
    }

    /// Writes what a model's folder has beside weights.
    package func writeCompanions(to target: String) throws {
        for name in folder.companions {
            guard let bytes = try changedTexts[name] ?? folder.text(name, limit: 1 << 30) else { continue }
            if let slash = name.lastIndex(of: "/") { try DurableFiles.makeFolder(target + "/" + name[..<slash]) }
            try Self.write(bytes, to: target + "/" + name)
        }
    }

    static func write(_ bytes: [UInt8], to path: String) throws {
        try bytes.withUnsafeBufferPointer { try DurableFiles.write(UnsafeRawBufferPointer($0), toNew: path) }
    }

    /// Writes the tokenizer beside an adapter, where it has more tokens than the base's.
    func writeGrownTokenizer(to target: String) throws {
        guard let grown = folder as? GrownFolder else { return }
        for name in GrownFolder.tokenizerTexts {
            if let bytes = try grown.text(name, limit: 1 << 30) { try Self.write(bytes, to: target + "/" + name) }
        }
    }

    /// Writes the texts with which a checkpoint's trained tensors can be loaded as they are.
    package func completeCheckpoint(in target: String) throws {
        if case .adapter = model.training {
            try AdapterExport.writeConfiguration(model, baseName: baseName, isPlain: false, to: target)
            try writeGrownTokenizer(to: target)
        } else {
            try writeCompanions(to: target)
        }
    }
}

package import JSON
import Storage
import Tensors

/// What can be said of a model by its small files and the headers of its weights.
package struct ModelFacts: Sendable, Hashable {
    /// The `model_type` of config.json.
    package private(set) var architecture: String?
    package private(set) var parameters: Int?
    /// The type of most parameters.
    package private(set) var type: String?
    /// Of the files of weights.
    package private(set) var byteCount: Int?
    /// Positions that the model was made for.
    package private(set) var context: Int?
    /// What the model's card has under `license`.
    package private(set) var licence: String?
    /// Why it cannot be trained; nil where it can.
    package private(set) var obstacle: String?

    /// - Parameter path: the model's folder.
    package init(path: String) {
        licence = Self.licence(path)
        let folder = ModelFolders.open(path)
        let text = try? folder.text("config.json", limit: 16 << 20)
        let node = text.flatMap { try? JSONParser().parse($0) }
        architecture = node?["model_type"]?.string
        do {
            let opened = try OpenedModel(folder)
            context = opened.configuration.maximumPositions
            guard let weights = opened.weights else {
                obstacle = "it holds no weights: only method.type pretrain can begin from it"
                return
            }
            count(weights)
            _ = try LanguageModel(opened.configuration, source: .checkpoint(weights), training: .nothing, maximumLength: 1)
            if try folder.text("tokenizer.json", limit: 1 << 28) == nil { obstacle = "tokenizer.json is missing" }
        } catch {
            obstacle = Self.words(error, in: path)
            if parameters == nil, let weights = try? folder.weights() { count(weights) }
        }
    }

    private mutating func count(_ weights: Checkpoint) {
        var counts: [String: Int] = [:]
        // What is stored as codes and exponents stands there a second time, as the numbers that it
        // is.
        for tensor in weights.tensors.values where tensor.blocks != nil || tensor.elementType.isFloatingPoint {
            counts[tensor.blocks?.word ?? tensor.elementType.rawValue, default: 0] += tensor.elementCount
        }
        parameters = counts.values.reduce(0, +)
        type = counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
        byteCount = weights.tensors.values.reduce(0) { $0 + $1.ownByteCount }
    }

    /// An error without the folder's path, which stands beside it.
    private static func words(_ error: any Error, in path: String) -> String { "\(error)".replacing(path + "/", with: "") }

    /// The line `license:` of the block that begins a model card.
    private static func licence(_ path: String) -> String? {
        guard let bytes = try? DurableFiles.read(path + "/README.md", limit: 8 << 20) else { return nil }
        let lines = String(decoding: bytes.prefix(1 << 16), as: UTF8.self).split(whereSeparator: \.isNewline)
        guard lines.first == "---" else { return nil }
        let line = lines.dropFirst().prefix { $0 != "---" }.first { $0.hasPrefix("license:") }
        let word = line?.dropFirst("license:".count).filter { !$0.isWhitespace && $0 != "\"" && $0 != "'" }
        return word.flatMap { $0.isEmpty ? nil : String($0) }
    }

    /// `architecture`, `parameters`, `type`, `bytes`, `context`, `licence`, `trainable`, `reason`.
    package var members: [JSONMember] {
        func text(_ value: String?) -> JSONNode { value.map { JSONNode($0) } ?? .null }
        func number(_ value: Int?) -> JSONNode { value.map { JSONNode($0) } ?? .null }
        return [
            JSONMember("architecture", text(architecture)), JSONMember("parameters", number(parameters)), JSONMember("type", text(type)),
            JSONMember("bytes", number(byteCount)), JSONMember("context", number(context)), JSONMember("licence", text(licence)),
            JSONMember("trainable", JSONNode(obstacle == nil)), JSONMember("reason", text(obstacle)),
        ]
    }
}

import Foundation
import JSON
import Storage
import Tensors

@testable import Models

/// A model's folder with random weights, a few kilobytes, made where no reference data is.
struct TinyModel {
    let path: String
    static let configuration: [JSONMember] = [
        JSONMember("model_type", "llama"), JSONMember("hidden_size", 16), JSONMember("intermediate_size", 24),
        JSONMember("num_attention_heads", 2), JSONMember("num_hidden_layers", 2), JSONMember("vocab_size", 20),
        JSONMember("tie_word_embeddings", true),
    ]

    init(_ changes: [JSONMember] = [], shardByteLimit: Int = 2 << 30) throws {
        path = NSTemporaryDirectory() + "tala-model-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let members = Self.configuration.filter { member in !changes.contains { $0.key == member.key } } + changes
        let config = JSONNode(members)
        try write(JSONWriter().string(config), to: "config.json")
        try RandomCheckpoint(ModelConfiguration(json: config), elementType: .float32, shardByteLimit: shardByteLimit).make(in: path)
    }

    func write(_ text: String, to name: String) throws {
        let file = path + "/" + name
        try FileManager.default.createDirectory(atPath: DurableFiles.split(file).folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    }

    func move(_ name: String, to other: String) throws {
        try FileManager.default.createDirectory(atPath: DurableFiles.split(path + "/" + other).folder, withIntermediateDirectories: true)
        try FileManager.default.moveItem(atPath: path + "/" + name, toPath: path + "/" + other)
    }

    /// Writes `model.safetensors` anew with other tensors.
    func rewrite(_ change: (inout [String: (shape: [Int], numbers: [Float])]) -> Void) throws {
        let file = path + "/model.safetensors"
        var tensors: [String: (shape: [Int], numbers: [Float])] = [:]
        for tensor in try SafetensorsFile(path: file).tensors { tensors[tensor.name] = (tensor.shape, tensor.floats()) }
        change(&tensors)
        try FileManager.default.removeItem(atPath: file)
        try Self.write(tensors, to: file)
    }

    static func write(_ tensors: [String: (shape: [Int], numbers: [Float])], to file: String) throws {
        let sorted = tensors.sorted { $0.key < $1.key }
        var writer = try SafetensorsWriter(
            path: file, entries: sorted.map { .init(name: $0.key, shape: $0.value.shape, elementType: .float32) })
        for entry in sorted { try entry.value.numbers.withUnsafeBytes { try writer.append($0) } }
        try writer.finish()
    }

    /// The model as a job or `tala generate` would load it.
    @discardableResult func load() throws -> LanguageModel {
        let opened = try OpenedModel(path: path)
        guard let weights = opened.weights else { throw ModelError(file: path, "holds no weights") }
        return try LanguageModel(opened.configuration, source: .checkpoint(weights), training: .full, maximumLength: 8)
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
}

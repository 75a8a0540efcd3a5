import Datasets
import Foundation
import JSON
import TestSupport
import Testing
import Tokenization

/// A folder with data files of a test, and readers for them on the reference model's tokenizer.
final class DataFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "tala-datasets-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
        return path + "/" + name
    }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }

    static let encoder = Result { try ChatEncoder(folder: ReferenceSet.own.chatModel) }

    func reader(_ options: DatasetOptions = DatasetOptions(maximumLength: 1 << 20), cache: DatasetCache? = nil) throws -> DatasetReader {
        DatasetReader(encoder: try Self.encoder.get(), options: options, modelFolder: ReferenceSet.own.chatModel, cache: cache)
    }

    func report(_ text: String, name: String = "data.jsonl", _ options: DatasetOptions = DatasetOptions(maximumLength: 1 << 20)) throws
        -> ValidationReport
    {
        try reader(options).read(write(name, text)).report
    }

    func gzip(_ name: String, _ text: String) throws -> String {
        let source = try write("plain-" + name, text)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "gzip -c \"$0\" > \"$1\"", source, path + "/" + name]
        try process.run()
        process.waitUntilExit()
        return path + "/" + name
    }
}

/// A chat line.
func chat(_ question: String, _ answer: String) -> String {
    JSONWriter().string([
        "messages": [["role": "user", "content": JSONNode(question)], ["role": "assistant", "content": JSONNode(answer)]]
    ])
}

func chats(_ count: Int, from first: Int = 0) -> String {
    (first..<(first + count)).map { chat("Question \($0)", "Answer \($0)") + "\n" }.joined()
}

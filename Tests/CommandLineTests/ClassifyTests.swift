import Foundation
import JSON
import Storage
import TestSupport
import Testing

/// `tala classify` on a model with a head for two classes.
@Suite struct ClassifyTests {
    private static let demo = ManualTests.root.appendingPathComponent("demo/model").path

    /// The demonstration's model as a classifier: its head says "no" to everything but by a hair.
    private static func classifier() throws -> String {
        let folder = NSTemporaryDirectory() + "tala-classify-\(UUID().uuidString)"
        try FileManager.default.copyItem(atPath: demo, toPath: folder)
        var members = try #require(try JSONParser().parse(DurableFiles.read(folder + "/config.json")).object)
        members.removeAll { $0.key == "architectures" }
        members += [
            JSONMember("architectures", ["LlamaForSequenceClassification"]), JSONMember("id2label", ["0": "no", "1": "yes"]),
            JSONMember("problem_type", "single_label_classification"),
        ]
        try DurableFiles.replace(folder + "/config.json", with: JSONWriter().string(JSONNode(members)))
        // One more tensor at the end of the file: [2, 128] numbers of float32, all zero.
        let bytes = try DurableFiles.read(folder + "/model.safetensors")
        let length = (0..<8).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
        var header = try #require(try JSONParser().parse(Array(bytes[8..<8 + length])).object)
        let end = bytes.count - 8 - length
        header.append(
            JSONMember("score.weight", ["dtype": "F32", "shape": [2, 128], "data_offsets": [JSONNode(end), JSONNode(end + 1024)]]))
        var text = JSONWriter().bytes(JSONNode(header))
        while text.count % 8 != 0 { text.append(0x20) }
        let size = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
        let file = size + text + bytes[(8 + length)...] + [UInt8](repeating: 0, count: 1024)
        try Data(file).write(to: URL(fileURLWithPath: folder + "/model.safetensors"))
        return folder
    }

    private static func input(_ text: String) throws -> String {
        let path = NSTemporaryDirectory() + "tala-lines-\(UUID().uuidString)"
        try DurableFiles.replace(path, with: text)
        return path
    }

    @Test func everyLineGetsItsClassAndProbabilities() throws {
        let (folder, lines) = (
            try Self.classifier(),
            try Self.input("The hen is brown.\n\n{\"text\": \"a\"}\n{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}]}\n")
        )
        defer { for path in [folder, lines] { FolderListing.delete(path) } }
        let outcome = try BuiltProgram(name: "tala").run(["classify", "--model", folder, lines])
        #expect(outcome.status == 0, "\(outcome)")
        let answers = try outcome.output.split(separator: "\n").map { try JSONParser().parse(String($0)) }
        // A head of zeros finds all classes equally likely, and names the first.
        #expect(answers.count == 3 && answers.allSatisfy { $0["label"]?.string == "no" && $0["probabilities"]?["yes"]?.double == 0.5 })
    }

    @Test func whatCannotBeClassifiedIsNamed() throws {
        let (folder, lines) = (try Self.classifier(), try Self.input("good\n{\"label\": \"x\"}\n"))
        defer { for path in [folder, lines] { FolderListing.delete(path) } }
        let tala = BuiltProgram(name: "tala")
        let line = try tala.run(["classify", "--model", folder, lines])
        #expect(line.status == 1 && line.errors.contains("line 2"), "\(line)")
        let model = try tala.run(["classify", "--model", Self.demo, lines, "--json"])
        #expect(model.status == 1 && model.output.contains("id2label") && model.output.contains("\"error\""), "\(model)")
        let missing = try tala.run(["classify", "--model", "/no/such/model", lines])
        #expect(missing.status == 2 && missing.errors.contains("/no/such/model"), "\(missing)")
    }
}

import Foundation
import JSON
import TestSupport
import Testing

@testable import Tokenization

@Suite struct ReferenceMaskTests {
    @Test(arguments: ReferenceSet.available) func everyConversationHasTheReferencesIdsAndLabels(set: ReferenceSet) throws {
        let encoder = try ChatEncoder(folder: set.chatModel)
        for (index, item) in (try Self.figures(set)["cases"]?.array ?? []).enumerated() {
            guard let messages = item["messages"] else { continue }
            let ids = item["input_ids"]?.array?.compactMap(\.integer) ?? []
            let labels = item["labels"]?.array?.compactMap(\.integer) ?? []
            #expect(try encoder.render(messages: messages) == item["rendered"]?.string, "case \(index)")
            let found = try encoder.encode(messages: messages)
            #expect(found.ids.map(Int.init) == ids, "case \(index)")
            #expect(found.isTrained == labels.map { $0 != -100 }, "case \(index)")
        }
    }

    @Test(arguments: ReferenceSet.available) func everyTrainingLineHasTheReferencesLengthAndNumberOfLabels(set: ReferenceSet) throws {
        let encoder = try ChatEncoder(folder: set.chatModel)
        let golden = try Self.figures(set)
        let lengths = golden["train_lengths"]?.array?.compactMap(\.integer) ?? []
        let labelled = golden["train_labelled"]?.array?.compactMap(\.integer) ?? []
        let text = try String(contentsOfFile: set.chatModel + "/train.jsonl", encoding: .utf8)
        for (index, line) in text.split(separator: "\n").enumerated() {
            guard let messages = try JSONParser().parse(String(line))["messages"] else { continue }
            let found = try encoder.encode(messages: messages)
            #expect(found.ids.count == lengths[index] && found.trainedTokenCount == labelled[index], "line \(index + 1)")
        }
    }

    private static func figures(_ set: ReferenceSet) throws -> JSONNode {
        try JSONParser().parse(Array(Data(contentsOf: URL(fileURLWithPath: set.chatModel + "/masking_golden.json"))))
    }

    @Test(arguments: ReferenceItem.all("tokenizers", ["phi-3", "sentencepiece", "bpe-qwen2-regex", "bpe-llama3-regex"]))
    func theSpansOfEachTurnAreTheReferences(tokenizer: ReferenceItem) throws {
        let name = tokenizer.name
        let golden = try tokenizer.json("chat_ids.json")
        let folder = NSTemporaryDirectory() + "tala-chat-\(name)-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.copyItem(atPath: tokenizer.path("tokenizer.json"), toPath: folder + "/tokenizer.json")
        let config: JSONNode = [
            "chat_template": golden["chat_template"] ?? nil, "bos_token": golden["bos_token"] ?? nil,
            "eos_token": golden["eos_token"] ?? nil,
        ]
        try Data(JSONWriter().bytes(config)).write(to: URL(fileURLWithPath: folder + "/tokenizer_config.json"))
        let encoder = try ChatEncoder(folder: folder)
        for (index, item) in (golden["cases"]?.array ?? []).enumerated() {
            guard let messages = item["messages"] else { continue }
            let found = try encoder.encode(messages: messages)
            #expect(found.ids.map(Int.init) == item["input_ids"]?.array?.compactMap(\.integer), "\(name) case \(index)")
            var wanted = [Bool](repeating: false, count: found.ids.count)
            for span in item["assistant_spans"]?.array ?? [] {
                guard let bounds = span.array?.compactMap(\.integer), bounds.count == 2 else { continue }
                for position in bounds[0]...bounds[1] where position < wanted.count { wanted[position] = true }
            }
            #expect(found.isTrained == wanted, "\(name) case \(index)")
        }
    }
}

import Foundation
import JSON
import TestSupport
import Testing

@testable import Tokenization

@Suite(.enabled(if: SharedData.isThere)) struct ReferenceMaskTests {
    @Test func everyConversationHasTheReferencesIdsAndLabels() throws {
        let encoder = try ChatEncoder(folder: SharedData.path("stories260k"))
        for (index, item) in (try SharedData.json("stories260k/masking_golden.json")["cases"]?.array ?? []).enumerated() {
            guard let messages = item["messages"] else { continue }
            let ids = item["input_ids"]?.array?.compactMap(\.integer) ?? []
            let labels = item["labels"]?.array?.compactMap(\.integer) ?? []
            #expect(try encoder.render(messages: messages) == item["rendered"]?.string, "case \(index)")
            let found = try encoder.encode(messages: messages)
            #expect(found.ids.map(Int.init) == ids, "case \(index)")
            #expect(found.isTrained == labels.map { $0 != -100 }, "case \(index)")
        }
    }

    @Test func everyTrainingLineHasTheReferencesLengthAndNumberOfLabels() throws {
        let encoder = try ChatEncoder(folder: SharedData.path("stories260k"))
        let golden = try SharedData.json("stories260k/masking_golden.json")
        let lengths = golden["train_lengths"]?.array?.compactMap(\.integer) ?? []
        let labelled = golden["train_labelled"]?.array?.compactMap(\.integer) ?? []
        let text = try String(decoding: Data(contentsOf: URL(fileURLWithPath: SharedData.path("stories260k/train.jsonl"))), as: UTF8.self)
        for (index, line) in text.split(separator: "\n").enumerated() {
            guard let messages = try JSONParser().parse(String(line))["messages"] else { continue }
            let found = try encoder.encode(messages: messages)
            #expect(found.ids.count == lengths[index] && found.trainedTokenCount == labelled[index], "line \(index + 1)")
        }
    }

    @Test(arguments: ["phi-3", "bpe-qwen2-regex", "bpe-llama3-regex"]) func theSpansOfEachTurnAreTheReferences(name: String) throws {
        let golden = try SharedData.json("tokenizers/\(name)/chat_ids.json")
        let folder = NSTemporaryDirectory() + "tala-chat-\(name)-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.copyItem(atPath: SharedData.path("tokenizers/\(name)/tokenizer.json"), toPath: folder + "/tokenizer.json")
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

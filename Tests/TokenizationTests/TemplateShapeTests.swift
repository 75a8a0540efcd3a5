import Foundation
import JSON
import Templates
import TestSupport
import Testing

@testable import Tokenization

/// What every template makes of every shape of conversation: it comes out whole, or the report says
/// what does not.
@Suite struct TemplateShapeTests {
    /// A template of the table, with the tokenizer that renders it.
    struct Row {
        var name: String
        var template: String
        var tokenizer: String
    }

    private static let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    private static let document = here.appendingPathComponent("../../docs/templates-and-tokenizers.md").standardizedFileURL

    /// The project's own templates.
    static var own: [Row] {
        let tokenizer = here.appendingPathComponent("Reference/byte-level.tokenizer.json").path
        let small = names(here.appendingPathComponent("Templates").path).map { name in
            Row(
                name: String(name.dropLast(".jinja".count)), template: here.appendingPathComponent("Templates/\(name)").path,
                tokenizer: tokenizer)
        }
        let reference = ReferenceItem.all("templates").filter { $0.set == .own }
        return small + reference.map { Row(name: "\($0)", template: $0.path("template.jinja"), tokenizer: tokenizer) }
    }

    /// Published templates, of the reference data beside the checkout.
    static var published: [Row] {
        guard ReferenceSet.available.contains(.shared) else { return [] }
        return names(ReferenceSet.shared.path("templates")).filter { !$0.hasSuffix(".json") }.map { name in
            let isLlama = name.contains("lama") && !name.contains("style")
            return Row(
                name: name, template: ReferenceSet.shared.path("templates/\(name)/template.jinja"),
                tokenizer: ReferenceSet.shared.path("tokenizers/\(isLlama ? "bpe-llama3-regex" : "bpe-qwen2-regex")/tokenizer.json"))
        }
    }

    private static func names(_ folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }

    static func encoder(_ row: Row) throws -> ChatEncoder {
        let folder = NSTemporaryDirectory() + "tala-shape-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.copyItem(atPath: row.tokenizer, toPath: folder + "/tokenizer.json")
        try FileManager.default.copyItem(atPath: row.template, toPath: folder + "/chat_template.jinja")
        try Data(#"{"bos_token": "<s>", "eos_token": "</s>"}"#.utf8).write(to: URL(fileURLWithPath: folder + "/tokenizer_config.json"))
        var encoder = try ChatEncoder(folder: folder)
        encoder.clock = .init(year: 2025, month: 3, day: 9)
        return encoder
    }

    /// `+` all comes out, `w` with warnings, `x` refused since something would be missing, `!` the
    /// template itself refuses.
    static func outcome(_ shape: ConversationShapes.Shape, _ encoder: ChatEncoder) throws -> (mark: String, codes: [String]) {
        let reviews = TemplateReviews(encoder)
        let review = try reviews.review(of: shape.conversation)
        let errors = review.findings.filter(\.isError)
        if !errors.isEmpty { return ("x", errors.map { $0.code + " " + ($0.field(in: shape.conversation) ?? "") }) }
        do throws(ChatError) {
            let (example, changes) = try reviews.encode(shape.conversation, review, trainOn: .assistant)
            #expect(example.trainedTokenCount > 0)
            let codes =
                review.findings.map { $0.code + " " + ($0.field(in: shape.conversation) ?? "") }
                + changes.map { "text_changed \($0.field ?? "")" }
            return (codes.isEmpty ? "+" : "w", codes)
        } catch { return ("!", ["\(error)"]) }
    }

    private static func line(_ row: Row) throws -> String {
        let encoder = try encoder(row)
        let marks = try ConversationShapes.all.map { try outcome($0, encoder).mark }
        let name = String(row.name.prefix(34))
        return name + String(repeating: " ", count: 36 - name.count) + marks.joined(separator: " ")
    }

    @Test func theTableOfTheDocumentIsWhatTemplatesDo() throws {
        let text = try String(contentsOf: Self.document, encoding: .utf8)
        let rows = Self.own + Self.published
        let lines = try rows.map { try Self.line($0) }
        if ProcessInfo.processInfo.environment["TALA_RECORD"] != nil, !Self.published.isEmpty {
            let head = String(repeating: " ", count: 36) + ConversationShapes.all.map(\.letter).joined(separator: " ")
            let letters = ConversationShapes.all.map { "- \($0.letter): \($0.title)" }
            let (begin, end) = ("<!-- shapes -->\n", "<!-- end of shapes -->")
            let parts = [text.components(separatedBy: begin)[0], text.components(separatedBy: end)[1]]
            let table = letters.joined(separator: "\n") + "\n\n```\n" + ([head] + lines).joined(separator: "\n") + "\n```\n"
            try (parts[0] + begin + table + end + parts[1]).write(to: Self.document, atomically: true, encoding: .utf8)
            return
        }
        let written = Set(text.split(separator: "\n").map(String.init))
        for line in lines {
            let isWritten = written.contains(line)
            #expect(isWritten, "\(line)")
        }
    }

    /// Nothing is lost in silence: of what is not refused or warned of every word stands in the
    /// text.
    @Test func whatIsTakenWithoutAWordStandsInTheText() throws {
        for row in Self.own + Self.published {
            let encoder = try Self.encoder(row)
            for shape in ConversationShapes.all {
                guard try Self.outcome(shape, encoder).mark == "+" else { continue }
                let review = try TemplateReviews(encoder).review(of: shape.conversation)
                var conversation = shape.conversation
                conversation.form = review.form
                let text = try encoder.render(conversation)
                for word in ["Rome", "dry"] where shape.title != "a call without arguments" {
                    #expect(text.contains(word), "\(row.name), \(shape.title): \(word)")
                }
                if shape.conversation.tools != nil { #expect(text.contains("weather"), "\(row.name), \(shape.title)") }
            }
        }
    }

    private func finding(_ template: String, _ letter: String) throws -> [String] {
        let row = try #require(Self.own.first { $0.name == template })
        let shape = try #require(ConversationShapes.all.first { $0.letter == letter })
        return try Self.outcome(shape, Self.encoder(row)).codes
    }

    @Test func whatATemplateDoesNotShowIsNamed() throws {
        #expect(try finding("names-roles", "g") == ["not_shown messages[1].tool_calls", "not_shown tools"])
        #expect(
            try finding("three-roles", "i") == ["not_shown messages[1].tool_calls", "not_shown messages[2].content", "not_shown tools"])
        #expect(try finding("three-roles", "e") == ["role_mapped messages[0].role"])
        #expect(try finding("two-roles", "c") == ["role_not_known messages[0].role"])
        #expect(try finding("system-at-the-end", "c") == ["not_shown_in_training messages[0].content"])
        #expect(try finding("last-thoughts", "p").isEmpty)
        #expect(try finding("last-thoughts", "q") == ["reasoning_not_shown messages[1]"])
        #expect(try finding("names-roles", "p") == ["not_shown messages[1]"])
        #expect(try finding("tools-as-objects", "r") == ["not_shown messages[1]"])
        #expect(try finding("names-roles", "s") == ["name_not_shown messages[0].name"])
        #expect(try finding("names-roles", "u") == ["member_not_shown messages[1].mood"])
    }

    private func text(_ template: String, _ letter: String) throws -> String {
        let encoder = try Self.encoder(try #require(Self.own.first { $0.name == template }))
        var conversation = try #require(ConversationShapes.all.first { $0.letter == letter }).conversation
        conversation.form = try TemplateReviews(encoder).review(of: conversation).form
        return try encoder.render(conversation)
    }

    @Test func aCallComesOutTheSameHoweverItsContentIsEmpty() throws {
        for template in ["tools-as-objects", "tools-as-text"] {
            let texts = try ["g", "h", "i"].map { try text(template, $0) }
            #expect(Set(texts).count == 1, "\(template): \(texts)")
        }
    }

    @Test func argumentsComeAsTheTemplateNeedsThem() throws {
        #expect(try text("tools-as-objects", "g").contains(#"<call>{"name": "weather", "arguments": {"place": "Rome"}}"#))
        #expect(try text("tools-as-text", "i").contains("<call>weather\n{\"place\": \"Rome\"}</s>"))
        #expect(try text("tools-as-text", "l").contains("<call>weather\n{}</s>"))
        #expect(try text("tools-as-objects", "l").contains(#""arguments": {}}"#))
    }

    @Test func aShapeIsLookedAtOnceNotForEveryLine() throws {
        var encoder = try Self.encoder(try #require(Self.own.first { $0.name == "tools-as-text" }))
        let counter = TemplateStepCounter()
        encoder.stepCounter = counter
        let reviews = TemplateReviews(encoder)
        let shape = try #require(ConversationShapes.all.first { $0.letter == "g" })
        _ = try reviews.review(of: shape.conversation)
        let once = counter.count
        #expect(once > 0)
        for _ in 0..<100 { _ = try reviews.review(of: shape.conversation) }
        #expect(counter.count == once)
    }

    /// The budget of a file (`TemplateBudget` in Datasets) must be far from what honest templates
    /// take, also for many short turns, each of which is looked for alone.
    @Test func manyShortTurnsTakeFewStepsForEachByte() throws {
        let round: [JSONNode] = [
            ["role": "user", "content": "And what is next?"], ["role": "assistant", "content": "That is not known."],
        ]
        let conversation = Conversation(messages: JSONNode((0..<11).flatMap { _ in round }))
        let byteCount = JSONWriter().bytes(conversation.messages).count
        for row in Self.own + Self.published {
            var encoder = try Self.encoder(row)
            let counter = TemplateStepCounter()
            encoder.stepCounter = counter
            do throws(ChatError) { _ = try encoder.encode(conversation) } catch { continue }
            #expect(counter.count / byteCount < 100, "\(row.name)")
        }
    }

    @Test func turnsThatRepeatAreOfOneShape() {
        func shape(_ rounds: Int) -> ConversationShape {
            let round: [JSONNode] = [["role": "user", "content": "a"], ["role": "assistant", "content": "b"]]
            return ConversationShape(Conversation(messages: JSONNode((0..<rounds).flatMap { _ in round })))
        }
        #expect(shape(5) == shape(50))
        #expect(shape(1) != shape(2))
    }
}

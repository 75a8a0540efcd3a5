import Foundation
import JSON
import TestSupport
import Testing

/// `tala template render` takes the template that training takes.
@Suite struct TemplateCommandTests {
    private static let lines = """
        {"variables": {"messages": []}}
        {"variables": {"messages": [], "tools": null}}
        {"variables": {"messages": [], "tools": [{"type": "function"}]}}
        """

    /// What the three lines render to, with the files of a model folder; the errors where there is
    /// no text.
    private static func rendered(_ files: [String: String], file: String? = nil) throws -> [String] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tala-template-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files {
            let url = folder.appendingPathComponent(name)
            try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
        }
        let path = folder.path + (file.map { "/" + $0 } ?? "")
        let outcome = try BuiltProgram(name: "tala").run(["template", "render", path], input: lines)
        guard outcome.status == 0 else { return [outcome.errors] }
        return try outcome.output.split(separator: "\n").map { line in
            let node = try JSONParser().parse(String(line))
            return node["text"]?.string ?? node["error"]?["message"]?.string ?? ""
        }
    }

    private static let list = #"""
        {"chat_template": [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"}]}
        """#

    @Test func aLineWithToolsIsRenderedWithTheTemplateForTools() throws {
        #expect(try Self.rendered(["tokenizer_config.json": Self.list]) == ["D", "D", "T"])
        #expect(try Self.rendered(["tokenizer_config.json": Self.list], file: "tokenizer_config.json") == ["D", "D", "T"])
        let files = ["chat_template.jinja": "F", "additional_chat_templates/tool_use.jinja": "A", "tokenizer_config.json": Self.list]
        #expect(try Self.rendered(files) == ["F", "F", "A"])
        #expect(try Self.rendered(files, file: "chat_template.jinja") == ["F", "F", "F"])
    }

    @Test func whereNoTemplateFitsThatIsSaid() throws {
        let other = #"{"chat_template": {"rag": "R", "tool_use": "T"}}"#
        let texts = try Self.rendered(["tokenizer_config.json": other])
        #expect(texts.count == 3 && texts[0].contains("rag, tool_use") && texts[2] == "T", "\(texts)")
        #expect(try Self.rendered(["tokenizer_config.json": "{}"]).first?.contains("has no chat_template") == true)
        #expect(try Self.rendered(["chat_template.jinja": "{% if %}"]).first?.contains("chat_template.jinja") == true)
    }
}

import Foundation
import JSON
import Templates
import TestSupport
import Testing

@Suite(.enabled(if: SharedData.isThere)) struct ReferenceTemplateTests {
    static let clock = TemplateClock(year: 2025, month: 3, day: 9, hour: 8, minute: 5, second: 7)
    static let names = [
        "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", "Qwen-Qwen2.5-7B-Instruct", "Qwen-Qwen3-0.6B", "chatml", "chatml-generation",
        "deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "google-gemma-2-2b-it", "ibm-granite-granite-3.3-2B-Instruct", "llama-2-style",
        "meta-llama-Llama-3.1-8B-Instruct", "meta-llama-Llama-3.2-3B-Instruct", "microsoft-Phi-3.5-mini-instruct",
        "mistralai-Mistral-Nemo-Instruct-2407",
        "openai-gpt-oss-120b", "phi-3-classic", "phi-4-mini-style",
    ]

    static func check(_ source: String, _ variables: JSONNode, _ item: JSONNode, _ name: String) {
        do throws(TemplateError) {
            let found = try Template(source).render(variables, clock: clock)
            #expect(
                item["error"] == nil,
                "\(name): should raise \(item["error"]?["message"]?.string ?? ""), rendered \(found.text.prefix(200).debugDescription)")
            if let expected = item["expected"]?.string {
                #expect(found.text == expected && found.text.utf8.elementsEqual(expected.utf8), "\(name)")
            }
            if let spans = item["assistant_spans_code_points"]?.array {
                let wanted = spans.compactMap { $0.array?.compactMap(\.integer) }
                let bytes = Array(found.text.utf8)
                let points = found.generationSpans.map { span in
                    [span.lowerBound, span.upperBound].map { String(decoding: bytes[..<$0], as: UTF8.self).unicodeScalars.count }
                }
                #expect(points == wanted, "\(name)")
            }
        } catch {
            guard let wanted = item["error"] else {
                Issue.record("\(name): raised \(error)")
                return
            }
            if wanted["type"]?.string == "TemplateError" {
                #expect(error.message == wanted["message"]?.string, "\(name)")
                #expect(error.type == "TemplateError", "\(name)")
            }
        }
    }

    @Test(arguments: names) func everyConversationRendersToTheSameBytes(name: String) throws {
        let source = try String(
            decoding: Data(contentsOf: URL(fileURLWithPath: SharedData.path("templates/\(name)/template.jinja"))), as: UTF8.self)
        let cases = try SharedData.json("templates/\(name)/cases.json")
        for item in cases.array ?? cases["cases"]?.array ?? [] {
            var members = [JSONMember("tools", nil), JSONMember("documents", nil)].filter { item[$0.key] == nil }
            members += (item.object ?? []).filter { !["expected", "error", "name", "assistant_spans_code_points"].contains($0.key) }
            Self.check(source, JSONNode(members), item, "\(name)/\(item["name"]?.string ?? "")")
        }
    }

    @Test func everyLanguageFeatureBehavesAsInTheReference() throws {
        for item in try SharedData.json("templates/features.json")["cases"]?.array ?? [] {
            let source = item["template"]?.string ?? ""
            Self.check(source, item["context"] ?? JSONNode([JSONMember]()), item, source)
        }
    }
}

import Foundation
import JSON
import Templates
import TestSupport
import Testing

@Suite struct ReferenceTemplateTests {
    static let clock = TemplateClock(year: 2025, month: 3, day: 9, hour: 8, minute: 5, second: 7)

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

    @Test(arguments: ReferenceItem.all("templates")) func everyConversationRendersToTheSameBytes(template: ReferenceItem) throws {
        let source = try template.text("template.jinja")
        let cases = try template.json("cases.json")
        for item in cases.array ?? cases["cases"]?.array ?? [] {
            var members = [JSONMember("tools", nil), JSONMember("documents", nil)].filter { item[$0.key] == nil }
            members += (item.object ?? []).filter { !["expected", "error", "name", "assistant_spans_code_points"].contains($0.key) }
            Self.check(source, JSONNode(members), item, "\(template)/\(item["name"]?.string ?? "")")
        }
    }

    @Test(arguments: ReferenceSet.available) func everyLanguageFeatureBehavesAsInTheReference(set: ReferenceSet) throws {
        for item in try set.json("templates/features.json")["cases"]?.array ?? [] {
            let source = item["template"]?.string ?? ""
            Self.check(source, item["context"] ?? JSONNode([JSONMember]()), item, source)
        }
    }
}

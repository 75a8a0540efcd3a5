import Foundation
import JSON
import Templates
import Testing

/// Statements, scopes, white space and broken templates, and what Jinja 3.1.6 makes of them in the
/// environment that transformers 5 sets up: the text, or the error with its type, its message and
/// the line. The first line of the file holds the variables.
@Suite struct StatementTests {
    @Test func everyStatementGivesTheTextOrTheErrorAndLineOfTheReference() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Cases/statements.jsonl")
        let lines = try Data(contentsOf: file).split(separator: 0x0A).map { try JSONParser().parse(Array($0)) }
        let variables = try #require(lines.first?["variables"])
        let clock = TemplateClock(year: 2025, month: 3, day: 9, hour: 8, minute: 5, second: 7)
        #expect(lines.count > 700)
        for item in lines.dropFirst() {
            let source = item["template"]?.string ?? ""
            do throws(TemplateError) {
                let text = try Template(source).render(variables, clock: clock).text
                #expect(item["expected"]?.string == text, "\(source): gave \(text.debugDescription)")
            } catch {
                let wanted = item["error"]
                #expect(wanted?["type"]?.string == error.type, "\(source): raised \(error)")
                #expect(wanted?["message"]?.string == error.message, "\(source): raised \(error)")
                #expect(wanted?["line"]?.integer == error.line, "\(source): raised \(error)")
            }
        }
    }

    @Test func aFilterThatDoesNotExistIsOnlyMissedWhereItIsReached() throws {
        let source = "{% if tools %}{{ tools|from_json }}{% endif %}{{ 1|nosuch if false else 'x' }}"
        #expect(try Template(source).render([:]).text == "x")
        #expect(throws: TemplateError.self) { try Template(source).render(["tools": "[]"]) }
        #expect(throws: TemplateError.self) { try Template("{% if a %}{% for b in c %}{{ b|nosuch }}{% endfor %}{% endif %}") }
    }
}

import Foundation
import JSON
import Templates
import Testing

/// Short templates and what Jinja 3.1.6 makes of them in the environment that transformers 5 sets
/// up, over one set of variables: filters, tests and methods on values of every kind, operators,
/// statements, white space control, errors. The first line of the file holds the variables.
@Suite struct ExpressionTests {
    private static let lines: [JSONNode] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Cases/expressions.jsonl")
        guard let data = try? Data(contentsOf: file) else { return [] }
        return data.split(separator: 0x0A).compactMap { try? JSONParser().parse(Array($0)) }
    }()

    @Test func everyExpressionGivesWhatTheReferenceGives() throws {
        let variables = try #require(Self.lines.first?["variables"])
        let clock = TemplateClock(year: 2025, month: 3, day: 9, hour: 8, minute: 5, second: 7)
        #expect(Self.lines.count > 3000)
        for item in Self.lines.dropFirst() {
            let source = item["template"]?.string ?? ""
            do throws(TemplateError) {
                let text = try Template(source).render(variables, clock: clock).text
                #expect(
                    item["expected"]?.string.map { $0.utf8.elementsEqual(text.utf8) } ?? false, "\(source): gave \(text.debugDescription)")
            } catch {
                #expect(item["error"] != nil, "\(source): raised \(error)")
            }
        }
    }
}

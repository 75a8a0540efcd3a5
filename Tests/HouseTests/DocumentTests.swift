import Foundation
import Testing

/// What documents promise of themselves: a width that fits a window, and an overview that is not
/// behind the code.
@Suite struct DocumentTests {
    private static let width = 100

    /// README and its kin, docs/ and the shaders' document. Tables, code and links cannot be
    /// broken.
    private static func documents() throws -> [String] {
        let top = try FileManager.default.contentsOfDirectory(atPath: SourceTree.path(".")).filter { $0.hasSuffix(".md") }
        return try top.sorted() + SourceTree.files(under: "docs", endings: [".md"]) + SourceTree.files(under: "Shaders", endings: [".md"])
    }

    @Test func linesOfDocumentsFitAWindow() throws {
        for file in try Self.documents() {
            var isCode = false
            for (index, line) in SourceTree.lines(of: try SourceTree.text(of: file)).enumerated() {
                if line.hasPrefix("```") { isCode.toggle() }
                let isTable = line.hasPrefix("|")
                let isOneWord = !line.trimmingCharacters(in: .whitespaces).dropFirst(2).contains(" ")
                if isCode || isTable || isOneWord { continue }
                #expect(line.count <= Self.width, "\(file):\(index + 1) has \(line.count) columns, \(Self.width) are allowed")
            }
        }
    }

    /// Comments on lines of their own; what stands in a text of several lines is not one.
    @Test func linesOfCommentsFitAWindow() throws {
        let folders = [("Sources", [".swift", ".c"]), ("Tests", [".swift"]), ("Shaders", [".comp", ".glsl"])]
        for file in try folders.flatMap({ try SourceTree.files(under: $0.0, endings: $0.1) }) {
            var isText = false
            for (index, line) in SourceTree.lines(of: try SourceTree.text(of: file)).enumerated() {
                if line.components(separatedBy: "\"\"\"").count % 2 == 0 { isText.toggle() }
                let comment = line.trimmingCharacters(in: .whitespaces)
                if isText || !comment.hasPrefix("//") || !comment.dropFirst(4).contains(" ") { continue }
                #expect(line.count <= Self.width, "\(file):\(index + 1) has \(line.count) columns, \(Self.width) are allowed")
            }
        }
    }

    @Test func theArchitectureNamesEveryModule() throws {
        let text = try SourceTree.text(of: "ARCHITECTURE.md")
        for module in try SourceTree.modules() {
            #expect(text.contains("`\(module)`"), "ARCHITECTURE.md does not say what \(module) is")
        }
    }

    @Test func testsAndScriptsThatDocumentsNameAreThere() throws {
        let files = try SourceTree.files(under: "Tests", endings: [".swift"])
        let names = Set(files.flatMap { $0.dropLast(6).split(separator: "/").map(String.init) })
        let suite = try Regex(#"`([A-Z]\w+Tests)\b"#, as: (Substring, Substring).self)
        let script = try Regex(#"\b(scripts/[\w-]+)"#, as: (Substring, Substring).self)
        for file in try Self.documents() {
            let text = try SourceTree.text(of: file)
            for match in text.matches(of: suite) {
                #expect(names.contains(String(match.output.1)), "\(file) names \(match.output.1), which is not there")
            }
            for match in text.matches(of: script) {
                let isThere = FileManager.default.fileExists(atPath: SourceTree.path(String(match.output.1)))
                #expect(isThere, "\(file) names \(match.output.1), which is not there")
            }
        }
    }
}

import Foundation
import Testing

/// What documents promise of themselves: a width that fits a window, and an overview that is not
/// behind the code.
@Suite struct DocumentTests {
    /// README and its kin, docs/ and the shaders' document. Tables, code and links cannot be
    /// broken.
    private static func documents() throws -> [String] {
        let top = try FileManager.default.contentsOfDirectory(atPath: SourceTree.path(".")).filter { $0.hasSuffix(".md") }
        return try top.sorted() + SourceTree.files(under: "docs", endings: [".md"]) + SourceTree.files(under: "Shaders", endings: [".md"])
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

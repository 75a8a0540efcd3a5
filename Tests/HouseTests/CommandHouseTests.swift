import Foundation
import Testing

/// What the sources of the commands must not do.
@Suite struct CommandHouseTests {
    /// `print` hides a line that could not be written; `StandardOutput` makes it an error.
    @Test func commandsPrintThroughStandardOutput() throws {
        let call = try Regex(#"(^|[^\w.])print\("#)
        for folder in ["Sources/tala", "Sources/CommandLineTools"] {
            for file in try SourceTree.swiftFiles(under: folder) {
                for (index, line) in SourceTree.lines(of: try SourceTree.text(of: file)).enumerated() {
                    if line.trimmingCharacters(in: .whitespaces).hasPrefix("//") { continue }
                    #expect(line.firstMatch(of: call) == nil, "\(file):\(index + 1) prints without noticing a full disk")
                }
            }
        }
    }
}

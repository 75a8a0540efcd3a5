import Foundation
import Manifest
import Testing

/// The policy that the package brings: what it says in force, and its examples.
@Suite struct PackagedPolicyTests {
    private static func lines() throws -> [String] {
        let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("debian/policy.yaml"), encoding: .utf8)
        return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private static func policy(_ lines: [String]) throws -> Policy {
        try Policy(ManifestText(Array(lines.joined(separator: "\n").utf8), isYAML: true))
    }

    @Test func itIsUnderstoodAsItIs() throws { _ = try Self.policy(Self.lines()) }

    @Test func itsExamplesAreUnderstoodWithoutTheSignOfAComment() throws {
        let key = try Regex("^# *[a-z_]+:.*$")
        var count = 0
        let lines = try Self.lines().map { line in
            guard line.wholeMatch(of: key) != nil else { return line }
            count += 1
            return String(line.dropFirst(2))
        }
        #expect(count >= 6)
        let policy = try Self.policy(lines)
        #expect(policy.prices(device: "vulkan:0")?.deviceHour == 1.5)
    }
}

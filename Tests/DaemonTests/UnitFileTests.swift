import Foundation
import Testing

@testable import Daemon

/// The shipped units: understood by systemd without a word, and closed enough.
@Suite struct UnitFileTests {
    static let hasAnalyze = FileManager.default.isExecutableFile(atPath: "/usr/bin/systemd-analyze")
    static let folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("systemd")

    private func analyze(_ arguments: [String]) throws -> (status: Int32, text: String) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/systemd-analyze")
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    @Test(
        .enabled(if: hasAnalyze, "systemd-analyze is not here"),
        arguments: ["talad.service", "tala-drain.service", "tala-engine@.service", "tala-engines.service", "tala-serve.service"])
    func aUnitExposesAlmostNothing(unit: String) throws {
        let result = try analyze([
            "security", "--offline=true", "--threshold=\(unit == "tala-serve.service" ? 15 : 10)", "--no-pager",
            Self.folder.appendingPathComponent(unit).path,
        ])
        #expect(result.status == 0, "\(result.text.suffix(300))")
        // In tenths: 1.0 at most; 1.5 for what has the network.
        let line = try #require(result.text.split(separator: "\n").last { $0.contains("Overall exposure level") }, "\(result.text)")
        let number = try #require(line.split(whereSeparator: { !$0.isNumber && $0 != "." }).compactMap { Double($0) }.last)
        #expect(number <= (unit == "tala-serve.service" ? 1.5 : 1.0), "\(line)")
    }

    /// Jobs in several processes need the loopback, those on several hosts a network.
    @Test(
        .enabled(if: hasAnalyze, "systemd-analyze is not here"),
        arguments: [([String](), 1.0), (["tala-ranks.conf"], 1.2), (["tala-ranks.conf", "tala-ranks-hosts.conf"], 1.7)])
    func theDropInsOfRanksOpenLittle(dropIns: [String], limit: Double) throws {
        let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("tala-units-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: scratch) }
        // As systemd reads them: one behind the other.
        let text = try (["talad.service"] + dropIns).map { try String(contentsOf: Self.folder.appendingPathComponent($0), encoding: .utf8) }
            .joined(separator: "\n")
        let file = scratch.appendingPathComponent("talad.service")
        try Data(text.utf8).write(to: file)
        let result = try analyze(["security", "--offline=true", "--no-pager", file.path])
        let line = try #require(result.text.split(separator: "\n").last { $0.contains("Overall exposure level") }, "\(result.text)")
        let number = try #require(line.split(whereSeparator: { !$0.isNumber && $0 != "." }).compactMap { Double($0) }.last)
        #expect(number <= limit, "\(line)")
    }

    @Test(.enabled(if: hasAnalyze, "systemd-analyze is not here"))
    func theUnitsAreUnderstoodWithoutAWord() throws {
        // Nothing is installed here: a program that is takes the daemon's place.
        let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("tala-units-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: scratch) }
        var files: [String] = []
        for name in [
            "talad.service", "tala-drain.service", "tala-drain.path", "tala-serve.service", "tala-engine@.service", "tala-engines.path",
            "tala-engines.service",
        ] {
            let text = try String(contentsOf: Self.folder.appendingPathComponent(name), encoding: .utf8)
                .replacingOccurrences(of: "/usr/bin/tala[a-z-]*|/usr/libexec/tala/[a-z-]*", with: "/bin/true", options: .regularExpression)
                .replacingOccurrences(of: "Documentation=man:[^\n]*\n", with: "", options: .regularExpression)
            let file = scratch.appendingPathComponent(name)
            try Data(text.utf8).write(to: file)
            files.append(file.path)
        }
        let result = try analyze(["verify", "--man=no"] + files)
        let complaints = result.text.split(separator: "\n").filter { $0.contains("tala") }
        #expect(complaints.isEmpty, "\(complaints)")
    }
}

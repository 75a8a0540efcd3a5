import Foundation

/// A program as it was built beside the tests.
package struct BuiltProgram: Sendable {
    package struct Outcome: Sendable {
        package var status: Int32
        package var output: String
        package var errors: String

        package init(status: Int32, output: String, errors: String) { (self.status, self.output, self.errors) = (status, output, errors) }
    }

    package let name: String

    package init(name: String) { self.name = name }

    /// The folder of the programs: the first above the test runner that holds `talad`.
    package static let folder: String = {
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
        while folder.path != "/", !FileManager.default.fileExists(atPath: folder.path + "/talad") { folder.deleteLastPathComponent() }
        return folder.path
    }()

    /// Whether it has been built. Sanitizers build the tests alone.
    package var isBuilt: Bool { FileManager.default.isExecutableFile(atPath: Self.folder + "/" + name) }

    /// Runs the program to its end. What it writes goes through files, so that no pipe can fill.
    /// - Parameter wrapper: a program by its path, and its arguments, that runs this one.
    package func run(
        _ arguments: [String], input: String = "", environment: [String: String] = [:], under wrapper: [String] = []
    ) throws -> Outcome {
        let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("tala-command-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: scratch) }
        func file(_ name: String, _ text: String = "") throws -> FileHandle {
            let url = scratch.appendingPathComponent(name)
            try Data(text.utf8).write(to: url)
            return try FileHandle(forUpdating: url)
        }
        let process = Process()
        let words = wrapper + [Self.folder + "/" + name] + arguments
        process.executableURL = URL(fileURLWithPath: words[0])
        process.arguments = Array(words.dropFirst())
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = try file("input", input)
        process.standardOutput = try file("output")
        process.standardError = try file("errors")
        try process.run()
        process.waitUntilExit()
        func text(_ name: String) throws -> String { try String(contentsOf: scratch.appendingPathComponent(name), encoding: .utf8) }
        return Outcome(status: process.terminationStatus, output: try text("output"), errors: try text("errors"))
    }
}

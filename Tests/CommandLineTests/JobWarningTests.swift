import Foundation
import JSON
import TestSupport
import Testing

/// Warnings of `tala validate` and `tala plan`, and what `strict` makes of them.
@Suite struct JobWarningTests {
    private static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// - Parameter lines: of the demonstration's data.
    private static func run(_ command: String, _ extra: String, lines: Int = 60, _ options: [String] = []) throws -> BuiltProgram.Outcome {
        let folder = NSTemporaryDirectory() + "tala-warnings-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let data = try String(contentsOfFile: repository + "/demo/tune.jsonl", encoding: .utf8).split(separator: "\n").prefix(lines)
        try (data.joined(separator: "\n") + "\n").write(toFile: folder + "/tune.jsonl", atomically: true, encoding: .utf8)
        let manifest =
            "model: \(repository)/demo/model\ntraining_file: tune.jsonl\nmax_length: 128\nprecision: float32\ndevice: cpu\n" + extra
        try manifest.write(toFile: folder + "/manifest.yaml", atomically: true, encoding: .utf8)
        return try BuiltProgram(name: "tala").run([command] + options + ["--spool", folder + "/spool", folder + "/manifest.yaml"])
    }
    private static let long = """
        method: {supervised: {hyperparameters: {max_steps: 8, batch_size: 8}}}
        schedule: {warmup_steps: 100}

        """

    @Test(arguments: ["validate", "plan"]) func aWarmUpLongerThanTheRunIsAWarning(_ command: String) throws {
        let outcome = try Self.run(command, Self.long)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(
            outcome.errors.contains("the warm-up (100 steps) is longer than the run (8 steps): the highest rate will be 1.4e-5"),
            "\(outcome.errors)")
        #expect(outcome.errors.contains("(warmup_too_long)"))
        let node = try JSONParser().parse(Array(Self.run(command, Self.long, ["--json"]).output.utf8))
        #expect(node["warnings"]?.array?.compactMap { $0["code"]?.string } == ["warmup_too_long"])
    }

    @Test func strictMakesWarningsErrors() throws {
        let outcome = try Self.run("validate", Self.long + "strict: true\n")
        #expect(outcome.status == 1 && outcome.errors.contains("warmup_too_long"), "\(outcome.errors)")
        let usual = "method: {supervised: {hyperparameters: {max_steps: 8, batch_size: 8}}}\nstrict: true\n"
        let fine = try Self.run("validate", usual)
        #expect(fine.status == 0 && !fine.errors.contains("warning"), "\(fine.errors)")
    }

    /// One of the examples is held back, whatever the seed draws.
    @Test func aSplitOfAFewExamplesLeavesOneOnEachSide() throws {
        for (seed, lines, fraction) in [(0, 2, 0.1), (1, 5, 0.1), (2, 10, 0.1), (3, 3, 0.9), (4, 2, 0.9)] {
            let outcome = try Self.run("validate", "validation_split: \(fraction)\nseed: \(seed)\n", lines: lines)
            #expect(outcome.status == 0, "seed \(seed), \(lines) lines: \(outcome.errors)")
        }
    }
}

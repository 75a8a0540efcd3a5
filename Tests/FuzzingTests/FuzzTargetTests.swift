import Foundation
import Fuzzing
import Testing

@Suite struct FuzzTargetTests {
    /// TALA_FUZZ_RUNS asks for more inputs than the few seconds' worth of every test run.
    private static let runs = ProcessInfo.processInfo.environment["TALA_FUZZ_RUNS"].flatMap { Int($0) } ?? 3000

    @Test(arguments: FuzzTarget.all.map(\.name)) func noChangedInputBreaksAReader(name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        var mutator = target.mutator(seed: 20_261_124)
        for _ in 0..<Self.runs {
            let input = mutator.next()
            if let problem = target.run(input) { Issue.record("\(name): \(problem): \(String(decoding: input, as: UTF8.self))") }
        }
        // A reader that is left returned from each of them; what its inputs looked like must not
        // have been the same over and over.
        #expect(Set((0..<100).map { _ in mutator.next() }).count > 50)
    }

    @Test func theSameSeedMakesTheSameInputs() {
        var first = Mutator(seeds: [Array("{\"a\": 1}".utf8)], words: ["x"], byteLimit: 64, seed: 5)
        var second = first
        for _ in 0..<100 { #expect(first.next() == second.next()) }
    }

    /// Inputs that once broke a reader.
    @Test func inputsThatBrokeAReaderDoNotBreakItAgain() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Regressions")
        for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
            // Named READER.what-was-wrong.
            let name = file.lastPathComponent.split(separator: ".").first.map(String.init) ?? ""
            let target = try #require(FuzzTarget.all.first { $0.name == name }, "\(file.lastPathComponent) names no reader")
            #expect(target.run(Array(try Data(contentsOf: file))) == nil)
        }
    }
}

import Foundation
import JSON
import Storage
import TestSupport
import Spool
import Testing

@testable import CommandLineTools

@Suite struct LogsTests {
    @Test func linesThatAreAddedAreGivenOnceAndWhole() throws {
        let path = NSTemporaryDirectory() + "tala-growing-\(UUID().uuidString)"
        defer { FolderListing.delete(path) }
        var file = GrowingFile(path: path)
        #expect(file.newLines().isEmpty)
        try DurableFiles.replace(path, with: "one\ntwo\nthr")
        #expect(file.newLines() == ["one", "two"])
        try DurableFiles.replace(path, with: "one\ntwo\nthree\n")
        #expect(file.newLines() == ["three"])
        #expect(file.newLines().isEmpty)
        // A run that goes on drops the rows of later steps.
        try DurableFiles.replace(path, with: "one\n")
        #expect(file.newLines() == ["one"])
    }

    @Test func followingShowsWhatComesUntilTheJobEnds() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let id = try spool.add(1, "running", step: 1, of: 2)
        let output = spool.layout.root + "/output"
        _ = FileManager.default.createFile(atPath: output, contents: nil)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: BuiltProgram.folder + "/tala")
        process.arguments = ["logs", "-f", "--steps", "--spool", spool.layout.root]
        process.standardOutput = FileHandle(forWritingAtPath: output)
        try process.run()
        func shown() throws -> String { String(decoding: try DurableFiles.read(output), as: UTF8.self) }
        for _ in 0..<300 where try !shown().contains("step 1 ") { usleep(50_000) }
        let events = spool.layout.job(id).eventsFile
        let old = String(decoding: try DurableFiles.read(events), as: UTF8.self)
        try DurableFiles.replace(
            events, with: old + #"{"object":"fine_tuning.job.event","created_at":1750000001,"level":"info","message":"The end"}"# + "\n")
        try spool.add(1, "succeeded", step: 2, of: 2)
        try DurableFiles.replace(
            events, with: old + #"{"object":"fine_tuning.job.event","created_at":1750000001,"level":"info","message":"The end"}"# + "\n")
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let text = try shown()
        #expect(text.contains("Created") && text.contains("step 2 "), "\(text)")
    }

    @Test func theNewestLinesAloneAreShownWhereThatIsAsked() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        try spool.add(1, "running", step: 40, of: 90)
        let outcome = try spool.tala(["logs", "--steps", "-n", "2"])
        #expect(outcome.output.split(separator: "\n").count == 2 && outcome.output.contains("step 40 "), "\(outcome)")
    }

    /// Columns are found by their names: a later version may add some.
    @Test func aStepSaysWhatItsColumnsAreNamed() throws {
        let path = NSTemporaryDirectory() + "tala-steps-\(UUID().uuidString)"
        defer { FolderListing.delete(path) }
        var steps = StepLines(path: path)
        #expect(steps.newSteps().isEmpty)
        let header = "step,train_loss,valid_loss,full_valid_loss,learning_rate,tokens_per_second,useful_token_share\n"
        try DurableFiles.replace(path, with: header + "1,5.84741,,,0.0002,2302.4,1.0\n2,nan,4.5,4.25,0.01,-1,0.5\n3,")
        let found = steps.newSteps()
        #expect(
            found.map(\.text) == [
                "step 1  loss 5.8474  rate 2.00e-4  2302 tok/s", "step 2  loss -  valid 4.2500  rate 0.0100  0 tok/s",
            ])
        #expect(
            found[1].json == [
                "object": "step", "step": 2, "train_loss": .null, "valid_loss": 4.5, "full_valid_loss": 4.25, "learning_rate": 0.01,
                "tokens_per_second": -1.0, "useful_token_share": 0.5,
            ])
        try DurableFiles.replace(path, with: header + "1,5.84741,,,0.0002,2302.4,1.0\n2,nan,4.5,4.25,0.01,-1,0.5\n3,4,,,,,\n")
        #expect(steps.newSteps().map(\.text) == ["step 3  loss 4.0000"])
    }
}

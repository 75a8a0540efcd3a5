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
}

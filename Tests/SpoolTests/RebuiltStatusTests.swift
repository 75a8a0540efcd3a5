import Foundation
import JSON
import Jobs
import Manifest
import Storage
import Testing

@testable import Spool

/// A status that is made anew from a job's other files.
@Suite struct RebuiltStatusTests {
    /// A job's folder as it is after its acceptance, without a status.
    static func folder() throws -> JobFolder {
        let root = NSTemporaryDirectory() + "tala-rebuilt-\(UUID().uuidString)"
        let folder = JobFolder(path: root + "/ftjob-01aaaaaaaaaaaaaaaaaaaaaaaa")
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        let manifest = try Manifest(ManifestText(Array("model: m\ntraining_file: t.jsonl\n".utf8), isYAML: true))
        try DurableFiles.replace(folder.manifestFile, with: JSONWriter().string(manifest.json))
        let acceptance = JobAcceptance(
            createdAt: 5, owner: 7, modelPath: "/m", trainingPath: "/t.jsonl", validationPath: nil, initialAdapterPath: nil)
        try DurableFiles.replace(folder.acceptanceFile, with: JSONWriter().string(acceptance.json))
        return folder
    }

    /// Sentences may be mended: what recovery reads is the code.
    @Test(arguments: [
        (EventCode.failed, JobState.failed), (.cancelled, .cancelled), (.paused, .paused), (.resumed, .queued), (.started, .queued),
        (.retrying, .queued),
    ])
    func theCodeOfTheLastEventDecidesWhateverItsSentenceSays(code: EventCode, state: JobState) throws {
        let folder = try Self.folder()
        defer { FolderListing.delete(DurableFiles.split(folder.path).folder) }
        let log = try EventLog(folder)
        try log.append(.info, .created, "Paused: not at all", at: 6)
        try log.append(.info, code, "words that nobody reads", at: 9)
        // What says nothing of the state changes nothing.
        try log.append(.warn, .controlRefused, "Fine-tuning job failed: no", at: 10)
        let status = try #require(try folder.rebuiltStatus())
        #expect(status.state == state && status.owner == 7 && status.createdAt == 5)
        #expect(status.finishedAt == (state.isFinal ? 9 : nil))
    }

    /// Lines as programs wrote them before events had codes.
    @Test(arguments: [
        ("Fine-tuning job failed: loss is not finite", JobState.failed), ("Fine-tuning job cancelled at step 3", .cancelled),
        ("Paused at step 3", .paused), ("Resumed: waiting for a device", .queued), ("Resumed from checkpoint step-000004", .queued),
    ])
    func eventsWithoutCodesAreStillUnderstood(message: String, state: JobState) throws {
        let folder = try Self.folder()
        defer { FolderListing.delete(DurableFiles.split(folder.path).folder) }
        let line: JSONNode = ["object": "fine_tuning.job.event", "created_at": 9, "level": "info", "message": JSONNode(message)]
        try DurableFiles.replace(folder.eventsFile, with: JSONWriter().string(line) + "\n")
        #expect(try folder.rebuiltStatus()?.state == state)
    }

    @Test func everyEventThatIsWrittenHasItsCodeBesideTheSentence() throws {
        let folder = try Self.folder()
        defer { FolderListing.delete(DurableFiles.split(folder.path).folder) }
        let log = try EventLog(folder)
        for code in EventCode.allCases { try log.append(.info, code, "a sentence", at: 1) }
        let lines = try DurableFiles.read(folder.eventsFile).split(separator: UInt8(ascii: "\n"))
        let codes = try lines.map { try JSONParser().parse(Array($0))["code"]?.string }
        #expect(codes == EventCode.allCases.map(\.rawValue))
    }
}

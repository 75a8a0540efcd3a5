import Foundation
import JSON
import Jobs
import Spool
import Storage
import TensorBoard
import Testing
import Worker

/// The figures that a job leaves for other programs, also where it was cut.
@Suite(.serialized) struct FiguresTests {
    /// The steps in the event files of a job, in the order in which a reader meets them.
    private static func steps(_ folder: JobFolder) throws -> [Int] {
        let names = try FolderListing.names(in: folder.tensorBoard).filter { $0.hasPrefix("events.out.tfevents.") }
        #expect(names.count == 1, "\(names)")
        return try names.flatMap { RecordFile.records(try DurableFiles.read(folder.tensorBoard + "/" + $0)) }
            .compactMap { ScalarEvent.step(of: $0) }
    }

    private static func state(_ path: String) throws -> JSONNode { try JSONParser().parse(DurableFiles.read(path)) }

    @Test func eachStepStandsOnceInEveryFileAfterTwoCuts() throws {
        let changes: [String: JSONNode] = ["shuffle": true, "checkpoint": ["every_steps": 3]]
        let whole = try ReferenceJob(lora: true, changes: changes, steps: 11)
        let cut = try ReferenceJob(lora: true, changes: changes, steps: 11)
        defer {
            whole.remove()
            cut.remove()
        }
        #expect(try whole.run() == .succeeded)
        for limit in [2, 7] { #expect(try cut.run(stop: { (cut.metrics.last?["step"] ?? 0) >= Double(limit) }) == .stopped) }
        #expect(try cut.run() == .succeeded)
        #expect(try Self.steps(whole.folder) == Array(1...11))
        #expect(try Self.steps(cut.folder) == Array(1...11))
        let states = try [whole, cut].map { try Self.state($0.folder.trainerStateFile) }
        #expect(states[0] == states[1])
        let history = states[0]["log_history"]?.array ?? []
        #expect(history.filter { $0["loss"] != nil }.compactMap { $0["step"]?.integer } == Array(1...11))
        #expect(states[0]["global_step"]?.integer == 11)
        // Beside each checkpoint stands what was known then.
        for name in cut.folder.checkpointNames {
            let state = try Self.state(cut.folder.checkpoints + "/" + name + "/trainer_state.json")
            #expect(state["global_step"]?.integer == CheckpointRecord.step(ofFolder: name))
        }
    }
}

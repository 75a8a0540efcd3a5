import Foundation
import JSON
import Jobs
import Spool
import Storage
import TestSupport
import Testing

/// One daemon a spool: a second one says so and ends, whichever of them was there first, and a lock
/// that a killed daemon leaves is not a lock. Four rounds, fifty under TALA_TORTURE=1.
@Suite(.serialized, .enabled(if: RealSpool.areBuilt, "the programs are not built")) struct SpoolLockTests {
    /// - Parameter steps: two hundred take some seconds, more than a daemon waits for the lock.
    private static func manifest(steps: Int) -> String {
        """
        model: chat-model
        training_file: train.jsonl
        seed: 5
        method: {type: supervised, supervised: {hyperparameters: {max_steps: \(steps), batch_size: 8}}}
        adapter: {type: lora, rank: 4, alpha: 8}
        max_length: 512
        precision: float32
        device: cpu
        """
    }

    @Test func ofDaemonsThatStartTogetherOneServesAndTheOthersSaySo() throws {
        let rounds = Extent.times(4, full: 50)
        let spool = try RealSpool(manifest: Self.manifest(steps: 200))
        defer { spool.remove() }
        func daemons(_ count: Int) throws -> [(process: Process, words: String)] {
            try (0..<count).map { index in
                let words = spool.layout.root + "/words-\(index)"
                return (try spool.startDaemon(errors: words), words)
            }
        }
        var turnedAway = 0
        /// One of them at least did the work; the others came while it did, and said so, or found
        /// nothing left to do.
        func check(_ daemons: [(process: Process, words: String)], _ note: String) throws {
            for daemon in daemons { daemon.process.waitUntilExit() }
            let codes = daemons.map(\.process.terminationStatus)
            #expect(codes.contains(0) && codes.allSatisfy { $0 == 0 || $0 == 75 }, "\(note): \(codes)")
            for daemon in daemons where daemon.process.terminationStatus == 75 {
                turnedAway += 1
                let text = try String(decoding: DurableFiles.read(daemon.words), as: UTF8.self)
                #expect(text.contains("another talad works on \(spool.layout.root)"), "\(note): \(text)")
            }
        }
        for round in 0..<rounds {
            let note = "round \(round)"
            if round > 0 {
                try DurableFiles.replace(spool.layout.incoming + "/job\(round).yaml", with: Self.manifest(steps: round % 3 == 0 ? 200 : 3))
            }
            let first = try daemons(3)
            if round % 3 == 0 {
                try check(first, note)
            } else {
                // Killed somewhere in the work: the lock must not outlive its daemon. Their worker
                // keeps the job's for an instant, and the next one waits for that.
                usleep(UInt32.random(in: 0..<400_000))
                for daemon in first { kill(daemon.process.processIdentifier, SIGKILL) }
                for daemon in first { daemon.process.waitUntilExit() }
                try check(daemons(2), note)
            }
            let states = try FolderListing.names(in: spool.layout.jobs).filter { JobIdentifier.isJob($0) }.compactMap {
                spool.layout.job($0).status()?.state
            }
            #expect(states.count == round + 1 && states.allSatisfy { $0 == .succeeded }, "\(note): \(states)")
        }
        #expect(try FolderListing.names(in: spool.layout.incoming).isEmpty && FolderListing.names(in: spool.layout.rejected).isEmpty)
        #expect(turnedAway > 0)
        Extent.report("daemons that start together on one spool, rounds", rounds)
    }

    @Test func aDaemonThatComesToAServedSpoolDisturbsNothing() throws {
        let spool = try RealSpool()
        defer { spool.remove() }
        let serving = try spool.startDaemon()
        while spool.steps.isEmpty, serving.isRunning { usleep(2_000) }
        let words = spool.layout.root + "/words"
        var refused = 0
        while serving.isRunning, refused < 5 {
            let second = try spool.startDaemon(errors: words)
            second.waitUntilExit()
            guard serving.isRunning else { break }
            refused += 1
            #expect(second.terminationStatus == 75)
            #expect(try String(decoding: DurableFiles.read(words), as: UTF8.self).contains(spool.layout.root))
        }
        serving.waitUntilExit()
        #expect(serving.terminationStatus == 0 && refused > 0 && spool.steps == Array(1...78) && spool.job?.status()?.attempts == 1)
    }
}

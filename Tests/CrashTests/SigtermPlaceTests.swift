import Foundation
import Jobs
import Spool
import Storage
import TestSupport
import Testing

/// SIGTERM at the moments that matter, on purpose: while files are validated, in a step, in an
/// evaluation, while a checkpoint is written. Once each, under TALA_TORTURE=1 twenty-five times.
@Suite(.serialized, .enabled(if: RealSpool.areBuilt, "the programs are not built")) struct SigtermPlaceTests {
    enum Place: String, CaseIterable { case validation, step, evaluation, checkpoint }

    private static let manifest = RealSpool.manifest.replacing("n_epochs: 3, batch_size: 8", with: "n_epochs: 2, batch_size: 16")
        .replacing("every_steps: 5", with: "every_steps: 3")

    private func makeSpool() throws -> RealSpool {
        try RealSpool(manifest: Self.manifest)
    }

    private func isAt(_ place: Place, _ spool: RealSpool) -> Bool {
        guard let job = spool.job else { return false }
        switch place {
        case .validation: return FolderListing.exists(job.pulseFile) && !job.isValidated
        case .step: return job.pulse.map { $0.phase == .step && $0.step > 4 } ?? false
        case .evaluation: return job.pulse?.phase == .evaluation
        case .checkpoint:
            return ((try? FolderListing.names(in: job.checkpoints)) ?? []).contains { $0.hasPrefix(".step-") }
        }
    }

    @Test func theDaemonIsGoneWithinFiveSecondsAndTheNextGoesOnToTheSameBytes() throws {
        let whole = try makeSpool()
        defer { whole.remove() }
        try whole.startDaemon().waitUntilExit()
        #expect(whole.adapter != nil && whole.steps == Array(1...26))
        var slowest = 0.0
        for place in Place.allCases {
            var (done, tries) = (0, 0)
            while done < (Extent.isFull ? 25 : 1), tries < 100 {
                tries += 1
                let spool = try makeSpool()
                defer { spool.remove() }
                let daemon = try spool.startDaemon()
                while daemon.isRunning, !isAt(place, spool) { usleep(200) }
                // A moment that was missed is not counted.
                guard daemon.isRunning else { continue }
                let began = Date()
                daemon.terminate()
                daemon.waitUntilExit()
                let seconds = Date().timeIntervalSince(began)
                slowest = max(slowest, seconds)
                #expect(seconds < 5 && spool.workers.isEmpty, "\(place): \(seconds) s")
                let state = try #require(spool.job?.status()?.state)
                if state == .succeeded { continue }
                #expect(state == .queued || state == .validatingFiles, "\(place): \(state)")
                if place == .evaluation || place == .checkpoint { #expect(spool.job?.checkpointNames.isEmpty == false, "\(place)") }
                let next = try spool.startDaemon()
                next.waitUntilExit()
                #expect(next.terminationStatus == 0 && spool.adapter == whole.adapter && spool.steps == Array(1...26), "\(place)")
                done += 1
            }
            #expect(done > 0, "\(place) was missed \(tries) times")
            Extent.report("SIGTERM: \(place)", done)
        }
        print("the slowest end took \((slowest * 100).rounded() / 100) s")
    }
}

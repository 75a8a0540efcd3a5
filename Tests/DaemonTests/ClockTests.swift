import Foundation
import Jobs
import Spool
import Storage
import Synchronization
import Testing

@testable import Daemon

/// The real clocks, moved by as much as a test says.
final class MovedClock: ClockSource {
    private let offsets = Mutex((wall: 0.0, monotonic: 0.0))

    func monotonic() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9 + offsets.withLock { $0.monotonic }
    }
    func wall() -> Double { Date().timeIntervalSince1970 + offsets.withLock { $0.wall } }
    /// Sets the wall clock, as an administrator or NTP does.
    func step(_ seconds: Double) { offsets.withLock { $0.wall += seconds } }
    /// Lets both clocks advance while no daemon runs.
    func sleep(_ seconds: Double) {
        offsets.withLock { $0 = ($0.wall + seconds, $0.monotonic + seconds) }
    }
}

/// Clocks that are set while the daemon works: order, waiting times and limits stay what they
/// should be, and no job is lost to it.
@Suite(.serialized) struct ClockTests {
    static let (day, year) = (86_400.0, 365 * 86_400.0)

    private func withClock(_ body: (MovedClock) throws -> Void) rethrows {
        let clock = MovedClock()
        try Clock.$override.withValue(clock) { try body(clock) }
    }

    /// A worker that notes what it was dropped as, and takes its time.
    private static let noting =
        "sed -n 's/.*\"drop\": \"\\(.*\\)\".*/\\1/p' $job/job.json >>$job/../../log; sleep 0.4; state succeeded\nexit 0\n"

    @Test(arguments: [-ClockTests.day, -ClockTests.year, ClockTests.year]) func jobsKeepTheirOrderWhereverTheClockGoes(step: Double) throws
    {
        try withClock { clock in
            let spool = try TestSpool(worker: Self.noting)
            defer { spool.remove() }
            nonisolated(unsafe) var dropped = 0
            #expect(
                try spool.run(until: {
                    // Each comes when the one before has been taken, and the clock has jumped
                    // meanwhile.
                    if dropped < 4, spool.ids.count == dropped {
                        try spool.drop("job\(dropped).yaml")
                        dropped += 1
                        clock.step(dropped % 2 == 1 ? step : -step / 2)
                    }
                    return dropped == 4 && spool.jobs.count == 4 && spool.jobs.allSatisfy { $0.state == .succeeded }
                }))
            #expect(spool.log == ["job0.yaml", "job1.yaml", "job2.yaml", "job3.yaml"])
            // Also for whoever lists them by name, and for the next daemon.
            #expect(spool.ids.compactMap { try? spool.layout.job($0).acceptance().drop } == spool.log)
        }
    }

    @Test func aRunningJobDoesNotNoticeThatTheClockIsSet() throws {
        try withClock { clock in
            let spool = try TestSpool(worker: "for i in 1 2 3 4 5 6; do pulse step $i; sleep 0.15; done; state succeeded\nexit 0\n")
            defer { spool.remove() }
            try spool.drop("a.yaml")
            nonisolated(unsafe) var turn = 0
            #expect(
                try spool.run(
                    { $0.silenceLimit = 5 },
                    until: {
                        turn += 1
                        clock.step([Self.year, -2 * Self.year, Self.day, Self.year - Self.day][turn % 4])
                        return spool.jobs.first?.state == .succeeded
                    }))
            #expect(spool.jobs.first?.attempts == 1 && !spool.events(spool.ids[0]).contains("sign of life"))
        }
    }

    @Test func aMachineThatSleptIsNoReasonToEndAWorker() throws {
        try withClock { clock in
            let spool = try TestSpool(worker: "pulse step 1; sleep 0.8; state succeeded\nexit 0\n")
            defer { spool.remove() }
            try spool.drop("a.yaml")
            nonisolated(unsafe) var slept = false
            #expect(
                try spool.run(
                    { $0.silenceLimit = 60 },
                    until: {
                        if !slept, let id = spool.ids.first, spool.layout.job(id).pulse != nil {
                            slept = true
                            clock.sleep(3 * Self.day)
                        }
                        return spool.jobs.first?.state == .succeeded
                    }))
            #expect(slept && spool.jobs.first?.attempts == 1 && !spool.events(spool.ids[0]).contains("sign of life"))
        }
    }

    @Test func aJobWaitsForItsTimeByTheClockAsItIs() throws {
        try withClock { clock in
            let spool = try TestSpool(worker: Self.noting)
            defer { spool.remove() }
            let tomorrow = Int(Date().timeIntervalSince1970 + Self.day)
            try spool.drop("tomorrow.yaml", TestSpool.manifest + "not_before: \(tomorrow)\n")
            try spool.drop("later.yaml", TestSpool.manifest + "not_before: \(tomorrow + Int(3 * Self.year))\n")
            // A step back makes no job wait that need not.
            clock.step(-Self.day)
            try spool.drop("now.yaml")
            #expect(
                try spool.run(until: {
                    spool.job(droppedAs: "now.yaml")?.state == .succeeded && spool.jobs.allSatisfy { $0.state != .validatingFiles }
                }))
            #expect(spool.log == ["now.yaml"])
            clock.step(3 * Self.day)
            #expect(try spool.run(until: { spool.job(droppedAs: "tomorrow.yaml")?.state == .succeeded }))
            #expect(spool.job(droppedAs: "later.yaml")?.state == .queued && spool.log == ["now.yaml", "tomorrow.yaml"])
        }
    }

    @Test func aTimeThatCameOnlyByMistakeIsWaitedForAgain() {
        var queue = Queue()
        queue.add(.init(id: "a", owner: 1, notBefore: 1000))
        queue.add(.init(id: "b", owner: 2))
        // The clock shows too much while the device is taken, and is then set right.
        let none = queue.next(monotonic: 0, wall: 2000, device: { _ in false }, owner: { _ in true })
        #expect(none == nil)
        var started: [String?] = []
        for wall in [500, 500, 1000] {
            started.append(queue.next(monotonic: 1, wall: wall, device: { _ in true }, owner: { _ in true })?.id)
        }
        #expect(started == ["b", nil, "a"])
    }

    @Test func triesComeAfterTheirDelayWhateverTheWallClockSays() throws {
        try withClock { clock in
            let spool = try TestSpool(worker: "[ -e $job/again ] && { state succeeded; exit 0; }; touch $job/again; kill -9 $$\n")
            defer { spool.remove() }
            try spool.drop("a.yaml")
            nonisolated(unsafe) var died: Date?
            #expect(
                try spool.run(
                    { $0.retryDelays = [0.6, 0.6, 0.6] },
                    until: {
                        if died == nil, let id = spool.ids.first, spool.events(id).contains("trying again") {
                            died = Date()
                            clock.step(-Self.day)
                        }
                        return spool.jobs.first?.state == .succeeded
                    }))
            let waited = Date().timeIntervalSince(died ?? .distantPast)
            #expect(waited > 0.4 && waited < 5)
        }
    }

    /// What is being written keeps its 36 hours: neither a jump of the clock nor a file of before
    /// the jump makes it old.
    @Test(arguments: [ClockTests.year, -ClockTests.year, 144_000.0]) func aDropThatIsBeingWrittenDoesNotBecomeOldByAJump(step: Double)
        throws
    {
        let folder = NSTemporaryDirectory() + "tala-clock-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { FolderListing.delete(folder) }
        nonisolated(unsafe) var wall = Date().timeIntervalSince1970
        var finder = DropFinder(folder: folder, wall: { wall })
        let first = finder.rescan(now: 0)
        #expect(first)
        func file(_ name: String, at time: Double) throws {
            try DurableFiles.replace(folder + "/" + name, with: "model: m\n")
            var times = [timeval(tv_sec: Int(time), tv_usec: 0), timeval(tv_sec: Int(time), tv_usec: 0)]
            utimes(folder + "/" + name, &times)
        }
        try file(".before.tmp", at: wall)
        wall += step
        try file(".after.tmp", at: wall)
        _ = finder.rescan(now: 60)
        let early = finder.take()
        #expect(early == nil)
        wall += 37 * 3600
        _ = finder.rescan(now: 60 + 37 * 3600)
        var late: [String] = []
        while let found = finder.take() { late.append(found.name) }
        #expect(late.contains(step > 0 ? ".before.tmp" : ".after.tmp"))
    }

    @Test func aNameTellsItsTimeAndLaterNamesComeLater() {
        for milliseconds: UInt64 in [0, 1, 1_764_000_000_000, 1 << 47] {
            #expect(JobIdentifier.milliseconds(of: JobIdentifier.job(milliseconds: milliseconds)) == milliseconds)
        }
        #expect(JobIdentifier.milliseconds(of: "ftjob-short") == nil)
        #expect(JobIdentifier.job(milliseconds: 1000) < JobIdentifier.job(milliseconds: 1001))
    }
}

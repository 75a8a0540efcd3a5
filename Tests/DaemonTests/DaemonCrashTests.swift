import Foundation
import Jobs
import Spool
import Storage
import StorageTrials
import Testing

@testable import Daemon

/// A daemon that ends, or finds no room, at every one of its file operations while it accepts and runs jobs.
@Suite(.serialized) struct DaemonCrashTests {
    static let isFull = ProcessInfo.processInfo.environment["TALA_TORTURE"] == "1"

    /// All places in a full run, else a few of them, others every time.
    static func places(upTo last: Int, about count: Int) -> [Int] {
        let stride = isFull ? 1 : max(1, last / count)
        return Array(Swift.stride(from: Int.random(in: 1...stride), through: last, by: stride))
    }

    /// A spool with a manifest and a bundle dropped into it.
    static func spool() throws -> TestSpool {
        let spool = try TestSpool(worker: "state succeeded\nexit 0\n")
        try spool.drop("a.yaml")
        let bundle = spool.layout.root + "/.bundle"
        try FileManager.default.createDirectory(atPath: bundle, withIntermediateDirectories: true)
        try DurableFiles.replace(bundle + "/manifest.yaml", with: "model: m\ntraining_file: own.jsonl\n")
        try DurableFiles.replace(bundle + "/own.jsonl", with: "{}\n")
        try FileManager.default.moveItem(atPath: bundle, toPath: spool.layout.incoming + "/bundle")
        return spool
    }

    static func isDone(_ spool: TestSpool) -> Bool { spool.jobs.count == 2 && spool.jobs.allSatisfy { $0.state == .succeeded } }

    /// Runs a daemon on a faulty file system until both jobs are done, or the fault has ended it.
    static func run(_ spool: TestSpool, _ faulty: FaultyFileSystem, untilStruck: Bool) -> Bool {
        (try? CurrentFileSystem.$override.withValue(faulty) {
            try spool.run(until: { untilStruck && faulty.hasStruck || isDone(spool) })
        }) ?? false
    }

    /// The lock of the daemon before may live on for a moment in a process that another test is just starting.
    static func drain(_ spool: TestSpool) throws -> Int32 {
        for _ in 0..<40 {
            do { return try spool.drain() } catch is TalaDaemon.StartError { usleep(50_000) }
        }
        return try spool.drain()
    }

    static func check(_ spool: TestSpool, _ place: String) throws {
        #expect(try drain(spool) == 0, "\(place)")
        #expect(spool.jobs.map(\.state) == [.succeeded, .succeeded], "\(place)")
        let (incoming, jobs) = (try FolderListing.names(in: spool.layout.incoming), try FolderListing.names(in: spool.layout.jobs))
        #expect(incoming.isEmpty && jobs.allSatisfy { !$0.hasPrefix(".") }, "\(place): \(incoming) \(jobs)")
        for id in spool.ids {
            let numbers = spool.events(id).split(separator: "\n").enumerated().map { $0.element.contains("-\($0.offset + 1)\"") }
            #expect(numbers.allSatisfy { $0 }, "\(place): events are numbered from 1 without a gap")
        }
    }

    static func count(_ kinds: Set<FileOperation.Kind>) throws -> Int {
        let spool = try spool()
        defer { spool.remove() }
        let counting = FaultyFileSystem(Fault(.error(EIO), at: .max, kinds: kinds))
        #expect(run(spool, counting, untilStruck: false))
        return counting.count
    }

    @Test func aDaemonThatEndsAtAnyOperationLosesAndDoublesNoJob() throws {
        let places = Self.places(upTo: try Self.count(Fault.changes), about: 8)
        for number in places {
            let spool = try Self.spool()
            defer { spool.remove() }
            let faulty = FaultyFileSystem(Fault(.freeze, at: number))
            _ = Self.run(spool, faulty, untilStruck: true)
            try Self.check(spool, "ended at \(number), \(faulty.struck)")
        }
        print("TORTURE exits of a daemon \(places.count)")
    }

    @Test(.enabled(if: isFull, "a minute at some places: TALA_TORTURE=1"), arguments: [ENOSPC, EMFILE, EIO]) func aDaemonThatCannotWriteOnceStaysAndTriesAgain(error: Int32) throws {
        let kinds: Set<FileOperation.Kind> = error == EMFILE ? [.create, .open, .list] : Fault.needingRoom
        let places = Self.places(upTo: try Self.count(kinds), about: 1)
        for number in places {
            let spool = try Self.spool()
            defer { spool.remove() }
            let faulty = FaultyFileSystem(Fault(.error(error), at: number, kinds: kinds))
            let done = Self.run(spool, faulty, untilStruck: false)
            // At its very start a daemon may give up: the next one does it.
            if !done { #expect(spool.jobs.count <= 2, "error \(error) at \(number), \(faulty.struck)") }
            try Self.check(spool, "error \(error) at \(number), \(faulty.struck)")
        }
        print("TORTURE write errors of a daemon \(places.count)")
    }
}

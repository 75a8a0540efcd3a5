import Foundation
import Jobs
import Spool
import Storage
import StorageTrials
import TestSupport
import Testing

@testable import Daemon

/// A daemon that ends, or finds no room, at every one of its file operations while it accepts and
/// runs jobs.
@Suite(.serialized) struct DaemonCrashTests {
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

    /// The lock of the daemon before may live on for a moment in a process that another test is
    /// just starting.
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
        let places = Extent.places(upTo: try Self.count(Fault.changes), about: 8)
        for number in places {
            let spool = try Self.spool()
            defer { spool.remove() }
            let faulty = FaultyFileSystem(Fault(.freeze, at: number))
            _ = Self.run(spool, faulty, untilStruck: true)
            try Self.check(spool, "ended at \(number), \(faulty.struck)")
        }
        Extent.report("exits of a daemon", places.count)
    }

    /// Nobody starts the daemon again for one operation that failed, whichever it is.
    @Test(arguments: OneFault.all) func aDaemonThatFailsOnceGoesOnByItself(fault: OneFault) throws {
        let places = Extent.places(upTo: try Self.count(fault.kinds), about: 3)
        for number in places {
            let spool = try Self.spool()
            defer { spool.remove() }
            let faulty = FaultyFileSystem(Fault(fault.effect, at: number, kinds: fault.kinds))
            let began = Date()
            let done = Self.run(spool, faulty, untilStruck: false)
            let place = "\(fault.name) at \(number), \(faulty.struck), \(Date().timeIntervalSince(began)) s"
            #expect(done, "\(place): \(spool.jobs.map(\.state)) \((try? FolderListing.names(in: spool.layout.incoming)) ?? [])")
            #expect(try FolderListing.names(in: spool.layout.rejected).isEmpty, "\(place)")
            try Self.check(spool, place)
        }
        Extent.report("single faults of a daemon (\(fault.name))", places.count)
    }

    /// While nothing can be written, every status stays readable; when it can be, all goes on.
    @Test func aDaemonOnAFullDiskWaitsAndGoesOnByItself() throws {
        let places = Extent.places(upTo: try Self.count(Fault.needingRoom), about: 4)
        for number in places {
            let spool = try Self.spool()
            defer { spool.remove() }
            let faulty = FaultyFileSystem(Fault(.error(ENOSPC), at: number, repeats: 12, kinds: Fault.needingRoom))
            let done =
                (try? CurrentFileSystem.$override.withValue(faulty) {
                    try spool.run(until: {
                        for id in spool.ids { #expect(spool.layout.job(id).status() != nil, "full at \(number)") }
                        return Self.isDone(spool)
                    })
                }) ?? false
            #expect(done, "full at \(number), \(faulty.struck)")
            try Self.check(spool, "full at \(number), \(faulty.struck)")
        }
        Extent.report("full disks of a daemon", places.count)
    }
}

/// What may go wrong with one operation.
struct OneFault: Sendable, CustomTestStringConvertible {
    var name: String
    var effect: Fault.Effect
    var kinds: Set<FileOperation.Kind>
    var testDescription: String { name }

    static let all: [OneFault] = [
        OneFault(name: "ENOSPC", effect: .error(ENOSPC), kinds: Fault.needingRoom),
        OneFault(name: "EDQUOT", effect: .error(EDQUOT), kinds: Fault.needingRoom),
        OneFault(name: "EIO on changes", effect: .error(EIO), kinds: Fault.changes),
        OneFault(name: "EIO on reading", effect: .error(EIO), kinds: [.open, .read, .list]),
        OneFault(name: "EMFILE", effect: .error(EMFILE), kinds: [.create, .open, .list]),
        OneFault(name: "ENOMEM", effect: .error(ENOMEM), kinds: [.create, .open, .read, .list, .makeFolder]),
        OneFault(name: "EAGAIN on fork", effect: .error(EAGAIN), kinds: [.start]),
        OneFault(name: "short writes", effect: .shortWrite, kinds: [.write]),
    ]
}

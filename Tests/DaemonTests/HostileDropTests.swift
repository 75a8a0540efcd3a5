import Foundation
import JSON
import Jobs
import Basics
import Manifest
import Spool
import Storage
import TestSupport
import Testing

@testable import Daemon

/// Hostile or mistaken drops: each ends in `rejected/` with a reason, and the daemon goes on.
@Suite(.serialized) struct HostileDropTests {
    @Test func everyHostileDropIsRejectedWithAReason() throws {
        let spool = try TestSpool(worker: "state succeeded; exit 0")
        defer { spool.remove() }
        let corpus = HostileDrops.manifests
        for drop in corpus { try write(drop.bytes, to: spool.layout.incoming + "/" + drop.name) }
        let made = HostileDrops.makeSpecialThings(in: spool.layout)
        #expect(corpus.count + made >= 150)
        try spool.drop("zz-good.yaml")
        #expect(try spool.drain() == 1)
        #expect(spool.jobs.count == 1 && spool.jobs.first?.state == .succeeded)
        let left = try FolderListing.names(in: spool.layout.incoming)
        #expect(left.isEmpty, "\(left)")
        let rejected = try FolderListing.names(in: spool.layout.rejected)
        let taken = corpus.map(\.name).filter { name in !rejected.contains(Rejection.shown(name)) }
        #expect(taken.isEmpty, "\(taken) were not rejected")
        #expect(rejected.count == corpus.count + made)
        for name in rejected {
            let error = try spool.rejection(name)
            let message = try #require(error["message"]?.string, "\(name)")
            #expect(!message.isEmpty && message.utf8.count < 1000, "\(name): \(message.prefix(100))")
            #expect(!message.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }, "\(name)")
            #expect(message.contains("root:") == false)
        }
        for drop in corpus where drop.param != nil {
            #expect(try spool.rejection(drop.name)["param"]?.string == drop.param, "\(drop.name)")
        }
    }

    /// 1,000 manifests made by changing good ones; under TALA_TORTURE=1 ten thousand.
    @Test func generatedManifestsAreAcceptedOrRejectedAndNothingElse() throws {
        let count = Extent.times(1000, full: 10_000)
        let seed = Extent.seed
        var random = SplitMix64(seed: seed)
        var slowest = 0.0
        var accepted = 0
        for index in 0..<count {
            let (bytes, isYAML) = HostileDrops.mutated(using: &random)
            let start = Date()
            do throws(ManifestError) {
                let manifest = try Manifest(ManifestText(bytes, isYAML: isYAML))
                // What is accepted can be written and read again: the daemon and the worker see the
                // same.
                let again = try Manifest(ManifestText(JSONWriter().bytes(manifest.json), isYAML: false))
                #expect(again == manifest, "seed \(seed), case \(index)")
                accepted += 1
            } catch {
                #expect(!error.message.isEmpty && error.description.utf8.count < 2000, "seed \(seed), case \(index)")
            }
            slowest = max(slowest, Date().timeIntervalSince(start))
        }
        #expect(slowest < 1, "seed \(seed)")
        #expect(accepted > count / 500 && accepted < count, "seed \(seed): \(accepted) of \(count) were accepted")
        Extent.report("generated manifests read", count)
    }

    /// The same as files in `incoming/`: sixty, under TALA_TORTURE=1 ten thousand.
    @Test func generatedDropsBecomeJobsOrRejectionsAndNothingElse() throws {
        let count = Extent.times(60, full: 10_000)
        let seed = Extent.seed
        var random = SplitMix64(seed: seed)
        let spool = try TestSpool(worker: "state succeeded; exit 0")
        defer { spool.remove() }
        var names: Set<String> = []
        for index in 0..<count {
            let (bytes, isYAML) = HostileDrops.mutated(using: &random)
            let name = "drop\(index)." + (isYAML ? "yaml" : "json")
            names.insert(name)
            try write(bytes, to: spool.layout.incoming + "/" + name)
        }
        let start = Date()
        let done = try spool.run { try FolderListing.names(in: spool.layout.incoming).isEmpty }
        #expect(done && Date().timeIntervalSince(start) < Double(count), "seed \(seed)")
        let rejected = Set(try FolderListing.names(in: spool.layout.rejected))
        let accepted = spool.ids.compactMap { try? spool.layout.job($0).acceptance().drop }
        #expect(rejected.union(accepted) == names && rejected.count + accepted.count == count, "seed \(seed)")
        for name in rejected {
            let error = try spool.rejection(name)
            #expect(error["code"]?.string?.isEmpty == false && error["message"]?.string?.isEmpty == false, "seed \(seed), \(name)")
        }
        Extent.report("generated manifests dropped", count)
    }

    private static let strace = ["/usr/bin/strace", "/bin/strace"].first { FileManager.default.isExecutableFile(atPath: $0) }

    /// What the daemon opens while all of the corpus lies in `incoming/`, as strace sees it.
    @Test(.enabled(if: strace != nil && BuiltProgram.folder != "/", "strace is not installed, or talad is not built"))
    func nothingOutsideTheSpoolIsOpenedForAHostileDrop() throws {
        let programs = BuiltProgram.folder
        let strace = try #require(Self.strace)
        let spool = try TestSpool(worker: "state succeeded; exit 0")
        defer { spool.remove() }
        for drop in HostileDrops.manifests { try write(drop.bytes, to: spool.layout.incoming + "/" + drop.name) }
        let made = HostileDrops.makeSpecialThings(in: spool.layout)
        try spool.drop("zz-good.yaml")
        let trace = spool.layout.root + "/.trace"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: strace)
        process.arguments = [
            "-qq", "-s", "4096", "-e", "trace=open,openat,openat2,creat", "-o", trace, programs + "/talad", "--spool", spool.layout.root,
            "--drain", "--device", "cpu", "--policy", spool.layout.root + "/none.yaml",
        ]
        process.environment = ProcessInfo.processInfo.environment.merging(["TALA_WORKER": spool.workerPath]) { $1 }
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        let lines = try String(decoding: DurableFiles.read(trace), as: UTF8.self).split(separator: "\n")
        guard lines.count > 100 else {
            print("skipped: strace may not trace here")
            return
        }
        #expect(spool.jobs.count == 1 && spool.jobs.first?.state == .succeeded)
        #expect(try FolderListing.names(in: spool.layout.rejected).count == HostileDrops.manifests.count + made)
        // What programs of this kind open by themselves: libraries, the database of users, what the
        // kernel tells of this process and its group.
        let own = [
            spool.layout.root, "/lib", "/usr/lib", "/opt/swift", programs, "/etc/ld.so", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf",
            "/proc/self/fd", "/proc/self/maps", "/sys/devices/system/cpu", "/proc/self/cgroup", "/proc/vmstat", "/proc/meminfo",
            "/sys/fs/cgroup", "/dev/null", "/etc/localtime", "/usr/share/zoneinfo", "/run/systemd/userdb", "/var/run/nscd",
        ]
        var opened = 0
        for line in lines {
            // A path that does not begin with a slash is beneath a folder that was opened.
            guard let path = line.split(separator: "\"", omittingEmptySubsequences: false).dropFirst().first, path.hasPrefix("/") else {
                continue
            }
            opened += 1
            let isOwn = own.contains {
                path == $0 || path.hasPrefix($0.hasSuffix("/") ? $0 : $0 + "/") || $0 == "/etc/ld.so" && path.hasPrefix($0)
                    || ($0.hasPrefix("/lib") || $0.hasPrefix("/usr/lib")) && path.hasPrefix($0)
            }
            #expect(isOwn && !path.contains("/../"), "\(line)")
        }
        #expect(opened > 100)
        // A link is not followed: what it leads to is never opened.
        #expect(
            !lines.contains { $0.contains("shadow\"") && !$0.contains("ENOENT") && !$0.contains("ELOOP") && !$0.contains("O_NOFOLLOW") })
    }

    @Test func aFileThatChangesWhileItIsReadIsNotTakenForEitherOfTheTwo() throws {
        let spool = try TestSpool(worker: "state succeeded; exit 0")
        defer { spool.remove() }
        // A writer that has the file open: it is not touched until that ends.
        let path = spool.layout.incoming + "/slow.yaml"
        let writer = try #require(fopen(path, "w"))
        fputs("model: m\n", writer)
        fflush(writer)
        var turns = 0
        var isClosed = false
        let done = try spool.run({ $0.settleSeconds = 0.2 }) {
            turns += 1
            if turns < 20 { #expect(spool.ids.isEmpty) }
            if turns == 20, !isClosed {
                fputs("training_file: t.jsonl\n", writer)
                fclose(writer)
                isClosed = true
            }
            return spool.jobs.first?.state == .succeeded
        }
        let rejected = try FolderListing.names(in: spool.layout.rejected)
        #expect(done && rejected.isEmpty)
    }

    @Test func whatNobodyFinishesIsRejectedAfterALongTimeAndNotBefore() throws {
        let spool = try TestSpool(worker: "exit 0")
        defer { spool.remove() }
        func file(_ name: String, hoursAgo: Double) throws {
            let path = spool.layout.incoming + "/" + name
            try DurableFiles.replace(path, with: "model: m\n")
            let then = Date().addingTimeInterval(-hoursAgo * 3600).timeIntervalSince1970
            var times = [timeval(tv_sec: Int(then), tv_usec: 0), timeval(tv_sec: Int(then), tv_usec: 0)]
            utimes(path, &times)
        }
        try file(".old.yaml.tmp", hoursAgo: 37)
        try file("old.part", hoursAgo: 37)
        try file(".young.yaml.tmp", hoursAgo: 35)
        #expect(try spool.run { (try FolderListing.names(in: spool.layout.rejected)).count == 2 })
        #expect(try FolderListing.names(in: spool.layout.incoming) == [".young.yaml.tmp"])
        #expect(try spool.rejection("old.part")["code"]?.string == "unfinished")
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        try bytes.withUnsafeBufferPointer { try DurableFiles.write(UnsafeRawBufferPointer($0), toNew: path) }
    }
}

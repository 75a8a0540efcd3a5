import Foundation
import JSON
import Jobs
import Spool
import Storage
import TestSupport
import Testing

/// Variants of kernels across a kill: a job goes on with those that it began with, whatever has
/// been measured since.
@Suite(.serialized, .enabled(if: RealSpool.areBuilt, "the programs are not built")) struct TuningResumeTests {
    /// A worker of its own, since the time for measuring and the place of what was measured are
    /// read once a process.
    static func worker(_ job: CrashJob, cache: String) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: BuiltProgram.folder + "/tala-worker")
        process.arguments = ["run", "--job", job.folder.path, "--device", "vulkan"]
        process.environment = ProcessInfo.processInfo.environment.merging(["XDG_CACHE_HOME": cache, "TALA_TUNING_SECONDS": "2"]) { $1 }
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    static func variants(_ job: CrashJob) throws -> [String: String] {
        let node = try JSONParser().parse(DurableFiles.read(job.folder.path + "/tuning.json"))
        return Dictionary(uniqueKeysWithValues: (node["variants"]?.object ?? []).map { ($0.key, $0.node.string ?? "") })
    }

    /// Replaces what the machine has measured by the slowest variant of all, which no search would
    /// choose.
    static func spoil(_ cache: String) throws -> Int {
        var spoilt = 0
        for name in try FolderListing.names(in: cache + "/tala") where name.hasPrefix("products-") {
            let path = cache + "/tala/" + name
            let content = try DurableFiles.read(path).dropFirst(64)
            let members = try JSONParser().parse(Array(content)).object ?? []
            let worst = JSONNode(members.map { JSONMember($0.key, JSONNode("1x1 by 1x1, depth 1")) })
            let text = Array(JSONWriter().string(worst).utf8)
            try DurableFiles.replace(path, with: SHA256.hexadecimal(of: text) + String(decoding: text, as: UTF8.self))
            spoilt += members.count
        }
        return spoilt
    }

    @Test func aKilledJobGoesOnWithTheVariantsThatItRecorded() throws {
        let job = try CrashJob(device: "vulkan")
        let cache = job.root + "/cache"
        defer { job.remove() }
        let whole = try Self.worker(job, cache: cache)
        whole.waitUntilExit()
        #expect(whole.terminationStatus == 0, "\(job.events)")
        let wanted = try JobTrace(job.folder)
        #expect(try !Self.variants(job).isEmpty)
        try job.reset()
        let first = try Self.worker(job, cache: cache)
        while first.isRunning, job.folder.checkpointNames.isEmpty { Thread.sleep(forTimeInterval: 0.01) }
        kill(first.processIdentifier, SIGKILL)
        first.waitUntilExit()
        #expect(job.folder.status()?.state == .running)
        let recorded = try Self.variants(job)
        #expect(!recorded.isEmpty && !recorded.values.contains("1x1 by 1x1, depth 1"))
        #expect(try Self.spoil(cache) > 0)
        let last = try Self.worker(job, cache: cache)
        last.waitUntilExit()
        #expect(last.terminationStatus == 0 && job.events.contains("Resumed from checkpoint"), "\(job.events)")
        let after = try Self.variants(job)
        for (kind, variant) in recorded { #expect(after[kind] == variant, "\(kind)") }
        #expect(try JobTrace(job.folder).differences(from: wanted) == "")
        // A job that begins now takes what the machine says it has measured.
        try job.reset()
        let other = try Self.worker(job, cache: cache)
        other.waitUntilExit()
        #expect(try Self.variants(job).values.contains("1x1 by 1x1, depth 1"))
        #expect(try JobTrace(job.folder).differences(from: wanted) == "", "float32 products depend on their variant")
    }
}

import Foundation
import Jobs
import Spool
import Storage
import TestSupport
import Testing

/// Jobs of several lanes through the real programs: one process, or several that Open MPI starts.
///
/// Skipped where Open MPI or tala-rank is not there.
@Suite(.serialized, .enabled(if: RealSpool.hasRanks, "tala-rank or mpirun is not there")) struct RankTests {
    /// LoRA with dropout, shuffled; some examples share a lane, and one lane is empty at times.
    private static let manifest = """
        model: chat-model
        training_file: train.jsonl
        validation_file: validation.jsonl
        seed: 5
        ranks: 4
        method: {type: supervised, supervised: {hyperparameters: {max_steps: 6, batch_size: 5, learning_rate: 1.0e-3}}}
        adapter: {type: lora, rank: 8, alpha: 16, dropout: 0.05}
        max_length: 512
        precision: float32
        checkpoint: {every_steps: 2, keep: 2}
        device: cpu
        """
    /// The whole model, each process with a part of the optimizer's state.
    private static let full = manifest.replacing(
        "adapter: {type: lora, rank: 8, alpha: 16, dropout: 0.05}", with: "adapter: {type: full}"
    ).replacing(
        "validation_file: validation.jsonl\n", with: "validation_file: validation.jsonl\nevaluation: {every_steps: 2, load_best: true}\n")

    /// Runs a job with so many processes until the daemon is done.
    private static func run(
        _ spool: RealSpool, processes: Int, options: [String] = [], environment: [String: String] = [:],
        while body: (Process) throws -> Void = { _ in }
    ) throws -> Int32 {
        let policy = spool.layout.root + "/policy.yaml"
        try DurableFiles.replace(policy, with: "default: admin\nlaunch: {processor_shares: \(processes)}\n")
        let daemon = try spool.startDaemon(
            ["--device", "cpu", "--policy", policy, "--retry-delays", "0.1,0.1,0.1"] + options,
            environment: environment.merging(["TALA_THREADS": "1"]) { own, _ in own })
        try body(daemon)
        daemon.waitUntilExit()
        return daemon.terminationStatus
    }

    /// Adapter and figures, without times.
    private struct Trace: Equatable {
        var adapter: [UInt8]?
        var model: [String: [UInt8]] = [:]
        var metrics: [String]

        init(_ spool: RealSpool) throws {
            adapter = spool.adapter
            let job = try #require(spool.job)
            for name in (try? FolderListing.names(in: job.result + "/model")) ?? [] where name.hasSuffix(".safetensors") {
                model[name] = try DurableFiles.read(job.result + "/model/" + name)
            }
            metrics = String(decoding: try DurableFiles.read(job.metricsFile), as: UTF8.self).split(separator: "\n").map { line in
                line.split(separator: ",", omittingEmptySubsequences: false).enumerated().filter { $0.offset != 10 }.map(\.element)
                    .joined(separator: ",")
            }
        }
    }

    private static func ranks(of spool: RealSpool) -> [pid_t] {
        ((try? FolderListing.names(in: "/proc")) ?? []).compactMap { pid_t($0) }.filter { process in
            guard let line = try? DurableFiles.read("/proc/\(process)/cmdline") else { return false }
            let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            return words.first?.hasSuffix("tala-rank") == true && words.contains("run")
                && words.contains { $0.hasPrefix(spool.layout.root) }
        }.sorted()
    }

    /// Tokens that every rank adds to its own copy of the model: more than the embedding has rows
    /// for.
    private static let tokens =
        "add_tokens: [hen, \"the old\"" + (0..<66).map { ", \"<place_\($0)>\"" }.joined() + "]\n"

    @Test(arguments: ["", tokens]) func theResultDoesNotDependOnTheNumberOfProcesses(more: String) throws {
        let manifest = Self.manifest + "\n" + more
        let alone = try RealSpool(manifest: manifest)
        defer { alone.remove() }
        #expect(try Self.run(alone, processes: 1) == 0)
        let wanted = try Trace(alone)
        #expect(wanted.adapter != nil && wanted.metrics.count == 7)
        for processes in more.isEmpty ? [2, 4] : [2] {
            let spool = try RealSpool(manifest: manifest)
            defer { spool.remove() }
            var most = 0
            let status = try Self.run(spool, processes: processes) { daemon in
                while daemon.isRunning {
                    most = max(most, Self.ranks(of: spool).count)
                    usleep(20_000)
                }
            }
            #expect(status == 0 && most == processes, "\(most) processes instead of \(processes)")
            #expect(try Trace(spool) == wanted, "\(processes) processes")
        }
    }

    /// The files in memory that a process has mapped to exchange numbers with others, by their
    /// numbers.
    private static func sharedFiles(of process: pid_t) -> Set<Substring> {
        let maps = (try? DurableFiles.read("/proc/\(process)/maps")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let fields = maps.split(separator: "\n").filter { $0.contains("/memfd:tala-ranks") }.map { $0.split(separator: " ") }
        return Set(fields.compactMap { $0.count > 4 ? $0[4] : nil })
    }

    /// Each of the processes sees the numbers of all, or all are sent: where a process may not open
    /// another's memory, and where the administrator says so.
    @Test(arguments: [(false, 2), (true, 2), (true, 4)])
    func numbersThatAreReadWhereTheyLieGiveTheBytesOfThoseThatAreSent(isFull: Bool, processes: Int) throws {
        let manifest = isFull ? Self.full : Self.manifest
        var traces: [Trace] = []
        for memory in ["on", "off"] {
            let spool = try RealSpool(manifest: manifest)
            defer { spool.remove() }
            var files: [Set<Substring>] = []
            let status = try Self.run(spool, processes: processes, environment: ["TALA_RANK_MEMORY": memory]) { daemon in
                while daemon.isRunning {
                    let seen = Self.ranks(of: spool).map { Self.sharedFiles(of: $0) }
                    if seen.count == processes, seen.reduce(0, { $0 + $1.count }) > files.reduce(0, { $0 + $1.count }) { files = seen }
                    usleep(5_000)
                }
            }
            #expect(status == 0)
            if memory == "on" {
                #expect(files.count == processes && files.allSatisfy { $0.count == processes && $0 == files[0] }, "\(files)")
            } else {
                #expect(files.isEmpty, "\(files)")
            }
            traces.append(try Trace(spool))
        }
        #expect(traces[0] == traces[1] && traces[0].metrics.count == 7)
    }

    /// Groups that were killed with their launcher leave them.
    @Test func sharedMemoryOfOpenMPIThatNobodyUsesIsRemoved() throws {
        let name = "/dev/shm/vader_segment.tala-test-\(getpid())"
        let (left, used, young) = (name + ".0", name + ".1", name + ".2")
        for path in [left, used, young] { try Data(count: 4_096).write(to: URL(fileURLWithPath: path)) }
        defer { for path in [left, used, young] { unlink(path) } }
        for path in [left, used] {
            try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -3_600)], ofItemAtPath: path)
        }
        let file = try MappedFile(path: used)
        let spool = try RealSpool(manifest: Self.manifest)
        defer { spool.remove() }
        #expect(try Self.run(spool, processes: 2) == 0)
        #expect(access(left, F_OK) != 0 && access(used, F_OK) == 0 && access(young, F_OK) == 0)
        withExtendedLifetime(file) {}
    }

    /// What the model says of the examples before training comes from rank 0.
    @Test func preferencesDoNotDependOnTheNumberOfProcesses() throws {
        let manifest = Self.manifest.replacing("train.jsonl", with: "pairs.jsonl")
            .replacing("validation_file: validation.jsonl", with: "validation_split: 0.2")
            .replacing("{type: supervised, supervised:", with: "{type: dpo, dpo:")
        func made() throws -> RealSpool {
            let spool = try RealSpool(manifest: manifest)
            let pairs = (0..<20).map {
                "{\"prompt\": \"What comes after \($0)?\", \"chosen\": \"\($0 + 1)\", \"rejected\": \"It is \($0 * $0).\"}\n"
            }
            try DurableFiles.replace(spool.layout.files + "/pairs.jsonl", with: pairs.joined())
            return spool
        }
        let alone = try made()
        defer { alone.remove() }
        #expect(try Self.run(alone, processes: 1) == 0)
        let wanted = try Trace(alone)
        #expect(wanted.adapter != nil && wanted.metrics.count == 7)
        let spool = try made()
        defer { spool.remove() }
        #expect(try Self.run(spool, processes: 2) == 0)
        #expect(try Trace(spool) == wanted)
    }

    @Test(arguments: [false, true])
    func aJobWhoseRanksAreKilledGoesOnWithOtherNumbersOfProcessesToTheSameBytes(isFull: Bool) throws {
        let manifest = isFull ? Self.full : Self.manifest
        let alone = try RealSpool(manifest: manifest)
        defer { alone.remove() }
        #expect(try Self.run(alone, processes: 1) == 0)
        #expect(try Trace(alone).model.isEmpty != isFull)
        let spool = try RealSpool(manifest: manifest)
        defer { spool.remove() }
        // Two ranks; the last is killed after a checkpoint, then the daemon with all that it has.
        _ = try Self.run(spool, processes: 2) { daemon in
            while daemon.isRunning, spool.job?.checkpointNames.isEmpty ?? true { usleep(5_000) }
            if let last = Self.ranks(of: spool).last { kill(last, SIGKILL) }
            while daemon.isRunning, spool.steps.count < 5 { usleep(5_000) }
            kill(daemon.processIdentifier, SIGKILL)
        }
        let deadline = Date(timeIntervalSinceNow: 20)
        while !Self.ranks(of: spool).isEmpty, Date() < deadline { usleep(20_000) }
        #expect(Self.ranks(of: spool).isEmpty, "processes outlived the daemon")
        #expect(try Self.run(spool, processes: 4) == 0)
        #expect(try Trace(spool) == Trace(alone))
    }

    /// As after the death of a worker: the next group goes on from the checkpoint.
    @Test func aDeviceThatIsLostAtAnotherRankIsANewGroupThatGoesOnToTheSameBytes() throws {
        guard let library = VulkanFaults.preload, let driver = Self.softwareDriver else {
            print("skipped: it needs a C compiler and Mesa's llvmpipe")
            return
        }
        let manifest = Self.full.replacing("device: cpu", with: "device: vulkan")
        func run(fault: String) throws -> RealSpool {
            let spool = try RealSpool(manifest: manifest)
            // Two cards are one driver twice.
            let drivers = try (0..<2).map { number -> String in
                let path = spool.layout.root + "/driver\(number).json"
                try FileManager.default.copyItem(atPath: driver, toPath: path)
                return path
            }
            let left = spool.layout.root + "/faults"
            try DurableFiles.replace(left, with: "1\n")
            let daemon = try spool.startDaemon(
                ["--device", "vulkan", "--retry-delays", "0.1,0.1,0.1"],
                environment: [
                    "VK_DRIVER_FILES": drivers.joined(separator: ":"), "VK_ICD_FILENAMES": drivers.joined(separator: ":"),
                    "LP_NUM_THREADS": "1", "LD_PRELOAD": library, "TALA_VULKAN_FAULT": fault, "TALA_VULKAN_FAULTS": left,
                    "TALA_VULKAN_FAULT_RANK": "1", "TALA_CONFINEMENT": "off",
                ])
            daemon.waitUntilExit()
            return spool
        }
        let whole = try run(fault: "lost@1000000")
        defer { whole.remove() }
        let wanted = try Trace(whole)
        let undisturbed = try #require(whole.job?.status())
        #expect(undisturbed.state == .succeeded && undisturbed.attempts == 1 && wanted.metrics.count == 7)
        let count = try Int(String(decoding: DurableFiles.read(whole.layout.root + "/faults.count"), as: UTF8.self).filter(\.isNumber))
        let spool = try run(fault: "lost@\((count ?? 0) / 2)")
        defer { spool.remove() }
        let status = try #require(spool.job?.status())
        let events = try spool.job.map { String(decoding: try DurableFiles.read($0.eventsFile), as: UTF8.self) } ?? ""
        #expect(status.state == .succeeded && status.attempts == 2 && events.contains("device was lost"), "\(events)")
        #expect(try Trace(spool) == wanted && Self.ranks(of: spool).isEmpty)
    }

    private static var softwareDriver: String? {
        let folder = "/usr/share/vulkan/icd.d"
        return ((try? FolderListing.names(in: folder)) ?? []).first { $0.hasPrefix("lvp_icd") }.map { folder + "/" + $0 }
    }

    /// The other rank waits for it; nobody but the watchdog notices.
    @Test func aStoppedRankIsNoticedAndTheJobGoesOnToTheSameBytes() throws {
        let alone = try RealSpool(manifest: Self.manifest)
        defer { alone.remove() }
        #expect(try Self.run(alone, processes: 1) == 0)
        let spool = try RealSpool(manifest: Self.manifest)
        defer { spool.remove() }
        let status = try Self.run(spool, processes: 2, options: ["--silence-limit", "3"]) { daemon in
            while daemon.isRunning, spool.job?.checkpointNames.isEmpty ?? true { usleep(5_000) }
            if let last = Self.ranks(of: spool).last { kill(last, SIGSTOP) }
        }
        let events = try spool.job.map { String(decoding: try DurableFiles.read($0.eventsFile), as: UTF8.self) } ?? ""
        #expect(status == 0 && events.contains("No sign of life for"), "\(events)")
        #expect(try Trace(spool) == Trace(alone) && Self.ranks(of: spool).isEmpty)
    }
}

extension RealSpool {
    /// Whether several processes can carry a job here.
    static var hasRanks: Bool { areBuilt && BuiltProgram(name: "tala-rank").isBuilt && access("/usr/bin/mpirun", X_OK) == 0 }
}

import Foundation
import JSON
import Jobs
import Spool
import Storage
import TestSupport
import Testing

/// Workers that die of themselves, of the device, of memory, or hang: the daemon lives, the job
/// goes on from its checkpoint to the bytes of an undisturbed run, and the events name the cause.
/// Once each, under TALA_TORTURE=1 twenty times.
@Suite(.serialized, .enabled(if: RealSpool.areBuilt, "the programs are not built")) struct WorkerDeathTests {
    static let times = Extent.isFull ? 20 : 1

    /// Swift's own handler prints where a program is and lets it go on when nothing is wrong there:
    /// a signal that was only sent would end nobody.
    private static let plainDeath = ["SWIFT_BACKTRACE": "enable=no"]

    private static func manifest(device: String, steps: Int) -> String {
        """
        model: chat-model
        training_file: train.jsonl
        seed: 5
        method: {type: supervised, supervised: {hyperparameters: {max_steps: \(steps), batch_size: 4, learning_rate: 1.0e-3}}}
        adapter: {type: lora, rank: 4, alpha: 8, dropout: 0.05}
        max_length: 512
        precision: float32
        checkpoint: {every_steps: 2, keep: 2}
        device: \(device)
        """
    }

    private func spool(_ device: String = "cpu", steps: Int) throws -> RealSpool {
        try RealSpool(manifest: Self.manifest(device: device, steps: steps))
    }

    private func undisturbed(_ device: String = "cpu", steps: Int) throws -> [UInt8]? {
        let spool = try spool(device, steps: steps)
        defer { spool.remove() }
        try spool.startDaemon().waitUntilExit()
        return spool.adapter
    }

    private func events(_ spool: RealSpool) -> String {
        spool.job.flatMap { try? String(decoding: DurableFiles.read($0.eventsFile), as: UTF8.self) } ?? ""
    }

    /// The worker that trains, once it has done so many steps; nil if the daemon ends before.
    /// - Parameter former: workers that are not meant.
    private func worker(_ spool: RealSpool, afterStep step: Int, _ daemon: Process, not former: Set<pid_t> = []) -> pid_t? {
        // To look through all processes takes longer than many steps.
        var found: pid_t?
        while daemon.isRunning {
            if found.map({ kill($0, 0) != 0 }) ?? true { found = spool.workers.first { !former.contains($0) && Self.isTraining($0) } }
            if let found, (spool.job?.pulse?.step ?? 0) > step { return found }
            usleep(300)
        }
        return nil
    }

    private static func isTraining(_ process: pid_t) -> Bool {
        (try? DurableFiles.read("/proc/\(process)/cmdline")).map { String(decoding: $0, as: UTF8.self).contains("tala-worker\0run\0") }
            ?? false
    }

    /// Whether a process has ended and only waits for its parent to notice.
    private static func isDead(_ process: pid_t) -> Bool {
        (try? DurableFiles.read("/proc/\(process)/stat")).map { String(decoding: $0, as: UTF8.self).contains(") Z ") } ?? true
    }

    @Test(arguments: [SIGSEGV, SIGBUS, SIGABRT, SIGILL]) func aWorkerThatASignalEndsIsContinuedToTheSameBytes(signal: Int32) throws {
        let wanted = try undisturbed(steps: 40)
        let times = signal == SIGABRT || signal == SIGILL ? 1 : Self.times
        for _ in 0..<times {
            let spool = try spool(steps: 40)
            defer { spool.remove() }
            let daemon = try spool.startDaemon(["--retry-delays", "0,0,0", "--silence-limit", "20"], environment: Self.plainDeath)
            let victim = try #require(worker(spool, afterStep: Int.random(in: 4..<12), daemon))
            kill(victim, signal)
            daemon.waitUntilExit()
            let status = try #require(spool.job?.status())
            #expect(status.state == .succeeded && status.attempts == 2 && spool.adapter == wanted && wanted != nil)
            #expect(events(spool).contains("the worker was ended by signal \(signal)") && events(spool).contains("Resumed from checkpoint"))
            #expect(spool.steps == Array(1...40))
        }
        Extent.report("workers ended by signal \(signal)", times)
    }

    @Test func aWorkerThatHangsIsEndedAndContinuedToTheSameBytes() throws {
        let wanted = try undisturbed(steps: 40)
        for _ in 0..<Self.times {
            let spool = try spool(steps: 40)
            defer { spool.remove() }
            let daemon = try spool.startDaemon(["--retry-delays", "0,0,0", "--silence-limit", "1.5"])
            let victim = try #require(worker(spool, afterStep: 6, daemon))
            // A stopped process takes no SIGQUIT either: the daemon has to go as far as SIGKILL.
            kill(victim, SIGSTOP)
            daemon.waitUntilExit()
            let status = try #require(spool.job?.status())
            #expect(status.state == .succeeded && spool.adapter == wanted && spool.steps == Array(1...40))
            // The kernel tells the daemon of the stop; its own watch may come first.
            let text = events(spool)
            #expect(text.contains("A signal has stopped the worker") || text.contains("No sign of life"), "\(text)")
            #expect(text.contains("gave no sign of life and was ended"))
        }
        Extent.report("workers that hang", Self.times)
    }

    @Test func aStepThatKillsEveryWorkerIsNotTriedAThirdTime() throws {
        let spool = try spool(steps: 40)
        defer { spool.remove() }
        let daemon = try spool.startDaemon(["--retry-delays", "0,0,0", "--silence-limit", "20"], environment: Self.plainDeath)
        var victims: Set<pid_t> = []
        // Each worker is ended as soon as it has begun the eighth step.
        while let victim = worker(spool, afterStep: 7, daemon, not: victims) {
            victims.insert(victim)
            kill(victim, SIGSEGV)
            // The next one begins the same step: the sign of life of this one must not be taken for
            // its.
            while kill(victim, 0) == 0, daemon.isRunning { usleep(300) }
            while daemon.isRunning, spool.job?.pulse != nil, !spool.workers.contains(where: { !victims.contains($0) }) { usleep(300) }
        }
        let status = try #require(spool.job?.status())
        #expect(status.state == .failed && status.error?.code == .workerCrashed && status.attempts <= 4)
        let message = try #require(status.error?.message)
        #expect(message.contains("signal 11") && (message.contains("twice in the same step") || message.contains("times without progress")))
        #expect(spool.job.map { FolderListing.exists($0.result + "/\(PartialResult.folderName)/adapter_model.safetensors") } == true)
    }

    // MARK: Memory

    /// A control group for memory, of either version, that this process may make.
    private struct MemoryGroup {
        let folder: String
        let limitFile: String

        init?(limit: Int) {
            let name = "tala-test-\(UUID().uuidString)"
            for (root, file) in [("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")] {
                let folder = root + "/" + name
                guard mkdir(folder, 0o755) == 0 else { continue }
                if FolderListing.exists(folder + "/" + file), Self.write("\(limit)", to: folder + "/" + file) {
                    // Swap would only make it slow; where it is not counted there is nothing to
                    // forbid.
                    _ = Self.write("0", to: folder + "/memory.swap.max")
                    (self.folder, limitFile) = (folder, file)
                    return
                }
                rmdir(folder)
            }
            return nil
        }

        static func write(_ text: String, to path: String) -> Bool {
            let file = open(path, O_WRONLY)
            guard file >= 0 else { return false }
            defer { close(file) }
            return Glibc.write(file, text, text.utf8.count) == text.utf8.count
        }

        func remove() {
            for _ in 0..<100 where rmdir(folder) != 0 { usleep(20_000) }
        }
    }

    @Test func aWorkerThatTheKernelEndsForWantOfMemoryIsContinuedAndTheLimitIsTold() throws {
        guard let first = MemoryGroup(limit: 512 << 20) else {
            print("skipped: no control group for memory can be made here")
            return
        }
        first.remove()
        let wanted = try undisturbed(steps: 60)
        for _ in 0..<Self.times {
            let group = try #require(MemoryGroup(limit: 512 << 20))
            defer { group.remove() }
            let spool = try spool(steps: 60)
            defer { spool.remove() }
            let daemon = try spool.startDaemon(["--retry-delays", "2,2,2", "--silence-limit", "20"], inGroup: group.folder)
            let victim = try #require(worker(spool, afterStep: 4, daemon))
            // Held where it is, so that it is there when memory runs out.
            kill(victim, SIGSTOP)
            // Others in the group eat what there is, none of them more than a part: the kernel
            // takes the worker first, which offers itself.
            let eaters = try (0..<4).map { _ in
                let eater = Process()
                eater.executableURL = URL(fileURLWithPath: "/bin/sh")
                eater.arguments = [
                    "-c", "echo $$ >\(group.folder)/cgroup.procs; { head -c 150000000 /dev/zero; sleep 20; } | tail >/dev/null",
                ]
                eater.standardError = FileHandle.nullDevice
                try eater.run()
                return eater
            }
            while kill(victim, 0) == 0, !Self.isDead(victim), daemon.isRunning, eaters.contains(where: \.isRunning) { usleep(2_000) }
            for process in (try? String(contentsOfFile: group.folder + "/cgroup.procs", encoding: .utf8))?.split(separator: "\n")
                .compactMap({ pid_t($0) }) ?? []
            where process != daemon.processIdentifier && process != victim {
                kill(process, SIGKILL)
            }
            for eater in eaters { eater.waitUntilExit() }
            kill(victim, SIGCONT)
            daemon.waitUntilExit()
            let status = try #require(spool.job?.status())
            #expect(status.state == .succeeded && status.attempts == 2 && spool.adapter == wanted && spool.steps == Array(1...60))
            let text = events(spool)
            #expect(text.contains("memory ran out and the kernel ended the worker, which had held"), "\(text)")
            #expect(text.contains("its control group may hold 512 MiB (\(group.limitFile)) and held 5"), "\(text)")
        }
        Extent.report("workers ended by the kernel for want of memory", Self.times)
    }

    // MARK: Vulkan

    /// Runs a job on Vulkan with faults; nil where that is not possible.
    /// - Parameter strikes: how many faults must have struck; nil where that depends on how far
    ///   each worker comes.
    private func runWithFaults(_ fault: String, count: Int, strikes: Int?, every steps: Int = 2) throws -> RealSpool? {
        guard let library = VulkanFaults.preload else {
            print("skipped: no C compiler for the library that fails for the driver")
            return nil
        }
        let spool = try spool("vulkan", steps: 8)
        try DurableFiles.replace(
            spool.layout.incoming + "/job.yaml",
            with: Self.manifest(device: "vulkan", steps: 8).replacing("every_steps: 2", with: "every_steps: \(steps)"))
        let left = spool.layout.root + "/faults"
        try DurableFiles.replace(left, with: "\(count)\n")
        // The file that counts the faults lies outside of what a confined worker may write.
        let daemon = try spool.startDaemon(
            ["--device", "vulkan", "--retry-delays", "0,0,0", "--silence-limit", "20"],
            environment: [
                "LD_PRELOAD": library, "TALA_VULKAN_FAULT": fault, "TALA_VULKAN_FAULTS": left, "TALA_CONFINEMENT": "off",
                // Measuring products submits as often as there is time, the first worker on a
                // machine more than the next.
                "TALA_TUNING_SECONDS": "0",
            ])
        daemon.waitUntilExit()
        if spool.job?.status()?.error?.code == .noDevice {
            print("skipped: there is no Vulkan device")
            spool.remove()
            return nil
        }
        guard let strikes else { return spool }
        let remaining = try Self.faultsLeft(spool)
        #expect(remaining == count - strikes, "\(fault): \(remaining) faults of \(count) are left")
        return spool
    }

    private static func faultsLeft(_ spool: RealSpool) throws -> Int {
        let text = try String(decoding: DurableFiles.read(spool.layout.root + "/faults"), as: UTF8.self)
        return try #require(text.split(separator: "\n").first.flatMap { Int($0) })
    }

    @Test func aLostDeviceIsANewWorkerThatGoesOnToTheSameBytes() throws {
        guard let whole = try runWithFaults("lost@1000000", count: 0, strikes: 0) else { return }
        defer { whole.remove() }
        let wanted = whole.adapter
        // The first worker on a machine finds no compiled kernels and submits more often: the
        // second one tells what others will do.
        guard let second = try runWithFaults("lost@1000000", count: 0, strikes: 0) else { return }
        defer { second.remove() }
        let counts = try [whole, second].map { spool in
            let text = try String(decoding: DurableFiles.read(spool.layout.root + "/faults.count"), as: UTF8.self)
            return try #require(Int(text.filter(\.isNumber)))
        }
        let count = min(counts[0], counts[1])
        print("submissions: \(counts)")
        for index in 0..<Self.times {
            // All over the run: while memory is filled, in steps, in the updates. Slow moments cut
            // work into more submissions, so a later run may have fewer: it is tried earlier then.
            var place = 1 + count * 9 * (index + 1) / (10 * (Self.times + 1))
            var struck: RealSpool?
            while struck == nil, place > 0 {
                guard let spool = try runWithFaults("lost@\(place)", count: 1, strikes: nil) else { return }
                if try Self.faultsLeft(spool) == 0 { struck = spool } else { spool.remove() }
                place /= 2
            }
            let spool = try #require(struck, "no run submitted anything")
            defer { spool.remove() }
            let status = try #require(spool.job?.status())
            #expect(status.state == .succeeded && status.attempts == 2 && spool.adapter == wanted && wanted != nil, "\(events(spool))")
            #expect(events(spool).contains("the Vulkan device was lost"))
        }
        Extent.report("lost Vulkan devices", Self.times)
    }

    @Test func aDeviceThatIsAlwaysLostEndsTheJobWithThatCause() throws {
        // Early enough for every worker to come so far: one that finds the kernels and the machine
        // warm may finish with fewer than 90 submissions.
        guard let spool = try runWithFaults("lost@45", count: 1000, strikes: nil, every: 50) else { return }
        defer { spool.remove() }
        let status = try #require(spool.job?.status())
        #expect(status.state == .failed && status.error?.code == .deviceLost && (2...4).contains(status.attempts), "\(events(spool))")
        // A worker that has measured products before submits less, so the second loss may fall into
        // a later step than the first.
        let message = status.error?.message ?? ""
        #expect(message.contains("twice in the same step") || message.contains("times without progress"))
    }

    @Test func memoryThatTheDeviceLacksForTheMomentIsTriedAgain() throws {
        guard let whole = try runWithFaults("lost@1000000", count: 0, strikes: 0) else { return }
        defer { whole.remove() }
        for index in 0..<Self.times {
            guard let spool = try runWithFaults("memory@\(1 + index % 4)", count: 2, strikes: 2) else { return }
            defer { spool.remove() }
            let status = try #require(spool.job?.status())
            #expect(status.state == .succeeded && spool.adapter == whole.adapter && whole.adapter != nil, "\(events(spool))")
            #expect(events(spool).contains("bytes of memory left"))
        }
        Extent.report("Vulkan devices without memory", Self.times)
    }

    // MARK: Numbers

    @Test func aLossThatIsNoNumberStopsTheJobWithStepAndExamples() throws {
        let manifest = Self.manifest(device: "cpu", steps: 40).replacing("learning_rate: 1.0e-3", with: "learning_rate: 1000")
            .replacing(
                "adapter: {type: lora, rank: 4, alpha: 8, dropout: 0.05}", with: "adapter: {type: full}\noptimizer: {max_grad_norm: 0}")
        let spool = try RealSpool(manifest: manifest)
        defer { spool.remove() }
        let daemon = try spool.startDaemon()
        daemon.waitUntilExit()
        let status = try #require(spool.job?.status())
        let error = try #require(status.error)
        #expect(daemon.terminationStatus == 1 && status.state == .failed && error.code == .notFinite && status.attempts == 1, "\(error)")
        let step = try #require(error.message.split(separator: " ").dropFirst().first.flatMap { Int($0.filter(\.isNumber)) })
        #expect(step >= 1 && spool.steps.count == step - 1)
        // Four examples of the file, which has 208.
        let afterwards = error.message.components(separatedBy: "the examples ").last ?? ""
        let list = afterwards.components(separatedBy: " of the training file")[0]
        let examples = list.components(separatedBy: ", ").compactMap { Int($0) }
        #expect(examples.count == 4 && examples.allSatisfy { (1...208).contains($0) }, "\(error.message)")
        #expect(events(spool).contains("step \(step): the loss is"))
    }
}

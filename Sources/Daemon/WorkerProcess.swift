import CLinux
import Glibc
import Jobs
import Storage

/// A running worker: one process, one job, one device.
struct WorkerProcess {
    /// What a worker is to do with a job.
    enum Task: String {
        case run, validate
        /// Export the last checkpoint of a job that is given up, and say which examples the fatal
        /// step had.
        case salvage
    }
    enum End: Equatable {
        case exited(WorkerExit)
        /// With a code that no worker has; it was another program, or died in a way of its own.
        case unknownExit(Int32)
        case signalled(Int32)
    }

    let task: Task
    let job: String
    let owner: Int
    let device: String
    let processID: pid_t
    /// Readable when the process has ended; -1 where the kernel has no such thing.
    let descriptor: Int32
    var watchdog: StepWatchdog
    /// Out-of-memory kills so far when the worker began.
    let memoryKills: Int?
    /// Whether the daemon has asked for a pause by itself.
    var isPauseRequested = false
    /// When the worker was told to end because it was silent; seconds of the monotonic clock.
    var hungSince: Double?

    /// Starts a worker.
    /// - Returns: nil if no process could be made; `errno` says why.
    static func start(
        _ task: Task, program: String, job: String, owner: Int, folder: String, device: String, extra: [String] = [],
        watchdog: StepWatchdog
    ) -> WorkerProcess? {
        let arguments = [program, task.rawValue, "--job", folder, "--device", device, "--parent", "\(getpid())"] + extra
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        var processID: pid_t = 0
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The daemon's own handling of signals is not the worker's.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for number in [SIGTERM, SIGINT, SIGHUP, SIGIO, SIGPIPE] { sigaddset(&signals, number) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF))
        let memoryKills = MemoryKills.count()
        var problem: Int32 = 0
        do throws(StorageError) { _ = try CurrentFileSystem.value.perform(.start(program: program)) } catch { problem = error.errorNumber }
        if problem == 0 { problem = posix_spawn(&processID, program, nil, &attributes, pointers, environ) }
        guard problem == 0 else {
            errno = problem
            return nil
        }
        return WorkerProcess(
            task: task, job: job, owner: owner, device: device, processID: processID, descriptor: tala_pidfd_open(processID),
            watchdog: watchdog, memoryKills: memoryKills)
    }

    /// How the process ended and the most memory that it held at a time, or nil while it runs.
    func poll() -> (end: End, peakBytes: Int)? {
        var status: Int32 = 0
        var usage = rusage()
        guard wait4(processID, &status, WNOHANG, &usage) == processID else { return nil }
        if descriptor >= 0 { close(descriptor) }
        let signal = status & 0x7F
        // The kernel counts kibibytes.
        let peak = Int(usage.ru_maxrss).multipliedReportingOverflow(by: 1024)
        let code = status >> 8 & 0xFF
        let end: End = signal != 0 ? .signalled(signal) : WorkerExit(rawValue: code).map { .exited($0) } ?? .unknownExit(code)
        return (end, peak.overflow ? .max : peak.partialValue)
    }

    func send(_ signal: Int32) { kill(processID, signal) }
}

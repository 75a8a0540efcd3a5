import CLinux
import Glibc
import Jobs
import Manifest
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
    /// Whether it is the launcher of several.
    let isLauncher: Bool
    /// How many processes carry the job.
    var processes = 1
    /// How many of them are on this host.
    var here = 1
    /// Whether the daemon has asked for a pause by itself.
    var isPauseRequested = false
    /// Whether a signal has stopped it.
    private(set) var isStopped = false
    /// Since when it has been stopped; seconds in which the daemon was awake.
    var stoppedSince: Double?
    /// When the worker was told to end because it was silent; seconds of the monotonic clock.
    var hungSince: Double?

    /// Several processes that a launcher starts for one job.
    struct Gang {
        /// `tala-rank` by its path.
        var program: String
        var processes: Int
        /// Of a host, each for one of the processes.
        var devices: [String]
        var launch: Launch

        /// What `tala-rank` is told.
        var arguments: [String] {
            var words = ["--processes", "\(processes)", "--launcher", launch.launcher.rawValue]
            for device in devices { words += ["--device", device] }
            for host in launch.division(of: processes).hosts { words += ["--host", host] }
            if let count = launch.allocatedHosts { words += ["--allocated-hosts", "\(count)"] }
            if let network = launch.network { words += ["--network", network] }
            if let partition = launch.partition { words += ["--partition", partition] }
            return words
        }
    }

    /// Starts a worker.
    /// - Parameter gang: the processes that carry the job; nil: one alone.
    /// - Returns: nil if no process could be made; `errno` says why.
    static func start(
        _ task: Task, program: String, job: String, owner: Int, folder: String, device: String, extra: [String] = [],
        gang: Gang? = nil, watchdog: StepWatchdog
    ) -> WorkerProcess? {
        let program = gang?.program ?? program
        let words = gang.map { ["launch", "--job", folder] + $0.arguments } ?? [task.rawValue, "--job", folder, "--device", device]
        let arguments = [program] + words + ["--parent", "\(getpid())"] + extra
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
            watchdog: watchdog, memoryKills: memoryKills, isLauncher: gang != nil)
    }

    /// How the process ended and the most memory that it held at a time, or nil while it runs.
    mutating func poll() -> (end: End, peakBytes: Int)? {
        var status: Int32 = 0
        var usage = rusage()
        guard wait4(processID, &status, WNOHANG | WUNTRACED | WCONTINUED, &usage) == processID else { return nil }
        let (hasStopped, goesOn) = (status & 0xFF == 0x7F, status == 0xFFFF)
        if hasStopped || goesOn {
            isStopped = hasStopped
            return nil
        }
        if descriptor >= 0 { close(descriptor) }
        let signal = status & 0x7F
        // The kernel counts kibibytes.
        let peak = Int(usage.ru_maxrss).multipliedReportingOverflow(by: 1024)
        let code = status >> 8 & 0xFF
        // A launcher says with 128 + n that signal n has ended one of its processes.
        if signal == 0, isLauncher, code > 128 { return (.signalled(code - 128), peak.overflow ? .max : peak.partialValue) }
        let end: End = signal != 0 ? .signalled(signal) : WorkerExit(rawValue: code).map { .exited($0) } ?? .unknownExit(code)
        return (end, peak.overflow ? .max : peak.partialValue)
    }

    /// A launcher hands SIGUSR1 on at once; at SIGTERM it ends its processes before they could
    /// write a checkpoint.
    func send(_ signal: Int32) { kill(processID, isLauncher && signal == SIGTERM ? SIGUSR1 : signal) }
}

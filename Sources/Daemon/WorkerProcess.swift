import Glibc

/// A running worker: one process, one job, one device.
struct WorkerProcess {
    let job: String
    let device: String
    let processID: pid_t
    /// The step at which the job stood when the worker began.
    let startStep: Int

    enum End: Equatable {
        case exited(Int32)
        case signalled(Int32)
    }

    /// Starts a worker.
    /// - Returns: nil if no process could be made; `errno` says why.
    static func start(program: String, job: String, folder: String, device: String, startStep: Int) -> WorkerProcess? {
        let arguments = [program, "run", "--job", folder, "--device", device]
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
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF))
        guard posix_spawn(&processID, program, nil, &attributes, pointers, environ) == 0 else { return nil }
        return WorkerProcess(job: job, device: device, processID: processID, startStep: startStep)
    }

    /// How the process ended, or nil while it runs.
    func poll() -> End? {
        var status: Int32 = 0
        guard waitpid(processID, &status, WNOHANG) == processID else { return nil }
        let signal = status & 0x7F
        return signal == 0 ? .exited(status >> 8 & 0xFF) : .signalled(signal)
    }

    func terminate() { kill(processID, SIGTERM) }
}

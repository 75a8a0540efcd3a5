import Foundation

/// How a process of its own ended, and what it needed: a test's own process runs other tests at the
/// same time, whose memory it cannot tell apart.
package struct MeasuredRun: Sendable {
    package var exitCode: Int32?
    package var signal: Int32?
    /// Of processor time, of all its threads: a busy machine does not add to it.
    package var processorSeconds: Double
    /// The largest resident memory, from `VmHWM` of proc(5), up to about a millisecond before the
    /// end. Not `ru_maxrss`: Linux lets that start from what the parent held when it spawned the
    /// process, and a test's process may hold gigabytes.
    package var peakBytes: Int
    /// What it wrote, to standard output and error.
    package var output: String
}

extension BuiltProgram {
    /// Runs the program to its end, for `limit` seconds of processor time at most, and not for much
    /// longer than that on a busy machine: then it is killed.
    /// - Throws: what keeps it from starting.
    package func measure(_ arguments: [String], limit: Double) throws -> MeasuredRun {
        let words = [Self.folder + "/" + name] + arguments
        var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        let output = NSTemporaryDirectory() + "tala-measured-\(UUID().uuidString)"
        defer { unlink(output) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var process: pid_t = 0
        let start = Date()
        let problem = posix_spawn(&process, words[0], &actions, nil, &pointers, environ)
        guard problem == 0 else { throw POSIXError(POSIXErrorCode(rawValue: problem) ?? .EIO) }
        var status: Int32 = 0
        var peakBytes = 0
        var usage = rusage()
        while wait4(process, &status, WNOHANG, &usage) == 0 {
            if Self.processorSeconds(of: process) > limit || Date().timeIntervalSince(start) > 45 * limit { kill(process, SIGKILL) }
            peakBytes = max(peakBytes, Self.residentPeak(of: process))
            usleep(500)
        }
        let signal = status & 0x7F
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return MeasuredRun(
            exitCode: signal == 0 ? status >> 8 & 0xFF : nil, signal: signal == 0 ? nil : signal,
            processorSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
            peakBytes: peakBytes, output: (try? String(contentsOfFile: output, encoding: .utf8)) ?? "")
    }

    private static func processorSeconds(of process: pid_t) -> Double {
        var (clock, time) = (clockid_t(), timespec())
        guard clock_getcpuclockid(process, &clock) == 0, clock_gettime(clock, &time) == 0 else { return 0 }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// The high-water mark of a process's resident memory in bytes; 0 once it has ended.
    private static func residentPeak(of process: pid_t) -> Int {
        guard let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
            let kibibytes = line.split(whereSeparator: { !$0.isNumber }).first.flatMap({ Int($0) })
        else { return 0 }
        return kibibytes * 1024
    }
}

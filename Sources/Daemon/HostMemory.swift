import Jobs

/// Whether the host's memory has room for a job beside those that run on other devices.
///
/// It goes by plans and not by what is free at the moment: workers take their memory bit by bit,
/// and give it back late.
struct HostMemory {
    /// The machine's, or what the daemon's control group allows; nil: unknown, and nothing waits.
    var totalBytes: Int? = MemoryKills.allowedBytes

    /// Bytes of the host that jobs may hold together: nine tenths, as a job alone plans with.
    var usableBytes: Int? { totalBytes.map { $0 / 10 * 9 } }

    /// - Parameters:
    ///   - job: what it needs; nil: unknown.
    ///   - running: what those that run need.
    /// - Returns: a sentence's end on why not; nil if it may begin. A job that nothing runs beside
    ///   always may.
    func objection(to job: Int?, beside running: [Int?]) -> String? {
        guard !running.isEmpty, let usableBytes, let job else { return nil }
        let held = running.reduce(0) { $0 &+ max(0, $1 ?? 0) }
        guard job > 0, held >= 0, job > usableBytes - held else { return nil }
        func mebibytes(_ bytes: Int) -> String { "\(bytes >> 20) MiB" }
        return "it needs \(mebibytes(job)) of the host's memory, those that run need \(mebibytes(held)), and \(mebibytes(usableBytes)) "
            + "may be used"
    }
}

extension PlanFigures {
    /// What a worker takes of the host beside the plan where the device has memory of its own:
    /// program, driver, buffers of files; as measured, rounded up.
    private static let workerBytes = 512 << 20

    /// Bytes of the host that a worker holds at the peak.
    var hostBytes: Int { programBytes > 0 ? peakBytes : laneBytes + Self.workerBytes }
}

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

    /// Bytes of the host that a job holds at the peak.
    /// - Parameters:
    ///   - here: processes of the job that are on this host.
    ///   - processes: that carry it, all in all.
    func hostBytes(_ here: Int = 1, of processes: Int = 1) -> Int {
        let division = divisions.first { $0.processes == processes }
        // A worker has written them: no number may end the daemon.
        func bounded(_ bytes: Int) -> Int { min(max(0, bytes), 1 << 50) }
        let here = min(max(1, here), 1 << 10)
        if programBytes == 0 { return here * (bounded(division?.laneBytes ?? laneBytes) + Self.workerBytes) }
        // Weights in mapped files are there once.
        return max(0, here * bounded(division?.peakBytes ?? peakBytes) - (here - 1) * bounded(mappedWeightBytes))
    }
}

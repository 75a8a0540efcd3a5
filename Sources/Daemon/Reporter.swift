import Glibc
import JSON
import Jobs
import Spool
import Storage

/// Publishes the daemon's state every other second: to systemd, in `daemon.json`, for Prometheus.
final class Reporter {
    /// What there is to say.
    struct Facts {
        /// The devices, and the job that each has.
        var devices: [(selector: String, job: String?)] = []
        /// The statuses of the jobs that have a device.
        var running: [(device: String, status: JobStatus)] = []
        /// The jobs whose files are validated, or which are salvaged.
        var checked: [String] = []
        var queuedCount = 0
        var validatingCount = 0
        /// Some of the jobs that wait for a device.
        var queued: [String] = []
        var states: [JobState: Int] = [:]
        var trainedTokens = 0
        var acceptedCount = 0
        var rejectedCount = 0
        var isStopping = false
    }
    private let version: String
    private let daemonFile: String
    private let metricsFile: String?
    private let allowedRoots: [String]
    private let journal: Journal
    let notifier = Notifier()
    private var lastReport = -Double.infinity

    /// - Parameter allowedRoots: where `tala` reads what absolute paths a manifest may name.
    init(version: String, daemonFile: String, metricsFile: String?, allowedRoots: [String] = [], _ journal: Journal) {
        self.version = version
        self.daemonFile = daemonFile
        self.metricsFile = metricsFile
        self.allowedRoots = allowedRoots
        self.journal = journal
    }

    /// Reports if that was long ago.
    /// - Parameter facts: asked only then.
    func report(force: Bool = false, _ facts: () -> Facts) {
        let now = Clock.monotonic()
        guard force || now - lastReport > 2 else { return }
        lastReport = now
        let facts = facts()
        // Both from the loop that supervises: from a thread of its own the watchdog's feed would
        // prove nothing.
        notifier.send("WATCHDOG=1")
        notifier.send("STATUS=\(Self.line(facts))")
        if facts.isStopping { notifier.send("EXTEND_TIMEOUT_USEC=10000000") }
        do {
            // Both files are written all the time and mean nothing after a power cut.
            try DurableFiles.replace(daemonFile, with: JSONWriter(isIndented: true).string(json(facts)) + "\n", durably: false)
            if let metricsFile {
                let figures = PrometheusFigures(
                    counts: facts.states, running: facts.running, tokens: facts.trainedTokens, rejected: facts.rejectedCount)
                try DurableFiles.replace(metricsFile, with: figures.text, durably: false)
            }
        } catch {
            journal.log(.error, "\(error)")
        }
    }

    private func json(_ facts: Facts) -> JSONNode {
        [
            "version": JSONNode(version), "pid": JSONNode(Int(getpid())), "state": JSONNode(facts.isStopping ? "stopped" : "running"),
            "heartbeat": JSONNode(Clock.wall()), "device": JSONNode(facts.devices.map(\.selector).joined(separator: ",")),
            "devices": JSONNode(facts.devices.map { ["device": JSONNode($0.selector), "job": $0.job.map { JSONNode($0) } ?? nil] }),
            "running": JSONNode(facts.devices.compactMap { $0.job.map { JSONNode($0) } }),
            "validating": JSONNode(facts.checked.map { JSONNode($0) }),
            // A long queue is only counted: this file is written all the time.
            "queued_count": JSONNode(facts.queuedCount), "validating_count": JSONNode(facts.validatingCount),
            "queued": JSONNode(facts.queued.map { JSONNode($0) }),
            "states": JSONNode(JobState.allCases.map { JSONMember($0.rawValue, JSONNode(facts.states[$0] ?? 0)) }),
            "allowed_roots": JSONNode(allowedRoots.map { JSONNode($0) }), "accepted": JSONNode(facts.acceptedCount),
            "rejected": JSONNode(facts.rejectedCount),
        ]
    }

    /// One human-readable line: `1 running (ftjob-... step 120/900, 13 %, 2 h 10 min left, cpu), 3
    /// queued`.
    static func line(_ facts: Facts) -> String {
        let parts = facts.running.map { device, status in
            let progress = status.progress
            let device = device + (status.deviceWarning == nil ? "" : " (WARNING: the processor stands in for a graphics processor)")
            guard progress.totalSteps > 0 else { return "\(status.id) preparing, \(device)" }
            let percent = progress.step * 100 / max(1, progress.totalSteps)
            let left = progress.remainingSeconds.map { ", " + duration($0) + " left" } ?? ""
            return "\(status.id) step \(progress.step)/\(progress.totalSteps), \(percent) %\(left), \(device)"
        }
        let first = parts.isEmpty ? "idle" : "\(parts.count) running (\(parts.joined(separator: "; ")))"
        let validating = facts.validatingCount + facts.checked.count
        return first + (validating > 0 ? ", \(validating) validating" : "") + ", \(facts.queuedCount) queued"
    }

    private static func duration(_ seconds: Double) -> String {
        let minutes = Int(min(max(0, seconds), 1e9)) / 60
        return minutes < 60 ? "\(minutes) min" : "\(minutes / 60) h \(minutes % 60) min"
    }
}

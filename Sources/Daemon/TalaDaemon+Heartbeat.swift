import Glibc
import JSON
import Jobs
import Spool
import Storage

extension TalaDaemon {
    /// Says how things stand, every other second: to systemd, in `daemon.json`, for Prometheus.
    func heartbeat(force: Bool = false) {
        let now = Clock.monotonic()
        guard force || now - lastHeartbeat > 2 else { return }
        lastHeartbeat = now
        let running = devices.compactMap { slot in slot.worker.flatMap { layout.job($0.job).status() }.map { (slot.selector, $0) } }
        for (_, status) in running { registry.noteWork(status) }
        // Both from the loop that supervises: from a thread of its own the watchdog's feed would prove nothing.
        notifier.send("WATCHDOG=1")
        notifier.send("STATUS=\(Self.line(running, waiting: queue.count, validating: validations.count + (validator == nil ? 0 : 1)))")
        if isLeaving { notifier.send("EXTEND_TIMEOUT_USEC=10000000") }
        let node: JSONNode = [
            "version": JSONNode(configuration.version), "pid": JSONNode(Int(getpid())),
            "state": JSONNode(isLeaving ? "stopped" : "running"), "heartbeat": JSONNode(Clock.wall()),
            "device": JSONNode(configuration.devices.joined(separator: ",")),
            "devices": JSONNode(devices.map { ["device": JSONNode($0.selector), "job": $0.worker.map { JSONNode($0.job) } ?? nil] }),
            "running": JSONNode(devices.compactMap { $0.worker.map { JSONNode($0.job) } }),
            "validating": JSONNode(validator.map { [JSONNode($0.job)] } ?? []),
            // A long queue is only counted: this file is written all the time.
            "queued_count": JSONNode(queue.count), "validating_count": JSONNode(validations.count),
            "queued": JSONNode(queue.some(100).map { JSONNode($0) }),
            "states": JSONNode(JobState.allCases.map { JSONMember($0.rawValue, JSONNode(registry.counts[$0] ?? 0)) }),
            "accepted": JSONNode(accepted), "rejected": JSONNode(rejected),
        ]
        do {
            // Both are written all the time and mean nothing after a power cut.
            try DurableFiles.replace(layout.daemonFile, with: JSONWriter(isIndented: true).string(node) + "\n", durably: false)
            if let path = configuration.metricsFile {
                let figures = PrometheusFigures(
                    counts: registry.counts, running: running, tokens: registry.trainedTokens, rejected: rejected)
                try DurableFiles.replace(path, with: figures.text, durably: false)
            }
        } catch {
            journal.log(.error, "\(error)")
        }
    }

    /// One line for people: `1 running (ftjob-... step 120/900, 13 %, 2 h 10 min left, cpu), 3 queued`.
    static func line(_ running: [(device: String, status: JobStatus)], waiting: Int, validating: Int) -> String {
        let parts = running.map { device, status in
            let progress = status.progress
            guard progress.totalSteps > 0 else { return "\(status.id) preparing, \(device)" }
            let percent = progress.step * 100 / max(1, progress.totalSteps)
            let left = progress.remainingSeconds.map { ", " + duration($0) + " left" } ?? ""
            return "\(status.id) step \(progress.step)/\(progress.totalSteps), \(percent) %\(left), \(device)"
        }
        let first = running.isEmpty ? "idle" : "\(running.count) running (\(parts.joined(separator: "; ")))"
        return first + (validating > 0 ? ", \(validating) validating" : "") + ", \(waiting) queued"
    }

    private static func duration(_ seconds: Double) -> String {
        let minutes = Int(min(max(0, seconds), 1e9)) / 60
        return minutes < 60 ? "\(minutes) min" : "\(minutes / 60) h \(minutes % 60) min"
    }
}

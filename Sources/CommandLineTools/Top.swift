package import ArgumentParser
import Glibc
import JSON
import Jobs
import Spool
import Storage

/// `tala top`: what is served and trained now, drawn again and again.
package struct Top: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Show what is served and trained now: tokens a second, queue, cache.",
        discussion: """
            Reads the spool's files alone. On a terminal the picture is drawn every second until Control-C; elsewhere, and with --once, it is printed once: \
            speeds are then those of one second.
            """)
    @OptionGroup var options: SpoolOptions
    @Flag(help: "Print once and leave.") var once = false

    package init() {}

    package func run() throws {
        let layout = try options.opened()
        let terminal = Terminal()
        let isOnce = once || options.json || !terminal.isInteractive
        var before = TopFigures(layout)
        while true {
            usleep(1_000_000)
            let now = TopFigures(layout)
            let picture = TopPicture(now, since: before)
            if options.json { return try StandardOutput.json(picture.json) }
            guard !isOnce else { return try StandardOutput.line(picture.lines(width: .max).joined(separator: "\n")) }
            // From the first column of the first line on, and nothing left of what was there.
            let lines = picture.lines(width: terminal.width).map { $0 + "\u{1B}[K" }
            try StandardOutput.write("\u{1B}[H" + lines.joined(separator: "\n") + "\n\u{1B}[J")
            before = now
        }
    }
}

/// What the files say at a moment.
struct TopFigures {
    struct Deployment {
        var name: String
        var model: String
        var state: String
        var requests: Int
        var tokens: Int
        var load: JSONNode?
        var error: String?
    }
    let seconds: Double
    let deployments: [Deployment]
    let jobs: [JobStatus]
    let daemonRuns: Bool

    init(_ layout: SpoolLayout) {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        seconds = Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        let files = DeploymentFiles(layout)
        deployments = files.names.map { name in
            let summary = DeploymentSummary(name, files)
            let served = summary.json["served"]
            return Deployment(
                name: name, model: summary.model, state: summary.state, requests: served?["requests"]?.integer ?? 0,
                tokens: served?["tokens"]?.integer ?? 0, load: served?["load"], error: summary.error)
        }
        jobs = JobListing.statuses(layout).filter { !$0.state.isFinal && $0.state != .paused }
        daemonRuns = DaemonPresence(layout).isRunning
    }
}

/// Two moments, as lines or as JSON.
struct TopPicture {
    private let now: TopFigures
    private let before: TopFigures

    init(_ now: TopFigures, since before: TopFigures) { (self.now, self.before) = (now, before) }

    /// Tokens a second since the earlier moment.
    private func speed(_ deployment: TopFigures.Deployment) -> Double {
        guard let earlier = before.deployments.first(where: { $0.name == deployment.name }), now.seconds > before.seconds else { return 0 }
        return max(0, Double(deployment.tokens - earlier.tokens) / (now.seconds - before.seconds))
    }

    private func cacheShare(_ load: JSONNode?) -> Double? {
        guard let pages = load?["pages"]?.integer, pages > 0, let used = load?["pages_used"]?.integer else { return nil }
        return Double(used) / Double(pages)
    }

    func lines(width: Int) -> [String] {
        var served = TextTable(["DEPLOYMENT", "STATE", "TOKENS/S", "WRITING", "WAITING", "CACHE", "REQUESTS", "TOKENS", "MODEL"])
        for one in now.deployments {
            served.add([
                one.name, one.state, Terminal.decimal(speed(one), 1), one.load?["running"]?.integer.map { "\($0)" } ?? "-",
                one.load?["waiting"]?.integer.map { "\($0)" } ?? "-", cacheShare(one.load).map { "\(Int($0 * 100)) %" } ?? "-",
                "\(one.requests)", "\(one.tokens)", Terminal.safe(one.model),
            ])
        }
        let total = now.deployments.reduce(0) { $0 + speed($1) }
        var lines = [
            "\(now.deployments.count) deployments, \(Terminal.decimal(total, 1)) tokens/s written; \(now.jobs.count) jobs under way"
        ]
        if !now.daemonRuns { lines.append("talad does not run") }
        if !now.deployments.isEmpty {
            lines += [""] + served.text().split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        }
        lines += now.deployments.compactMap { one in one.error.map { "\(one.name): \(Terminal.safe($0))" } }
        if !now.jobs.isEmpty {
            var jobs = TextTable(["JOB", "STATE", "STEP", "TOKENS/S", "LOSS", "LEFT", "MODEL"])
            for job in now.jobs {
                jobs.add([
                    "…" + job.id.suffix(10), job.state.rawValue,
                    job.progress.totalSteps > 0 ? "\(job.progress.step)/\(job.progress.totalSteps)" : "-",
                    job.state == .running ? job.progress.tokensPerSecond.map { "\(Int(min(max(0, $0), 1e15)))" } ?? "-" : "-",
                    job.progress.trainLoss.map { Terminal.decimal($0, 4) } ?? "-",
                    job.progress.remainingSeconds.map(Terminal.duration) ?? "-", JobTable.model(job),
                ])
            }
            lines += [""] + jobs.text().split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        }
        return lines.map { width == .max ? $0 : DisplayWidth.fitting($0, max(1, width - 1)) }
    }

    var json: JSONNode {
        let deployments = now.deployments.map { one -> JSONNode in
            let share = cacheShare(one.load).map { JSONNode($0) } ?? JSONNode.null
            return [
                "name": JSONNode(one.name), "model": JSONNode(one.model), "state": JSONNode(one.state),
                "tokens_per_second": JSONNode(speed(one)), "running": one.load?["running"] ?? .null,
                "waiting": one.load?["waiting"] ?? .null, "cache_share": share, "requests": JSONNode(one.requests),
                "tokens": JSONNode(one.tokens), "error": one.error.map { JSONNode($0) } ?? .null,
            ]
        }
        return [
            "deployments": JSONNode(deployments), "jobs": JSONNode(now.jobs.map(\.json)), "daemon_running": JSONNode(now.daemonRuns),
        ]
    }
}

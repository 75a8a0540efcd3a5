package import ArgumentParser
import Glibc
import JSON
import Jobs
import Spool
import Storage

/// `tala status`: one job in full.
package struct Status: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Show one job.",
        discussion: "Exit codes: 0 succeeded or under way, 1 failed, 2 no such job, 3 cancelled, 4 paused.")
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The job's id, or its end; the newest job if left out.", completion: JobCompletion.all) var job: String?

    package init() {}

    package func run() throws {
        let folder = try options.jobOrNewest(job)
        guard let status = folder.status() else { throw CommandFailure(.failed, "\(folder.statusFile) cannot be read") }
        let presence = DaemonPresence(options.layout)
        if options.json {
            try StandardOutput.json(Self.json(status, presence))
        } else {
            let lines = Self.rows(status, folder, presence).map { name, value in
                name + String(repeating: " ", count: max(1, 17 - name.count)) + value
            }
            try StandardOutput.line(lines.joined(separator: "\n"))
        }
        if let code = status.state.exitCode { throw code }
    }

    /// The job's object, which says under `tala` whether a daemon is there to go on with it.
    private static func json(_ status: JobStatus, _ presence: DaemonPresence) -> JSONNode {
        let members = (status.json.object ?? []).map { member in
            guard member.key == "tala" else { return member }
            return JSONMember("tala", JSONNode((member.node.object ?? []) + [JSONMember("daemon_running", JSONNode(presence.isRunning))]))
        }
        return JSONNode(members)
    }

    private static func rows(_ status: JobStatus, _ folder: JobFolder, _ presence: DaemonPresence) -> [(String, String)] {
        let terminal = Terminal()
        let (progress, state) = (status.progress, terminal.coloured(status.state.rawValue, status.state.colour))
        var rows = [("job", status.id), ("status", state + (status.reason.map { " (\($0.rawValue))" } ?? ""))]
        func add(_ name: String, _ value: String?) { if let value { rows.append((name, value)) } }
        if !presence.isRunning, !status.state.isFinal { add("daemon", terminal.coloured(presence.warning, .red)) }
        add("model", JobTable.model(status))
        add("device", status.device.map(Terminal.safe))
        add("warning", status.deviceWarning.map { terminal.coloured(Terminal.safe("the processor stands in: \($0)"), .yellow) })
        if let reading = status.reading, reading.byteCount > 0 {
            let share = Double(reading.bytesDone) / Double(reading.byteCount) * 100
            add("reading", "\(Terminal.safe(reading.file)), \(Terminal.decimal(share, 0)) %, \(reading.exampleCount) examples")
        }
        if progress.totalSteps > 0 {
            add("progress", "step \(progress.step) of \(progress.totalSteps), epoch \(Terminal.decimal(progress.epoch, 2))")
        }
        add("training loss", progress.trainLoss.map { Terminal.decimal($0, 4) })
        add("validation loss", progress.validLoss.map { Terminal.decimal($0, 4) })
        if status.state == .running { add("speed", progress.tokensPerSecond.map { "\(Int(min(max(0, $0), 1e15))) tokens/s" }) }
        add("trained tokens", status.trainedTokens.map { "\($0)" })
        if status.usage.total.deviceSeconds >= 1 { add("device time", Terminal.duration(status.usage.total.deviceSeconds)) }
        add("cost", status.cost.map { Terminal.decimal($0, 2) + (status.currency.map { " " + Terminal.safe($0) } ?? "") })
        add("owner", JobTable.owner(status.owner))
        add("age", JobTable.age(time(nil) - status.createdAt))
        add("dead workers", status.crashes.map { "\($0.count) since the last progress" })
        add("time left", progress.remainingSeconds.map(Terminal.duration))
        add("checkpoint", status.checkpoint.map { folder.checkpoints + "/" + $0 })
        if status.reason == .validatedOnly {
            add("preview", folder.previewFile)
        } else if status.state == .succeeded {
            add("result", folder.result)
        }
        add("error", status.error.map { Terminal.safe($0.message) })
        return rows
    }
}

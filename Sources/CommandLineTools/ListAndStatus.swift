package import ArgumentParser
import Glibc
import JSON
import Jobs
import Spool
import Storage

/// `tala list`: all jobs, a line each.
package struct List: ParsableCommand {
    package static let configuration = CommandConfiguration(abstract: "List the jobs of a spool.")
    @OptionGroup var options: SpoolOptions

    package init() {}

    package func run() throws {
        let statuses = JobListing.statuses(options.layout)
        if options.json {
            print(JSONWriter(isIndented: true).string(["object": "list", "data": JSONNode(statuses.map(\.json)), "has_more": false]))
            return
        }
        if statuses.isEmpty {
            print("no jobs in \(options.layout.jobs)")
        } else {
            for line in JobTable(terminal: Terminal(), now: time(nil)).lines(statuses) { print(line) }
        }
    }
}

extension JobState {
    var colour: Terminal.Colour {
        switch self {
        case .succeeded: .green
        case .failed: .red
        case .running: .blue
        case .paused, .cancelled: .yellow
        case .queued, .validatingFiles: .grey
        }
    }
}

/// `tala status`: one job in full.
package struct Status: ParsableCommand {
    package static let configuration = CommandConfiguration(abstract: "Show one job.")
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The job's id, or its end.") var job: String

    package init() {}

    package func run() throws {
        let folder = try options.job(job)
        guard let status = folder.status() else { throw ValidationError("\(folder.statusFile) cannot be read") }
        if options.json {
            print(JSONWriter(isIndented: true).string(status.json))
        } else {
            let terminal = Terminal()
            var rows = [
                ("job", status.id),
                (
                    "status",
                    terminal.coloured(status.state.rawValue, status.state.colour) + (status.reason.map { " (\($0.rawValue))" } ?? "")
                ),
            ]
            rows.append(("model", JobTable.model(status)))
            if let device = status.device { rows.append(("device", Terminal.safe(device))) }
            if let reading = status.reading, reading.byteCount > 0 {
                let share = Double(reading.bytesDone) / Double(reading.byteCount) * 100
                rows.append(
                    ("reading", "\(Terminal.safe(reading.file)), \(Terminal.decimal(share, 0)) %, \(reading.exampleCount) examples"))
            }
            if status.progress.totalSteps > 0 {
                rows.append(
                    (
                        "progress",
                        "step \(status.progress.step) of \(status.progress.totalSteps), epoch \(Terminal.decimal(status.progress.epoch, 2))"
                    ))
            }
            if let loss = status.progress.trainLoss { rows.append(("training loss", Terminal.decimal(loss, 4))) }
            if let loss = status.progress.validLoss { rows.append(("validation loss", Terminal.decimal(loss, 4))) }
            if let speed = status.progress.tokensPerSecond, status.state == .running {
                rows.append(("speed", "\(Int(min(speed, 1e15))) tokens/s"))
            }
            if let tokens = status.trainedTokens { rows.append(("trained tokens", "\(tokens)")) }
            if status.usage.total.deviceSeconds >= 1 { rows.append(("device time", Terminal.duration(status.usage.total.deviceSeconds))) }
            if let cost = status.cost {
                rows.append(("cost", Terminal.decimal(cost, 2) + (status.currency.map { " " + Terminal.safe($0) } ?? "")))
            }
            rows.append(("owner", JobTable.owner(status.owner)))
            rows.append(("age", JobTable.age(time(nil) - status.createdAt)))
            if let crashes = status.crashes { rows.append(("dead workers", "\(crashes.count) since the last progress")) }
            if let seconds = status.progress.remainingSeconds { rows.append(("time left", Terminal.duration(seconds))) }
            if let checkpoint = status.checkpoint { rows.append(("checkpoint", folder.checkpoints + "/" + checkpoint)) }
            if status.state == .succeeded { rows.append(("result", folder.result)) }
            if let error = status.error { rows.append(("error", Terminal.safe(error.message))) }
            for (name, value) in rows { print(name + String(repeating: " ", count: 17 - name.count) + value) }
        }
        switch status.state {
        case .failed: throw CommandExit.failed.code
        case .cancelled: throw CommandExit.cancelled.code
        default: break
        }
    }
}

/// `tala events`: what happened to a job.
package struct Events: ParsableCommand {
    package static let configuration = CommandConfiguration(abstract: "Show what happened to a job.")
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The job's id, or its end.") var job: String

    package init() {}

    package func run() throws {
        let folder = try options.job(job)
        let text = String(decoding: try DurableFiles.read(folder.eventsFile), as: UTF8.self)
        let terminal = Terminal()
        for line in text.split(separator: "\n") {
            if options.json {
                print(line)
                continue
            }
            guard let node = try? JSONParser().parse(String(line)) else { continue }
            var time = time_t(node["created_at"]?.integer ?? 0)
            var local = tm()
            localtime_r(&time, &local)
            var buffer = [CChar](repeating: 0, count: 64)
            let count = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M:%S", &local)
            let stamp = String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let level = node["level"]?.string ?? "info"
            let message = Terminal.safe(node["message"]?.string ?? "")
            print(
                "\(stamp)  \(level == "error" ? terminal.coloured(message, .red) : level == "warn" ? terminal.coloured(message, .yellow) : message)"
            )
        }
    }
}

package import ArgumentParser
import Glibc
import JSON
import Jobs
import Spool
import Storage

/// `tala list`: all jobs, a line each.
package struct List: ParsableCommand {
    package static let configuration = CommandConfiguration(abstract: "List the jobs of a spool, the oldest first.")
    @OptionGroup var options: SpoolOptions
    @Option(
        help: "Only jobs in this state; may be repeated: \(JobState.allCases.map(\.rawValue).joined(separator: ", ")).",
        completion: .list(JobState.allCases.map(\.rawValue)))
    var state: [String] = []
    @Option(help: "Only the newest jobs, this many.") var limit: Int?

    package init() {}

    package func validate() throws {
        for word in state where JobState(rawValue: word) == nil {
            throw ValidationError("--state is one of \(JobState.allCases.map(\.rawValue).joined(separator: ", ")), not \"\(word)\"")
        }
        if let limit, limit < 0 { throw ValidationError("--limit is a number from 0 on, not \(limit)") }
    }

    package func run() throws {
        let layout = try options.opened()
        let wanted = JobListing.statuses(layout).filter { state.isEmpty || state.contains($0.state.rawValue) }
        let statuses = limit.map { Array(wanted.suffix($0)) } ?? wanted
        let presence = DaemonPresence(layout)
        if options.json {
            try StandardOutput.json([
                "object": "list", "data": JSONNode(statuses.map(\.json)), "has_more": JSONNode(statuses.count < wanted.count),
                "daemon_running": JSONNode(presence.isRunning),
            ])
            return
        }
        let lines =
            statuses.isEmpty
            ? ["no jobs in \(layout.jobs)" + (state.isEmpty ? "" : " that are \(state.joined(separator: " or "))")]
            : JobTable(terminal: Terminal(), now: time(nil)).lines(statuses)
        try StandardOutput.line(lines.joined(separator: "\n"))
        if !presence.isRunning { StandardError.write(presence.warning + "\n") }
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

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
    @Option(help: "Only the newest jobs, this many; with --group the best ones.") var limit: Int?
    @Option(
        help: ArgumentHelp("Only the jobs of one sweep, the best first: the group's name, or its end.", valueName: "name"))
    var group: String?
    @Option(
        help: ArgumentHelp(
            "With --group: the validation figure that decides: loss, accuracy, a column of the method's own, or a figure of evaluation.json.",
            valueName: "name"))
    var metric: String?

    package init() {}

    package func validate() throws {
        for word in state where JobState(rawValue: word) == nil {
            throw ValidationError("--state is one of \(JobState.allCases.map(\.rawValue).joined(separator: ", ")), not \"\(word)\"")
        }
        if metric != nil, group == nil { throw ValidationError("--metric ranks the jobs of a --group") }
        if let limit, limit < 0 { throw ValidationError("--limit is a number from 0 on, not \(limit)") }
    }

    package func run() throws {
        let layout = try options.opened()
        if let group { return try rank(group, layout) }
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

    /// Shows the jobs of a sweep in the order of their figures.
    private func rank(_ group: String, _ layout: SpoolLayout) throws {
        let found = try SweepGroup(group, layout)
        let ranking = try SweepRanking(found.statuses, layout, metric: metric)
        let wanted = ranking.filtered { state.isEmpty || state.contains($0.state.rawValue) }
        let shown = wanted.first(limit)
        let presence = DaemonPresence(layout)
        if options.json {
            try StandardOutput.json([
                "object": "list", "group": JSONNode(found.name), "metric": JSONNode(ranking.metric),
                "data": JSONNode(shown.places.map(\.status.json)), "ranking": shown.json,
                "has_more": JSONNode(shown.places.count < wanted.places.count), "daemon_running": JSONNode(presence.isRunning),
            ])
            return
        }
        try StandardOutput.line(shown.table.text())
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

package import ArgumentParser
import Glibc
import JSON
import Jobs
import Spool
import Storage

/// Set when the user presses Control-C: the job goes on, following ends.
nonisolated(unsafe) private var interrupted: sig_atomic_t = 0

/// `tala logs`: the events and steps of a job, also as they come.
package struct Logs: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Show a job's events and steps, also as they come.",
        discussion: """
            With --follow until the job has ended; Control-C ends following, not the job, with exit code 130. With --json and without --follow one object is \
            printed, as by events; with both an event or a step is one object a line.
            """)
    @OptionGroup var options: SpoolOptions
    @Flag(name: .shortAndLong, help: "Go on until the job has ended.") var follow = false
    @Flag(help: "Show every step too: loss, learning rate, speed.") var steps = false
    @Option(name: [.customShort("n"), .long], help: "Begin with this many of the newest lines.") var lines: Int?
    @Argument(help: "The job's id, or its end; the newest job if left out.", completion: JobCompletion.all) var job: String?

    package init() {}

    package func validate() throws {
        if let lines, lines < 0 { throw ValidationError("--lines is a number from 0 on, not \(lines)") }
    }

    package func run() throws {
        let folder = try options.jobOrNewest(job)
        signal(SIGINT) { _ in interrupted = 1 }
        var events = GrowingFile(path: folder.eventsFile)
        var rows = StepLines(path: folder.metricsFile)
        // The state is read first: what a job writes before it ends is then surely shown.
        var isOver = folder.status()?.state.isOver ?? true
        var entries = entries(&events, &rows)
        if let lines { entries = Array(entries.suffix(lines)) }
        if options.json, !follow {
            return try StandardOutput.json(["object": "list", "data": JSONNode(entries.map(\.json)), "has_more": false])
        }
        try show(entries)
        guard follow else { return }
        while !isOver {
            guard interrupted == 0 else { throw CommandExit.interrupted.code }
            usleep(250_000)
            isOver = folder.status()?.state.isOver ?? true
            try show(self.entries(&events, &rows))
        }
    }

    private func entries(_ events: inout GrowingFile, _ rows: inout StepLines) -> [LogEntry] {
        let texts = events.newLines().compactMap { line in
            (try? JSONParser().parse(Array(line.utf8))).map { LogEntry(json: $0, text: nil) }
        }
        guard steps else { return texts }
        return texts + rows.newSteps().map { LogEntry(json: $0.json, text: $0.text) }
    }

    private func show(_ entries: [LogEntry]) throws {
        guard !entries.isEmpty else { return }
        let events = EventText(terminal: Terminal())
        let lines = entries.map { options.json ? JSONWriter().string($0.json) : $0.text ?? events.line($0.json) }
        try StandardOutput.line(lines.joined(separator: "\n"))
    }
}

/// An event, or a step with its text.
private struct LogEntry {
    var json: JSONNode
    var text: String?
}

extension JobState {
    /// Nothing more is written until somebody asks for it.
    fileprivate var isOver: Bool { isFinal || self == .paused }
}

/// A file that another process writes line by line: gives the lines that have been added.
struct GrowingFile {
    let path: String
    private var shown = 0

    init(path: String) { self.path = path }

    /// Whole lines since the last call; a file that is shorter than before is read from its
    /// beginning.
    mutating func newLines() -> [String] {
        guard let bytes = try? DurableFiles.read(path), let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
        if end + 1 < shown { shown = 0 }
        defer { shown = end + 1 }
        return bytes[shown..<(end + 1)].split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
    }
}

import Jobs
import Spool
import Storage

/// A job's progress in one line. What matters least is left out on a narrow terminal.
struct WatchLine {
    let status: JobStatus
    /// The training losses of all steps so far.
    let losses: [Double]
    let daemonRuns: Bool

    /// A part of the line; the lower its rank, the later it is left out.
    private struct Part {
        var rank: Int
        var text: String
    }

    static func losses(_ folder: JobFolder) -> [Double] {
        guard let bytes = try? DurableFiles.read(folder.metricsFile) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst().compactMap { line in
            line.split(separator: ",", omittingEmptySubsequences: false).dropFirst().first.flatMap { Double($0) }
        }
    }

    /// The line in less than `width` columns: many terminals begin a new line once the last column
    /// is written.
    func text(width: Int) -> String {
        let room = max(1, width == .max ? width : width - 1)
        var parts = parts(sparklineWidth: max(8, min(40, room - 75)))
        func joined() -> String { parts.map(\.text).joined(separator: "  ") }
        while parts.count > 1, DisplayWidth.of(joined()) > room, let last = parts.map(\.rank).max() {
            parts.removeAll { $0.rank == last }
        }
        return DisplayWidth.fitting(joined(), room)
    }

    private func parts(sparklineWidth: Int) -> [Part] {
        let dead = daemonRuns ? [] : [Part(rank: 0, text: "no daemon is running")]
        let progress = status.progress
        guard progress.totalSteps > 0, status.state == .running || status.state.isFinal, status.reason != .validatedOnly else {
            guard let reading = status.reading, reading.byteCount > 0 else {
                return [Part(rank: 2, text: status.id), Part(rank: 1, text: Self.state(status))] + dead
            }
            let share = Double(reading.bytesDone) / Double(reading.byteCount)
            return [
                Part(rank: 3, text: Terminal.bar(share, width: 20)), Part(rank: 1, text: "reading \(Terminal.safe(reading.file))"),
                Part(rank: 2, text: "\(reading.exampleCount) examples"),
            ] + dead
        }
        var parts = [
            Part(rank: 5, text: Terminal.bar(Double(progress.step) / Double(max(1, progress.totalSteps)), width: 20)),
            Part(rank: 1, text: "\(progress.step)/\(progress.totalSteps)"),
        ]
        if let loss = progress.trainLoss { parts.append(Part(rank: 2, text: "loss " + Terminal.decimal(loss, 4))) }
        if !losses.isEmpty { parts.append(Part(rank: 7, text: Terminal.sparkline(losses, width: sparklineWidth))) }
        if let loss = progress.validLoss { parts.append(Part(rank: 4, text: "valid " + Terminal.decimal(loss, 4))) }
        if let speed = progress.tokensPerSecond { parts.append(Part(rank: 6, text: "\(Int(min(max(0, speed), 1e15))) tok/s")) }
        if status.state == .running, let seconds = progress.remainingSeconds {
            parts.append(Part(rank: 3, text: Terminal.duration(seconds) + " left"))
        }
        if status.state.isFinal { parts.append(Part(rank: 0, text: status.state.rawValue)) }
        return parts + dead
    }

    /// The state with the reason of a pause, or of an end without training.
    static func state(_ status: JobStatus) -> String {
        let isSaid = status.state == .paused || status.reason == .validatedOnly
        return status.state.rawValue + (isSaid ? status.reason.map { " (\($0.rawValue))" } ?? "" : "")
    }
}

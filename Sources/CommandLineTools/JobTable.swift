import Glibc
import Jobs
import Spool

/// The jobs of a spool as a table: a line each, columns as wide as they must be. On a narrow
/// terminal what matters least is left out, and of ids only the end is shown, which every command
/// takes.
struct JobTable {
    let terminal: Terminal
    /// Seconds since 1970.
    let now: Int

    /// Columns that a narrow terminal goes without, the first one first: owner, age, time left,
    /// progress, loss.
    private static let dispensable = [5, 6, 4, 2, 3]
    private static let header = ["JOB", "STATE", "PROGRESS", "LOSS", "LEFT", "OWNER", "AGE", "MODEL"]

    func lines(_ statuses: [JobStatus]) -> [String] {
        var rows = statuses.map(cells)
        var widths = Self.header.indices.map { column in ([Self.header] + rows).map { $0[column].count }.max() ?? 0 }
        var columns = Array(Self.header.indices)
        func isTooWide() -> Bool { terminal.outputWidth.map { columns.reduce(-2) { $0 + widths[$1] + 2 } > $0 } ?? false }
        if isTooWide() {
            // Jobs differ in the ends of their ids.
            for row in rows.indices { rows[row][0] = "…" + String(rows[row][0].suffix(10)) }
            widths[0] = 11
        }
        for column in Self.dispensable where isTooWide() { columns.removeAll { $0 == column } }
        if isTooWide(), let width = terminal.outputWidth, let last = columns.last {
            let room = max(8, width - columns.dropLast().reduce(0) { $0 + widths[$1] + 2 })
            for row in rows.indices where rows[row][last].count > room { rows[row][last] = String(rows[row][last].prefix(room - 1)) + "…" }
        }
        func line(_ cells: [String], _ colour: (Int) -> Terminal.Colour?) -> String {
            let padded = columns.map { column in
                // The last column ends the line.
                let text =
                    column == columns.last
                    ? cells[column] : cells[column] + String(repeating: " ", count: widths[column] - cells[column].count)
                return colour(column).map { terminal.coloured(text, $0) } ?? text
            }
            return padded.joined(separator: "  ")
        }
        return [line(Self.header) { _ in .grey }]
            + zip(statuses, rows).map { status, cells in line(cells) { $0 == 1 ? status.state.colour : $0 == 0 ? .grey : nil } }
    }

    private func cells(_ status: JobStatus) -> [String] {
        let progress = status.progress
        let share = progress.totalSteps > 0 ? Double(progress.step) / Double(progress.totalSteps) : 0
        let bar =
            progress.totalSteps > 0 && progress.step > 0 ? Terminal.bar(share, width: 10) + " \(Int((share * 100).rounded(.down))) %" : "-"
        let state = WatchLine.state(status)
        return [
            status.id, state, bar, progress.trainLoss.map { Terminal.decimal($0, 4) } ?? "-",
            status.state == .running ? progress.remainingSeconds.map(Terminal.duration) ?? "-" : "-", Self.owner(status.owner),
            Self.age(now - status.createdAt), Self.model(status) + (status.suffix.map { " (\(Terminal.safe($0)))" } ?? ""),
        ]
    }

    /// The model, which a job that was lost does not know any more.
    static func model(_ status: JobStatus) -> String { status.model.isEmpty ? "-" : Terminal.safe(status.model) }

    /// A user's name, or the number where there is none.
    static func owner(_ user: Int?) -> String {
        guard let user, let number = uid_t(exactly: user) else { return "-" }
        return SystemAccounts.name(ofUser: number).map { Terminal.safe($0) } ?? "\(user)"
    }

    static func age(_ seconds: Int) -> String {
        let seconds = max(0, seconds)
        if seconds < 120 { return "\(seconds) s" }
        if seconds < 7200 { return "\(seconds / 60) min" }
        return seconds < 172_800 ? "\(seconds / 3600) h" : "\(seconds / 86_400) d"
    }
}

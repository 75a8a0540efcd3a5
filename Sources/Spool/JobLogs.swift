import Glibc
package import JSON
package import Jobs
package import Storage

/// The events of a job, numbered, one line each. Daemon and worker may both write to it.
package final class EventLog {
    private let log: AppendLog
    private let job: String
    /// Bytes of a line: up to here one write is one piece.
    static let lineLimit = 4096

    /// - Throws: ``StorageError``.
    package init(_ folder: JobFolder) throws(StorageError) {
        job = folder.id
        log = try AppendLog(path: folder.eventsFile)
    }

    package func append(_ level: JobEvent.Level, _ code: EventCode, _ message: String, data: JSONNode? = nil, at time: Int)
        throws(StorageError)
    {
        try log.append { number in
            var event = JobEvent(sequence: number, createdAt: time, level: level, code: code, message: message, data: data)
            var line = JSONWriter().string(event.json(job: job))
            if line.utf8.count >= Self.lineLimit, data != nil {
                event.data = nil
                line = JSONWriter().string(event.json(job: job))
            }
            // What JSON makes of a character has six bytes at most.
            if line.utf8.count >= Self.lineLimit {
                event.message = String(message.prefix(500)) + "…"
                line = JSONWriter().string(event.json(job: job))
            }
            return line
        }
    }

    /// Makes all events durable; to be done before a status says that the job has ended.
    package func sync() throws(StorageError) { try log.sync() }
}

/// The metrics of a job: a header and a line a step.
package final class MetricsLog {
    private let log: AppendLog
    private let path: String
    private let otherCount: Int
    /// The steps that were kept from earlier runs.
    package let rows: [MetricsRow]

    /// Opens the file with the lines of the steps up to `step`; later ones, which a resumed run
    /// does again, are dropped.
    /// - Throws: ``StorageError``.
    /// - Parameter others: names of columns that only some jobs have.
    package init(_ folder: JobFolder, keepingThrough step: Int, others: [String] = []) throws(StorageError) {
        (path, otherCount) = (folder.metricsFile, others.count)
        rows = step > 0 && FolderListing.exists(path) ? try Self.rows(path, through: step, others.count) : []
        let lines = [MetricsRow.header(with: others)] + rows.map(\.line)
        try DurableFiles.replace(folder.metricsFile, with: lines.joined(separator: "\n") + "\n")
        log = try AppendLog(path: folder.metricsFile)
    }

    package func append(_ row: MetricsRow) throws(StorageError) { try log.append(row.line) }

    /// The rows of all steps up to `step` that are in the file.
    package func rows(through step: Int) throws(StorageError) -> [MetricsRow] { try Self.rows(path, through: step, otherCount) }

    private static func rows(_ path: String, through step: Int, _ otherCount: Int) throws(StorageError) -> [MetricsRow] {
        let text = String(decoding: try DurableFiles.read(path, limit: 1 << 30), as: UTF8.self)
        // A line that a crash cut off is not a row.
        return text.split(separator: "\n").dropFirst().compactMap { MetricsRow(line: $0) }.filter {
            $0.step <= step && $0.others.count == otherCount
        }
    }

    /// Makes all lines durable; to be done before a checkpoint or a status says that their steps
    /// are.
    package func sync() throws(StorageError) { try log.sync() }
}

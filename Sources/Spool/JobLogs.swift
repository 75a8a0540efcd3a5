import Glibc
public import JSON
public import Jobs
public import Storage

/// The events of a job, numbered, one line each.
public final class EventLog {
    private let log: AppendLog
    private let job: String
    private var sequence: Int

    /// - Throws: ``StorageError``.
    public init(_ folder: JobFolder) throws(StorageError) {
        job = folder.id
        log = try AppendLog(path: folder.eventsFile)
        sequence = (try DurableFiles.read(folder.eventsFile, limit: 1 << 30)).reduce(0) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
    }

    public func append(_ level: JobEvent.Level, _ message: String, data: JSONNode? = nil, at time: Int) throws(StorageError) {
        sequence += 1
        let event = JobEvent(sequence: sequence, createdAt: time, level: level, message: message, data: data)
        try log.append(JSONWriter().string(event.json(job: job)))
    }
}

/// The metrics of a job: a header and a line a step.
public final class MetricsLog {
    private let log: AppendLog

    /// Opens the file with the lines of the steps up to `step`; later ones, which a resumed run does again, are dropped.
    /// - Throws: ``StorageError``.
    public init(_ folder: JobFolder, keepingThrough step: Int) throws(StorageError) {
        var kept = MetricsRow.header + "\n"
        if step > 0, let old = try? DurableFiles.read(folder.metricsFile, limit: 1 << 30) {
            for line in String(decoding: old, as: UTF8.self).split(separator: "\n").dropFirst() {
                let fields = line.split(separator: ",", omittingEmptySubsequences: false)
                // A line that a crash cut off has too few fields.
                if let number = fields.first.flatMap({ Int($0) }), number <= step,
                    fields.count == MetricsRow.header.split(separator: ",").count
                {
                    kept += line + "\n"
                }
            }
        }
        try DurableFiles.replace(folder.metricsFile, with: kept)
        log = try AppendLog(path: folder.metricsFile)
    }

    public func append(_ row: MetricsRow) throws(StorageError) { try log.append(row.line) }
}

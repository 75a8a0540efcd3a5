import Spool
import Storage

/// The number of the form that a spool's files have, in `.format`.
enum SpoolFormat {
    /// A spool without a number is of the first form, or new. Its jobs get their ledgers when they
    /// are recovered.
    /// - Throws: `TalaDaemon.StartError` where a later program has worked on the spool;
    ///   ``StorageError``.
    static func check(_ layout: SpoolLayout) throws {
        let found: String
        do throws(StorageError) { found = String(decoding: try DurableFiles.read(layout.formatFile, limit: 64), as: UTF8.self) } catch {
            guard error.isMissing else { throw error }
            return try write(layout)
        }
        let word = found.split(whereSeparator: \.isWhitespace).first.map(String.init) ?? ""
        // What a crash or a bit has made unreadable says nothing of a later program.
        let number = Int(word) ?? 0
        if number > SpoolLayout.format { throw TalaDaemon.StartError.newerSpool(layout.root, format: word) }
        // First of all: no earlier program may work on a spool of which some jobs are already of
        // this form.
        if number < SpoolLayout.format { try write(layout) }
    }

    private static func write(_ layout: SpoolLayout) throws(StorageError) {
        try DurableFiles.replace(layout.formatFile, with: "\(SpoolLayout.format)\n")
    }
}

import JSON
package import Storage

/// A job's file of events for TensorBoard: figures by step, exact also after a run was taken up
/// again.
///
/// A run that is taken up writes a new file that begins with what still holds of the old one, and
/// then removes that: no step is there twice. A TensorBoard that watches goes on to the new file
/// and is told to forget what it had.
package final class EventFile {
    private let file: ResumedFile

    private static let prefix = "events.out.tfevents."
    private static let limit = 1 << 30

    /// Opens the file of a folder, which is made if it is not there.
    /// - Parameters:
    ///   - step: the last step that holds; those behind it are done again.
    ///   - time: seconds since 1970.
    /// - Throws: ``StorageError``.
    package init(_ folder: String, name: String, keepingThrough step: Int, at time: Double) throws(StorageError) {
        try DurableFiles.makeFolder(folder)
        let old = try FolderListing.names(in: folder).filter { $0.hasPrefix(Self.prefix) }
        var kept: [[UInt8]] = []
        if let newest = old.last {
            let records = RecordFile.records(try DurableFiles.read(folder + "/" + newest, limit: Self.limit))
            kept = records.filter { record in ScalarEvent.step(of: record).map { $0 > 0 && $0 <= step } ?? false }
        }
        // Readers go through the files in the order of their names.
        let last = old.last.flatMap { Int($0.dropFirst(Self.prefix.count).prefix { $0 != "." }) } ?? 0
        let seconds = max(Int(max(0, min(time, 9e9))), last + 1)
        let digits = String(repeating: "0", count: max(0, 10 - "\(seconds)".count)) + "\(seconds)"
        let path = "\(folder)/\(Self.prefix)\(digits).\(name)"
        let beginning = [ScalarEvent.fileVersion(at: time)] + (old.isEmpty ? [] : [ScalarEvent.restart(at: time)]) + kept
        let bytes = beginning.flatMap(RecordFile.framed)
        try bytes.withBytes { buffer throws(StorageError) in
            try DurableFiles.replace(path, with: UnsafeRawBufferPointer(buffer), durably: false)
        }
        for name in old { try DurableFiles.remove(folder + "/" + name) }
        file = try ResumedFile(path)
    }

    /// Adds a step's figures in one piece.
    package func append(step: Int, _ values: [(tag: String, value: Double)], at time: Double) throws(StorageError) {
        let record = RecordFile.framed(ScalarEvent.scalars(step: step, values, at: time))
        try record.withBytes { buffer throws(StorageError) in try file.append(UnsafeRawBufferPointer(buffer)) }
    }
}

import Glibc
import JSON
import Storage
package import Tokenization

/// Reads a file into a ``Dataset``, checking every line.
package struct DatasetReader: Sendable {
    package let encoder: ChatEncoder
    package var options: DatasetOptions
    private let modelFolder: String
    private let cache: DatasetCache?
    private let temporaryFolder: String?

    /// - Parameters:
    ///   - modelFolder: the folder that the encoder was read from: its files are part of the
    ///     cache's key.
    ///   - cache: nil keeps nothing.
    ///   - temporaryFolder: where examples lie that are not kept; nil takes that of the process
    ///     (TMPDIR).
    package init(
        encoder: ChatEncoder, options: DatasetOptions, modelFolder: String, cache: DatasetCache? = nil, temporaryFolder: String? = nil
    ) {
        self.encoder = encoder
        self.options = options
        self.modelFolder = modelFolder
        self.cache = cache
        self.temporaryFolder = temporaryFolder
    }

    private struct Refused: Error { var report: ValidationReport }

    /// Reads all lines, or takes what was read before from the cache.
    /// - Parameters:
    ///   - name: the file's name for messages; nil takes the path's last part.
    ///   - digest: the file's SHA-256, where it is known; it is read for it otherwise, if there is
    ///     a cache.
    ///   - progress: called now and then while the file is read; what it throws ends the reading.
    /// - Returns: the examples, or nil where anything is wrong; the report says what is wrong.
    /// - Throws: ``StorageError`` where the cache or a temporary folder cannot be written to, and
    ///   what `progress` throws.
    package func read(
        _ path: String, name: String? = nil, digest known: String? = nil, progress: ((DatasetProgress) throws -> Void)? = nil
    ) throws -> (dataset: Dataset?, report: ValidationReport) {
        let name = name.map { DurableFiles.split($0).name } ?? DurableFiles.split(path).name
        let builder = DatasetBuilder(encoder: encoder, options: options, path: path, name: name, progress: progress)
        if let cache, cache.prepare() {
            // A file that cannot be hashed cannot be read either: the builder says why.
            if let digest = known ?? (try? cache.digests.digest(path)) {
                let key = try cache.key(dataDigest: digest, name: name, modelFolder: modelFolder, encoder, options: options)
                if let (store, report) = cache.open(key, name: name) { return (Dataset(store: store), report) }
                let (store, report) = try build(builder, in: cache.path(key), expecting: digest)
                if store != nil { cache.keep(key) }
                return (store.map { Dataset(store: $0) }, report)
            }
        }
        let folder = try TemporaryFolder(in: temporaryFolder)
        let (store, report) = try build(builder, in: folder.path + "/data", expecting: nil)
        // The files stay as long as they are mapped.
        return (store.map { Dataset(store: $0) }, report)
    }

    /// - Returns: the examples, nil where something is wrong. They are mapped before the folder
    ///   gets its name: whatever other processes do with a folder of that name does not concern
    ///   them.
    private func build(
        _ builder: DatasetBuilder, in folder: String, expecting digest: String?
    ) throws -> (store: ExampleStore?, report: ValidationReport) {
        do {
            var built: (store: ExampleStore, report: ValidationReport)?
            try WholeFolder.build(folder, keepsWhole: true) { temporary in
                var report = try builder.build(into: temporary)
                if report.isValid, let digest, digest != report.digest {
                    report.add(
                        DatasetProblem(
                            kind: "data_changed", file: builder.name,
                            "was changed while it was read: write data elsewhere and rename it into place"))
                }
                guard report.isValid else { throw Refused(report: report) }
                try DurableFiles.replace(temporary + "/report.json", with: JSONWriter().string(report.json) + "\n")
                built = (try ExampleStore(folder: temporary), report)
            }
            return (built?.store, built?.report ?? ValidationReport(file: builder.name))
        } catch let refused as Refused {
            return (nil, refused.report)
        }
    }

    /// Adds to a validation file's report how many of its examples stand in the training file too.
    package static func compare(_ report: inout ValidationReport, _ validation: Dataset, with training: Dataset) {
        let found = Repetitions.of(validation, in: training)
        report.leakedCount = found.count
        report.leakedLines = found.lines.map { [$0.line, $0.first] }
    }
}

/// A folder that is deleted with its last owner.
final class TemporaryFolder {
    let path: String

    /// - Throws: ``StorageError``.
    init(in folder: String?) throws(StorageError) {
        let base = folder ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/tala-data-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw StorageError(operation: "create folder", path: "\(base)/tala-data-XXXXXX") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { FolderListing.delete(path) }
}

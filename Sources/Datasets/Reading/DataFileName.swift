/// What a data file's name says about its content.
package enum DataFileName {
    /// The endings by which a file is read, for a copy under another name: `.jsonl`, `.txt.gz` ...
    package static func suffix(of path: String) -> String {
        let packed = path.hasSuffix(".gz") ? ".gz" : ""
        let base = packed.isEmpty ? path : String(path.dropLast(3))
        return ([".txt", ".json", ".jsonl", ".ndjson"].first { base.hasSuffix($0) } ?? ".text") + packed
    }

    /// Whether a file for pretraining holds plain text; otherwise it holds JSON.
    static func isPlainText(_ name: String) -> Bool { suffix(of: name).hasPrefix(".t") }
}

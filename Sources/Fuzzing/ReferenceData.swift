import Foundation

/// The reference data (shared/golden) from which more inputs are made, where it is beside the checkout or TALA_SHARED names it.
public enum ReferenceData {
    public static let folder: String? = {
        var candidates: [String] = []
        if let named = ProcessInfo.processInfo.environment["TALA_SHARED"] { candidates.append(named + "/golden") }
        var url = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        while url.path != "/" {
            url.deleteLastPathComponent()
            if FileManager.default.fileExists(atPath: url.path + "/Package.swift") {
                candidates.append(url.deletingLastPathComponent().path + "/shared/golden")
                break
            }
        }
        return candidates.first { FileManager.default.fileExists(atPath: $0) }
    }()

    /// The files of a target's folders, at most 1 MiB each.
    public static func inputs(of target: FuzzTarget) -> [[UInt8]] {
        guard let folder else { return [] }
        var found: [[UInt8]] = []
        for (path, suffix) in target.folders {
            guard let walk = FileManager.default.enumerator(atPath: folder + "/" + path) else { continue }
            for case let name as String in walk where name.hasSuffix(suffix) {
                guard let data = FileManager.default.contents(atPath: folder + "/" + path + "/" + name), data.count <= 1 << 20 else {
                    continue
                }
                // Of a file of lines each is an input, as is the whole.
                if name.hasSuffix(".jsonl") { found += data.split(separator: 0x0A).prefix(50).map { Array($0) } }
                found.append(Array(data))
            }
        }
        // The order of a folder's entries is the file system's; the inputs shall be the same everywhere.
        return found.sorted { $0.lexicographicallyPrecedes($1) }
    }
}

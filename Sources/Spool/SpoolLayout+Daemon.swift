import JSON
import Storage

extension SpoolLayout {
    /// The folders that manifests may name files in by absolute paths, as the daemon wrote them
    /// down; nil if none has worked here that did.
    package var allowedRoots: [String]? {
        guard let bytes = try? DurableFiles.read(daemonFile, limit: 1 << 20), let node = try? JSONParser().parse(bytes) else { return nil }
        return node["allowed_roots"]?.array?.compactMap(\.string)
    }
}

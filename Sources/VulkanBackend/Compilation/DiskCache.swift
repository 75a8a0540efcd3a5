import Glibc
import JSON
import Storage

/// Compiled shaders and pipelines kept between runs, in `$XDG_CACHE_HOME/tala` or `~/.cache/tala`.
///
/// Each file begins with the SHA-256 of what follows: a damaged one is as good as none. A failure
/// here costs time, nothing else.
struct DiskCache: Sendable {
    private let folder: String?

    /// - Parameter folder: an existing one; nil keeps nothing.
    init(folder: String?) { self.folder = folder }

    init() {
        let base =
            getenv("XDG_CACHE_HOME").map { String(cString: $0) }
            ?? getenv("HOME").map { String(cString: $0) + "/.cache" }
        guard let base, base.hasPrefix("/") else {
            folder = nil
            return
        }
        try? DurableFiles.makeFolder(base, mode: 0o700)
        try? DurableFiles.makeFolder(base + "/tala", mode: 0o700)
        folder = base + "/tala"
    }

    /// The content of an entry, or nil if there is none or it is damaged.
    func read(_ name: String) -> [UInt8]? {
        guard let folder, let bytes = try? DurableFiles.read(folder + "/" + name, limit: 256 << 20), bytes.count > 64 else {
            return nil
        }
        let content = Array(bytes[64...])
        return SHA256.hexadecimal(of: content).utf8.elementsEqual(bytes[..<64]) ? content : nil
    }

    func write(_ name: String, _ content: [UInt8]) {
        guard let folder, !content.isEmpty else { return }
        let bytes = Array(SHA256.hexadecimal(of: content).utf8) + content
        try? bytes.withBytes { buffer throws(StorageError) in
            try DurableFiles.replace(folder + "/" + name, with: UnsafeRawBufferPointer(buffer), mode: 0o600)
        }
    }
}

import Foundation
import Storage

/// Engines as units of systemd: a file names an engine's arguments, and a path unit starts
/// `tala-engine@NAME` for it; the server itself has no devices and may not talk to systemd.
struct EngineUnits: Sendable {
    let folder: String

    /// Forgets what an earlier server has asked for.
    init(folder: String) throws {
        self.folder = folder
        try DurableFiles.makeFolder(folder, mode: 0o750)
        for name in (try? FolderListing.names(in: folder)) ?? [] { FolderListing.delete(folder + "/" + name) }
    }

    func socket(_ name: String) -> String { "\(folder)/\(name).sock" }
    private func ended(_ name: String) -> String { "\(folder)/\(name).ended" }

    /// Asks for an engine.
    /// - Parameter arguments: of the program, without line feeds.
    /// - Returns: why it cannot be asked for; nil if it was.
    func start(_ name: String, _ arguments: [String]) -> String? {
        guard !arguments.contains(where: { $0.contains("\n") }) else { return "an argument has a line feed" }
        FolderListing.delete(ended(name))
        do {
            try DurableFiles.replace("\(folder)/\(name).args", with: arguments.joined(separator: "\n") + "\n", mode: 0o640, durably: false)
            return nil
        } catch { return "\(error)" }
    }

    /// How an engine has ended, in systemd's words; nil while it has not.
    func end(_ name: String) -> String? {
        guard let bytes = try? DurableFiles.read(ended(name), limit: 4096) else { return nil }
        let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return "the unit tala-engine@\(name) has ended (\(words)): journalctl -u tala-engine@\(name) says more"
    }

    func stop(_ name: String) {
        for suffix in ["args", "ended", "sock"] { FolderListing.delete("\(folder)/\(name).\(suffix)") }
    }
}

import Glibc
import Storage

/// Where the programs of an installation lie: side by side, as they are built, or the worker in
/// `libexec/tala` beside `bin`, since nobody but the daemon starts it.
package struct InstalledPrograms {
    /// The folder of the program that asks.
    let folder: String

    package init(folder: String) { self.folder = folder }

    /// Those that this program belongs to.
    package static var own: InstalledPrograms {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let path = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return InstalledPrograms(folder: DurableFiles.split(path).folder)
    }

    package var daemon: String { folder + "/talad" }

    package var worker: String { place(of: "tala-worker") }

    /// The program of one of several processes of a job, which is a package of its own; nil where
    /// it is not installed.
    package var rank: String? {
        let path = place(of: "tala-rank")
        return access(path, X_OK) == 0 ? path : nil
    }

    private func place(of name: String) -> String {
        let beside = folder + "/" + name
        let installed = DurableFiles.split(folder).folder + "/libexec/tala/" + name
        return access(beside, X_OK) != 0 && access(installed, X_OK) == 0 ? installed : beside
    }

    /// Those that cannot be started.
    package var missing: [String] { [daemon, worker].filter { access($0, X_OK) != 0 } }
}

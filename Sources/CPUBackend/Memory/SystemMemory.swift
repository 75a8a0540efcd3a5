import Glibc

/// What this machine, or the control group that the process runs in, lets the process have.
enum SystemMemory {
    /// The machine's memory or the lowest `memory.max` of the process's control groups (version 2),
    /// whichever is less; nil where neither is known.
    static var byteCount: Int? {
        var least: Int?
        let (pages, size) = (sysconf(Int32(_SC_PHYS_PAGES)), sysconf(Int32(_SC_PAGESIZE)))
        if pages > 0, size > 0 {
            let (bytes, overflow) = pages.multipliedReportingOverflow(by: size)
            if !overflow { least = bytes }
        }
        let groups = text("/proc/self/cgroup").split(separator: "\n").filter { $0.hasPrefix("0::") }
        guard var path = groups.first.map({ String($0.dropFirst(3)) }), !path.contains("..") else { return least }
        while true {
            let limit = text("/sys/fs/cgroup" + path + "/memory.max").split(separator: "\n").first.flatMap { Int($0) }
            if let limit, limit > 0 { least = min(least ?? limit, limit) }
            guard let slash = path.lastIndex(of: "/"), path != "/" else { break }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
            if path == "/" { break }
        }
        return least
    }

    /// The first kilobytes of a file of the kernel's; empty if it cannot be read.
    private static func text(_ path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}

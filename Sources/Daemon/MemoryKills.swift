import Storage

/// What the kernel tells of memory that ran out: for the control group that daemon and workers are
/// in, of either version, or for the whole machine.
enum MemoryKills {
    /// Out-of-memory kills so far, or nil where the kernel does not say.
    static func count() -> Int? {
        let kills = group.flatMap {
            line(of: $0.folder + ($0.isUnified ? "/memory.events" : "/memory.oom_control"), startingWith: "oom_kill ")
        }
        return (kills ?? line(of: "/proc/vmstat", startingWith: "oom_kill ")).flatMap { Int($0) }
    }

    /// What was allowed and what was used, human-readable: begins with a comma, or is empty.
    /// - Parameter peakBytes: the most that the worker itself held.
    static func circumstances(peakBytes: Int) -> String {
        var text = peakBytes > 0 ? ", which had held \(mebibytes(peakBytes))" : ""
        if let (folder, bytes, file) = limit {
            let used = ["memory.peak", "memory.max_usage_in_bytes", "memory.current"].lazy.compactMap { name in
                number(folder + "/" + name).map { (name, $0) }
            }.first
            text +=
                "; its control group may hold \(mebibytes(bytes)) (\(file))" + (used.map { " and held \(mebibytes($0.1)) (\($0.0))" } ?? "")
        } else if let total = machineBytes {
            text += "; its control group has no limit, the machine has \(mebibytes(total))"
        }
        return text
    }

    /// Bytes that the daemon and its workers may hold: the nearest limit of a control group, or the
    /// machine's memory; nil where neither can be read.
    static var allowedBytes: Int? { [limit?.bytes, machineBytes].compactMap { $0 }.min() }

    private static var machineBytes: Int? {
        line(of: "/proc/meminfo", startingWith: "MemTotal:")?.split(separator: " ").first.flatMap { Int($0) }
            .flatMap { kibibytes in
                let (bytes, overflows) = kibibytes.multipliedReportingOverflow(by: 1024)
                return overflows ? nil : bytes
            }
    }

    private static func mebibytes(_ bytes: Int) -> String { "\(bytes >> 20) MiB" }

    /// The memory control group of this process.
    private static var group: (folder: String, isUnified: Bool)? {
        if let path = line(of: "/proc/self/cgroup", startingWith: "0::"), FolderListing.exists("/sys/fs/cgroup" + path + "/memory.events") {
            return ("/sys/fs/cgroup" + path, true)
        }
        guard let bytes = try? DurableFiles.read("/proc/self/cgroup", limit: 1 << 20) else { return nil }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, parts[1].split(separator: ",").contains("memory") else { continue }
            let folder = "/sys/fs/cgroup/memory" + parts[2]
            if FolderListing.exists(folder + "/memory.oom_control") { return (folder, false) }
        }
        return nil
    }

    /// The nearest limit above this process: the group's own, or that of one it lies in.
    private static var limit: (folder: String, bytes: Int, file: String)? {
        guard let group else { return nil }
        let name = group.isUnified ? "memory.max" : "memory.limit_in_bytes"
        var folder = group.folder
        while folder.hasPrefix("/sys/fs/cgroup/") {
            // An unset limit is the word max, or a number beyond all memory.
            if let bytes = number(folder + "/" + name), bytes < 1 << 50 { return (folder, bytes, name) }
            folder = DurableFiles.split(folder).folder
        }
        return nil
    }

    private static func number(_ path: String) -> Int? { line(of: path, startingWith: "").flatMap { Int($0) } }

    private static func line(of path: String, startingWith prefix: String) -> String? {
        guard let bytes = try? DurableFiles.read(path, limit: 1 << 20) else { return nil }
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix(prefix) }
        return line.map { String($0.dropFirst(prefix.count)) }
    }
}

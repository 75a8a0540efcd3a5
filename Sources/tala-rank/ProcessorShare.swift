import CLinux
import Glibc
import Ranks

/// How many threads a rank has where several may run on the same processors.
enum ProcessorShare {
    /// The processors that this process may run on, divided among the ranks of its host that may
    /// run on the same; at least 1. Every rank must ask.
    static func threadCount(_ group: any RankGroup) throws -> Int {
        var mask = [UInt64](repeating: 0, count: 128)
        let byteCount = tala_processor_mask(&mask, mask.count * MemoryLayout<UInt64>.size)
        let own = byteCount > 0 ? mask.reduce(0) { $0 + $1.nonzeroBitCount } : max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let key = Array(HostName.own.utf8) + mask.withUnsafeBytes { Array($0) }
        let sharers = try group.gather(key).count { $0 == key }
        return max(1, own / max(1, sharers))
    }
}

import Graph
import JSON
import Preparation
import Profiling
import Spool
import Storage
import Tensors
import Training

/// Where the time of one training step went: by kind of kernel, beside the least that the device
/// could take for the counted arithmetic and memory traffic.
struct StepProfile {
    /// Counts from 1.
    var step: Int
    var tokens: Int
    var device: String
    var times: [ProgramTimes]
    var peaks: DevicePeaks

    /// Measures what the job's device attains at most, in no more memory than the job will take.
    /// - Throws: what the device throws.
    static func peaks(of job: PreparedJob) throws -> DevicePeaks {
        let types = Set([.float32, ElementType(rawValue: job.precision) ?? .float32])
        return try DevicePeaks.measured(on: job.device, types: Array(types), byteLimit: job.plan.arenaBytes + job.plan.persistentBytes)
    }

    /// Writes `profile.json`, every shape on its own, and `profile.txt`, a table of the kinds.
    /// - Throws: ``StorageError``.
    func write(_ folder: JobFolder) throws(StorageError) {
        let seconds = times.reduce(0) { $0 + $1.seconds.reduce(0, +) }
        let products = peaks.operationsPerSecond.sorted { $0.key.rawValue < $1.key.rawValue }
        let node: JSONNode = [
            "step": JSONNode(step), "tokens": JSONNode(tokens), "device": JSONNode(device), "seconds": .rounded(seconds, 7),
            "peaks": [
                "product_operations_per_second": JSONNode(products.map { JSONMember($0.key.rawValue, .rounded($0.value, 0)) }),
                "memory_bytes_per_second": .rounded(peaks.bytesPerSecond, 0),
            ],
            "kernels": ProfileTable(times, peaks, separatesShapes: true).json,
        ]
        try DurableFiles.replace(folder.profileFile, with: JSONWriter(isIndented: true).string(node) + "\n")
        let heading = "step \(step), \(tokens) tokens, on \(device)\n"
        try DurableFiles.replace(folder.profileTable, with: heading + ProfileTable(times, peaks, separatesShapes: false).text + "\n")
    }
}

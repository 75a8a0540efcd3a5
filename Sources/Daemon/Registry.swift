import Glibc
import Jobs
import Spool
import Storage

/// What the daemon knows of all jobs: their states, counted, and what their owners have used.
/// Filled from the jobs' own files at the start.
struct Registry {
    private struct Record {
        var state: JobState
        var owner: Int
        var usage: Usage
        var diskBytes: Int
    }
    private var records: [String: Record] = [:]
    private(set) var counts: [JobState: Int] = [:]
    private var usage: [Int: Usage] = [:]
    private var diskBytes: [Int: Int] = [:]

    /// Tokens that were trained on, of all jobs.
    private(set) var trainedTokens = 0

    func state(_ id: String) -> JobState? { records[id]?.state }

    /// Takes in a job as it is now.
    /// - Parameter diskBytes: the bytes of its folder, if they were counted.
    mutating func note(_ status: JobStatus, diskBytes bytes: Int? = nil) { note(status, in: status.state, diskBytes: bytes) }

    private mutating func note(_ status: JobStatus, in state: JobState, diskBytes bytes: Int?) {
        let old = records[status.id]
        let record = Record(
            state: state, owner: status.owner ?? 0, usage: status.usage, diskBytes: bytes ?? old?.diskBytes ?? 0)
        remove(status.id)
        records[status.id] = record
        add(record, 1)
    }

    /// Takes in what a job at work says of itself: what it has used so far, and whether it is still
    /// being validated or already trains. Until its worker has written a word, its state is what
    /// the daemon made it.
    mutating func noteWork(_ status: JobStatus, diskBytes bytes: Int? = nil) {
        let isAtWork = status.state == .running || status.state == .validatingFiles
        note(status, in: isAtWork ? status.state : records[status.id]?.state ?? status.state, diskBytes: bytes)
    }

    mutating func remove(_ id: String) { if let old = records.removeValue(forKey: id) { add(old, -1) } }

    private mutating func add(_ record: Record, _ sign: Int) {
        counts[record.state, default: 0] += sign
        for (month, amount) in record.usage.months {
            usage[record.owner, default: Usage()].months[month, default: Usage.Amount()] += Usage.Amount(
                trainedTokens: sign * amount.trainedTokens, deviceSeconds: Double(sign) * amount.deviceSeconds)
            trainedTokens &+= sign * amount.trainedTokens
        }
        diskBytes[record.owner, default: 0] &+= sign * record.diskBytes
    }

    /// Takes in what a job used that is no longer there.
    mutating func noteDeleted(_ owner: Int, _ used: Usage) {
        usage[owner, default: Usage()] += used
        trainedTokens &+= used.total.trainedTokens
    }

    func used(by owner: Int, month: String) -> Usage.Amount { usage[owner]?.months[month] ?? Usage.Amount() }
    func diskBytes(of owner: Int) -> Int { diskBytes[owner] ?? 0 }

    /// Bytes of all files of a job.
    static func size(of folder: String) -> Int {
        var total = 0
        for name in (try? FolderListing.names(in: folder)) ?? [] {
            var status = stat()
            guard lstat(folder + "/" + name, &status) == 0 else { continue }
            total &+= status.st_mode & S_IFMT == S_IFDIR ? size(of: folder + "/" + name) : Int(status.st_blocks) &* 512
        }
        return total
    }
}

import JSON
import Jobs
import Spool
import Storage

/// What jobs that have been deleted used, by owner, so that deleting a job does not give its quota
/// back.
enum DeletedUsage {
    private static func path(_ layout: SpoolLayout) -> String { layout.root + "/.usage.json" }

    /// Usage of all deleted jobs, by owner.
    /// - Throws: `StorageError` if the file is there and cannot be read now: to go on without it
    ///   would give quotas back.
    static func read(_ layout: SpoolLayout) throws -> [Int: Usage] {
        let bytes: [UInt8]
        do throws(StorageError) { bytes = try DurableFiles.read(path(layout), limit: 64 << 20) } catch {
            if error.isMissing { return [:] }
            throw error
        }
        guard let node = try? JSONParser().parse(bytes) else { return [:] }
        var all: [Int: Usage] = [:]
        for member in node.object ?? [] { if let owner = Int(member.key) { all[owner] = Usage(json: member.node) } }
        return all
    }

    /// Adds a job's usage before its folder goes.
    static func add(_ status: JobStatus, _ layout: SpoolLayout) throws {
        guard !status.usage.months.isEmpty else { return }
        var all = try read(layout)
        all[status.owner ?? 0, default: Usage()] += status.usage
        let node = JSONNode(all.sorted { $0.key < $1.key }.map { JSONMember("\($0.key)", $0.value.json) })
        try DurableFiles.replace(path(layout), with: JSONWriter(isIndented: true).string(node) + "\n")
    }
}

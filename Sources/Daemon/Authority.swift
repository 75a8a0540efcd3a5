import Glibc
import Jobs
import Manifest
import Spool
import Storage

/// Decides who is who: the policy's names against the system's users and groups.
///
/// Without a policy the spool's owner is admin and the group of `incoming/` may submit. Root and
/// the daemon's own user are always admin.
struct Authority {
    let policy: Policy?
    private let spoolOwner: UInt32
    private let dropGroup: UInt32
    private let users: [UInt32: String]
    private let groups: [(id: UInt32, role: String)]

    /// - Throws: `StartError` if the policy is there and cannot be used: to go on without it would
    ///   give rights away. `StorageError` if it cannot be read for the moment.
    init(_ layout: SpoolLayout, policyFile: String?) throws {
        var status = stat()
        spoolOwner = stat(layout.root, &status) == 0 ? status.st_uid : geteuid()
        dropGroup = stat(layout.incoming, &status) == 0 ? status.st_gid : getegid()
        guard let policyFile, access(policyFile, F_OK) == 0 else {
            (policy, users, groups) = (nil, [:], [])
            return
        }
        do {
            let policy = try Policy(ManifestText(DurableFiles.read(policyFile, limit: 1 << 20), isYAML: !policyFile.hasSuffix(".json")))
            self.policy = policy
            users = Dictionary(policy.users.compactMap { user in Self.user(user.name).map { ($0, user.role) } }) { first, _ in first }
            groups = policy.groups.compactMap { group in Self.group(group.name).map { ($0, group.role) } }
        } catch let error as StorageError where error.isTransient || error.errorNumber == EIO { throw error } catch {
            throw TalaDaemon.StartError.unusablePolicy("\(policyFile): \(error)")
        }
    }

    private static func user(_ name: String) -> UInt32? { UInt32(name) ?? SystemAccounts.user(name) }

    private static func group(_ name: String) -> UInt32? { UInt32(name) ?? SystemAccounts.group(name) }

    /// Names of the groups whose members may submit jobs.
    var submittingGroups: [String] {
        guard let policy else { return [SystemAccounts.name(ofGroup: dropGroup) ?? "\(dropGroup)"] }
        return policy.groups.filter { policy.roles[$0.role]?.rights.contains(.submit) == true }.map(\.name)
    }

    /// A user's role, or nil if there is none for them.
    func role(of submitter: Submitter) -> Policy.Role? {
        if submitter.user == 0 || submitter.user == geteuid() { return Policy.admin }
        guard let policy else {
            if submitter.user == spoolOwner { return Policy.admin }
            return submitter.groups.contains(dropGroup) ? Policy.developer : nil
        }
        let name = users[submitter.user] ?? groups.first { submitter.groups.contains($0.id) }?.role ?? policy.defaultRole
        return name.flatMap { policy.roles[$0] }
    }
}

import Jobs
import Manifest
import Spool

/// Who is who on this spool and what they may do.
final class Users {
    private let layout: SpoolLayout
    private let policyFile: String?
    private var authority: Authority
    /// Users as the system's database had them a minute ago at most.
    private var known: [Int: (submitter: Submitter, time: Double)] = [:]

    /// - Throws: as ``Authority/init(_:policyFile:)``.
    init(_ layout: SpoolLayout, policyFile: String?) throws {
        self.layout = layout
        self.policyFile = policyFile
        authority = try Authority(layout, policyFile: policyFile)
    }

    var policy: Policy? { authority.policy }

    /// Reads the policy again; it stays as it was where it cannot be used.
    func reload() throws {
        authority = try Authority(layout, policyFile: policyFile)
        known = [:]
    }

    func submitter(_ owner: Int) -> Submitter {
        let now = Clock.monotonic()
        if let known = known[owner], now - known.time < 60 { return known.submitter }
        let submitter = Submitter(user: UInt32(exactly: owner) ?? 65_534)
        known[owner] = (submitter, now)
        return submitter
    }

    /// Who may submit jobs, as the end of a refusal; empty where no group may.
    var whoMaySubmit: String {
        let groups = authority.submittingGroups
        return groups.isEmpty ? "" : "; members of the group \(groups.joined(separator: " or ")) may"
    }

    func role(of submitter: Submitter) -> Policy.Role? { authority.role(of: submitter) }
    func role(of owner: Int) -> Policy.Role? { authority.role(of: submitter(owner)) }

    /// Whether somebody may say what is served.
    func mayDeploy(_ owner: Int) -> Bool { role(of: owner)?.rights.contains(.deploy) ?? false }

    /// Whether somebody may control a job: its owner, or whoever may control all.
    func may(_ asker: Int, controlJobOf owner: Int?) -> Bool {
        guard let rights = role(of: asker)?.rights else { return false }
        return rights.contains(.controlAny) || rights.contains(.controlOwn) && asker == owner
    }
}

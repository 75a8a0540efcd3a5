/// Who may do what on a spool, how much of it, what it costs and on which hosts: the
/// administrator's `policy.yaml`.
package struct Policy: Sendable, Hashable {
    package enum Right: String, Sendable, Hashable, CaseIterable {
        case submit
        /// Cancel, pause, resume, checkpoint and delete one's own jobs.
        case controlOwn = "control_own"
        /// The same for everybody's jobs, and to use their results.
        case controlAny = "control_any"
        /// Write deployments.
        case deploy
    }
    /// Upper limits; nil means none.
    package struct Quotas: Sendable, Hashable {
        /// Jobs that wait, those being validated included.
        package var queuedJobs: Int?
        /// Jobs beyond this number wait.
        package var runningJobs: Int?
        package var trainedTokensAMonth: Int?
        package var deviceHoursAMonth: Double?
        /// Bytes of the owner's job folders.
        package var diskBytes: Int?

        package init() {}
    }
    package struct Role: Sendable, Hashable {
        package var name: String
        package var rights: Set<Right>
        package var quotas: Quotas

        package init(name: String, rights: Set<Right>, quotas: Quotas = Quotas()) {
            self.name = name
            self.rights = rights
            self.quotas = quotas
        }
    }
    /// A user or a group and the name of a role.
    package struct Assignment: Sendable, Hashable {
        package var name: String
        package var role: String

        package init(name: String, role: String) {
            self.name = name
            self.role = role
        }
    }

    package static let viewer = Role(name: "viewer", rights: [])
    package static let developer = Role(name: "developer", rights: [.submit, .controlOwn])
    package static let admin = Role(name: "admin", rights: Set(Right.allCases))

    package var roles: [String: Role] = ["viewer": viewer, "developer": developer, "admin": admin]
    package var users: [Assignment] = []
    /// The first group that a user is in decides.
    package var groups: [Assignment] = []
    /// The role of users that neither list names; nil: none.
    package var defaultRole: String?
    package var prices: Prices?
    /// Rates of a device-hour of devices that differ from `prices`, by selector.
    package var deviceHourPrices: [String: Double] = [:]

    /// How jobs of several processes are started.
    package var launch = Launch()

    package init() {}

    /// The prices of a job that names this device.
    package func prices(device: String) -> Prices? {
        guard var prices else { return nil }
        if let hour = deviceHourPrices[device] { prices.deviceHour = hour }
        return prices
    }
}

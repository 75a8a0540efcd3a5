/// Who may do what on a spool, how much of it, and what it costs: the administrator's `policy.yaml`.
public struct Policy: Sendable, Hashable {
    public enum Right: String, Sendable, Hashable, CaseIterable {
        case submit
        /// Cancel, pause, resume, checkpoint and delete one's own jobs.
        case controlOwn = "control_own"
        /// The same for everybody's jobs, and to use their results.
        case controlAny = "control_any"
    }
    /// Upper limits; nil means none.
    public struct Quotas: Sendable, Hashable {
        /// Jobs that wait, those being validated included.
        public var queuedJobs: Int?
        /// Jobs beyond this number wait.
        public var runningJobs: Int?
        public var trainedTokensAMonth: Int?
        public var deviceHoursAMonth: Double?
        /// Bytes of the owner's job folders.
        public var diskBytes: Int?

        public init() {}
    }
    public struct Role: Sendable, Hashable {
        public var name: String
        public var rights: Set<Right>
        public var quotas: Quotas

        public init(name: String, rights: Set<Right>, quotas: Quotas = Quotas()) {
            self.name = name
            self.rights = rights
            self.quotas = quotas
        }
    }
    /// A user or a group and the name of a role.
    public struct Assignment: Sendable, Hashable {
        public var name: String
        public var role: String

        public init(name: String, role: String) {
            self.name = name
            self.role = role
        }
    }

    public static let viewer = Role(name: "viewer", rights: [])
    public static let developer = Role(name: "developer", rights: [.submit, .controlOwn])
    public static let admin = Role(name: "admin", rights: Set(Right.allCases))

    public var roles: [String: Role] = ["viewer": viewer, "developer": developer, "admin": admin]
    public var users: [Assignment] = []
    /// The first group that a user is in decides.
    public var groups: [Assignment] = []
    /// The role of users that neither list names; nil: none.
    public var defaultRole: String?
    public var prices: Prices?
    /// Rates of a device-hour of devices that differ from `prices`, by selector.
    public var deviceHourPrices: [String: Double] = [:]

    public init() {}

    /// The prices of a job that names this device.
    public func prices(device: String) -> Prices? {
        guard var prices else { return nil }
        if let hour = deviceHourPrices[device] { prices.deviceHour = hour }
        return prices
    }
}

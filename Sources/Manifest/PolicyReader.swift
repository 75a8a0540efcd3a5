import JSON

extension Policy {
    /// Reads a policy's text, YAML or JSON.
    /// - Throws: ``ManifestError`` with the key, its place and what would be right.
    package init(_ text: ManifestText) throws(ManifestError) {
        self.init()
        let root = ManifestSection(node: text.root, path: "", text: text)
        try root.allow(["roles", "users", "groups", "default", "prices", "launch"])
        let roleNames = Self.keys(text.root["roles"])
        if let section = try root.section("roles", roleNames) {
            for name in roleNames { roles[name] = try role(name, section) }
        }
        users = try assignments("users", root)
        groups = try assignments("groups", root)
        defaultRole = try root.value("default", .text(limit: 64))
        if let name = defaultRole { try requireRole(name, root, "default") }
        try readPrices(root)
        launch = try Launch(root)
    }

    private static func keys(_ node: JSONNode?) -> [String] { (node?.object ?? []).map(\.key) }

    private func requireRole(_ name: String, _ section: ManifestSection, _ key: String) throws(ManifestError) {
        guard roles[name] == nil else { return }
        throw section.failure(key, "there is no role \"\(name)\"; there are \(roles.keys.sorted().joined(separator: ", "))")
    }

    /// A role that the file describes; what it leaves out of a built-in one stays.
    private func role(_ name: String, _ parent: ManifestSection) throws(ManifestError) -> Role {
        var role = roles[name] ?? Role(name: name, rights: [])
        guard let section = try parent.section(name, ["rights", "quotas"]) else { return role }
        if let words = try section.value("rights", .texts(limit: 64)) {
            role.rights = []
            for word in words {
                guard let right = Right(rawValue: word) else {
                    let known = Right.allCases.map(\.rawValue).joined(separator: ", ")
                    throw section.failure("rights", "there is no right \"\(word)\"; there are \(known)")
                }
                role.rights.insert(right)
            }
        }
        let keys = ["queued_jobs", "running_jobs", "trained_tokens_a_month", "device_hours_a_month", "disk"]
        if let quotas = try section.section("quotas", keys) {
            role.quotas.queuedJobs = try quotas.value("queued_jobs", .integer(0...1_000_000_000))
            role.quotas.runningJobs = try quotas.value("running_jobs", .integer(0...1_000_000))
            role.quotas.trainedTokensAMonth = try quotas.value("trained_tokens_a_month", .integer(0...(1 << 60)))
            role.quotas.deviceHoursAMonth = try quotas.value("device_hours_a_month", .number(0...1e9))
            role.quotas.diskBytes = try quotas.value("disk", .byteCount)
        }
        return role
    }

    private func assignments(_ key: String, _ root: ManifestSection) throws(ManifestError) -> [Assignment] {
        let names = Self.keys(root.node[key])
        guard let section = try root.section(key, names) else { return [] }
        var assignments: [Assignment] = []
        for name in names {
            let role = try section.required(name, .text(limit: 64))
            try requireRole(role, section, name)
            assignments.append(Assignment(name: name, role: role))
        }
        return assignments
    }

    private mutating func readPrices(_ root: ManifestSection) throws(ManifestError) {
        guard let section = try root.section("prices", ["currency", "device_hour", "million_trained_tokens", "devices"]) else { return }
        var prices = Prices()
        prices.currency = try section.value("currency", .text(limit: 16)) ?? prices.currency
        prices.deviceHour = try section.value("device_hour", .number(0...1e9)) ?? 0
        prices.millionTrainedTokens = try section.value("million_trained_tokens", .number(0...1e9)) ?? 0
        self.prices = prices
        let names = Self.keys(section.node["devices"])
        guard let devices = try section.section("devices", names) else { return }
        for name in names { deviceHourPrices[name] = try devices.value(name, .number(0...1e9)) }
    }
}

package import Graph

/// Plans that were made and are not prepared yet: whoever asks second for a plan gets what the
/// first has made.
///
/// It holds a few plans only, the least recently used one goes: a plan of a deep model takes
/// megabytes.
package final class PlanCache<Key: Hashable> {
    private let limit: Int
    private var plans: [Key: Plan] = [:]
    /// The least recently used first.
    private var recent: [Key] = []
    /// How many plans were made here.
    package private(set) var madeCount = 0

    package init(limit: Int) { self.limit = max(1, limit) }

    /// The plan for a key, made if it is not there.
    package func plan(_ key: Key, make: () throws -> Plan) throws -> Plan {
        if let known = plans[key] {
            touch(key)
            return known
        }
        let plan = try make()
        madeCount += 1
        keep(plan, for: key)
        return plan
    }

    /// Takes in a plan that was made elsewhere.
    package func keep(_ plan: Plan, for key: Key) {
        plans[key] = plan
        touch(key)
        if recent.count > limit { plans[recent.removeFirst()] = nil }
    }

    /// Hands a plan over: it is not kept any longer.
    package func take(_ key: Key) -> Plan? {
        recent.removeAll { $0 == key }
        return plans.removeValue(forKey: key)
    }

    package func removeAll() { (plans, recent) = ([:], []) }

    private func touch(_ key: Key) {
        recent.removeAll { $0 == key }
        recent.append(key)
    }
}

import Jobs

/// The plans of jobs that wait or run, each read from its files once: the daemon looks several
/// times a second.
final class KnownPlans {
    private var plans: [String: PlanFigures] = [:]

    /// - Parameter read: reads it from the job's files; nil while there is none.
    func plan(of job: String, read: () -> PlanFigures?) -> PlanFigures? {
        if let known = plans[job] { return known }
        let plan = read()
        plans[job] = plan
        return plan
    }

    /// Forgets those of all other jobs.
    func keepOnly(_ isNeeded: (String) -> Bool) { plans = plans.filter { isNeeded($0.key) } }
}

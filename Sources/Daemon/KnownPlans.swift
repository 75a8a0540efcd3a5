import Jobs

/// The plans of jobs that wait or run, each read from its files once: the daemon looks several
/// times a second.
final class KnownPlans {
    private struct Known {
        var plan: PlanFigures
        /// Whether the worker that runs the job has written it.
        var isOfWorker: Bool
    }
    private var plans: [String: Known] = [:]

    /// The plan with which a job trains, or was validated as long as its worker has not planned.
    /// - Parameters:
    ///   - isRunning: whether a worker trains it: that may plan otherwise than validation did.
    ///   - ofWorker: reads what a worker has written; nil while there is nothing.
    ///   - ofValidation: reads what validation has written; likewise.
    func plan(of job: String, isRunning: Bool, ofWorker: () -> PlanFigures?, ofValidation: () -> PlanFigures?) -> PlanFigures? {
        if let known = plans[job], known.isOfWorker || !isRunning { return known.plan }
        if let plan = ofWorker() {
            plans[job] = Known(plan: plan, isOfWorker: isRunning)
        } else if plans[job] == nil, let plan = ofValidation() {
            plans[job] = Known(plan: plan, isOfWorker: false)
        }
        return plans[job]?.plan
    }

    /// Forgets those of all other jobs.
    func keepOnly(_ isNeeded: (String) -> Bool) { plans = plans.filter { isNeeded($0.key) } }
}

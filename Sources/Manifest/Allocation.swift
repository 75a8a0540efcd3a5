/// What Slurm has given to the batch job that the daemon runs in.
package struct Allocation: Sendable, Hashable {
    package var hostCount: Int
    package var taskCount: Int

    package init(hostCount: Int, taskCount: Int) { (self.hostCount, self.taskCount) = (hostCount, taskCount) }

    /// - Parameter variable: gives an environment variable.
    /// - Returns: nil outside of an allocation.
    package init?(_ variable: (String) -> String?) {
        guard variable("SLURM_JOB_ID") != nil else { return nil }
        func number(_ name: String) -> Int? { variable(name).flatMap { Int($0) }.flatMap { (1...1_000_000).contains($0) ? $0 : nil } }
        hostCount = number("SLURM_JOB_NUM_NODES") ?? 1
        taskCount = max(hostCount, number("SLURM_NTASKS") ?? hostCount)
    }

    /// Tasks that every host has room for.
    package var tasksOfHost: Int { taskCount / hostCount }
}

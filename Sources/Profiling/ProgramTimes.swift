package import Graph

/// What one program of a step took, call by call.
package struct ProgramTimes: Sendable {
    /// `forward and backward`, `update`, or `teacher`.
    package var program: String
    package var plan: Plan
    /// For each call of the plan.
    package var seconds: [Double]
    /// Pairs of a query and a key that it sees in the batch that ran; nil where there is no
    /// attention.
    package var visiblePairs: Double?

    package init(program: String, plan: Plan, seconds: [Double], visiblePairs: Double? = nil) {
        self.program = program
        self.plan = plan
        self.seconds = seconds
        self.visiblePairs = visiblePairs
    }
}

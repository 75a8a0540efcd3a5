package import Profiling

extension PreparedJob {
    /// What a forward and backward pass of a full micro-batch takes on a card at least, a teacher's
    /// pass before it included.
    /// - Throws: what planning throws.
    package func roofline(on card: CardProfile) throws -> RooflineEstimate {
        RooflineEstimate(try gradientsPlan(), beside: try teacherPlan().map { [$0] } ?? [], on: card)
    }
}

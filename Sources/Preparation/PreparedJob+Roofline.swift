package import Profiling

extension PreparedJob {
    /// What a forward and backward pass of a full micro-batch takes on a card at least.
    /// - Throws: what planning throws.
    package func roofline(on card: CardProfile) throws -> RooflineEstimate { RooflineEstimate(try gradientsPlan(), on: card) }
}

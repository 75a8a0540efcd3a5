import Graph
import Models
package import Profiling
import Training

extension PreparedJob {
    /// What a forward and backward pass of a full micro-batch takes on a card at least.
    /// - Throws: what planning throws.
    package func roofline(on card: CardProfile) throws -> RooflineEstimate {
        let layers = model.configuration.layerCount
        let programs = Programs(model: model, optimizer: optimizer, recomputedLayers: Set((layers - plan.recomputedLayers)..<layers))
        let limits = device.limits
        let mapped = limits.mapsWeights ? Set(model.mappedWeights.keys) : []
        let layout = try PersistentLayout(programs.persistentTensors, limits: limits, mappedWeights: mapped)
        return RooflineEstimate(try Planner(limits: limits, layout: layout).plan(programs.gradients(plan.size)), on: card)
    }
}

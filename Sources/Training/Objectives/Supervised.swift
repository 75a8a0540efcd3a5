package import Datasets
package import Manifest

/// Answers to conversations: the loss is over what the assistant says, or whatever else the masks
/// mark.
package struct SupervisedObjective: NextTokenObjective {
    package static let name = "supervised"
    var additions = TokenLossAdditions()
    var isPerExample = false
    var hasTokenWeights = false

    package init() {}

    package func configured(by specification: any Manifest.MethodSpecification) -> any Objective {
        guard let settings = specification as? Manifest.Supervised else { return self }
        var objective = self
        objective.additions = TokenLossAdditions(smoothing: settings.labelSmoothing, squaredSum: settings.zLoss)
        objective.isPerExample = settings.weightPerExample == .examples
        return objective
    }

    package func fitted(to training: Dataset, validation: Dataset?, classes: [String]) -> any Objective {
        var objective = self
        objective.hasTokenWeights = training.hasTokenWeights || validation?.hasTokenWeights == true
        return objective
    }

    package var purpose: DatasetOptions.Purpose { .supervised }
}

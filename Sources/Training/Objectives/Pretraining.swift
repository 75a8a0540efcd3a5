package import Datasets
package import Manifest

/// Plain text: the loss is over every token.
package struct PretrainingObjective: NextTokenObjective {
    package static let name = "pretrain"
    var additions = TokenLossAdditions()
    var isPerExample: Bool { false }
    var hasTokenWeights: Bool { false }

    package init() {}

    package func configured(by specification: any Manifest.MethodSpecification) -> any Objective {
        guard let settings = specification as? Manifest.Pretraining else { return self }
        var objective = self
        objective.additions = TokenLossAdditions(smoothing: settings.labelSmoothing, squaredSum: settings.zLoss)
        return objective
    }

    package var purpose: DatasetOptions.Purpose { .pretraining }
}

package import Datasets

/// Plain text: the loss is over every token.
package struct PretrainingObjective: NextTokenObjective {
    package static let name = "pretrain"

    package init() {}

    package var purpose: DatasetOptions.Purpose { .pretraining }
}

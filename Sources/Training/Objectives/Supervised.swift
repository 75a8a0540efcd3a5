package import Datasets

/// Answers to conversations: the loss is over what the assistant says, or whatever else the masks
/// mark.
package struct SupervisedObjective: NextTokenObjective {
    package static let name = "supervised"

    package init() {}

    package var purpose: DatasetOptions.Purpose { .supervised }
}

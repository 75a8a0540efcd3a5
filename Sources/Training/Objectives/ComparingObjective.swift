package import Datasets
package import Tokenization

/// An objective whose loss compares what the model says with what it says elsewhere: before
/// training, or of other texts.
package protocol ComparingObjective: Objective {
    /// Runs of a sample whose log-probabilities before training its ``Sample/references`` are; none
    /// where the loss has no reference.
    /// - Parameter neighbour: another sample of the data, always the same for a sample.
    func comparedRuns(of sample: Sample, neighbour: Sample) -> [TokenizedExample]

    /// How many ``comparedRuns(of:neighbour:)`` gives.
    var referenceCount: Int { get }

    /// A run whose log-probability with the parameters as they are is asked before a batch is
    /// computed; nil where none is.
    func probe(of sample: Sample, neighbour: Sample) -> TokenizedExample?

    /// Numbers of a whole batch that its loss takes.
    /// - Parameter probes: the log-probability of each sample's probe, or none.
    func batchNumbers(of samples: [Sample], probes: [Double]) -> [Float]
}

extension ComparingObjective {
    package func probe(of sample: Sample, neighbour: Sample) -> TokenizedExample? { nil }
}

package import Graph

/// How collected gradients change the trained tensors.
///
/// An optimizer sees pages, not tensors: trained tensors, their gradients and its own state lie in
/// float32 pages of one layout (``TrainableLayout``). Its state is zero before the first step and
/// is all that a checkpoint holds beside the trained tensors, so a step may depend on nothing else
/// but its number and the learning rate. Its kernels set the gradient to zero for the next step's
/// sums, and change nothing else where the norm is not finite.
package protocol Optimizer: Sendable {
    /// The word for it: `optimizer.type` of a manifest.
    static var name: String { get }

    /// Its numbers by their keys in a manifest.
    static var keys: [String: WritableKeyPath<Self, Double>] { get }

    /// With the usual numbers.
    init()

    /// Gradients are scaled so that their global norm is at most this; 0 clips nothing.
    var maximumGradientNorm: Double { get }

    /// What it keeps for every trained tensor, in the order in which memory holds it; each word
    /// also names a file of a checkpoint.
    var states: [String] { get }

    /// What a state is for a trained tensor.
    func shape(of state: String) -> StateShape

    /// Whether its steps are of whole tensors, each on a page of its own, and not of numbers by
    /// themselves.
    var takesWholeTensors: Bool { get }

    /// The learning rate of a step, counted from 1, that the schedule gives a rate for.
    func rate(step: Int, scheduled: Double) -> Double

    /// The numbers that the host writes before a step: always as many.
    /// - Parameter step: counts from 1.
    func scalars(step: Int, learningRate: Double) -> [Float]

    /// Adds the step of one page to a graph.
    /// - Returns: what the page's tensors become, each computed in the memory of what it replaces.
    func addStep(_ page: OptimizerPage, to graph: inout Graph) throws(GraphError) -> OptimizerPage.Result
}

extension Optimizer {
    /// With numbers of a manifest, whose specification has checked their ranges; where there is
    /// none the usual one holds.
    package init(numbers: [String: Double]) {
        self.init()
        for (key, path) in Self.keys { if let number = numbers[key] { self[keyPath: path] = number } }
    }

    /// What a job keeps for every trained tensor beside the tensor itself.
    package var keptKinds: [PersistentTensor.Kind] { [.gradient] + stateKinds }
    package var stateKinds: [PersistentTensor.Kind] { states.map { .state($0, shape(of: $0)) } }

    package func shape(of state: String) -> StateShape { .asParameter }
    package var takesWholeTensors: Bool { false }
    package func rate(step: Int, scheduled: Double) -> Double { scheduled }

    /// What a page of trained tensors may take, where the device's limit allows so much.
    package func pageByteLimit(_ limit: Int) -> Int { takesWholeTensors ? 1 : limit }
}

/// The operands of an optimizer's step on one page.
package struct OptimizerPage {
    package var parameter: ValueID
    package var gradient: ValueID
    /// In the order of ``Optimizer/states``.
    package var states: [ValueID]
    /// `[1, 2]` float32: the gradients' global norm, and the factor that clips them.
    package var clip: ValueID
    /// `[1, n]` float32: ``Optimizer/scalars(step:learningRate:)``.
    package var scalars: ValueID
    /// Whether weight decay is for the parameters of this page.
    package var isDecayed: Bool
    /// Whether the page is a matrix inside of the model's layers.
    package var isHiddenMatrix = false

    package struct Result {
        package var parameter: ValueID
        package var gradient: ValueID
        package var states: [ValueID]
    }

    /// Applies an operation that takes parameter, gradient, states, clip and scalars, and gives the
    /// first three anew.
    package func applying(_ operation: any Operation, to graph: inout Graph) throws(GraphError) -> Result {
        let results = try graph.add(operation, [parameter, gradient] + states + [clip, scalars])
        return Result(parameter: results[0], gradient: results[1], states: Array(results.dropFirst(2)))
    }
}

package import Datasets
package import Graph
package import Manifest
import Models
import Tensors

/// Answers to conversations, each of whose tokens a larger model weighs: `alpha * T² *
/// KL(teacher || student) + (1 - alpha) * cross-entropy`, where both models' logits are divided by
/// a temperature `T` in the divergence (Hinton, Vinyals, Dean 2015, arXiv:1503.02531). Evaluation
/// knows the cross-entropy alone, as that of supervised tuning.
package struct DistillationObjective: NextTokenObjective {
    package static let name = Manifest.Distillation.word
    private let settings: Manifest.Distillation
    /// Nil where the teacher is not known yet, or not needed.
    private var head: TeacherHead?
    private(set) var hasTokenWeights = false
    var additions: TokenLossAdditions { TokenLossAdditions() }
    var isPerExample: Bool { false }

    package init(_ settings: Manifest.Distillation = Manifest.Distillation()) { self.settings = settings }

    package func configured(by specification: any Manifest.MethodSpecification) -> any Objective {
        DistillationObjective(specification as? Manifest.Distillation ?? settings)
    }

    package func fitted(to training: Dataset, validation: Dataset?, classes: [String]) -> any Objective {
        var objective = self
        objective.hasTokenWeights = training.hasTokenWeights || validation?.hasTokenWeights == true
        return objective
    }

    /// The objective with its teacher, which the session has to be given, too
    /// (``TrainingSession/take(_:)``).
    package func guided(by head: TeacherHead) -> DistillationObjective {
        var objective = self
        objective.head = head
        return objective
    }

    package var purpose: DatasetOptions.Purpose { .supervised }
    package var keptTensors: [PersistentTensor] { head?.tensors ?? [] }

    private static let divergence = "distillation"
    private static let crossEntropy = "cross_entropy"
    package var batchColumns: [String] { [Self.divergence, Self.crossEntropy] }

    func guide(_ pass: LossPass, to graph: inout Graph) throws(GraphError) -> HeadLoss.Guide? {
        guard pass.isTraining, let head else { return nil }
        let hidden = graph.type(of: pass.hidden)
        var states = graph.input(ProgramInput.guide, TensorType(rows: hidden.rows, columns: head.weight.type.columns, .float32))
        if hidden.elementType != .float32 {
            states = try graph.add(Convert(to: hidden.elementType), [states], names: ["guide states"])[0]
        }
        return HeadLoss.Guide(
            states: states, head: head, temperature: Float(settings.temperature), share: Float(settings.alpha))
    }

    func addLosses(
        of batch: PackedBatch, summing sum: (_ output: String) throws -> Double, weight: Double, to measures: inout Measures
    ) throws {
        let crossEntropy = try sum(ProgramOutput.losses)
        guard !batch.guide.isEmpty else { return measures.add(Measures.loss, total: crossEntropy, weight: weight) }
        let divergence = try sum(ProgramOutput.divergences)
        measures.add(Measures.loss, total: settings.alpha * divergence + (1 - settings.alpha) * crossEntropy, weight: weight)
        measures.add(Self.divergence, total: divergence, weight: weight)
        measures.add(Self.crossEntropy, total: crossEntropy, weight: weight)
    }
}

package import Graph
package import Models
package import Tensors

/// A teacher before it is on a device: the model that gives hidden states, and the head that makes
/// logits of them.
package struct TeacherModel {
    /// It has no head of its own: what lies in the student's memory need not lie here, too.
    let model: LanguageModel
    package let head: TeacherHead

    /// - Parameters:
    ///   - maximumLength: tokens of the longest example.
    /// - Throws: ``ModelError`` where it cannot be used, or not for so many tokens.
    package init(
        _ configuration: ModelConfiguration, _ weights: Checkpoint, precision: LanguageModel.Precision, maximumLength: Int
    ) throws {
        // A model whose head is its embedding asks for no other.
        var headless = configuration
        headless.tiesEmbeddings = true
        model = try LanguageModel(
            headless, source: .checkpoint(weights), training: .nothing, precision: precision, maximumLength: maximumLength)
        let name = configuration.tiesEmbeddings ? model.embeddingName : model.vocabularyHeadName
        let type = TensorType(rows: configuration.vocabularySize, columns: configuration.hiddenSize, model.elementType(ofFrozen: name))
        head = try TeacherHead(
            weights, weight: name, type, bias: model.headBiasName, softCap: Float(configuration.finalSoftCap))
    }

    /// What it computes: hidden states.
    var programs: Programs { Programs(model: model, optimizer: AdamWOptimizer(), objective: HiddenStates()) }

    func layout(on device: any ComputeDevice) throws -> PersistentLayout { try programs.layout(within: device.limits) }

    /// The plan of its pass over a micro-batch.
    package func plan(_ size: ProgramSize, on device: any ComputeDevice) throws -> Plan {
        try Planner(limits: device.limits, layout: layout(on: device)).plan(programs.graph(.evaluation(size)))
    }
}

import CPUBackend
import Graph
import Models
import Tensors
import TestSupport
import Testing
import Training

@Suite(.serialized) struct LogitsTests {
    /// Logits of the batch's longest and shortest row, without and with the adapter, within 1e-4.
    static func compare(_ golden: GoldenModel, _ device: any ComputeDevice, _ label: String) throws {
        for isLoRA in [false, true] {
            let run = try GoldenRun(golden, isLoRA: isLoRA, device: device)
            let compared = try compare(golden, run, golden.tensors, isLoRA ? "lora.logits" : "full.logits", label)
            #expect(compared >= 2, "\(label): only \(compared) rows have reference logits")
        }
    }

    /// The same of a run as it stands.
    /// - Parameters:
    ///   - tensors: the reference's, where a row's logits are `NAME.seqROW`.
    /// - Returns: how many rows were compared.
    static func compare(
        _ golden: GoldenModel, _ run: GoldenRun, _ tensors: [String: StoredTensor], _ name: String, _ label: String
    ) throws -> Int {
        let device = run.session.device
        var graph = Graph()
        let pass = try run.model.addForward(to: &graph, tokenCount: run.batch.tokenCapacity, isTraining: false)
        graph.markOutput(try pass.addLogits(of: pass.hidden, to: &graph), "logits")
        graph.removeDeadNodes()
        let plan = try Planner(limits: device.limits, layout: run.session.persistent.layout).plan(graph)
        let executable = try device.makeExecutable(
            plan, persistent: run.session.persistent, arena: device.makeArena(blocks: plan.transientBlocks))
        for (name, values) in [
            (ModelInput.tokens, run.batch.tokens), (ModelInput.rotaryRows, run.batch.rotaryRows),
            (ModelInput.keyRanges, run.batch.keyRanges),
            (ModelInput.windowKeyRanges, run.batch.windowKeyRanges),
        ] where plan.inputs[name] != nil { try executable.write(values, to: name) }
        try executable.run()
        let vocabulary = golden.configuration.vocabularySize
        let logits = try executable.readFloats("logits", count: run.batch.tokenCapacity * vocabulary)
        let cap = Float(golden.configuration.finalSoftCap)
        var start = 0
        var compared = 0
        for (row, length) in golden.lengths.enumerated() {
            if let reference = tensors["\(name).seq\(row)"]?.floats() {
                let found = logits[(start * vocabulary)..<((start + length) * vocabulary)].map {
                    cap == 0 ? $0 : cap * Self.tanh($0 / cap)
                }
                let error = zip(found, reference).map { abs($0 - $1) }.max() ?? .infinity
                #expect(found.count == reference.count && error <= 1e-4, "\(label) row \(row): logits off by \(error)")
                compared += 1
            }
            start += length
        }
        return compared
    }

    private static func tanh(_ x: Float) -> Float {
        let e = exponential(2 * Double(x))
        return Float((e - 1) / (e + 1))
    }

    /// By its series after halving, which is plenty for logits.
    private static func exponential(_ x: Double) -> Double {
        var (sum, term) = (1.0, 1.0)
        let small = x / 1024
        for index in 1..<20 {
            term *= small / Double(index)
            sum += term
        }
        for _ in 0..<10 { sum *= sum }
        return sum
    }

    @Test(arguments: GoldenModel.all) func logitsOnTheProcessorAreTheReferences(item: ReferenceItem) throws {
        try Self.compare(GoldenModel(item), CPUDevice(), "\(item) CPU")
    }

    @Test(arguments: ReferenceItem.all("models", ["phi3-longrope-tiny"]))
    func shortRowsOfALongropeModelUseTheShortFactors(item: ReferenceItem) throws {
        try Self.compare(GoldenModel(item, variant: "golden-short"), CPUDevice(), "\(item) golden-short")
    }

}

import Graph
import Tensors
import Testing

/// The project's bound for activations in 16 bits: every operation within a hundredth of its
/// definition, in norm.
@Suite struct NarrowPrecisionTests {
    static let narrowCases: [KernelCase] = {
        let cases = KernelCatalogue.cases.filter { !$0.activationTypes.isDisjoint(with: [.bfloat16, .float16]) }
        guard let computer = try? TestDevice.cpu.open() else { return cases }
        let fitting = cases.filter { KernelAgreementTests.fits($0, computer) }
        if fitting.count < cases.count {
            print("skipped: \(cases.count - fitting.count) narrow kernel cases of element types that the processor lacks")
        }
        return fitting
    }()

    @Test(arguments: narrowCases) func anOperationOnNarrowActivationsIsWithinAHundredthOfItsDefinitionInNorm(_ kernel: KernelCase) throws {
        let computer = try TestDevice.cpu.open()
        var random = CaseRandom(seed: KernelCatalogue.seed)
        var machine = KernelMachine(seed: KernelCatalogue.seed)
        let sample = try kernel.sample(&random)
        machine.add(sample, kernel.mustBeInPlace ? .inPlace : .plain)
        let expected = kernel.reference(sample)
        let result = try machine.prepare(on: computer).run()
        let call = try #require(machine.calls.first)
        for (index, (output, wanted)) in zip(call.outputs, expected).enumerated() where output.elementType.isFloatingPoint {
            let image = KernelMachine.Image(bytes: output.space == .persistent ? result.persistent : result.exchange)
            var (error, size) = (0.0, 0.0)
            for row in 0..<output.rows {
                for column in 0..<output.columns {
                    guard let value = wanted[row, column]?.value, value.isFinite else { continue }
                    let difference = output.elementType.number(image.bits(output, row, column)) - value
                    error += difference * difference
                    size += value * value
                }
            }
            // Where all is zero but for the smallest numbers there is no norm to compare with.
            if size > 1e-20 { #expect(error <= 1e-4 * size, "\(kernel), output \(index): \((error / size).squareRoot()) in norm") }
        }
    }
}

import Graph
import Tensors
import Testing

/// Every kernel of every device against plain float64 arithmetic.
@Suite(.serialized) struct KernelAgreementTests {
    @Test(arguments: TestDevice.available, KernelCatalogue.cases)
    func aKernelComputesWhatItsDefinitionSaysAndTouchesNothingElse(_ device: TestDevice, _ kernel: KernelCase) throws {
        let computer = try device.open()
        let known = TestDevice.complaints(about: computer).count
        guard Self.fits(kernel, computer) else { return }
        let seed = KernelCatalogue.seed
        var random = CaseRandom(seed: seed)
        var machine = KernelMachine(seed: seed &+ 1)
        let arrangements = KernelMachine.Arrangement.allCases.filter { arrangement in
            kernel.mustBeInPlace ? arrangement == .inPlace || arrangement == .slicedInPlace : true
        }
        var expected: [[Expected]] = []
        for arrangement in arrangements {
            let sample = try kernel.sample(&random)
            if (arrangement == .inPlace || arrangement == .slicedInPlace) && sample.operation.inPlaceInputs.isEmpty { continue }
            machine.add(sample, arrangement)
            expected.append(kernel.reference(sample))
        }
        let prepared = try machine.prepare(on: computer)
        let result = try prepared.run()
        defer {
            let complaints = TestDevice.complaints(about: computer)
            #expect(complaints.count == known, "\(kernel) on \(device): \(complaints.dropFirst(known).joined(separator: "\n"))")
        }
        for failure in Comparison(machine, result, expected).failures {
            Issue.record("\(kernel) on \(device), TALA_SEED=\(seed): \(failure)")
        }
        #expect(try prepared.run() == result, "\(kernel) on \(device) gives other bytes the second time")
    }

    static func fits(_ kernel: KernelCase, _ device: any ComputeDevice) -> Bool {
        guard kernel.activationTypes.isSubset(of: device.activationTypes) else { return false }
        return kernel.mixedWeight.map { device.mixesFloat32(with: $0) } ?? true
    }

    @Test func theReferenceBoundsHoldForFloat32Sums() {
        var random = CaseRandom(seed: KernelCatalogue.seed)
        for count in [1, 3, 1_000] {
            let a = random.numbers(1, count)
            let b = random.numbers(1, count)
            let bound = Bounded.dot(a.values[...], b.values[...])
            var sum: Float = 0
            for (left, right) in zip(a.values, b.values) { sum += Float(left) * Float(right) }
            #expect(abs(Double(sum) - bound.value) <= bound.error)
        }
    }
}

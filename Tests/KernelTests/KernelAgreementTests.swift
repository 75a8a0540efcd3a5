import Graph
import Tensors
import Testing

/// Every kernel of every device against plain float64 arithmetic.
@Suite(.serialized) struct KernelAgreementTests {
    /// Each case on each device that has its element types.
    private static let pairs: [(TestDevice, KernelCase)] = TestDevice.available.flatMap { device -> [(TestDevice, KernelCase)] in
        guard let computer = try? device.open() else { return KernelCatalogue.cases.map { (device, $0) } }
        // How operands are read and written does not depend on the shape of groups: one type is
        // enough to try those of cards.
        let wanted = KernelCatalogue.cases.filter { device != .vulkanAsCard || $0.activationTypes == [.float32] }
        let fitting = wanted.filter { fits($0, computer) }
        if fitting.count < wanted.count {
            print("skipped: \(wanted.count - fitting.count) kernel cases of element types that \(device) lacks")
        }
        return fitting.map { (device, $0) }
    }

    @Test(arguments: pairs)
    func aKernelComputesWhatItsDefinitionSaysAndTouchesNothingElse(_ device: TestDevice, _ kernel: KernelCase) throws {
        let computer = try device.open()
        let known = TestDevice.complaints(about: computer).count
        let seed = KernelCatalogue.seed
        var random = CaseRandom(seed: seed)
        var machine = KernelMachine(seed: seed &+ 1)
        let arrangements = KernelMachine.Arrangement.allCases.filter { arrangement in
            kernel.mustBeInPlace ? arrangement == .inPlace || arrangement == .slicedInPlace : true
        }
        var expected: [[Expected]] = []
        for arrangement in arrangements {
            let sample = try kernel.sample(&random)
            // The copy into the arena is a conversion, which a device without narrow activations
            // does not write.
            let types = Set((sample.inputs.map(\.type) + sample.outputs).map(\.elementType).filter(\.isFloatingPoint))
            if arrangement == .transient, !types.isSubset(of: computer.activationTypes) { continue }
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

    /// Results must depend neither on how many threads a software driver runs groups on (a
    /// difference would be a race of ours) nor on how work is cut.
    @Test(.enabled(if: TestDevice.available.contains(.vulkan), "there is no Vulkan device"))
    func oneThreadAllThreadsAndWorkCutIntoPiecesGiveTheSameBytes() throws {
        let devices = [
            try TestDevice.vulkan.open(), try TestDevice.openVulkanWithOneThread(), try TestDevice.openVulkanThatCutsEverything(),
        ]
        for kernel in KernelCatalogue.cases where Self.fits(kernel, devices[0]) && kernel.activationTypes == [.float32] {
            let results = try devices.map { device in
                var random = CaseRandom(seed: KernelCatalogue.seed)
                var machine = KernelMachine(seed: KernelCatalogue.seed)
                machine.add(try kernel.sample(&random), kernel.mustBeInPlace ? .slicedInPlace : .sliced)
                return try machine.prepare(on: device).run()
            }
            #expect(results[0] == results[1], "\(kernel) depends on the number of threads")
            #expect(results[0] == results[2], "\(kernel) depends on how it is cut")
        }
        for device in devices { #expect(TestDevice.complaints(about: device) == []) }
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

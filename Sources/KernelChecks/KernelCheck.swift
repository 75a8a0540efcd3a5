package import Graph
import Tensors

/// The kernel of one operation, tried on a device with the cases of KernelTests: awkward sizes, all
/// element types, operands in slices and in place, poisoned memory around them; each result beside
/// the float64 computation and its error bound.
///
/// References and harness are those of the tests, whose folders are linked here: what the tests
/// demand of the devices of a developer, `tala device-check` demands of a user's card.
package struct KernelCheck {
    package let operation: String
    package private(set) var caseCount = 0
    /// Cases that the time did not allow.
    package private(set) var skippedCount = 0
    package private(set) var elementCount = 0
    /// The largest difference as a share of what its bound allows: above 1 is a failure.
    package private(set) var largestShare = 0.0
    /// A sentence for each case that went wrong.
    package private(set) var failures: [String] = []

    /// The operations that have kernels, by name.
    package static var operations: [String] { KernelCatalogue.names }

    /// - Parameters:
    ///   - largestOperand: elements of an operand beyond which a case is left out.
    ///   - mustStop: asked between two cases.
    ///   - complaints: what the validation layer has said so far.
    package init(
        _ operation: String, on device: any ComputeDevice, seed: UInt64 = 20_240_607, largestOperand: Int = .max,
        mustStop: () -> Bool = { false }, complaints: () -> [String] = { [] }
    ) {
        self.operation = operation
        var known = complaints().count
        for kernel in KernelCatalogue.cases where kernel.operation == operation && Self.fits(kernel, device) {
            guard !mustStop() else {
                skippedCount += 1
                continue
            }
            do {
                guard let comparison = try Self.compare(kernel, device, seed, largestOperand) else { continue }
                caseCount += 1
                elementCount += comparison.elementCount
                largestShare = max(largestShare, comparison.largestShare)
                failures += comparison.failures.map { "\(kernel): \($0)" }
            } catch {
                caseCount += 1
                failures.append("\(kernel): \(error)")
            }
            let said = complaints()
            failures += said.dropFirst(known).map { "\(kernel): the validation layer says: \($0)" }
            known = said.count
        }
    }

    private static func fits(_ kernel: KernelCase, _ device: any ComputeDevice) -> Bool {
        guard kernel.activationTypes.isSubset(of: device.activationTypes) else { return false }
        return kernel.mixedWeight.map { device.mixesFloat32(with: $0) } ?? true
    }

    /// Runs a case in each arrangement that it has.
    /// - Returns: nil for a case that is too large.
    private static func compare(
        _ kernel: KernelCase, _ device: any ComputeDevice, _ seed: UInt64, _ largestOperand: Int
    ) throws -> Comparison? {
        var random = CaseRandom(seed: seed)
        var machine = KernelMachine(seed: seed &+ 1)
        var expected: [[Expected]] = []
        for arrangement in [KernelMachine.Arrangement.plain, .sliced, .inPlace, .slicedInPlace] {
            let isInPlace = arrangement == .inPlace || arrangement == .slicedInPlace
            if kernel.mustBeInPlace, !isInPlace { continue }
            let sample = try kernel.sample(&random)
            guard (sample.inputs.map(\.type) + sample.outputs).allSatisfy({ $0.elementCount <= largestOperand }) else { return nil }
            if isInPlace, sample.operation.inPlaceInputs.isEmpty { continue }
            machine.add(sample, arrangement)
            expected.append(kernel.reference(sample))
        }
        return Comparison(machine, try machine.prepare(on: device).run(), expected)
    }
}

/// The speed of a kernel at a size of a real model.
package struct KernelTiming {
    package let kernel: String
    package let seconds: Double
    package let operationsPerSecond: Double
    package let bytesPerSecond: Double

    /// The fastest of several runs of the timed cases of an operation.
    /// - Parameters:
    ///   - caseLimit: cases at most.
    ///   - mustStop: asked between two runs and two cases; the first case is run once in any case.
    /// - Throws: what the device throws.
    package static func measured(
        _ operation: String, on device: any ComputeDevice, secondsPerKernel: Double = 0.3, caseLimit: Int = .max,
        mustStop: () -> Bool = { false }
    ) throws -> [KernelTiming] {
        var timings: [KernelTiming] = []
        for kernel in KernelCatalogue.timings.filter({ $0.operation == operation }).prefix(caseLimit) {
            if !timings.isEmpty, mustStop() { break }
            var random = CaseRandom(seed: 1)
            var machine = KernelMachine(seed: 1)
            let sample = try kernel.sample(&random)
            machine.add(sample, sample.operation.inPlaceInputs.isEmpty ? .plain : .inPlace)
            let prepared = try machine.prepare(on: device)
            try prepared.reset()
            var (best, spent, runs) = (Double.infinity, 0.0, 0)
            while runs < 3 || (spent < secondsPerKernel && runs < 200) {
                if runs > 0, mustStop() { break }
                let seconds = try prepared.executable.profile().reduce(0, +)
                (best, spent, runs) = (min(best, seconds), spent + seconds, runs + 1)
            }
            let cost = sample.operation.cost(inputs: sample.inputs.map(\.type), outputs: sample.outputs)
            let least = max(best, 1e-9)
            timings.append(
                KernelTiming(
                    kernel: kernel.description, seconds: best, operationsPerSecond: cost.floatingPointOperations / least,
                    bytesPerSecond: (cost.bytesRead + cost.bytesWritten) / least))
        }
        return timings
    }
}

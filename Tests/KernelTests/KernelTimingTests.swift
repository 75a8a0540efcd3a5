import Graph
import Tensors
import Testing

/// With `TALA_BENCH=1`: the speed of every kernel at sizes of real models, by the same harness that
/// checks them.
@Suite(.serialized) struct KernelTimingTests {
    @Test(.enabled(if: environment("TALA_BENCH") == "1", "set TALA_BENCH=1 to time the kernels"), arguments: TestDevice.available)
    func kernelsAreTimed(_ device: TestDevice) throws {
        let computer = try device.open()
        print("\(computer.name): the fastest of several runs")
        print("case".padded(62) + "ms".padded(10, left: true) + "GFLOP/s".padded(10, left: true) + "GB/s".padded(10, left: true))
        for kernel in KernelCatalogue.timings where KernelAgreementTests.fits(kernel, computer) {
            var random = CaseRandom(seed: KernelCatalogue.seed)
            var machine = KernelMachine(seed: 1)
            let sample = try kernel.sample(&random)
            machine.add(sample, sample.operation.inPlaceInputs.isEmpty ? .plain : .inPlace)
            let prepared = try machine.prepare(on: computer)
            try prepared.reset()
            var best = Double.infinity
            var spent = 0.0
            var runs = 0
            while runs < 3 || (spent < 0.3 && runs < 200) {
                let seconds = try prepared.executable.profile().reduce(0, +)
                best = min(best, seconds)
                spent += seconds
                runs += 1
            }
            let cost = sample.operation.cost(inputs: sample.inputs.map(\.type), outputs: sample.outputs)
            print(
                kernel.description.padded(62) + (best * 1e3).text(3).padded(10, left: true)
                    + (cost.floatingPointOperations / best * 1e-9).text(2).padded(10, left: true)
                    + ((cost.bytesRead + cost.bytesWritten) / best * 1e-9).text(2).padded(10, left: true))
        }
    }
}

extension String {
    fileprivate func padded(_ width: Int, left: Bool = false) -> String {
        let space = String(repeating: " ", count: max(0, width - count))
        return left ? space + self : self + space
    }
}

extension Double {
    /// With so many digits behind the point.
    fileprivate func text(_ digits: Int) -> String {
        guard isFinite else { return "\(self)" }
        let power = (0..<digits).reduce(1) { power, _ in power * 10 }
        let scaled = Int((self * Double(power)).rounded())
        let fraction = String(scaled % power)
        return "\(scaled / power)." + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}

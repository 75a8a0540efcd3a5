import ArgumentParser
import Devices
import Graph
import JSON
import KernelChecks
import Profiling
import Tensors
import Training

/// What a device is worth: its kernels beside float64, a reference library's losses, its rates, and
/// steps of training. Each part takes about the time that it is given and tells what went wrong
/// instead of ending the others.
struct DeviceExamination {
    let selector: String
    let device: any ComputeDevice
    /// Whether the validation layer of Vulkan watches; nil for devices that it knows nothing of.
    let isWatched: Bool?
    private let say: (String) -> Void
    /// The parts, by name, in the order in which they were done.
    private(set) var parts: [JSONMember] = []
    /// A sentence for everything that is wrong.
    private(set) var failures: [String] = []

    /// Opens a device, with the validation layer where that is installed.
    /// - Throws: what keeps it from being used.
    init(_ selector: String, say: @escaping (String) -> Void) throws {
        self.selector = selector
        self.say = say
        (device, isWatched) = try Devices.watched(selector)
        say("\(selector): \(device.name)" + (isWatched == false ? "; the validation layer is not installed" : ""))
    }

    /// What was found, without the rest of the machine.
    var json: JSONNode {
        [
            "device": JSONNode(selector), "name": JSONNode(device.name), "validation_layer": isWatched.map { JSONNode($0) } ?? .null,
            "passed": JSONNode(failures.isEmpty), "failures": JSONNode(failures.map { JSONNode($0) }), "parts": JSONNode(parts),
        ]
    }

    private mutating func add(_ name: String, _ node: JSONNode) { parts.append(JSONMember(name, node)) }

    private mutating func fail(_ sentence: String) {
        failures.append(sentence)
        say("FAILED: \(sentence)")
    }

    // MARK: Kernels

    /// Tries the kernels of these operations, each within its share of the time.
    mutating func checkKernels(_ operations: [String] = KernelCheck.operations, seconds: Double, largestOperand: Int = 40_000) {
        var (lines, cases, skipped) = ([JSONMember](), 0, 0)
        let start = BenchClock.now()
        for (index, operation) in operations.enumerated() {
            // What one leaves over the next ones have.
            let end = start + seconds * Double(index + 1) / Double(operations.count)
            let check = KernelCheck(
                operation, on: device, largestOperand: largestOperand, mustStop: { BenchClock.now() > end },
                complaints: { [device] in Devices.validationMessages(device) })
            cases += check.caseCount
            skipped += check.skippedCount
            lines.append(
                JSONMember(
                    operation,
                    [
                        "cases": JSONNode(check.caseCount), "skipped": JSONNode(check.skippedCount),
                        "elements": JSONNode(check.elementCount), "share_of_bound": .rounded(check.largestShare, 3),
                        "failures": JSONNode(check.failures.count),
                    ]))
            if let first = check.failures.first { fail("\(check.failures.count) checks of kernels; \(first)") }
        }
        say("\(operations.count) kernels: \(cases) cases tried" + (skipped > 0 ? ", \(skipped) left out for lack of time" : ""))
        add("kernels", JSONNode(lines))
    }

    // MARK: Parity

    /// Trains the models of a reference set for five steps each; a folder without models is left
    /// out.
    mutating func checkParity(with folder: String, seconds: Double) {
        let end = BenchClock.now() + seconds
        var lines: [JSONMember] = []
        for name in ReferenceModel.names(in: folder) {
            guard BenchClock.now() < end else {
                lines.append(JSONMember(name, ["skipped": true]))
                continue
            }
            do {
                let off = try ReferenceModel(folder: folder, name: name).largestDifference(on: device)
                lines.append(JSONMember(name, ["loss_off_by": off.isFinite ? JSONNode(off) : .null]))
                if !(off < ReferenceModel.tolerance) { fail("\(name): a loss is off by \(off) from the reference library's") }
            } catch {
                lines.append(JSONMember(name, ["error": JSONNode("\(error)")]))
                fail("\(name): \(error)")
            }
        }
        let tried = lines.count { $0.node["skipped"] == nil }
        say(lines.isEmpty ? "no reference models here" : "\(tried) of \(lines.count) reference models trained for five steps")
        if !lines.isEmpty { add("parity", JSONNode(lines)) }
    }

    // MARK: Rates

    /// Rates of matrix products and attention, beside what is published of the card. They are those
    /// of a device that nobody watches: the validation layer costs time at every command.
    /// - Parameter end: a moment of ``BenchClock`` after which no further case is begun.
    mutating func measureRates(secondsPerKernel: Double = 0.3, caseLimit: Int = .max, until end: Double = .infinity) {
        do {
            let device = isWatched == true ? try Devices.make(selector) { _ in } : device
            // A card does the product of the processor's size in less time than it takes to ask.
            let side = device.sharesProcessMemory || Devices.isSoftware(device) ? 1024 : 4096
            let types = [ElementType.float32, .bfloat16, .float16].filter { device.activationTypes.contains($0) }
            let peaks = try DevicePeaks.measured(on: device, types: types, secondsPerKernel: secondsPerKernel, productSide: side)
            let card = CardProfile.all.first { device.name.contains($0.name) }
            var products: [JSONMember] = []
            for type in types {
                let rate = peaks.operationsPerSecond(type)
                let published =
                    type == .float16 ? card?.matrixOperationsPerSecond ?? card?.floatOperationsPerSecond : card?.floatOperationsPerSecond
                let share = published.map { rate / $0 }
                products.append(
                    JSONMember(
                        type.rawValue,
                        ["gflop_s": .rounded(rate / 1e9, 1), "share_of_published": share.map { .rounded($0, 3) } ?? .null]))
                say(
                    "matrix product \(side) x \(side) x \(side) \(type.rawValue): \(Int((rate / 1e9).rounded())) GFLOP/s"
                        + (share.map { ", \(Int(($0 * 100).rounded())) % of what is published of the card" } ?? ""))
            }
            add("products", JSONNode(products))
            add("memory_gb_s", .rounded(peaks.bytesPerSecond / 1e9, 1))
            say("memory: \(Int((peaks.bytesPerSecond / 1e9).rounded())) GB/s")
            var kernels: [JSONMember] = []
            for operation in ["Attention", "AttentionBackward"] {
                for timing in try KernelTiming.measured(
                    operation, on: device, secondsPerKernel: secondsPerKernel, caseLimit: caseLimit, mustStop: { BenchClock.now() > end })
                {
                    kernels.append(
                        JSONMember(
                            timing.kernel,
                            ["ms": .rounded(timing.seconds * 1e3, 3), "gflop_s": .rounded(timing.operationsPerSecond / 1e9, 1)]))
                    say("\(timing.kernel): \(Int((timing.operationsPerSecond / 1e9).rounded())) GFLOP/s")
                }
            }
            add("attention", JSONNode(kernels))
        } catch { fail("rates: \(error)") }
    }

    // MARK: Training

    /// Whether the device is a card, not the processor in one form or another.
    var isCard: Bool { !device.sharesProcessMemory && !Devices.isSoftware(device) }

    /// Rates and training, of a size that fits into the time. A device that is slower than that, or
    /// shared, is measured with less, and the first training anyway.
    mutating func measureBriefly(seconds: Double) {
        let start = BenchClock.now()
        measureRates(secondsPerKernel: min(0.3, seconds / 300), caseLimit: seconds < 30 ? 1 : .max, until: start + seconds * 0.4)
        let narrow = [ElementType.float16, .bfloat16].first { device.activationTypes.contains($0) } ?? .float32
        if isCard {
            measureTraining("smollm2-135m", tokens: 4096, seconds: seconds * 0.2)
            measureTraining("smollm2-135m", tokens: 4096, precision: narrow, seconds: seconds * 0.2, until: start + seconds * 0.9)
            measureTraining("qwen2.5-0.5b", tokens: 2048, precision: narrow, seconds: seconds * 0.3, until: start + seconds * 0.9)
        } else {
            measureTraining("stories260k", tokens: 1024, seconds: seconds * 0.1)
            if seconds >= 40 { measureTraining("smollm2-135m", tokens: 64, seconds: seconds * 0.3, until: start + seconds * 0.9) }
        }
    }

    /// Steps of training a shape with random weights, for about the time.
    /// - Parameter latest: a moment of ``BenchClock`` after which it is not begun any more.
    mutating func measureTraining(
        _ shape: String, tokens: Int, precision: ElementType = .float32, seconds: Double, until latest: Double = .infinity
    ) {
        let name = "\(shape) \(precision.rawValue)"
        guard BenchClock.now() < latest else {
            add("training \(name)", ["skipped": true])
            return say("training \(name): left out for lack of time")
        }
        do {
            let options = try BenchOptions.parse([
                "--shape", shape, "--tokens", "\(tokens)", "--sequence", "\(min(256, tokens))", "--precision", precision.rawValue,
                "--device", selector,
            ])
            let setup = try BenchSetup(options, progress: BenchProgress(isSilent: true))
            let first = try setup.step(1, setup.batch)
            var times = StepTimes()
            let end = BenchClock.now() + max(0, seconds - first.seconds)
            var loss = first.loss
            while times.seconds.isEmpty || (BenchClock.now() < end && times.seconds.count < 20) {
                let step = try setup.step(times.seconds.count + 2, setup.batch)
                times.seconds.append(step.seconds)
                loss = step.loss
            }
            let rate = Double(setup.tokenCount) / max(1e-9, times.median)
            add(
                "training \(name)",
                [
                    "tokens": JSONNode(setup.tokenCount), "steps": JSONNode(times.seconds.count), "tok_s": .rounded(rate, 1),
                    "first_step_s": .rounded(first.seconds, 2), "step_s": .rounded(times.median, 4),
                    "planned_mib": JSONNode(setup.plan.peakBytes >> 20), "loss": .rounded(loss, 4),
                ])
            say("training \(name): \(Int(rate.rounded())) tokens/s in steps of \(setup.tokenCount) tokens")
            if !loss.isFinite { fail("training \(name): the loss is \(loss)") }
        } catch { fail("training \(name): \(error)") }
    }
}

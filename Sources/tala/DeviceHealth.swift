import ArgumentParser
import CommandLineTools
import Devices
import Graph
import KernelChecks

/// Tries each device: the kernels of products and attention beside float64, and two training steps
/// of a small model with random weights beside the same on the processor.
enum DeviceHealth {
    /// A wrong kernel is off by more than this; rounding and the order of sums by less.
    private static let tolerance = 1e-3
    /// The kernels that nearly all of a step's time goes to.
    private static let kernels = ["MatrixProduct", "Attention", "AttentionBackward"]
    /// Elements of the largest operand, and seconds of one kernel: a driver that compiles slowly
    /// has to come to an end too.
    private static let (largestOperand, secondsPerKernel) = (6_000, 6.0)

    static func checks() -> [HealthCheck] {
        let devices = Devices.all()
        let reference: Trial
        do { reference = try Trial("cpu") } catch {
            return [HealthCheck("cpu", .failure, "cannot train: \(error)", remedy: "report this with the output of tala devices")]
        }
        var checks = [loader]
        for device in devices {
            checks.append(HealthCheck(device.selector + " offers", .fine, offer(device)))
            checks.append(kernelCheck(device))
            if device.selector != "cpu" { checks.append(check(device, reference)) }
        }
        checks.append(HealthCheck("cpu", .fine, "\(reference.speed) tokens/s on a model of 260 thousand parameters"))
        checks.append(choice(devices))
        return checks
    }

    private static var loader: HealthCheck {
        guard let version = Devices.vulkanVersion else {
            return HealthCheck("Vulkan loader", .warning, "does not answer", remedy: "apt-get install libvulkan1")
        }
        return HealthCheck("Vulkan loader", .fine, "version \(version)")
    }

    /// What the device's kernels are made of.
    private static func offer(_ device: Devices.Description) -> String {
        device.name + ": " + device.details.map { "\($0.0) \($0.1)" }.joined(separator: "; ")
    }

    /// What `auto` becomes in a job of this user's.
    private static func choice(_ devices: [Devices.Description]) -> HealthCheck {
        var reason: String?
        let name: String
        do { name = try Devices.make("auto") { reason = $0 }.name } catch {
            return HealthCheck("device: auto", .failure, "\(error)", remedy: "report this with the output of tala devices")
        }
        if let reason {
            return HealthCheck(
                "device: auto", .warning, "the processor stands in: \(reason)",
                remedy: "mend that, or say device: cpu in manifests; device: vulkan fails instead")
        }
        let isAlone = devices.count == 1
        return HealthCheck(
            "device: auto", isAlone ? .warning : .fine, "jobs run on \(name)" + (isAlone ? ": there is no Vulkan device" : ""),
            remedy: isAlone ? "see Vulkan drivers and device nodes" : nil)
    }

    private static func kernelCheck(_ device: Devices.Description) -> HealthCheck {
        let name = device.selector + " kernels"
        let opened: any ComputeDevice
        do { opened = try Devices.make(device.selector) { _ in } } catch {
            return HealthCheck(name, .warning, "\(device.name): \(error)", remedy: "update its driver, or give manifests device: cpu")
        }
        var findings: [String] = []
        for kernel in kernels {
            let end = BenchClock.now() + secondsPerKernel
            let check = KernelCheck(kernel, on: opened, largestOperand: largestOperand, mustStop: { BenchClock.now() > end })
            if let first = check.failures.first {
                return HealthCheck(
                    name, device.selector == "cpu" ? .failure : .warning, first,
                    remedy: "do not use it: it computes something else; update its driver, or give manifests device: cpu")
            }
            let share = Int((check.largestShare * 100).rounded())
            findings.append("\(kernel) \(check.caseCount) cases, off by \(share) % of what rounding explains")
        }
        return HealthCheck(name, .fine, findings.joined(separator: "; "))
    }

    private static func check(_ device: Devices.Description, _ reference: Trial) -> HealthCheck {
        let name = device.selector
        do {
            let trial = try Trial(name)
            let difference = zip(trial.losses, reference.losses).map { abs($0 - $1) }.max() ?? .infinity
            guard difference <= tolerance else {
                return HealthCheck(
                    name, .warning, "\(device.name): losses \(trial.losses), on the processor \(reference.losses)",
                    remedy: "do not use it: its driver computes something else; update the driver, or give manifests device: cpu")
            }
            return HealthCheck(
                name, .fine, "\(device.name): \(trial.speed) tokens/s, losses within \(rounded(difference)) of the processor's")
        } catch {
            return HealthCheck(name, .warning, "\(device.name): \(error)", remedy: "update its driver, or give manifests device: cpu")
        }
    }

    /// With one digit that counts.
    private static func rounded(_ number: Double) -> String {
        guard number > 0, number.isFinite else { return "\(number)" }
        var (digits, exponent) = (number, 0)
        while digits < 1 {
            digits *= 10
            exponent -= 1
        }
        return "\(Int(digits.rounded()))e\(exponent)"
    }

    private struct Trial {
        var losses: [Double] = []
        var speed = 0

        init(_ selector: String) throws {
            let options = try BenchOptions.parse([
                "--shape", "stories260k", "--adapter", "lora:8:all-linear", "--tokens", "256", "--sequence", "64", "--device", selector,
            ])
            let setup = try BenchSetup(options, progress: BenchProgress(isSilent: true))
            var seconds = 1.0
            for number in 1...2 {
                let step = try setup.step(number, setup.batch)
                losses.append(step.loss)
                seconds = step.seconds
            }
            speed = Int(min(1e12, Double(setup.tokenCount) / max(1e-9, seconds)))
        }
    }
}

import ArgumentParser
import CommandLineTools
import Devices

/// Tries each device: two training steps of a small model with random weights, beside the same on
/// the processor.
enum DeviceHealth {
    /// A wrong kernel is off by more than this; rounding and the order of sums by less.
    private static let tolerance = 1e-3

    static func checks() -> [HealthCheck] {
        let devices = Devices.all()
        let reference: Trial
        do { reference = try Trial("cpu") } catch {
            return [HealthCheck("cpu", .failure, "cannot train: \(error)", remedy: "report this with the output of tala devices")]
        }
        var checks = [HealthCheck("cpu", .fine, "\(reference.speed) tokens/s on a model of 260 thousand parameters")]
        for device in devices where device.selector != "cpu" { checks.append(check(device, reference)) }
        if devices.count == 1 {
            checks.append(
                HealthCheck("vulkan", .warning, "no device: jobs run on the processor", remedy: "see Vulkan drivers and device nodes"))
        }
        return checks
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
            return HealthCheck(name, .fine, "\(device.name): \(trial.speed) tokens/s, losses agree with the processor's")
        } catch {
            return HealthCheck(name, .warning, "\(device.name): \(error)", remedy: "update its driver, or give manifests device: cpu")
        }
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

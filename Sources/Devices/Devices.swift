import Glibc
package import Graph
import Profiling
import Tensors
package import VulkanBackend

/// The devices of this machine, and the choice among them by the words of a manifest.
package enum Devices {
    package struct Description: Sendable {
        /// The word that chooses the device: `cpu`, `vulkan:0`.
        package var selector: String
        package var name: String
        package var details: [(String, String)]
    }

    package static func all() -> [Description] {
        var devices: [Description] = []
        do {
            let processor = try Processor.device()
            devices.append(
                Description(
                    selector: "cpu", name: processor.name,
                    details: [
                        ("kernels", Processor.description(of: processor)),
                        ("bfloat16", processor.hasFastBfloat16 ? "in the processor's own instructions" : "widened to float32"),
                        ("float32 products", processor.usesOneDNN ? "oneDNN" : "Swift"),
                    ]))
        } catch {
            devices.append(Description(selector: "cpu", name: "processor", details: [("cannot be used", "\(error)")]))
        }
        for (index, name) in ((try? VulkanDevice.names()) ?? []).enumerated() {
            var details: [(String, String)] = []
            do {
                let device = try VulkanDevice("\(index)")
                details = [
                    ("kind", device.isSoftware ? "software driver: for tests, the processor itself is faster" : "graphics processor"),
                    ("activations", device.activationTypes.map(\.rawValue).sorted().joined(separator: ", ")),
                    ("cooperative matrices", device.cooperativeMatrices),
                    ("largest operand", "\(device.limits.maximumTensorBytes / 1_048_576) MiB"),
                    ("largest block", "\(device.limits.maximumBlockBytes / 1_048_576) MiB"),
                ]
            } catch {
                details = [("cannot be used", "\(error)")]
            }
            devices.append(Description(selector: "vulkan:\(index)", name: name, details: details))
        }
        return devices
    }

    /// The devices that promise most, by the words that choose them, and what of each must be that
    /// of another for both to compute the same numbers: a job must not come to an integrated
    /// graphics processor where there is a card of its own, nor to a software driver where there is
    /// either.
    package static func cards() -> [(selector: String, kind: String)] {
        let all = (try? VulkanDevice.kinds()) ?? []
        let most = all.map(\.promise).max() ?? 0
        var cards: [(selector: String, kind: String)] = []
        for (number, card) in all.enumerated() where card.promise == most {
            cards.append((selector: "vulkan:\(number)", kind: card.kind))
        }
        return cards
    }

    /// What stands before the key of a ``CardProfile`` in the word for a card that is only planned
    /// for; manifests have no such word.
    package static let profilePrefix = "profile:"

    /// Seconds that a device may spend on measuring variants of its kernels: `TALA_TUNING_SECONDS`,
    /// or 8; a short job spends less. What was measured is kept on disk, and nothing is measured
    /// twice.
    package static let tuningSeconds = wantedTuningSeconds ?? 8
    private static let wantedTuningSeconds = getenv("TALA_TUNING_SECONDS").flatMap { Double(String(cString: $0)) }
        .flatMap { $0.isFinite ? max(0, min($0, 3600)) : nil }

    /// Makes the device that a word names; what `auto` becomes, ``AutomaticDevice`` says.
    /// - Parameter replaced: told why the processor stands in for a graphics processor that is
    ///   there, where it does.
    /// - Throws: ``DeviceError/noDevice(_:)``, and what the backend says.
    package static func make(_ selector: String, replaced: (String) -> Void) throws -> any ComputeDevice {
        switch selector {
        case "cpu": return try Processor.device()
        case "auto":
            let choice = try AutomaticDevice(
                .init(
                    graphics: { try VulkanDevice.graphicsProcessors() },
                    open: { try VulkanDevice(tuningSeconds: tuningSeconds) }))
            if let reason = choice.replacement { replaced(reason) }
            return choice.device
        case let profile where profile.hasPrefix(profilePrefix):
            guard let card = CardProfile.named(String(profile.dropFirst(profilePrefix.count))) else { throw DeviceError.noDevice(profile) }
            return ProfiledDevice(card)
        case "vulkan": return try VulkanDevice(tuningSeconds: tuningSeconds)
        default:
            guard selector.hasPrefix("vulkan:") else { throw DeviceError.noDevice(selector) }
            return try VulkanDevice(String(selector.dropFirst(7)), tuningSeconds: tuningSeconds)
        }
    }

    /// Opens a device for a trial, with the validation layer of Vulkan where that is installed.
    /// - Returns: the device, and whether the layer watches; nil for the processor.
    /// - Throws: as ``make(_:replaced:)``.
    package static func watched(_ selector: String) throws -> (device: any ComputeDevice, isWatched: Bool?) {
        guard selector == "vulkan" || selector.hasPrefix("vulkan:") else { return (try make(selector) { _ in }, nil) }
        let name = selector == "vulkan" ? nil : String(selector.dropFirst(7))
        guard VulkanDevice.hasValidationLayer else { return (try VulkanDevice(name), false) }
        return (try VulkanDevice(name, validates: true), true)
    }

    /// Whether a device is a software driver of Vulkan's on the processor.
    package static func isSoftware(_ device: any ComputeDevice) -> Bool { (device as? VulkanDevice)?.isSoftware ?? false }

    /// The version of Vulkan that the loader on this machine speaks; nil where it has none.
    package static var vulkanVersion: String? { VulkanDevice.loaderVersion }

    /// Has a device tell between kernels that it moves, where it can.
    package static func setHeartbeat(of device: any ComputeDevice, _ heartbeat: @escaping () -> Void) {
        (device as? any ProcessorDevice)?.heartbeat = heartbeat
    }

    /// What the Vulkan validation layer has said of a device's use; empty where it does not watch.
    package static func validationMessages(_ device: any ComputeDevice) -> [String] { (device as? VulkanDevice)?.validationMessages ?? [] }

    /// Share of a job's guessed time that measuring variants may take, and seconds below which it
    /// is not begun.
    private static let tuningShare = 0.01
    private static let leastTuningSeconds = 0.5

    /// Keeps the time for measuring variants in proportion to a job: at most a hundredth of what
    /// its arithmetic would take on a slow device of this kind. `TALA_TUNING_SECONDS` is what it
    /// says for every job.
    package static func limitTuning(of device: any ComputeDevice, jobOperations: Double) {
        guard let device = device as? VulkanDevice, wantedTuningSeconds == nil else { return }
        let seconds = device.guessedSeconds(operations: jobOperations) * tuningShare
        device.limitTuning(toSeconds: seconds >= leastTuningSeconds ? seconds : 0)
    }

    /// Has a device compute with variants that nobody has measured: the same wherever the device is
    /// of this kind.
    package static func forgetTuning(of device: any ComputeDevice) { (device as? VulkanDevice)?.forgetTuning() }

    /// Tells of each kind of kernel before its variants are measured: what it is, and which of how
    /// many.
    package static func announceTuning(
        on device: any ComputeDevice, _ announce: @escaping (_ kind: String, _ number: Int, _ count: Int) -> Void
    ) {
        (device as? VulkanDevice)?.announceTuning(announce)
    }

    /// Seconds that a device has spent on measuring variants of its kernels; nil where it has none.
    package static func tuningSeconds(of device: any ComputeDevice) -> Double? { (device as? VulkanDevice)?.tuningSeconds }

    /// The most bytes of its own memory that a device has had allocated at one time; nil for the
    /// processor.
    package static func peakAllocatedBytes(of device: any ComputeDevice) -> Int? { (device as? VulkanDevice)?.peakAllocatedByteCount }

    /// The variants of kernels that a device's plans have been made with; nil where a device has
    /// none.
    package static func tuning(of device: any ComputeDevice) -> [String: String]? { (device as? VulkanDevice)?.tuning }

    /// Has a device use recorded variants.
    package static func adopt(tuning: [String: String], on device: any ComputeDevice) { (device as? VulkanDevice)?.adopt(tuning: tuning) }

    /// Measures the variants of the kernels of a plan and tells of each measurement.
    /// - Throws: ``DeviceError/noDevice(_:)`` for a device whose kernels have no variants, and what
    ///   the backend says.
    package static func tune(
        _ selector: String, seconds: Double, plan: (any ComputeDevice) throws -> Plan,
        report: @escaping (_ product: String, _ variant: String, _ gigaflops: Double) -> Void
    ) throws {
        guard selector == "vulkan" || selector.hasPrefix("vulkan:") else { throw DeviceError.noDevice(selector) }
        let device = try VulkanDevice(
            selector == "vulkan" ? nil : String(selector.dropFirst(7)), tuningSeconds: seconds, forgetsTuning: true)
        device.reportTuning(report)
        device.tune(try plan(device))
    }

    /// Compiles the kernels of a plan and tells what the device's compiler says of them, with the
    /// device's name.
    /// - Throws: ``DeviceError/noDevice(_:)`` for a device that compiles none, and what the backend
    ///   says.
    package static func compile(
        _ selector: String, plan: (any ComputeDevice) throws -> Plan
    ) throws -> (device: String, kernels: [CompiledKernel]) {
        guard selector == "vulkan" || selector.hasPrefix("vulkan:") else { throw DeviceError.noDevice(selector) }
        let device = try VulkanDevice(selector == "vulkan" ? nil : String(selector.dropFirst(7)), capturesStatistics: true)
        return (device.name, try device.compile(try plan(device)))
    }
}

import CVulkan
package import Graph
import Glibc
package import Tensors

/// A Vulkan device that runs plans.
package final class VulkanDevice: ComputeDevice {
    let context: VulkanContext
    let pipelines: PipelineLibrary
    let tuner: ProductTuner
    private let fixedProfile: DeviceProfile
    var profile: DeviceProfile {
        var profile = fixedProfile
        profile.products = tuner.choices
        return profile
    }
    package let name: String
    package let limits: MemoryLimits

    /// Names of the devices that are there, in the order of their numbers.
    package static func names() throws -> [String] {
        try VulkanInstance(validates: false).physicalDevices().map(\.name)
    }

    /// Names of the devices that are no software driver on the processor, the most promising first.
    package static func graphicsProcessors() throws -> [String] {
        try VulkanInstance(validates: false).physicalDevices().filter { !$0.isProcessor }
            .sorted { $0.preference > $1.preference }.map(\.name)
    }

    /// The devices that are there, in the order of their numbers; none is opened.
    /// - Returns: of each its name with vendor, device and driver by their numbers, and how much it
    ///   promises: a card of its own more than an integrated one, and that more than a software
    ///   driver on the processor.
    package static func kinds() throws -> [(kind: String, promise: Int)] {
        try VulkanInstance(validates: false).physicalDevices().map { device in
            let numbers = [device.properties.vendorID, device.properties.deviceID, device.properties.driverVersion]
            return (kind: "\(device.name) " + numbers.map { String($0, radix: 16) }.joined(separator: "-"), promise: device.preference)
        }
    }

    /// Whether the validation layer is installed.
    package static var hasValidationLayer: Bool { (try? VulkanInstance(validates: true)) != nil }

    /// The loader's version of Vulkan, `1.3.239`.
    package static var loaderVersion: String? {
        var version: UInt32 = 0
        guard vkEnumerateInstanceVersion(&version) == VK_SUCCESS else { return nil }
        return "\(version >> 22 & 0x7F).\(version >> 12 & 0x3FF).\(version & 0xFFF)"
    }

    /// Opens a device.
    /// - Parameters:
    ///   - selection: its number, or a part of its name; nil takes the one that promises most.
    ///   - validates: whether the validation layer watches; its messages are
    ///     ``validationMessages``. `TALA_VULKAN_VALIDATION=1` does the same.
    ///   - limits: lower limits than the device's own, for tests.
    ///   - shapesGroupsAsForCards: whether a software driver is given the groups of a graphics
    ///     card, for tests of what it would not use itself.
    ///   - tuningSeconds: how long plans may measure variants of kernels that were not measured on
    ///     this device before; 0 measures nothing.
    ///   - forgetsTuning: whether what was measured before is measured again.
    ///   - capturesStatistics: whether the driver's compiler is asked what it made of kernels
    ///     (``compile(_:)``).
    /// - Throws: ``VulkanError``.
    package init(
        _ selection: String? = nil, validates: Bool = false, limits: MemoryLimits? = nil, shapesGroupsAsForCards: Bool = false,
        tuningSeconds: Double = 0,
        forgetsTuning: Bool = false, capturesStatistics: Bool = false
    ) throws {
        let isWatched = validates || getenv("TALA_VULKAN_VALIDATION").map { String(cString: $0) } == "1"
        let instance = try VulkanInstance(validates: isWatched)
        let devices = try instance.physicalDevices()
        let chosen: PhysicalDevice?
        if let selection {
            chosen =
                Int(selection).flatMap { devices.indices.contains($0) ? devices[$0] : nil }
                ?? devices.first { $0.name.lowercased().contains(selection.lowercased()) }
            if chosen == nil { throw VulkanError.unknownDevice(selection, present: devices.map(\.name)) }
        } else {
            chosen = devices.max { $0.preference < $1.preference }
        }
        guard let chosen else { throw VulkanError.noDevice(reason: "no driver offers Vulkan 1.2") }
        context = try VulkanContext(instance, chosen, capturesStatistics: capturesStatistics)
        pipelines = try PipelineLibrary(context)
        name = chosen.name
        let most = chosen.properties.limits
        let block = min(chosen.maximumAllocationBytes, 1 << 30)
        self.limits =
            limits
            ?? MemoryLimits(
                maximumBlockBytes: block, maximumTensorBytes: min(block, Int(most.maxStorageBufferRange)) / 256 * 256,
                alignment: max(64, Int(clamping: most.minStorageBufferOffsetAlignment)))
        let usesMatrices = !chosen.features.matrixShapes.isEmpty && ShaderCompiler.cooperativeMatrixSupport.isThere
        let isProcessor = chosen.isProcessor && !shapesGroupsAsForCards
        tuner = ProductTuner(identity: pipelines.identity + "-\(chosen.subgroupSize)", seconds: tuningSeconds, forgets: forgetsTuning)
        fixedProfile = DeviceProfile(
            subgroupSize: chosen.subgroupSize,
            maximumGroupInvocations: min(Int(most.maxComputeWorkGroupInvocations), Int(most.maxComputeWorkGroupSize.0)),
            sharedMemoryBytes: Int(most.maxComputeSharedMemorySize), isProcessor: isProcessor,
            has16BitStorage: chosen.features.has16BitStorage,
            desiredInvocations: isProcessor ? 512 : 65_536, operandBytes: self.limits.maximumTensorBytes,
            matrixShapes: usesMatrices ? chosen.features.matrixShapes : [], matrixSubgroupSize: chosen.subgroupSize)
    }

    /// Whether the "device" is the processor behind a software driver.
    package var isSoftware: Bool { fixedProfile.isProcessor }

    /// What the validation layer has said since the device was opened; empty where it does not
    /// watch.
    package var validationMessages: [String] { context.instance.validationMessages }

    /// The cooperative matrices that kernels may use, or why they use none; human-readable.
    package var cooperativeMatrices: String {
        let offered = context.physical.features.matrixShapes.map { "\($0.rows)x\($0.columns)x\($0.inner)" }
        if offered.isEmpty { return "not offered by the device" }
        let support = ShaderCompiler.cooperativeMatrixSupport
        return "float16 \(offered.joined(separator: ", "))" + (support.isThere ? "" : ", but not used: \(support.reason)")
    }

    package var activationTypes: Set<ElementType> { fixedProfile.has16BitStorage ? [.float32, .bfloat16, .float16] : [.float32] }

    package func mixesFloat32(with weightType: ElementType) -> Bool { weightType.isFloatingPoint }

    package func makePersistentMemory(_ layout: PersistentLayout, mapped: [Int: UnsafeRawBufferPointer]) throws -> any PersistentMemory {
        try VulkanPersistentMemory(context, layout)
    }

    package func makeArena(blocks: [Int]) throws -> any Arena { try VulkanArena(context, blocks: blocks) }

    package func makeExecutable(_ plan: Plan, persistent: any PersistentMemory, arena: any Arena) throws -> any Executable {
        try makeExecutable(plan, persistent: persistent, arena: arena, unless: { false })
    }

    package func makeExecutable(_ plan: Plan, persistent: any PersistentMemory, arena: any Arena, unless isCancelled: () -> Bool) throws
        -> any Executable
    {
        guard let persistent = persistent as? VulkanPersistentMemory, let arena = arena as? VulkanArena else {
            throw VulkanError.badOperand(operation: "plan", reason: "its memory belongs to another device")
        }
        tuner.prepare(plan, self)
        do throws(VulkanError) {
            return try VulkanExecutable(self, plan, persistent, arena, profile: profile, unless: isCancelled)
        } catch {
            if case .brokenOff = error { throw Cancelled() }
            throw error
        }
    }

    /// Measures the variants of a plan's kernels that are not decided yet, as preparing the plan
    /// would.
    package func tune(_ plan: Plan) { tuner.prepare(plan, self) }

    /// The variants of kernels that plans have been made with, by kind of kernel: a job records
    /// them, since a resumed run must use the same.
    package var tuning: [String: String] { tuner.record }

    /// Takes recorded variants instead of those measured since.
    package func adopt(tuning: [String: String]) { tuner.adopt(tuning, fixedProfile) }

    /// Spends no more than so many seconds on measuring variants from now on, and no more than the
    /// device was opened with.
    package func limitTuning(toSeconds seconds: Double) { tuner.limit(toSeconds: seconds) }

    /// Vendor, device and driver by their numbers.
    package var driverIdentity: String { pipelines.identity }

    /// Measures nothing from now on, and forgets what was measured before.
    package func forgetTuning() { tuner.forget() }

    /// Seconds that measuring variants has taken.
    package var tuningSeconds: Double { tuner.secondsSpent }

    /// Seconds that arithmetic takes on a slow device of this kind; a device is faster rather than
    /// slower.
    package func guessedSeconds(operations: Double) -> Double { operations / context.pacer.operationsPerSecond }

    /// Calls `announce` before each kind of product that is measured from now on: what it is, and
    /// which of how many.
    package func announceTuning(_ announce: @escaping (_ product: String, _ number: Int, _ count: Int) -> Void) {
        tuner.announce = { announce($0.description, $1, $2) }
    }

    /// Calls `report` with every variant that is measured from now on.
    package func reportTuning(_ report: @escaping (_ product: String, _ variant: String, _ gigaflops: Double) -> Void) {
        tuner.report = { report($0.description, $1.description, $2) }
    }
}

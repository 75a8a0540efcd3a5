import CVulkan
public import Graph
import Glibc
public import Tensors

/// A Vulkan device that runs plans.
public final class VulkanDevice: ComputeDevice {
    let context: VulkanContext
    let pipelines: PipelineLibrary
    let profile: DeviceProfile
    public let name: String
    public let limits: MemoryLimits

    /// Names of the devices that are there, in the order of their numbers.
    public static func names() throws -> [String] {
        try VulkanInstance(validates: false).physicalDevices().map(\.name)
    }

    /// Opens a device.
    /// - Parameters:
    ///   - selection: its number, or a part of its name; nil takes the one that promises most.
    ///   - validates: whether the validation layer watches; its messages are ``validationMessages``. `TALA_VULKAN_VALIDATION=1` does the same.
    ///   - limits: lower limits than the device's own, for tests.
    ///   - shapesGroupsAsForCards: whether a software driver is given the groups of a graphics card, for tests of what it would not use itself.
    /// - Throws: ``VulkanError``.
    public init(_ selection: String? = nil, validates: Bool = false, limits: MemoryLimits? = nil, shapesGroupsAsForCards: Bool = false) throws {
        let isWatched = validates || getenv("TALA_VULKAN_VALIDATION").map { String(cString: $0) } == "1"
        let instance = try VulkanInstance(validates: isWatched)
        let devices = try instance.physicalDevices().filter { $0.queueFamily != nil }
        let chosen: PhysicalDevice?
        if let selection {
            chosen = Int(selection).flatMap { devices.indices.contains($0) ? devices[$0] : nil }
                ?? devices.first { $0.name.lowercased().contains(selection.lowercased()) }
            if chosen == nil { throw VulkanError.unknownDevice(selection, present: devices.map(\.name)) }
        } else {
            chosen = devices.max { $0.preference < $1.preference }
        }
        guard let chosen else { throw VulkanError.noDevice(reason: "no driver offers Vulkan 1.2") }
        context = try VulkanContext(instance, chosen)
        pipelines = try PipelineLibrary(context)
        name = chosen.name
        let most = chosen.properties.limits
        let block = min(chosen.maximumAllocationBytes, 1 << 30)
        self.limits =
            limits
            ?? MemoryLimits(
                maximumBlockBytes: block, maximumTensorBytes: min(block, Int(most.maxStorageBufferRange)) / 256 * 256,
                alignment: max(64, Int(clamping: most.minStorageBufferOffsetAlignment)))
        let isProcessor = chosen.isProcessor && !shapesGroupsAsForCards
        profile = DeviceProfile(
            subgroupSize: chosen.subgroupSize, maximumGroupInvocations: min(Int(most.maxComputeWorkGroupInvocations), Int(most.maxComputeWorkGroupSize.0)),
            sharedMemoryBytes: Int(most.maxComputeSharedMemorySize), isProcessor: isProcessor, has16BitStorage: chosen.has16BitStorage,
            desiredInvocations: isProcessor ? 512 : 65_536)
    }

    /// Whether the "device" is the processor behind a software driver.
    public var isSoftware: Bool { profile.isProcessor }

    /// What the validation layer has said since the device was opened; empty where it does not watch.
    public var validationMessages: [String] { context.instance.validationMessages }

    public var activationTypes: Set<ElementType> { profile.has16BitStorage ? [.float32, .bfloat16, .float16] : [.float32] }

    public func mixesFloat32(with weightType: ElementType) -> Bool { weightType.isFloatingPoint }

    public func makePersistentMemory(_ layout: PersistentLayout, mapped: [Int: UnsafeRawBufferPointer]) throws -> any PersistentMemory {
        try VulkanPersistentMemory(context, layout)
    }

    public func makeArena(blocks: [Int]) throws -> any Arena { try VulkanArena(context, blocks: blocks) }

    public func makeExecutable(_ plan: Plan, persistent: any PersistentMemory, arena: any Arena) throws -> any Executable {
        guard let persistent = persistent as? VulkanPersistentMemory, let arena = arena as? VulkanArena else {
            throw VulkanError.badOperand(operation: "plan", reason: "its memory belongs to another device")
        }
        return try VulkanExecutable(self, plan, persistent, arena)
    }
}

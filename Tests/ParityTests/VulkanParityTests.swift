import Graph
import TestSupport
import Testing
import VulkanBackend

/// The same logits and the same five steps on a Vulkan device, the validation layer watching.
///
/// One suite, one after the other: a device is used by one thread at a time
/// (VUID-vkQueueSubmit-fence-00064).
@Suite(.serialized, .enabled(if: SharedVulkanDevice.isThere, "there is no Vulkan device"))
struct VulkanParityTests {
    @Test(arguments: GoldenModel.all) func logitsOnVulkanAreTheReferences(item: ReferenceItem) throws {
        let device = try #require(SharedVulkanDevice.device)
        try LogitsTests.compare(GoldenModel(item), device, "\(item) \(device.name)")
        #expect(device.validationMessages.isEmpty, "\(device.validationMessages.first ?? "")")
    }

    @Test(arguments: GoldenModel.all, [true, false])
    func fiveStepsOnVulkanAgreeWithTheReference(item: ReferenceItem, isLoRA: Bool) throws {
        let device = try #require(SharedVulkanDevice.device)
        let golden = try GoldenModel(item)
        let run = try GoldenRun(golden, isLoRA: isLoRA, device: device)
        try ModelParityTests.compare(golden, run, isLoRA: isLoRA, "\(item) \(isLoRA ? "LoRA" : "full") \(device.name)")
        #expect(device.validationMessages.isEmpty, "\(device.validationMessages.first ?? "")")
    }

    @Test(arguments: GoldenAdapter.all) func anAdapterOfPEFTIsContinuedOnVulkanToo(item: GoldenAdapter.Item) throws {
        let device = try #require(SharedVulkanDevice.device)
        let golden = try GoldenAdapter(item)
        let run = try GoldenRun(golden.base, isLoRA: true, adapter: golden.settings(), device: device)
        try golden.compare(run, "\(item) \(device.name)")
        #expect(device.validationMessages.isEmpty, "\(device.validationMessages.first ?? "")")
    }

    @Test(.enabled(if: ReferenceSet.available.contains(.shared), "the larger reference set is absent"))
    func aPartOfTheBaseIsTrainedOnVulkanToo() throws {
        let device = try #require(SharedVulkanDevice.device)
        try AdapterParityTests.comparePiSSA(device, device.name)
        #expect(device.validationMessages.isEmpty, "\(device.validationMessages.first ?? "")")
    }

    /// Limits so low that embeddings, logits and optimizer pages are cut by rows and the arena has
    /// many blocks.
    @Test(arguments: ReferenceItem.all("models", ["phi3-tiny", "llama-tiny", "qwen2-tiny", "gemma2-tiny"]), [true, false])
    func tensorsCutByRowsChangeNothing(item: ReferenceItem, isLoRA: Bool) throws {
        let device = try VulkanDevice(
            validates: true, limits: MemoryLimits(maximumBlockBytes: 128 << 10, maximumTensorBytes: 32 << 10, alignment: 256))
        let golden = try GoldenModel(item)
        let run = try GoldenRun(golden, isLoRA: isLoRA, device: device, logitsByteLimit: 32 << 10)
        try ModelParityTests.compare(golden, run, isLoRA: isLoRA, "\(item) \(isLoRA ? "LoRA" : "full") cut by rows")
        #expect(device.validationMessages.isEmpty, "\(device.validationMessages.first ?? "")")
    }
}

/// The device of these tests, opened once; nil where there is none.
enum SharedVulkanDevice {
    nonisolated(unsafe) static let device: VulkanDevice? = {
        do {
            return try VulkanDevice(validates: true)
        } catch {
            print("parity tests leave Vulkan out: \(error)")
            return nil
        }
    }()

    static var isThere: Bool { device != nil }
}

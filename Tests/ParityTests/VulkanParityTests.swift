import Graph
import TestSupport
import Testing
import VulkanBackend

/// The same five steps on a Vulkan device, the validation layer watching.
@Suite(.serialized, .enabled(if: SharedData.isThere && SharedVulkanDevice.device != nil, "there is no shared data, or no Vulkan device"))
struct VulkanParityTests {
    @Test(arguments: GoldenModel.names, [true, false]) func fiveStepsOnVulkanAgreeWithTheReference(name: String, isLoRA: Bool) throws {
        let device = try #require(SharedVulkanDevice.device)
        let golden = try GoldenModel(name)
        let run = try GoldenRun(golden, isLoRA: isLoRA, device: device)
        try ModelParityTests.compare(golden, run, isLoRA: isLoRA, "\(name) \(isLoRA ? "LoRA" : "full") \(device.name)")
        #expect(device.validationMessages.isEmpty, "\(device.validationMessages.first ?? "")")
    }

    /// Limits so low that embeddings, logits and optimizer pages are cut by rows and the arena has many blocks.
    @Test(arguments: ["phi3-tiny", "llama-tiny", "qwen2-tiny", "gemma2-tiny"], [true, false])
    func tensorsCutByRowsChangeNothing(name: String, isLoRA: Bool) throws {
        let device = try VulkanDevice(
            validates: true, limits: MemoryLimits(maximumBlockBytes: 128 << 10, maximumTensorBytes: 32 << 10, alignment: 256))
        let run = try GoldenRun(try GoldenModel(name), isLoRA: isLoRA, device: device, logitsByteLimit: 32 << 10)
        try ModelParityTests.compare(try GoldenModel(name), run, isLoRA: isLoRA, "\(name) \(isLoRA ? "LoRA" : "full") cut by rows")
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
}

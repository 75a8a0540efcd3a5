package import Graph
import VulkanBackend

/// What the word `auto` becomes: the graphics processor that promises most, else the processor.
///
/// The processor stands in without a word only where there is no graphics processor. Where there is
/// one that cannot be used, whoever waits for the job learns why.
package struct AutomaticDevice {
    package var device: any ComputeDevice
    /// Why the processor stands in for a graphics processor that is there, a sentence; nil where it
    /// stands in for none.
    package var replacement: String?

    /// What there is to choose from.
    struct Choices {
        /// Names of the graphics processors that Vulkan drivers offer.
        var graphics: () throws -> [String]
        /// Opens the one that promises most.
        var open: () throws -> any ComputeDevice
        /// Folders and beginnings of names of device nodes, which are there without a driver of
        /// Vulkan's.
        var nodes = DeviceNodes()
        var processor: () throws -> any ComputeDevice = { try Processor.device() }
    }

    init(_ choices: Choices) throws {
        do {
            if let name = try choices.graphics().first {
                do {
                    device = try choices.open()
                    return
                } catch { replacement = "\(name) cannot be used: \(error)" }
            }
        } catch { replacement = choices.nodes.present.first.map { "\($0) is there, but Vulkan does not work: \(error)" } }
        if replacement == nil { replacement = choices.nodes.complaint }
        device = try choices.processor()
    }
}

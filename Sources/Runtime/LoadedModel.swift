package import Graph
package import Models
import Tensors

/// A model on a device: its persistent tensors laid out, allocated and filled.
///
/// Training, generation and benchmarks all hold one of these and run programs over it
/// (``ProgramCache``). What a use keeps beside the model, gradients and optimizer state or a cache
/// of keys and values, lies in the same memory and begins as zeros.
package final class LoadedModel {
    package let model: LanguageModel
    package let device: any ComputeDevice
    package let memory: any PersistentMemory

    /// Allocates the memory and fills it. Weights whose stored bytes are what the device needs stay
    /// in the mapped file where the device can read them there.
    /// - Parameters:
    ///   - kinds: what is kept for every trained tensor beside the tensor itself, page by page.
    ///   - others: further tensors, such as caches.
    ///   - absent: keys of pages that are not kept here.
    /// - Throws: ``ModelError`` if a weight holds a NaN or an infinity, ``GraphError``, and what
    ///   the device throws.
    package init(
        _ model: LanguageModel, on device: any ComputeDevice, keeping kinds: [PersistentTensor.Kind] = [],
        with others: [PersistentTensor] = [], without absent: Set<String> = []
    ) throws {
        self.model = model
        self.device = device
        let mapped = device.limits.mapsWeights ? model.mappedWeights : [:]
        let layout = try model.layout(within: device.limits, keeping: kinds, with: others, without: absent)
        var blocks: [Int: UnsafeRawBufferPointer] = [:]
        for (index, block) in layout.blocks.enumerated() {
            if let key = block.mappedWeight { blocks[index] = mapped[key] }
        }
        memory = try device.makePersistentMemory(layout, mapped: blocks)
        try model.fill(memory, mapped: Set(mapped.keys))
    }

    /// Plans programs that run over this memory.
    package var planner: Planner { Planner(limits: device.limits, layout: memory.layout) }
}

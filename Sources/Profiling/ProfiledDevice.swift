package import Graph
package import Tensors

/// A card that is not there: plans are made for it, none is run.
package final class ProfiledDevice: ComputeDevice {
    package let card: CardProfile
    package let limits = MemoryLimits(maximumBlockBytes: 1 << 30, maximumTensorBytes: 1 << 30)

    package init(_ card: CardProfile) { self.card = card }

    package var name: String { "\(card.name) (profile)" }
    package var activationTypes: Set<ElementType> { [.float32, .bfloat16, .float16] }
    package func mixesFloat32(with weightType: ElementType) -> Bool { weightType.isFloatingPoint }

    private var failure: DeviceError { .noDevice("\(card.key) is a profile for estimates and computes nothing") }
    package func makePersistentMemory(_ layout: PersistentLayout, mapped: [Int: UnsafeRawBufferPointer]) throws -> any PersistentMemory {
        throw failure
    }
    package func makeArena(blocks: [Int]) throws -> any Arena { throw failure }
    package func makeExecutable(_ plan: Plan, persistent: any PersistentMemory, arena: any Arena) throws -> any Executable { throw failure }
}

public import Graph
public import Tensors

/// A card that is not there: plans are made for it, none is run.
public final class ProfiledDevice: ComputeDevice {
    public let card: CardProfile
    public let limits = MemoryLimits(maximumBlockBytes: 1 << 30, maximumTensorBytes: 1 << 30)

    public init(_ card: CardProfile) { self.card = card }

    public var name: String { "\(card.name) (profile)" }
    public var activationTypes: Set<ElementType> { [.float32, .bfloat16, .float16] }
    public func mixesFloat32(with weightType: ElementType) -> Bool { weightType.isFloatingPoint }

    private var failure: WorkerError { .noDevice("\(card.key) is a profile for estimates and computes nothing") }
    public func makePersistentMemory(_ layout: PersistentLayout, mapped: [Int: UnsafeRawBufferPointer]) throws -> any PersistentMemory {
        throw failure
    }
    public func makeArena(blocks: [Int]) throws -> any Arena { throw failure }
    public func makeExecutable(_ plan: Plan, persistent: any PersistentMemory, arena: any Arena) throws -> any Executable { throw failure }
}

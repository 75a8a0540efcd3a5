package import Tensors

/// A processor or graphics card that runs plans.
///
/// All errors are typed by the backend and describe themselves; device loss is final for the
/// process.
package protocol ComputeDevice: AnyObject {
    /// Human-readable: `AMD Radeon 780M (RADV)`, `processor, 8 threads`.
    var name: String { get }
    var limits: MemoryLimits { get }
    /// The element types that activations may have.
    var activationTypes: Set<ElementType> { get }
    /// Whether ``MatrixProduct`` takes float32 activations with a weight stored in this type;
    /// otherwise such weights are widened when loaded.
    func mixesFloat32(with weightType: ElementType) -> Bool

    /// Allocates the persistent memory of a job. `mapped` gives, for each block of the layout that
    /// is a mapped weight, the host memory it lies in, which stays valid as long as the returned
    /// object. Fresh memory is zero.
    func makePersistentMemory(_ layout: PersistentLayout, mapped: [Int: UnsafeRawBufferPointer]) throws -> any PersistentMemory

    /// Allocates an arena with these blocks (in bytes), to be shared by executables that do not run
    /// at the same time.
    func makeArena(blocks: [Int]) throws -> any Arena

    /// Bytes that can be allocated in all, or nil where that is unknown.
    var memoryByteCount: Int? { get }
    /// Whether the device's memory is the process's own: then everything else that the process
    /// holds counts too.
    var sharesProcessMemory: Bool { get }
    /// Bytes that running a plan takes beside the plan's own memory. Executables of one arena share
    /// them.
    func workspaceByteCount(_ plan: Plan, layout: PersistentLayout) throws -> Int

    /// Prepares a plan for running: after this no run allocates.
    func makeExecutable(_ plan: Plan, persistent: any PersistentMemory, arena: any Arena) throws -> any Executable

    /// The same, asking in between whether to break off where preparing takes long (shaders that
    /// are compiled).
    /// - Throws: ``Cancelled`` besides.
    func makeExecutable(_ plan: Plan, persistent: any PersistentMemory, arena: any Arena, unless isCancelled: () -> Bool) throws
        -> any Executable
}

extension ComputeDevice {
    package var memoryByteCount: Int? { nil }
    package var sharesProcessMemory: Bool { false }
    package func workspaceByteCount(_ plan: Plan, layout: PersistentLayout) throws -> Int { 0 }
    package func makeExecutable(_ plan: Plan, persistent: any PersistentMemory, arena: any Arena, unless isCancelled: () -> Bool) throws
        -> any Executable
    {
        try makeExecutable(plan, persistent: persistent, arena: arena)
    }
}

/// A run was cancelled on request: its outputs must not be used.
package struct Cancelled: Error, Sendable, CustomStringConvertible {
    package init() {}
    package var description: String { "broken off" }
}

/// The persistent memory of one job on one device.
package protocol PersistentMemory: AnyObject {
    var layout: PersistentLayout { get }
    /// Writes contiguous row-major bytes of the whole tensor into a place.
    func write(_ bytes: UnsafeRawBufferPointer, to placement: Placement) throws
    /// Reads a whole tensor as contiguous row-major bytes.
    func read(_ placement: Placement, into bytes: UnsafeMutableRawBufferPointer) throws
    /// A part of a tensor where it lies, row behind row, if the host reads and writes it there;
    /// nil: it has to be copied, or there is no such part. It lasts as long as this.
    func place(of part: TensorReference) -> UnsafeMutableRawBufferPointer?
}

extension PersistentMemory {
    package func place(of part: TensorReference) -> UnsafeMutableRawBufferPointer? { nil }
}

/// Memory for values that live while a program runs.
package protocol Arena: AnyObject {
    var blocks: [Int] { get }
    /// Fills the arena with a byte; tests poison it.
    func fill(_ byte: UInt8) throws
}

/// A plan on a device, ready to run.
package protocol Executable: AnyObject {
    /// Writes an input; its size must be the input's. Inputs keep their content between runs.
    func write(_ bytes: UnsafeRawBufferPointer, to input: String) throws
    /// Runs the program and waits for its end, asking several times a second whether to break off.
    /// - Throws: ``Cancelled`` if it was; nothing runs on the device any more then.
    func run(unless isCancelled: () -> Bool) throws
    /// The same, and says which calls of the plan have been done, as they are. A device that does
    /// not know says nothing.
    /// - Parameter after: gets their places among the plan's calls; the program goes on when it
    ///   has returned.
    func run(unless isCancelled: () -> Bool, after: ([Int]) throws -> Void) throws
    /// Reads an output of the last run.
    func read(_ output: String, into bytes: UnsafeMutableRawBufferPointer) throws
    /// An output of the last run where it lies, row behind row, if the host reads it there; nil: it
    /// has to be copied. It may be changed, and lasts until the next run or the executable's end.
    func place(of output: String) -> UnsafeMutableRawBufferPointer?
    /// Runs the program once and gives the seconds that each kernel call took, in the order of the
    /// plan's calls.
    func profile() throws -> [Double]
}

extension Executable {
    package func place(of output: String) -> UnsafeMutableRawBufferPointer? { nil }

    package func run(unless isCancelled: () -> Bool, after: ([Int]) throws -> Void) throws { try run(unless: isCancelled) }

    /// Runs the program, whole, and waits for its end.
    package func run() throws { try run(unless: { false }) }

    package func write<Element: BitwiseCopyable>(_ elements: [Element], to input: String) throws {
        try elements.withUnsafeBytes { try write($0, to: input) }
    }

    package func read<Element: BitwiseCopyable>(_ output: String, count: Int, as type: Element.Type, zero: Element) throws -> [Element] {
        var elements = [Element](repeating: zero, count: count)
        try elements.withUnsafeMutableBytes { try read(output, into: $0) }
        return elements
    }

    /// Reads an output of float32 numbers.
    package func readFloats(_ output: String, count: Int) throws -> [Float] { try read(output, count: count, as: Float.self, zero: 0) }
}

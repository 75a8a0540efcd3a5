import COneDNN
import Glibc
package import Graph
package import Tensors

/// The processor as a device: float32 products by oneDNN, bfloat16 products in C where the
/// processor has instructions for them, everything else in SIMD Swift, over a fixed pool of
/// threads.
///
/// Results depend on the plan and the processor's instructions alone, not on the number of threads.
package final class CPUDevice: ProcessorDevice {
    package let limits: MemoryLimits
    package let activationTypes: Set<ElementType> = [.float32, .bfloat16]
    /// Threads that run kernels, the calling one included.
    package var threadCount: Int { pool.threadCount }
    package let kernelLevel = Int(tala_kernel_level())
    package var hasFastBfloat16: Bool { products.hasBfloat16 }
    package var usesOneDNN: Bool { products.usesOneDNN }

    let pool: ThreadPool
    let products: ProductLibrary
    /// Memory that kernels use within one call, for all programs: one runs at a time.
    private(set) var workspace: AlignedMemory?
    package var heartbeat: (() -> Void)?
    private var lastBeat = 0.0
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    /// - Parameters:
    ///   - threadCount: how many threads compute; nil: what the environment variable TALA_THREADS
    ///     says, else every processor that this process may run on.
    ///   - limits: what plans may allocate and address; lower ones are for tests.
    ///   - usesOneDNN: false computes float32 products in Swift; nil: unless the environment
    ///     variable TALA_ONEDNN is 0.
    ///   - level: the level of the x86-64 ABI beyond which no instructions are used; nil: all that
    ///     the processor has.
    /// - Throws: ``CPUError/cannotStartThreads(code:)``.
    package init(threadCount: Int? = nil, limits: MemoryLimits = .unlimited, usesOneDNN: Bool? = nil, level: Int? = nil)
        throws
    {
        self.limits = limits
        let count = min(1_024, max(1, threadCount ?? Self.number(inEnvironment: "TALA_THREADS") ?? Int(tala_processor_count())))
        pool = try ThreadPool(threadCount: count)
        products = ProductLibrary(
            threadCount: count, usesOneDNN: usesOneDNN ?? (Self.number(inEnvironment: "TALA_ONEDNN") != 0), level: level)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    package var name: String {
        let kernels = (1...2).contains(kernelLevel) ? ", without AVX2" : ""
        return "processor, \(threadCount) thread\(threadCount == 1 ? "" : "s")\(kernels)\(usesOneDNN ? "" : ", without oneDNN")"
    }

    package func mixesFloat32(with weightType: ElementType) -> Bool { weightType == .bfloat16 || weightType == .float16 }

    package func makePersistentMemory(_ layout: PersistentLayout, mapped: [Int: UnsafeRawBufferPointer]) throws -> any PersistentMemory {
        try CPUPersistentMemory(layout, mapped: mapped)
    }

    package func makeArena(blocks: [Int]) throws -> any Arena { try CPUArena(blocks: blocks) }

    package func makeExecutable(_ plan: Plan, persistent: any PersistentMemory, arena: any Arena) throws -> any Executable {
        try exclusively {
            let executable = try CPUExecutable(plan, persistent: persistent, arena: arena, device: self)
            try reserveWorkspace(byteCount: executable.workspaceByteCount)
            return executable
        }
    }

    /// Has the shared workspace hold at least so many bytes.
    func reserveWorkspace(byteCount: Int) throws(CPUError) {
        if let workspace, workspace.byteCount >= byteCount { return }
        workspace = nil
        workspace = try AlignedMemory(byteCount: byteCount)
    }

    /// Calls the liveness callback.
    /// - Parameter now: seconds of the monotonic clock.
    func beat(_ now: Double) {
        guard let heartbeat, now - lastBeat > 1 else { return }
        lastBeat = now
        heartbeat()
    }

    /// One program at a time has the threads and makes products.
    func exclusively<Result>(_ body: () throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }

    private static func number(inEnvironment name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }
}

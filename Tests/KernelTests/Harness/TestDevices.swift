import Glibc
import Graph

#if canImport(CPUBackend)
    import CPUBackend
#endif
#if canImport(VulkanBackend)
    @testable import VulkanBackend
#endif

/// A device that kernels are tried on. `TALA_DEVICES=cpu,vulkan,vulkanAsCard` names those to try;
/// without it, all that are there.
enum TestDevice: String, CaseIterable, Sendable, CustomStringConvertible {
    case cpu
    case vulkan
    /// The Vulkan device with groups shaped as for a graphics card: the variants of kernels that a
    /// software driver would not choose.
    case vulkanAsCard

    var description: String { rawValue }

    static let available: [TestDevice] = {
        let wanted = environment("TALA_DEVICES")?.split(separator: ",").map(String.init)
        return allCases.filter { device in
            if let wanted, !wanted.contains(device.rawValue) { return false }
            do {
                _ = try device.open()
                return true
            } catch {
                print("kernel tests leave \(device) out: \(error)")
                return false
            }
        }
    }()

    /// The device; one of each kind is kept for all tests, since starting one takes longer than
    /// most cases.
    func open() throws -> any ComputeDevice {
        try Self.lock.withLock {
            if let device = Self.opened[self] { return device }
            let device = try make()
            Self.opened[self] = device
            return device
        }
    }

    /// A device that no other suite uses: a device is for one thread at a time.
    func openAnew() throws -> any ComputeDevice { try Self.lock.withLock { try make() } }

    /// The software driver of Mesa reads its number of threads when a device is opened; other
    /// drivers do not look at it.
    static func openVulkanWithOneThread() throws -> any ComputeDevice {
        #if canImport(VulkanBackend)
            let former = environment("LP_NUM_THREADS")
            setenv("LP_NUM_THREADS", "1", 1)
            defer { if let former { setenv("LP_NUM_THREADS", former, 1) } else { unsetenv("LP_NUM_THREADS") } }
            return try VulkanDevice(validates: true)
        #else
            throw Unavailable()
        #endif
    }

    /// A device that believes itself to be so slow that every dispatch is cut into many and every
    /// submission holds few.
    static func openVulkanThatCutsEverything() throws -> any ComputeDevice {
        #if canImport(VulkanBackend)
            let device = try VulkanDevice(validates: true)
            device.context.pacer.learn(guessed: 1e-6, measured: 10)
            return device
        #else
            throw Unavailable()
        #endif
    }

    /// What a driver's validation layer has found wrong since the device was opened.
    static func complaints(about device: any ComputeDevice) -> [String] {
        #if canImport(VulkanBackend)
            if let device = device as? VulkanDevice { return device.validationMessages }
        #endif
        return []
    }

    private func make() throws -> any ComputeDevice {
        switch self {
        case .cpu:
            #if canImport(CPUBackend)
                return try CPUDevice()
            #else
                throw Unavailable()
            #endif
        case .vulkan:
            #if canImport(VulkanBackend)
                return try VulkanDevice(validates: true)
            #else
                throw Unavailable()
            #endif
        case .vulkanAsCard:
            #if canImport(VulkanBackend)
                return try VulkanDevice(validates: true, shapesGroupsAsForCards: true)
            #else
                throw Unavailable()
            #endif
        }
    }

    struct Unavailable: Error, CustomStringConvertible {
        var description: String { "it is not part of this build" }
    }

    private nonisolated(unsafe) static var opened: [TestDevice: any ComputeDevice] = [:]
    private static let lock = Lock()
}

/// A mutual exclusion for the shared devices.
final class Lock: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    init() {
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }
}

func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

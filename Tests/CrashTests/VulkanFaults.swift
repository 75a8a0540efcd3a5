import Foundation

/// Vulkan calls that fail as a driver's do: a library that is preloaded into workers.
enum VulkanFaults {
    /// The library, compiled once; nil where there is no C compiler.
    static let preload: String? = {
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Faults/vulkan_faults.c").path
        let target = NSTemporaryDirectory() + "tala-vulkan-faults-\(getpid()).so"
        for compiler in ["/usr/bin/cc", "/usr/bin/clang"] where FileManager.default.isExecutableFile(atPath: compiler) {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: compiler)
            process.arguments = ["-shared", "-fPIC", "-O1", "-o", target, source]
            process.standardError = FileHandle.nullDevice
            guard (try? process.run()) != nil else { continue }
            process.waitUntilExit()
            if process.terminationStatus == 0 { return target }
        }
        return nil
    }()
}

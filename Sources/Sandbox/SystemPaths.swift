import Glibc
import Storage

/// The parts of a system that compute drivers need, wherever they are installed.
enum SystemPaths {
    /// Libraries, drivers' descriptions, what the kernel says of devices, and what the environment
    /// names: that is the administrator's.
    static var readable: [String] {
        var paths = [
            "/usr", "/lib", "/lib32", "/lib64", "/bin", "/opt", "/etc", "/proc", "/sys", "/dev", "/nix/store", "/run/opengl-driver",
        ]
        for name in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES"] {
            // A driver's library often lies beside or above its description.
            for file in list(name) { paths += [folder(file), folder(folder(file))] }
        }
        for name in ["VK_LAYER_PATH", "VK_ADD_LAYER_PATH", "LD_LIBRARY_PATH", "TALA_SHADERS"] { paths += list(name) }
        if let home = variable("HOME") { paths += [home + "/.local/share/vulkan", home + "/.config/vulkan"] }
        if let program = program {
            paths.append(folder(program))
            // The kernels' sources: beside the program, above it, or in share/.
            var above = folder(program)
            for _ in 0..<8 where above != "/" {
                paths += [above + "/Shaders", above + "/share/tala"]
                above = folder(above)
            }
        }
        // A program in a folder that users fill must not make that folder readable.
        return paths.filter { $0.hasPrefix("/") && $0 != "/" && $0 != "/tmp" && $0 != "/home" }
    }

    /// Devices and caches.
    static var writable: [String] {
        var paths = [
            "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/dri", "/dev/kfd", "/dev/udmabuf", "/dev/shm",
        ]
        for name in (try? FolderListing.names(in: "/dev")) ?? [] where name.hasPrefix("nvidia") { paths.append("/dev/" + name) }
        if let cache { paths.append(cache) }
        return paths
    }

    /// The cache of this program; drivers are told to put theirs into it, so that nothing else of
    /// the user's caches has to be open.
    private static var cache: String? {
        guard let base = variable("XDG_CACHE_HOME") ?? variable("HOME").map({ $0 + "/.cache" }), base.hasPrefix("/") else { return nil }
        let path = base + "/tala"
        try? DurableFiles.makeFolder(base, mode: 0o700)
        try? DurableFiles.makeFolder(path, mode: 0o700)
        guard access(path, W_OK) == 0 else { return nil }
        for (name, folder) in [("MESA_SHADER_CACHE_DIR", "mesa"), ("__GL_SHADER_DISK_CACHE_PATH", "nvidia")] {
            try? DurableFiles.makeFolder(path + "/" + folder, mode: 0o700)
            setenv(name, path + "/" + folder, 0)
        }
        return path
    }

    private static var program: String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        return count > 0 ? String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
    private static func list(_ name: String) -> [String] { variable(name)?.split(separator: ":").map(String.init) ?? [] }
    private static func folder(_ path: String) -> String { DurableFiles.split(path).folder }
}

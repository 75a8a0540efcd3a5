import Glibc
import Storage

/// What a Vulkan device needs outside of Tala: drivers' descriptions and rights on device nodes.
package enum DriverHealth {
    package static func checks() -> [HealthCheck] { [drivers, nodes] }

    private static let driverFolders = [
        "/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/etc/vulkan/icd.d",
    ]

    private static var drivers: HealthCheck {
        for variable in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
            guard let value = getenv(variable).map({ String(cString: $0) }), !value.isEmpty else { continue }
            let missing = value.split(separator: ":").filter { access(String($0), R_OK) != 0 }
            guard missing.isEmpty else {
                return HealthCheck(
                    "Vulkan drivers", .warning, "\(variable) names \(missing.joined(separator: ", ")), which cannot be read",
                    remedy: "unset \(variable), or name files that are there")
            }
            return HealthCheck("Vulkan drivers", .fine, "\(variable)=\(value)")
        }
        let found = driverFolders.flatMap { (try? FolderListing.names(in: $0)) ?? [] }.filter { $0.hasSuffix(".json") }
        guard found.isEmpty else { return HealthCheck("Vulkan drivers", .fine, found.joined(separator: ", ")) }
        return HealthCheck(
            "Vulkan drivers", .warning, "none is installed: jobs run on the processor",
            remedy: "apt-get install mesa-vulkan-drivers (AMD, Intel), or NVIDIA's driver")
    }

    private static var nodes: HealthCheck {
        let folder = "/dev/dri"
        let nodes = ((try? FolderListing.names(in: folder)) ?? []).filter { $0.hasPrefix("renderD") }.map { folder + "/" + $0 }
        guard !nodes.isEmpty else {
            return HealthCheck("device nodes", .fine, "no \(folder)/renderD*: there is no graphics processor, or it is hidden")
        }
        let closed = nodes.filter { access($0, R_OK | W_OK) != 0 }
        guard let first = closed.first else { return HealthCheck("device nodes", .fine, nodes.joined(separator: ", ")) }
        return HealthCheck(
            "device nodes", .warning, "you may not open \(closed.joined(separator: ", "))",
            remedy: "as root" + FolderGroup.remedy(first).replacing("\"$USER\"", with: "USER"))
    }
}

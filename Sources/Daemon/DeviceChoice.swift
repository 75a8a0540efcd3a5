import Manifest

/// Which of the daemon's devices may run a job, by the words for them.
package enum DeviceChoice {
    /// Whether a device serves jobs that name `wanted`. `auto` as a device leaves the choice to the
    /// worker, so it serves all.
    static func serves(_ device: String, _ wanted: String) -> Bool {
        device == "auto" || wanted == "auto" || wanted == device || wanted == "vulkan" && device.hasPrefix("vulkan")
    }

    /// Whether a word names a device, be it there or not.
    package static func isDevice(_ word: String) -> Bool { Manifest.isDevice(word) }
}

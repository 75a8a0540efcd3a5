/// Which of the daemon's devices may run a job, by the words for them.
enum DeviceChoice {
    /// Whether a device serves jobs that name `wanted`. `auto` as a device leaves the choice to the
    /// worker, so it serves all.
    static func serves(_ device: String, _ wanted: String) -> Bool {
        device == "auto" || wanted == "auto" || wanted == device || wanted == "vulkan" && device.hasPrefix("vulkan")
    }
}

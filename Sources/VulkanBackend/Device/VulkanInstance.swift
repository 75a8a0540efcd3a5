import CVulkan
import Synchronization

/// The connection to the loader and its drivers, with the validation layer where it is asked for.
final class VulkanInstance {
    let handle: VkInstance
    private var messenger: VkDebugUtilsMessengerEXT?
    private let messages = ValidationMessages()

    /// What the validation layer has said, oldest first.
    var validationMessages: [String] { messages.all }

    init(validates: Bool) throws(VulkanError) {
        var application = VkApplicationInfo()
        application.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO
        application.apiVersion = tala_vulkan_version_1_2()
        let layers = validates ? ["VK_LAYER_KHRONOS_validation"] : []
        let extensions = validates ? ["VK_EXT_debug_utils"] : []
        handle = try withCStrings(layers) { layers throws(VulkanError) in
            try withCStrings(extensions) { extensions throws(VulkanError) in
                try withPointer(application) { application throws(VulkanError) in
                    var info = VkInstanceCreateInfo()
                    info.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO
                    info.pApplicationInfo = application
                    info.enabledLayerCount = UInt32(layers.count)
                    info.ppEnabledLayerNames = layers.baseAddress
                    info.enabledExtensionCount = UInt32(extensions.count)
                    info.ppEnabledExtensionNames = extensions.baseAddress
                    var instance: VkInstance?
                    let result = vkCreateInstance(&info, nil, &instance)
                    guard result == VK_SUCCESS, let instance else {
                        throw .noDevice(
                            reason: result == VK_ERROR_LAYER_NOT_PRESENT
                                ? "the validation layer is not installed" : "no driver (\(result.rawValue))")
                    }
                    return instance
                }
            }
        }
        if validates { try startMessages() }
    }

    deinit {
        if let messenger, let function = vkGetInstanceProcAddr(handle, "vkDestroyDebugUtilsMessengerEXT") {
            unsafeBitCast(function, to: (@convention(c) (VkInstance?, VkDebugUtilsMessengerEXT?, UnsafeRawPointer?) -> Void).self)(
                handle, messenger, nil)
        }
        vkDestroyInstance(handle, nil)
    }

    private func startMessages() throws(VulkanError) {
        typealias Create =
            @convention(c) (
                VkInstance?, UnsafePointer<VkDebugUtilsMessengerCreateInfoEXT>?, UnsafeRawPointer?,
                UnsafeMutablePointer<VkDebugUtilsMessengerEXT?>?
            ) -> VkResult
        guard let function = vkGetInstanceProcAddr(handle, "vkCreateDebugUtilsMessengerEXT") else { return }
        var info = VkDebugUtilsMessengerCreateInfoEXT()
        info.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT
        info.messageSeverity =
            VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT.rawValue | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT.rawValue
        info.messageType =
            VK_DEBUG_UTILS_MESSAGE_TYPE_GENERAL_BIT_EXT.rawValue | VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT.rawValue
            | VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT.rawValue
        info.pUserData = Unmanaged.passUnretained(messages).toOpaque()
        info.pfnUserCallback = { _, _, data, user in
            if let user, let text = data?.pointee.pMessage {
                Unmanaged<ValidationMessages>.fromOpaque(user).takeUnretainedValue().append(String(cString: text))
            }
            return 0
        }
        messenger = try made("vkCreateDebugUtilsMessengerEXT") { unsafeBitCast(function, to: Create.self)(handle, &info, nil, $0) }
    }

    /// All devices with Vulkan 1.2 that compute, in the driver's order: their numbers.
    func physicalDevices() throws(VulkanError) -> [PhysicalDevice] {
        var count: UInt32 = 0
        try check(vkEnumeratePhysicalDevices(handle, &count, nil), "vkEnumeratePhysicalDevices")
        var handles = [VkPhysicalDevice?](repeating: nil, count: Int(count))
        try check(vkEnumeratePhysicalDevices(handle, &count, &handles), "vkEnumeratePhysicalDevices")
        return handles.compactMap { $0.map { PhysicalDevice($0, handle) } }
            .filter { $0.properties.apiVersion >= tala_vulkan_version_1_2() && $0.queueFamily != nil }
    }
}

/// Collects messages on any thread that the layer calls.
final class ValidationMessages: Sendable {
    private let messages = Mutex<[String]>([])

    var all: [String] { messages.withLock { $0 } }
    func append(_ message: String) { messages.withLock { $0.append(message) } }
}

import CVulkan

/// Throws the typed error of a result that is not success.
func check(_ result: VkResult, _ call: String, byteCount: Int = 0) throws(VulkanError) {
    switch result {
    case VK_SUCCESS: return
    case VK_ERROR_DEVICE_LOST: throw .deviceLost
    case VK_ERROR_OUT_OF_DEVICE_MEMORY, VK_ERROR_OUT_OF_HOST_MEMORY: throw .outOfMemory(byteCount: byteCount)
    default: throw .callFailed(call, result: result.rawValue)
    }
}

/// Calls `body` with room for one handle and returns the handle, or throws.
func made<Handle>(_ call: String, byteCount: Int = 0, _ body: (UnsafeMutablePointer<Handle?>) -> VkResult) throws(VulkanError) -> Handle {
    var handle: Handle?
    try check(body(&handle), call, byteCount: byteCount)
    guard let handle else { throw .callFailed(call, result: VK_ERROR_UNKNOWN.rawValue) }
    return handle
}

/// Reads a C array of characters up to its zero.
func text<Characters>(of characters: Characters) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}

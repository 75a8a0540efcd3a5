import CVulkan

/// A device as its driver describes it, before it is opened.
struct PhysicalDevice {
    let handle: VkPhysicalDevice
    let properties: VkPhysicalDeviceProperties
    let memory: VkPhysicalDeviceMemoryProperties
    let maximumAllocationBytes: Int
    let subgroupSize: Int
    let features: DeviceFeatures
    /// SwiftShader takes minutes and gigabytes to unroll nested loops that ask for it, and is no
    /// slower without.
    let unrollsWithoutLimit: Bool
    /// The first queue family that computes, and how many of a timestamp's bits count there.
    let queueFamily: UInt32?
    let timestampBits: UInt32

    init(_ handle: VkPhysicalDevice, _ instance: VkInstance) {
        self.handle = handle
        var maintenance = VkPhysicalDeviceMaintenance3Properties()
        maintenance.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES
        var subgroup = VkPhysicalDeviceSubgroupProperties()
        subgroup.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES
        var driver = VkPhysicalDeviceDriverProperties()
        driver.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES
        let chain = StructureChain()
        let foundDriver = chain.add(driver)
        var all = VkPhysicalDeviceProperties2()
        all.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2
        withUnsafeMutablePointer(to: &maintenance) { maintenance in
            withUnsafeMutablePointer(to: &subgroup) { subgroup in
                subgroup.pointee.pNext = chain.head
                maintenance.pointee.pNext = UnsafeMutableRawPointer(subgroup)
                all.pNext = UnsafeMutableRawPointer(maintenance)
                vkGetPhysicalDeviceProperties2(handle, &all)
            }
        }
        properties = all.properties
        unrollsWithoutLimit = foundDriver.pointee.driverID == VK_DRIVER_ID_GOOGLE_SWIFTSHADER
        maximumAllocationBytes = Int(clamping: maintenance.maxMemoryAllocationSize)
        subgroupSize = Int(subgroup.subgroupSize)
        features = DeviceFeatures(handle, instance)
        var memory = VkPhysicalDeviceMemoryProperties()
        vkGetPhysicalDeviceMemoryProperties(handle, &memory)
        self.memory = memory
        var count: UInt32 = 0
        vkGetPhysicalDeviceQueueFamilyProperties(handle, &count, nil)
        var families = [VkQueueFamilyProperties](repeating: VkQueueFamilyProperties(), count: Int(count))
        vkGetPhysicalDeviceQueueFamilyProperties(handle, &count, &families)
        families = Array(families.prefix(Int(count)))
        let computes = { (family: VkQueueFamilyProperties) in family.queueFlags & VK_QUEUE_COMPUTE_BIT.rawValue != 0 }
        let index = families.firstIndex(where: computes)
        queueFamily = index.map { UInt32($0) }
        timestampBits = index.map { families[$0].timestampValidBits } ?? 0
    }

    var name: String { text(of: properties.deviceName) }
    var isProcessor: Bool { properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU }

    /// Which device `auto` takes: a card of its own before an integrated one before a software
    /// driver.
    var preference: Int {
        switch properties.deviceType {
        case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: 3
        case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: 2
        case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: 1
        default: 0
        }
    }

    /// The memory types with the flags, in the driver's order of preference.
    func memoryTypes(with flags: UInt32, among allowed: UInt32) -> [Int] {
        (0..<Int(memory.memoryTypeCount)).filter { allowed & (1 << UInt32($0)) != 0 && memoryFlags($0) & flags == flags }
    }

    func memoryFlags(_ type: Int) -> UInt32 {
        withUnsafeBytes(of: memory.memoryTypes) { $0.bindMemory(to: VkMemoryType.self)[type].propertyFlags }
    }
}
